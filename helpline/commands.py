"""What actions may ask for. One registry maps a command's name to its handler, applied inside the turn's COMMIT.

An unknown command or a wrong argument raises `BadCommand` and fails the turn: nothing of it is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpline import conversations, desk, erasure, screening
from helpline.keys import Keyring
from helpline.models import Conversation, Screening
from locales import LANGUAGES

CONSENT_LEVELS = ("shared", "confidential", "anonymous", "none")
REASONS = ("asked", "danger_now", "self_harm", "is_minor")


class BadCommand(Exception):
    """A command that does not exist or does not fit. Its text is the command's name."""


@dataclass(frozen=True)
class Scope:
    """What a handler works on: one locked conversation within the turn's transaction."""

    session: Session
    keys: Keyring
    conversation: Conversation
    message_id: int | None = None  # the message that is being answered


SPEAK = frozenset({"find_services"})
"""Commands that say something themselves: applied after the turn's own replies, all others before."""

Handler = Callable[..., None]
HANDLERS: dict[str, Handler] = {}


def command(handler: Handler) -> Handler:
    HANDLERS[handler.__name__] = handler
    return handler


def apply(scope: Scope, order: Mapping[str, Any]) -> None:
    """Run one command. Raises `BadCommand`."""
    arguments = dict(order)
    name = str(arguments.pop("command", ""))
    handler = HANDLERS.get(name)
    if handler is None:
        raise BadCommand(name[:40] if name.isidentifier() else "not a name")
    try:
        handler(scope, **arguments)
    except (TypeError, ValueError, KeyError, AttributeError, screening.BadScreening):
        raise BadCommand(name) from None


@command
def hand_over(scope: Scope, priority: str, reason: str, consent: str, topic: str | None = None) -> None:
    """Open a case and let the conversation wait for an operator."""
    if consent not in CONSENT_LEVELS or reason not in REASONS:
        raise ValueError
    if topic is not None and not (isinstance(topic, str) and topic.isascii() and topic.isidentifier()):
        raise ValueError
    desk.open_case(scope.session, scope.conversation, priority=priority, reason=reason, consent=consent, topic=topic)
    if consent != "none":
        _consent(scope, "handover", consent)


@command
def set_language(scope: Scope, language: str) -> None:
    if language not in LANGUAGES:
        raise ValueError
    scope.conversation.language, scope.conversation.language_source = language, "chosen"


@command
def set_country(scope: Scope, country: str) -> None:
    if not isinstance(country, str) or len(country) != 2 or not (country.isascii() and country.isalpha()):
        raise ValueError
    scope.conversation.country = country.upper()


@command
def set_consent(scope: Scope, purpose: str, given: bool) -> None:
    """Consent to answer questions. Consent to a hand-over comes with `hand_over`."""
    if purpose != "screening" or not isinstance(given, bool):
        raise ValueError
    _consent(scope, purpose, "given" if given else "withdrawn")


def _consent(scope: Scope, purpose: str, level: str) -> None:
    now = scope.session.execute(select(func.now())).scalar_one()
    scope.conversation.consent = {**scope.conversation.consent, purpose: {"level": level, "at": now.isoformat()}}


@command
def set_contact_safety(scope: Scope, watched: bool, contact_first: bool) -> None:
    if not isinstance(watched, bool) or not isinstance(contact_first, bool):
        raise ValueError
    scope.conversation.contact_safety = {
        **scope.conversation.contact_safety,
        "watched": watched,
        "contact_first": contact_first,
    }


@command
def record_screening(scope: Scope, path: str, answers: dict[str, str], matched: list[str], complete: bool) -> None:
    screening.check(path, answers, matched)
    if not isinstance(complete, bool):
        raise ValueError
    scope.session.add(
        Screening(
            conversation_id=scope.conversation.id,
            path=path,
            answers=answers,
            matched=matched,
            complete=complete,
        )
    )


@command
def note_signs(scope: Scope, indicators: list[str]) -> None:
    """Indicators that the person's own words may point to: kept beside the screening, marked as not asked."""
    screening.note(scope.session, scope.conversation, indicators)


@command
def find_services(scope: Scope, topic: str | None = None) -> None:
    """Until a directory is filled in, a person looks."""
    conversations.say(scope.session, scope.keys, scope.conversation, desk.body("utter_services_none"))


@command
def complain(scope: Scope) -> None:
    """A case that only supervisors see; the conversation stays with the bot until one takes it."""
    desk.open_complaint(scope.session, scope.conversation)


@command
def delete_my_data(scope: Scope) -> None:
    erasure.begin(scope.session, scope.keys, scope.conversation, scope.message_id)


@command
def opt_out(scope: Scope) -> None:
    scope.conversation.opted_out_at = func.now()
