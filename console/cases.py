"""One case: reading along, claiming it, answering, closing it; and the closed ones of mine."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console import cards, endings, labels, notes, queue, reach, roles, safety, translator, uploads
from console.accounts import me
from console.attached import Attached
from console.context import console
from console.i18n import gettext as _
from console.transcripts import Entry, Transcript
from helpline import carrying, conversations, database, desk, following, referrals, search, typing_sign, wrapping
from helpline import notes as records
from helpline import safety as rules
from helpline import waiting as line
from helpline.models import Case, Conversation, Operator

blueprint = Blueprint("cases", __name__, url_prefix="/cases")

RECENT = 50
MAX_REPLY = 4000
"""Characters. Telegram's limit is 4,096; longer answers are not read on a phone."""

OVERRIDES = dict.fromkeys(map(ord, "\u202d\u202e"))
"""Characters that turn a line round. They come with copied text, never from a keyboard, and can make an address or a
number read as another one: they are not sent. The gentle marks that Arabic and Persian need are."""

AGAIN = 40
"""So many of its newest messages a page names when it asks for news. A row's id is older than its COMMIT, so
a message may turn up before one that is shown already; asking for "later than the last" would lose it."""

NAMED = re.compile(r"(?:[0-9]{1,18},){0,80}(?:[0-9]{1,18})?")


@dataclass(frozen=True)
class Desk:
    """What the operator can do now. `closed_because`: why nothing can be sent, `None` if it can. `drafts`: words may be
    written all the same, for later.

    `files`: the channel carries some. `waits`: an answer is kept until the person writes (WhatsApp). `rule`: the safety
    rule that shuts it, `leave`: the one that a supervisor lifted. `foreign`: no language in common.
    """

    claimable: bool
    holding: bool
    drafts: bool
    closed_because: str | None
    files: bool
    waits: bool
    rule: safety.Rule | None = None
    leave: safety.Leave | None = None
    foreign: bool = False
    paused: bool = False
    with_bot: bool = False  # the bot answers
    supervisor: bool = False
    takeable: bool = False  # a supervisor may take it from who has it
    promised: bool = False  # it was agreed to talk again

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@blueprint.get("")
def mine() -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        closed = (
            session.execute(
                select(Case)
                .where(Case.operator_id == me().id, Case.state == "closed")
                .order_by(Case.closed_at.desc())
                .limit(RECENT)
            )
            .scalars()
            .all()
        )
        return render_template("cases.html", cases=closed, status=queue.status_of(session, me().id))


@blueprint.get("/<code>")
def page(code: str) -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        records.saw(session, case, me().id)
        search.note_reading(session, me(), case)
        entries = _entries(session, case)
        return render_template(
            "case.html",
            case=case,
            entries=entries,
            notes=notes.load(session, case),
            withheld=translator.withheld(session, case, entries),
            desk=_desk(session, case),
            cards=cards.load(session, case, case.conversation, me()),
            fetching=_pending(entries),
            status=queue.status_of(session, me().id),
            again=AGAIN,
            most=MAX_REPLY,
        )


@blueprint.get("/<code>/news")
def news(code: str) -> ResponseReturnValue:
    """What a page lacks that shows messages `shown` (its newest ids) and the digests `cards` and `desk`, and what
    became of the files that were being `fetching` when it was drawn."""
    shown, waited_for = _ids(request.args.get("shown", "")), _ids(request.args.get("fetching", ""))
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        recent = _entries(session, case, after=min(shown) - 1 if shown else 0)
        fresh = [entry for entry in recent if entry.id not in shown]
        files = _files(session, case, waited_for)
        beside, possible = cards.load(session, case, case.conversation, me()), _desk(session, case)
        return render_template(
            "_news.html",
            case=case,
            fresh=fresh,
            withheld=translator.withheld(session, case, fresh),
            recent=recent,
            again=AGAIN,
            most=MAX_REPLY,
            arrived=[file for file in files if not file.pending],
            fetching=[file.id for file in files if file.pending] + _pending(fresh),
            cards=beside,
            cards_changed=request.args.get("cards") != beside.digest,
            desk=possible,
            desk_changed=request.args.get("desk") != possible.digest,
        )


@blueprint.post("/<code>/claim")
def claim(code: str) -> ResponseReturnValue:
    """Take the case. Who was second reads who has it, and is sent back to the queue."""
    try:
        with database.transaction(console().make) as session:
            reach.case(session, code)
            desk.claim(session, console().keys, code, session.get_one(Operator, me().id))
    except desk.AtLimit:
        flash(queue.at_limit(), "warning")
        return redirect(url_for("queue.home"), 303)
    except desk.NotClaimable:
        with database.transaction(console().make) as session:
            flash(_taken(reach.case(session, code)), "warning")
        return redirect(url_for("queue.home"), 303)
    return redirect(url_for("cases.page", code=code), 303)


@blueprint.post("/<code>/reply")
def reply(code: str) -> ResponseReturnValue:
    """Send words to the person, a file, or both. A refusal leaves the draft where it is and says why."""
    # PostgreSQL's JSON takes neither NUL nor lone surrogates; nobody types them.
    typed = request.form.get("text", "").replace("\r\n", "\n").replace("\0", "")
    text = typed.encode("utf-8", "replace").decode().translate(OVERRIDES).strip()
    try:
        upload = uploads.read()
    except uploads.Refused as refusal:
        return _refused(refusal.why, 422)
    if not text and upload is None:
        return _refused(_("There is nothing to send yet."), 422)
    if len(text) > MAX_REPLY:
        return _refused(_("This is too long: at most %(most)s characters.", most=MAX_REPLY), 422)
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            # Opting out a moment later is noticed by `desk.reply` and by delivery; this is for the words.
            why = _desk(session, case).closed_because
            if why:
                return _refused(why, 409)
            if upload and upload.kind not in carrying.files_possible(case.conversation.channel):
                return _refused(no_files(case.conversation.channel), 422)
            desk.reply(session, console().keys, case, session.get_one(Operator, me().id), text, upload)
            typing_sign.ended(case.conversation)
            referrals.name_all(session, case, me(), text, console().settings.demo)
    except desk.NotClaimable:
        return _refused(_("You do not hold this case any more."), 409)
    except desk.Forbidden as rule:
        return _refused(labels.SAFETY_RULES[str(rule)], 409)
    except desk.Covered:
        return _refused(
            _("They wrote the cover word: somebody may be looking. Nothing can be sent until they end it."), 409
        )
    if "HX-Request" in request.headers:
        return Response("", 204, {"HX-Trigger": "replied, desk"})
    return redirect(url_for("cases.page", code=code), 303)


@blueprint.post("/<code>/close")
def close(code: str) -> ResponseReturnValue:
    """End the case with its codes; only the outcome is required."""
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            wrap_up, mine = endings.read(case), session.get_one(Operator, me().id)
            silent = rules.forbids(session, case.conversation) is not None
            told = desk.close(session, console().keys, case, mine, wrap_up["outcome"], wrap_up)
            opted_out = case.conversation.opted_out_at is not None
            goes_on = case.conversation.holder in ("operator", "waiting")
    except wrapping.BadWrapUp as error:
        flash(endings.wrong(str(error)), "warning")
        return redirect(url_for("cases.page", code=code), 303)
    except desk.NotClaimable:
        flash(_("You do not hold this case any more."), "warning")
        return redirect(url_for("queue.home"), 303)
    if goes_on:
        flash(_("Case %(code)s is closed. Another case of this chat is still open.", code=code))
    elif told and opted_out:
        flash(_("Case %(code)s is closed. The person was not told, because they asked us not to write.", code=code))
    elif told:
        flash(_("Case %(code)s is closed. The person was told, and the bot answers from here on.", code=code))
    elif silent:
        flash(_("Case %(code)s is closed. The person was not told, because they have been silent for long.", code=code))
    else:
        flash(_("Case %(code)s is closed. The person was not told, because they wrote the cover word.", code=code))
    return redirect(url_for("queue.home"), 303)


def _entries(session: Session, case: Case, after: int = 0) -> list[Entry]:
    transcript = _transcript(session, case)
    return transcript.entries(case, after) if transcript else []


def _files(session: Session, case: Case, ids: set[int]) -> list[Attached]:
    transcript = _transcript(session, case) if ids else None
    return transcript.files(case, ids) if transcript else []


def _transcript(session: Session, case: Case) -> Transcript | None:
    try:
        return Transcript(session, console().keys, case.conversation, me().language, console().settings.name)
    except conversations.Erased:
        return None


def _pending(entries: list[Entry]) -> list[int]:
    """Files that are on their way to these messages."""
    return [file.id for entry in entries for file in entry.files if file.pending]


def _desk(session: Session, case: Case) -> Desk:
    conversation: Conversation = case.conversation
    holding = case.state in desk.HELD and case.operator_id == me().id
    why: str | None = None
    erased = conversation.key_wrapped is None or conversation.holder == "closed"
    if erased:
        why = _("This conversation was erased. Nobody can read it or write to it.")
    elif case.state == "closed":
        why = _("This case is closed.")
    elif case.state == "waiting":
        why = _("Claim the case to answer.")
    elif not holding:
        why = _taken(case)
    elif conversation.opted_out_at is not None:
        why = _("They asked us not to write. You can answer when they write again.")
    stands = safety.standing(session, case) if holding and why is None else None
    rule = stands if isinstance(stands, safety.Rule) else None
    return Desk(
        claimable=case.state == "waiting" and not erased,
        holding=holding,
        drafts=holding and not erased,
        closed_because=rule.why if rule else why,
        rule=rule,
        leave=stands if isinstance(stands, safety.Leave) else None,
        foreign=conversation.language not in line.languages(me()),
        paused=case.state == "paused",
        with_bot=conversation.holder == "bot",
        supervisor=roles.supervises(me()),
        takeable=roles.supervises(me()) and case.state in desk.HELD and not holding and not erased,
        promised=following.is_promised(session, case, me(), roles.supervises(me())),
        files=bool(carrying.files_possible(conversation.channel)),
        waits=why is None and carrying.waits(session, conversation),
    )


def no_files(channel: str) -> str:
    return _(
        "%(channel)s cannot carry files. Ask for another way, or describe it in words.",
        channel=labels.channel(channel),
    )


def _taken(case: Case) -> str:
    if case.state in desk.HELD and case.operator is not None:
        return _("%(alias)s has case %(code)s.", alias=case.operator.alias, code=case.code)
    return _("Case %(code)s is not waiting any more.", code=case.code)


def _refused(why: str, status: int) -> ResponseReturnValue:
    if "HX-Request" in request.headers:
        news = {"HX-Trigger": "desk"} if status == 409 else {}  # what the page shows is not so any more
        return render_template("_refused.html", why=why), status, news
    return render_template("notice.html", title=_("Not sent"), text=why), status


def _ids(ids: str) -> set[int]:
    """The ids that a page names; anything else counts as none, and it gets everything."""
    if not NAMED.fullmatch(ids):
        return set()
    return {int(one) for one in ids.split(",") if one}
