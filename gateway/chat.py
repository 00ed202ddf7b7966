"""The web chat: one page, and its JSON. Works without JavaScript too, by plain forms."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort, jsonify, make_response, redirect, render_template, request, url_for
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

import locales
from gateway import draft, transcript, visitor
from gateway.draft import FORM, Draft, Refused
from gateway.store import Away, store
from gateway.transcript import Transcript
from helpline import conversations, languages, typing_sign
from helpline.intake import MAX_TEXT
from helpline.models import Conversation

blueprint = Blueprint("chat", __name__, url_prefix="/chat")

EXIT = "https://www.wikipedia.org/"
"""Where "Leave this page" leads: a page that anybody may have open, in every language."""

PATIENCE = 10
"""Seconds after which a page that asked too often asks again."""


@dataclass(frozen=True)
class Language:
    """A language to switch to, by its own name."""

    code: str
    name: str
    dir: str

    @classmethod
    def of(cls, code: str) -> Language:
        return cls(code, locales.native_name(code), locales.direction(code))


@blueprint.get("", strict_slashes=False)
def page() -> Response:
    """The page with what was said so far. Without the database it still opens, and recovers by itself."""
    token = visitor.token()
    try:
        seen = _seen(token)
        return _page(_language(seen), seen, token=token)
    except Away:
        return _page(_language(None), None, status=503, notice="away", token=token)


@blueprint.post("/messages")
def send() -> Response:
    """Store one message: 202 `{"after": its id}`, or for a form 303 back to the page."""
    _ours()
    written = draft.read(request)
    token = visitor.token() or visitor.new_token()
    after = _take(token, written)
    response = _back() if _is_form() else make_response(jsonify(after=after), 202)
    if token != visitor.token():
        visitor.keep(response, token)
    return response


@blueprint.get("/messages")
def messages() -> Response:
    """What was said after message N. Gives a browser its session, so that a first message can come twice."""
    token = visitor.token()
    seen = _seen(token, request.args.get("after", 0, type=_id))
    response = jsonify(seen.as_json() if seen else transcript.nothing(_language(None)))
    _begin(response, token)
    return response


@blueprint.post("/typing")
def types() -> Response:
    """The person types: 204, whoever it is. Nothing of what they type comes along."""
    _ours()
    token, held = visitor.token(), store()

    def work(session: Session) -> None:
        found = conversations.find(session, held.keys, "web", token or "")
        if found is not None and found.key_wrapped is not None:
            typing_sign.person(session, found)

    if token is not None:
        held.run(work)
    return Response("", 204)


@blueprint.get("/files/<int:attachment_id>")
def file(attachment_id: int) -> Response:
    """An operator's file, or the range of it that a player asks for. 404 for all but this session's own."""
    token, held = visitor.token(), store()
    if token is None or attachment_id >= 2**63:
        abort(404)
    found = held.run(lambda session: transcript.file(session, held, token, attachment_id))
    if found is None:
        abort(404)
    response = Response(found.content, content_type=found.content_type)
    way = "attachment" if found.kind == "document" else "inline"
    response.headers["Content-Disposition"] = f'{way}; filename="{found.name}"'
    response.make_conditional(request.environ, accept_ranges=True, complete_length=len(found.content))
    return response


@blueprint.post("/language")
def language() -> Response:
    """Switch the language of page and conversation, because the person chose it."""
    _ours()
    chosen = draft.fields(request).get("language")
    wanted = languages.supported(chosen) if isinstance(chosen, str) else None
    if wanted is None:
        raise Refused(400, "malformed")
    if token := visitor.token():
        _switch(token, wanted)
    response = _back() if _is_form() else jsonify(language=wanted, dir=locales.direction(wanted))
    visitor.keep_language(response, wanted)
    return response


@blueprint.errorhandler(Refused)
def refused(error: Refused) -> Response:
    return _answer(error.status, error.kind)


@blueprint.errorhandler(Away)
def away(error: Away) -> Response:
    return _answer(503, "away")


@blueprint.errorhandler(413)
def too_large(error: HTTPException) -> Response:
    return _answer(413, "too_long")


@blueprint.errorhandler(429)
def too_often(error: HTTPException) -> Response:
    return _answer(429, "too_often")


def _ours() -> None:
    if not visitor.same_origin():
        raise Refused(403, "elsewhere")


def _id(value: str) -> int:
    """A message id. Raises `ValueError`, which `args.get` answers with its default."""
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise ValueError
    return int(value)


def _is_form() -> bool:
    return request.mimetype == FORM


def _back() -> Response:
    return make_response(redirect(url_for("chat.page"), 303))


def _seen(token: str | None, after: int = 0) -> Transcript | None:
    held = store()
    return held.run(lambda session: transcript.read(session, held, token, after)) if token else None


def _seen_if_possible(token: str | None) -> Transcript | None:
    """For a page that says what went wrong: it must not fail as well."""
    try:
        return _seen(token)
    except Away:
        return None


def _take(token: str, written: Draft) -> int:
    held, chosen = store(), visitor.chosen_language()
    language = chosen or written.language or visitor.likely_language()
    source = "chosen" if chosen else "hint"
    return held.run(lambda session: draft.take(session, held, token, written, language, source))


def _switch(token: str, language: str) -> None:
    held = store()

    def work(session: Session) -> None:
        found = conversations.find(session, held.keys, "web", token)
        if found:
            session.execute(
                update(Conversation).where(Conversation.id == found.id)
                .values(language=language, language_source="chosen")
            )

    held.run(work)


def _begin(response: Response, token: str | None) -> None:
    if token is None and visitor.may_begin():
        visitor.keep(response, visitor.new_token())


def _language(seen: Transcript | None) -> str:
    """The conversation's; before there is one the link's, else the switch's, else the browser's."""
    linked = languages.supported(request.args.get("lang"))
    return seen.language if seen else linked or visitor.chosen_language() or visitor.likely_language()


def _page(
    language: str, seen: Transcript | None, *,
    token: str | None, status: int = 200, notice: str = "", unsent: str = "",
) -> Response:
    """The page. `unsent` is put back into the writing field, so that a refusal costs nobody their words."""
    name = store().settings.name
    shown = seen.messages if seen and seen.messages else (transcript.welcome(name, language),)
    html = render_template(
        "chat.html",
        _=locales.catalogue("chat", language).gettext,
        name=name, language=language, dir=locales.direction(language),
        languages=[Language.of(code) for code in locales.LANGUAGES],
        messages=shown, last_choices=_last_choices(shown),
        holder=seen.holder if seen else "bot", typing=bool(seen and seen.typing),
        notice=_sentence(notice, language) if notice else "", unsent=unsent,
        exit=EXIT, longest=MAX_TEXT, asset=_asset, clock=_clock, new_id=lambda: str(uuid.uuid4()),
    )
    response = make_response(html, status)
    _begin(response, token)
    return response


def _last_choices(shown: tuple[transcript.Shown, ...]) -> int | None:
    """The message whose buttons still work: the newest that has any."""
    return next((message.id for message in reversed(shown) if message.choices), None)


def _clock(time: datetime) -> str:
    """Hour and minute at the helpline; the page's script shows the person's own time."""
    return time.astimezone(store().settings.timezone).strftime("%H:%M")


def _answer(status: int, kind: str) -> Response:
    """A refusal, in words. A form gets the page back with what was typed still in it."""
    token = visitor.token()
    if _is_form():
        seen = _seen_if_possible(token)
        # Words from another site's form are not put into the person's mouth, and too long ones were not read.
        unsent = "" if status in (403, 413) else request.form.get("text", "")
        response = _page(_language(seen), seen, token=token, status=status, notice=kind, unsent=unsent)
    else:
        response = make_response(jsonify(error=kind, message=_sentence(kind, _language(None))), status)
    if status in (429, 503):
        response.headers["Retry-After"] = str(PATIENCE)
    return response


def _sentence(kind: str, language: str) -> str:
    gettext = locales.catalogue("chat", language).gettext
    match kind:
        case "empty":
            return gettext("There is nothing to send yet. Write something first.")
        case "too_long":
            return gettext("This message is too long. Please send it in shorter parts.")
        case "too_often":
            return gettext(
                "These were many messages in a short time. Please wait a few seconds. Nothing is lost."
            )
        case "away":
            return gettext("We cannot be reached at this moment. Please try again in a minute.")
    return gettext("This did not work. Please open this page again and send your message once more.")


@cache
def _asset(name: str) -> str:
    """The address of a file in static/, which changes with its content."""
    content = (Path(__file__).parent / "static" / name).read_bytes()
    return url_for("static", filename=name, v=hashlib.sha256(content).hexdigest()[:12])
