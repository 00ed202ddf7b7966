"""One turn: the oldest unhandled message of a leased conversation, from the queue to replies in one COMMIT.

    danger?                      → the danger reply and an urgent case at once, without Rasa
    holder waiting or operator   → attached to the case; Rasa never sees it
    holder bot                   → (state, message) to the bot; message handled, new state, replies, commands together

A crash anywhere before the COMMIT leaves everything as it was; the same turn is played again from the same state.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from helpline import alerts, commands, conversations, cover, database, desk, offering, routing, words
from helpline.bot import Answer
from helpline.keys import Keyring
from helpline.models import Conversation, Message
from helpline.queues import TURNS
from helpline.settings import BadSetting, Settings

FALLBACK_AFTER = timedelta(seconds=28)
"""Nobody is left without a word for longer than 30 s; 2 s are for the sending."""
MAX_ATTEMPTS = 5
"""A message that the bot fails on this often is set aside, so that the next one is answered."""
BACKOFF = (0.5, 1.0, 1.5, 2.0)
"""Seconds before a message that failed is tried again, by how often it failed."""
AWAY_WAIT = 1.0
FLOOD = 30
"""Messages of one person in a minute; beyond it only the last one is answered, when they pause. All are kept, and
danger is acted on as each comes in (helpline.intake)."""
FLOOD_WITHIN = timedelta(minutes=1)
FLOOD_PAUSE = timedelta(seconds=5)
FLOOD_AGAIN = timedelta(minutes=10)
NUMBERED = ("sms", "whatsapp")
"""Channels that show choices as numbered lines."""


@dataclass(frozen=True)
class Taken:
    """A message under way. `for_bot` is `None` if it was settled without the bot; `tap_id` must be answered.

    `broke`: our own code failed on it; it was counted and will be tried again or set aside.
    """

    channel: str
    tap_id: str | None = None
    for_bot: routing.ForBot | None = None
    broke: Exception | None = None


def take(session: Session, keys: Keyring, settings: Settings, owner: str) -> Taken | None:
    """Lease a due conversation and do what needs no bot; `None` when nothing is due.

    A message that breaks our own code is counted, not raised: it must hold up neither the next one nor others.
    """
    conversation_id = TURNS.lease(session, owner)
    if conversation_id is None:
        return None
    try:
        with session.begin_nested():
            return _route(session, keys, settings, conversations.lock(session, conversation_id))
    except database.AWAY:
        raise
    except Exception as error:
        conversation = conversations.lock(session, conversation_id)
        message = _oldest(session, conversation)
        if message is None:
            TURNS.release(conversation, more=False)
        else:
            _count_failure(session, keys, settings, conversation, message)
        return Taken(conversation.channel, broke=error)


def _route(session: Session, keys: Keyring, settings: Settings, conversation: Conversation) -> Taken:
    message = _oldest(session, conversation)
    if message is None or conversation.key_wrapped is None or conversation.holder == "closed":
        TURNS.release(conversation, more=False)
        return Taken(conversation.channel)
    turn = routing.Turn(session, keys, settings, conversation, message)
    if conversation.holder == "bot" and _floods(session, keys, settings, conversation, turn):
        return Taken(conversation.channel, turn.body.get("tap_id"))
    for_bot = turn.route()
    if for_bot is None:
        _settle(session, conversation, message)
    else:  # only a lease is written here; losing it in a power cut costs nothing, waiting for the disk costs time
        session.execute(text("SET LOCAL synchronous_commit = off"))
    return Taken(conversation.channel, turn.body.get("tap_id"), for_bot)


def _floods(
    session: Session, keys: Keyring, settings: Settings, conversation: Conversation, turn: routing.Turn
) -> bool:
    """Whether this message gets no answer of its own now, because more come than anybody can want answered.

    It is passed over if a later one waits; the last one waits until the person pauses.
    """
    mine = (Message.conversation_id == conversation.id, Message.author == "person")
    before = select(Message.created_at, func.clock_timestamp()).where(*mine).order_by(Message.id.desc())
    row = session.execute(before.offset(FLOOD).limit(1)).first()
    if row is None or row[1] - row[0] > FLOOD_WITHIN or not turn.can_be_passed_over():
        return False
    message, now = turn.message, row[1]
    if conversation.flooded_at is None or now - conversation.flooded_at > FLOOD_AGAIN:
        conversation.flooded_at = func.now()
        body = words.complete(desk.body("utter_writing_fast"), settings.name, conversation.country)
        conversations.say(session, keys, conversation, body, author="system")
    later = select(Message.id).where(*mine, Message.state == "pending", Message.id > message.id).limit(1)
    if session.execute(later).first() is not None:
        _settle(session, conversation, message)
        return True
    pause = FLOOD_PAUSE - (now - message.created_at)
    if pause > timedelta(0):
        TURNS.release(conversation, more=True, after=pause.total_seconds())
        return True
    return False


def finish(
    session: Session, keys: Keyring, settings: Settings, owner: str, asked: routing.ForBot, answer: Answer
) -> bool:
    """Apply the bot's answer. `False` if the lease was lost meanwhile: then nothing was changed.

    Under the cover a case still opens and answers are still kept; only the words are not said.
    """
    conversation = conversations.lock(session, asked.conversation_id)
    message = session.get(Message, asked.message_id)
    if not TURNS.holds(conversation, owner) or message is None or message.state != "pending":
        return False
    if conversation.holder != "bot":  # an operator took over while the bot was thinking: what they wrote is for them
        TURNS.release(conversation, more=True)
        return True
    silent = cover.is_called(session, keys, conversation)  # somebody looks at the phone by now: nothing may show
    seal = conversations.seal_of(keys, conversation)
    message.understood = answer.intent
    if answer.because:  # sealed like what was written: it says what was written about
        heard = {"heard": {"as": answer.intent, "because": list(answer.because)}}
        message.body_sealed = seal.close({**seal.open(message.body_sealed), **heard})
    conversation.state_sealed = seal.close(answer.state)
    scope = commands.Scope(session, keys, conversation, message.id)
    # What is known now is in the replies already (a country's number); what speaks itself comes after them.
    for order in answer.commands:
        if order.get("command") not in commands.SPEAK:
            commands.apply(scope, order)
    if conversation.holder == "closed":
        conversation.state_sealed = None
    if not silent:
        _say_all(session, keys, settings, conversation, answer)
        if any(order.get("command") == "hand_over" for order in answer.commands):
            _say_who_is_asked(session, keys, conversation)
        for order in answer.commands:
            if order.get("command") in commands.SPEAK:
                commands.apply(scope, order)
    _settle(session, conversation, message)
    return True


def failed(
    session: Session, keys: Keyring, settings: Settings, owner: str, asked: routing.ForBot, away: bool, waited: float
) -> None:
    """The bot was away or failed: try again later; tell the person once in time; set a poison message aside.

    `waited`: seconds since the person wrote.
    """
    conversation = conversations.lock(session, asked.conversation_id)
    message = session.get(Message, asked.message_id)
    if not TURNS.holds(conversation, owner) or message is None or message.state != "pending":
        return
    if waited >= FALLBACK_AFTER.total_seconds() - 1 and conversation.fallback_at is None:
        _tell_away(session, keys, settings, conversation, message)
    if not away:
        _count_failure(session, keys, settings, conversation, message)
        return
    wait = AWAY_WAIT
    if conversation.fallback_at is None:
        wait = min(wait, max(0.1, FALLBACK_AFTER.total_seconds() - waited))
    TURNS.release(conversation, more=True, after=wait)


def _count_failure(
    session: Session, keys: Keyring, settings: Settings, conversation: Conversation, message: Message
) -> None:
    """One more failure of this message: again after a while, or set aside for a person to read."""
    message.attempts += 1
    if message.attempts < MAX_ATTEMPTS:
        TURNS.release(conversation, more=True, after=BACKOFF[min(message.attempts, len(BACKOFF)) - 1])
        return
    if conversation.fallback_at is None:
        with contextlib.suppress(conversations.Erased, BadSetting, words.UnknownResponse):
            _tell_away(session, keys, settings, conversation, message)
    case = desk.open_case(session, conversation, priority="high", reason="set_aside", take=False)
    message.case_id = case.id
    alerts.sound(session, "message_set_aside", conversation.channel)
    _settle(session, conversation, message, state="set_aside")


def _tell_away(
    session: Session, keys: Keyring, settings: Settings, conversation: Conversation, message: Message
) -> None:
    """Once: "a person will read this", and a case so that one does (fail open). The bot may still answer later.

    Under the cover the case opens without a word.
    """
    if not cover.is_called(session, keys, conversation):
        body = words.complete(desk.body("utter_bot_away"), settings.name, conversation.country)
        conversations.say(session, keys, conversation, body, author="system")
    message.case_id = desk.open_case(session, conversation, priority="high", reason="bot_away", take=False).id
    conversation.fallback_at = func.now()


def _say_all(session: Session, keys: Keyring, settings: Settings, conversation: Conversation, answer: Answer) -> None:
    last = max((i for i, reply in enumerate(answer.replies) if reply["choices"]), default=-1)
    for i, reply in enumerate(answer.replies):
        body = words.complete(reply, settings.name, conversation.country)
        if i != last and conversation.channel in NUMBERED:
            body["choices"] = []  # numbered lines: "2" must mean one thing
        conversations.say(session, keys, conversation, body)


def _say_who_is_asked(session: Session, keys: Keyring, conversation: Conversation) -> None:
    """Who asks for a person again hears that the one they know is asked first. After the reply to the hand-over."""
    known = offering.known_to(session, conversation)
    if known is not None:
        body = desk.body("utter_same_person", alias=known.alias)
        conversations.say(session, keys, conversation, body, author="system")


def _oldest(session: Session, conversation: Conversation) -> Message | None:
    return session.execute(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.state == "pending")
        .order_by(Message.id)
        .limit(1)
    ).scalar_one_or_none()


def _settle(session: Session, conversation: Conversation, message: Message, state: str = "handled") -> None:
    """The message is done; the conversation is due again at once if another waits."""
    if message in session and message.state == "pending":
        message.state, message.settled_at = state, func.clock_timestamp()
        session.flush()
    if state == "handled":
        conversation.fallback_at = None
    TURNS.release(conversation, more=_oldest(session, conversation) is not None)
