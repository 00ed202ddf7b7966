"""A machine translation beside a message or a draft, asked for one by one. Kept nowhere, logged nowhere."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from console import reach
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from console.transcripts import Entry, readable
from helpline import conversations, database, translator
from helpline.models import Case

blueprint = Blueprint("translator", __name__, url_prefix="/cases")


@blueprint.get("/<code>/messages/<int:message_id>/translation")
def message(code: str, message_id: int) -> ResponseReturnValue:
    """One message in the operator's language; or why not, in words."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        try:
            text = translator.translatable(session, console().keys, case.conversation, message_id)
        except conversations.Erased:
            text = None
        if not readable(session, case, message_id):
            text = None
    if text is None:
        return _shown(why=_("This message cannot be translated. Answers to our questions are never sent anywhere."))
    return _translated(text, me().language)


@blueprint.post("/<code>/translation")
def draft(code: str) -> ResponseReturnValue:
    """The draft in the person's language, to look at and to put into the box."""
    with database.transaction(console().make) as session:
        target = reach.case(session, code).conversation.language
    text = request.form.get("text", "").replace("\0", "").encode("utf-8", "replace").decode().strip()
    if not text:
        return _shown(why=_("There is nothing to translate yet."))
    return _translated(text, target, source=me().language, draft=text)


def _translated(text: str, target: str, source: str = translator.ANY, draft: str = "") -> ResponseReturnValue:
    try:
        found = translator.translate(console().settings, text, target, source)
    except translator.NotTranslated as error:
        return _shown(why=why(str(error)))
    return _shown(found, language=target, draft=draft)


def _shown(text: str = "", language: str = "", why: str = "", draft: str = "") -> ResponseReturnValue:
    return render_template("_translation.html", text=text, language=language, why=why, draft=draft)


def why(code: str) -> str:
    """Why there is no translation, and what to do."""
    return {
        "off": _("Nobody has set up a translator for this helpline."),
        "long": _("This is too long to translate at once. Shorten it."),
        "slow": _("The translator did not answer in time. Try again in a moment."),
        "limit": _("The translator has too much to do. Try again in a minute."),
        "refused": _("The translator refuses us. Tell whoever runs this helpline."),
        "unknown": _("The translator does not know this language."),
    }.get(code, _("The translator cannot be reached. Try again, or ask a colleague who speaks the language."))


def withheld(session: Session, case: Case, entries: list[Entry]) -> set[int] | None:
    """Messages without a translation button; `None` where there are no buttons at all."""
    if not translator.is_on(console().settings) or case.conversation.language == me().language:
        return None
    ids = [entry.id for entry in entries if entry.author == "person"]
    try:
        return translator.answers(session, console().keys, case.conversation, ids)
    except conversations.Erased:
        return None
