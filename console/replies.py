"""Ready replies as supervisors keep them: one text per language, and what is still missing in which."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from console import labels, queue
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from helpline import canned, database, segments
from helpline.desk_models import CannedReply
from helpline.models import Operator
from locales import LANGUAGES

blueprint = Blueprint("replies", __name__, url_prefix="/replies")

SHORTCUT = re.compile(r"[a-z0-9-]{2,24}")
MOST = 1_000
"""Characters of a text, the same in every language."""
MOST_SEGMENTS = 3
"""More than that as SMS is marked: it costs, and parts of it come late or not at all."""
PLACEHOLDERS = ("{alias}", "{emergency_number}")
TURNING = dict.fromkeys([0, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Characters that turn a line round or enclose a part of it; they come with copied text and are not kept."""


class Wrong(Exception):
    """What was typed cannot be kept; the text says why and what to do."""


class Changed(Exception):
    """Somebody else saved the reply after this page was drawn."""


@dataclass(frozen=True)
class Mark:
    """How a reply stands in one language. `state`: missing, same (as English), drafted, read (by a native speaker).

    `segments`: as SMS, 0 if they are few enough. `lacks`: placeholders that the English text has and this one has not.
    """

    language: str
    state: str
    segments: int = 0
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Typed:
    """A reply as the form has it."""

    shortcut: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    reviewed: Sequence[str] = ()

    def digests(self) -> dict[str, str]:
        """One for the shortcut and one for each language's text with its tick."""
        parts = {"shortcut": self.shortcut}
        parts |= {code: f"{self.texts.get(code, '')}\0{code in self.reviewed}" for code in LANGUAGES}
        return {name: hashlib.sha256(part.encode()).hexdigest()[:12] for name, part in parts.items()}

    def version(self) -> str:
        """What a page was drawn from, for the form to say."""
        return " ".join(self.digests().values())


def marks(texts: Mapping[str, str], reviewed: Sequence[str]) -> list[Mark]:
    """One for each language of the helpline, in its order."""
    english = texts.get("en") or ""
    return [_mark(language, texts.get(language) or "", english, reviewed) for language in LANGUAGES]


def _mark(language: str, text: str, english: str, reviewed: Sequence[str]) -> Mark:
    if not text.strip():
        return Mark(language, "missing")
    state = "read" if language in reviewed else "drafted"
    if language != "en" and text.split() == english.split():
        state = "same"
    sent = canned.complete(text, language, alias=me().alias, country=None)
    pieces = segments.count(sent).segments
    lacks = tuple(one for one in PLACEHOLDERS if one in english and one not in text)
    return Mark(language, state, pieces if pieces > MOST_SEGMENTS else 0, lacks)


@blueprint.get("")
def page(error: str | None = None, typed: Typed | None = None) -> ResponseReturnValue:
    """All replies in the supervisor's language, and how they stand in every other."""
    with database.transaction(console().make) as session:
        found = canned.listed(session)
        rows = [
            (reply, canned.for_reading(reply, me().language), marks(reply.texts, reply.reviewed)) for reply in found
        ]
        by_language = [[line[number] for _reply, _text, line in rows] for number in range(len(LANGUAGES))]
        shown = render_template(
            "replies.html",
            status=queue.status_of(session, me().id),
            rows=rows,
            complete=sum(all(mark.state in ("read", "drafted") for mark in line) for _reply, _text, line in rows),
            columns=list(zip(LANGUAGES, by_language, strict=True)),
            most_segments=MOST_SEGMENTS,
            most=MOST,
            error=error,
            typed=typed or Typed(),
        )
    return shown, 422 if error else 200


@blueprint.post("")
def add() -> ResponseReturnValue:
    typed = _typed()
    try:
        _check(typed)
        with database.transaction(console().make) as session:
            reply = canned.save(session, None, typed.shortcut, typed.texts, typed.reviewed, me().id)
            reply_id = reply.id
    except Wrong as wrong:
        return page(str(wrong), typed)
    except canned.Taken:
        return page(_taken(), typed)
    _say(typed, [])
    return redirect(url_for("replies.one", reply_id=reply_id), 303)


@blueprint.get("/<int:reply_id>")
def one(
    reply_id: int, error: str | None = None, typed: Typed | None = None, changed: bool = False
) -> ResponseReturnValue:
    """One reply in every language. `typed`: what somebody wrote, instead of what holds.

    `changed`: it was written while somebody else saved theirs.
    """
    with database.transaction(console().make) as session:
        reply = _found(session, reply_id)
        kept, version = _kept(reply), request.form.get("version")
        beside: set[str] = set()
        if changed and typed:
            typed, beside = _merged(typed, kept, version or "")
            by = session.get(Operator, reply.changed_by) if reply.changed_by else None
            error, version = _meanwhile(by), kept.version()
        shown = render_template(
            "reply.html",
            status=queue.status_of(session, me().id),
            reply=reply,
            marks={mark.language: mark for mark in marks(reply.texts, reply.reviewed)},
            typed=typed or kept,
            kept=kept,
            beside=beside,
            version=version if typed else kept.version(),
            most=MOST,
            error=error,
        )
    return shown, 409 if changed else 422 if error else 200


@blueprint.post("/<int:reply_id>")
def save(reply_id: int) -> ResponseReturnValue:
    """Keep the texts. One that changed after a native speaker had read it counts as unread until it is ticked again.

    What somebody else saved since this page was drawn is not overwritten: both are shown (409). What somebody else
    deleted can be made anew from what was typed here.
    """
    typed = _typed()
    try:
        with database.transaction(console().make) as session:
            reply = _find(session, reply_id)
            if reply is None:
                raise Wrong(_("Somebody deleted this reply while you were writing. To keep yours, make it a new one."))
            if request.form.get("version") != _kept(reply).version():
                raise Changed
            _check(typed)
            unread = [code for code in typed.reviewed if code in reply.reviewed and _differs(reply, typed, code)]
            reviewed = [code for code in typed.reviewed if code not in unread]
            canned.save(session, reply, typed.shortcut, typed.texts, reviewed, me().id)
    except Changed:
        return one(reply_id, typed=typed, changed=True)
    except Wrong as wrong:
        return one(reply_id, str(wrong), typed) if reply else page(str(wrong), typed)
    except canned.Taken:
        return one(reply_id, _taken(), typed)
    _say(typed, unread)
    return redirect(url_for("replies.one", reply_id=reply_id), 303)


@blueprint.post("/<int:reply_id>/delete")
def delete(reply_id: int) -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        canned.remove(session, _found(session, reply_id), me().id)
    flash(_("The reply is deleted. Nobody is offered it any more."))
    return redirect(url_for("replies.page"), 303)


def _find(session: Session, reply_id: int) -> CannedReply | None:
    return canned.find(session, reply_id) if reply_id < 2**31 else None  # a column's largest number


def _found(session: Session, reply_id: int) -> CannedReply:
    found = _find(session, reply_id)
    if found is None:
        abort(404)
    return found


def _typed() -> Typed:
    """The form, without empty texts, and without a review of a text that is not there."""
    said = {code: _clean(request.form.get(f"text-{code}", "")) for code in LANGUAGES}
    texts = {code: text for code, text in said.items() if text}
    read = [code for code in LANGUAGES if code in texts and f"read-{code}" in request.form]
    return Typed(request.form.get("shortcut", "").strip().removeprefix("/").replace("\0", ""), texts, read)


def _kept(reply: CannedReply) -> Typed:
    """The reply as its own form would send it."""
    texts = {code: text for code in LANGUAGES if (text := _clean(str(reply.texts.get(code) or "")))}
    return Typed(reply.shortcut, texts, [code for code in LANGUAGES if code in texts and code in reply.reviewed])


def _merged(typed: Typed, kept: Typed, version: str) -> tuple[Typed, set[str]]:
    """What to go on with, and where both changed something: there `typed` stays in its field, beside what is kept."""
    mine, now = typed.digests(), kept.digests()
    was = dict(zip(now, version.split(), strict=False))
    own = {name for name in now if mine[name] != was.get(name)}
    texts = {code: text for code in LANGUAGES if (text := (typed if code in own else kept).texts.get(code))}
    read = [code for code in texts if code in (typed if code in own else kept).reviewed]
    shortcut = typed.shortcut if "shortcut" in own else kept.shortcut
    return Typed(shortcut, texts, read), {name for name in own if now[name] not in (was.get(name), mine[name])}


def _meanwhile(by: Operator | None) -> str:
    said = _("%(alias)s saved this reply while you were writing.", alias=by.alias if by else _("Somebody"))
    return " ".join((said, _("Yours is not saved yet. Where you both changed a text, theirs stands under yours.")))


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").translate(TURNING).strip()


def _check(typed: Typed) -> None:
    """Raise `Wrong` for what cannot be kept. A missing language can."""
    if not SHORTCUT.fullmatch(typed.shortcut):
        raise Wrong(_("A shortcut has 2 to 24 characters: small letters a to z, digits and hyphens."))
    if "en" not in typed.texts:
        raise Wrong(_("Write the English text: it stands in for every language that is missing."))
    for code, text in typed.texts.items():
        if len(text) > MOST:
            raise Wrong(
                _(
                    "The text in %(language)s is too long: at most %(most)s characters.",
                    language=labels.language(code),
                    most=MOST,
                )
            )


def _taken() -> str:
    return _("Another reply has this shortcut. Choose a different one.")


def _differs(reply: CannedReply, typed: Typed, code: str) -> bool:
    return str(reply.texts.get(code) or "").strip() != typed.texts[code]


def _say(typed: Typed, unread: Sequence[str]) -> None:
    flash(_("Saved. Operators are offered this text from now on."))
    if missing := [labels.language(code) for code in LANGUAGES if code not in typed.texts]:
        flash(
            _("Not there yet: %(languages)s. Operators cannot send it in these.", languages=", ".join(missing)),
            "warning",
        )
    if unread:
        names = ", ".join(map(labels.language, unread))
        flash(
            _(
                "Changed since a native speaker read it: %(languages)s. Tick it again when the new text was read.",
                languages=names,
            ),
            "warning",
        )
