"""Danger is acted on when it is stored: the number to call is queued and an urgent case opens in the same COMMIT.

It waits for nothing: not for the bot, not for a message before it, not for a worker's free place.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpline import availability, conversations, cover, danger, desk, screening, window, words
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Screening
from helpline.settings import Settings

AGAIN = timedelta(minutes=10)
"""How long the same person is not told the number again; the case is raised each time."""


def act(
    session: Session,
    keys: Keyring,
    settings: Settings,
    conversation: Conversation,
    message: Message,
    alarm: danger.Alarm,
) -> None:
    """Raise the case to danger, attach the message to it and tell the person whom to call. Locked row expected."""
    if conversation.language_source in ("default", "hint") and alarm.language != conversation.language:
        conversation.language, conversation.language_source = alarm.language, "detected"
    case = desk.open_case(session, conversation, priority="danger", reason=alarm.kind, topic=alarm.kind)
    held = conversation.holder == "operator"  # not if their case was paused: then it waits again
    message.case_id, message.understood = case.id, alarm.kind
    message.state, message.settled_at = "handled", func.clock_timestamp()
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    if cover.is_called(session, keys, conversation):
        if not cover.is_on(conversation):
            cover.put_on(conversation)
            window.withdraw(session, conversation)
        small_talk = words.complete(desk.body(cover.small_talk(conversation)), settings.name, conversation.country)
        conversations.say(session, keys, conversation, small_talk, author="system", case_id=case.id)
    elif conversation.danger_at is None or now - conversation.danger_at > AGAIN:
        response = "utter_self_harm" if alarm.kind == "self_harm" else "utter_danger"
        if not held and not availability.state(session, settings).open:
            response += "_closed"
        body = words.complete(desk.body(response), settings.name, conversation.country)
        conversations.say(session, keys, conversation, body, author="system", case_id=case.id)
        conversation.danger_at = now
    _end_questions(session, keys, conversation)


def _end_questions(session: Session, keys: Keyring, conversation: Conversation) -> None:
    """Danger ends whatever the bot was asking. Answers so far are kept for the desk; the bot begins anew later."""
    if conversation.state_sealed is None:
        return
    slots = conversations.seal_of(keys, conversation).open(conversation.state_sealed).get("slots", {})
    conversation.state_sealed = None
    path, answers = slots.get("path"), slots.get("answers")
    if slots.get("asking") == "screening" and path and answers:
        matched = screening.matched(path, answers)
        screening.check(path, answers, matched)
        session.add(
            Screening(conversation_id=conversation.id, path=path, answers=answers, matched=matched, complete=False)
        )
