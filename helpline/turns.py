"""One turn: the oldest unhandled message of a leased conversation, from the queue to replies in one COMMIT.

    danger?                      → the danger reply and an urgent case at once, without Rasa
    holder waiting or operator   → attached to the case; Rasa never sees it
    holder bot                   → (state, message) to the bot; message handled, new state, replies and commands together

A crash anywhere before the COMMIT leaves everything as it was; the same turn is played again from the same state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpline import choices, commands, conversations, countries, danger, database, desk, emergency, languages, words
from helpline.bot import Answer
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message
from helpline.queues import TURNS
from helpline.settings import Settings

FALLBACK_AFTER = timedelta(seconds=28)
"""Nobody is left without a word for longer than 30 s (ACCEPTANCE 4 of the design); 2 s are for the sending."""
DANGER_AGAIN = timedelta(minutes=10)
WAITING_AGAIN = timedelta(minutes=10)
MAX_ATTEMPTS = 5
"""A message that the bot fails on this often is set aside, so that the next one is answered."""
BACKOFF = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class ForBot:
    """A message that the bot must answer: what to ask it, and what to remember until it does."""

    conversation_id: int
    message_id: int
    request: dict[str, Any]
    waited: float  # seconds since the person wrote
    told: bool  # the person already heard that a person will read this


@dataclass(frozen=True)
class Taken:
    """A message under way. `for_bot` is `None` if it was settled without the bot; `tap_id` must be answered."""

    channel: str
    tap_id: str | None = None
    for_bot: ForBot | None = None


def take(session: Session, keys: Keyring, settings: Settings, owner: str) -> Taken | None:
    """Lease a due conversation and do what needs no bot; `None` when nothing is due."""
    conversation_id = TURNS.lease(session, owner)
    if conversation_id is None:
        return None
    conversation = conversations.lock(session, conversation_id)
    message = _oldest(session, conversation)
    if message is None or conversation.key_wrapped is None:
        TURNS.release(conversation, more=False)
        return Taken(conversation.channel)
    if conversation.holder == "closed":  # written in the same moment as "delete": the words are gone, this one counts
        conversation.holder, conversation.erase_at = "bot", None
    turn = _Turn(session, keys, settings, conversation, message)
    for_bot = turn.route()
    if for_bot is None:
        _settle(session, conversation, message)
    return Taken(conversation.channel, turn.body.get("tap_id"), for_bot)


def finish(session: Session, keys: Keyring, settings: Settings, owner: str, asked: ForBot, answer: Answer) -> bool:
    """Apply the bot's answer. `False` if the lease was lost meanwhile: then nothing was changed."""
    conversation = conversations.lock(session, asked.conversation_id)
    message = session.get(Message, asked.message_id)
    if not TURNS.holds(conversation, owner) or message is None or message.state != "pending":
        return False
    if conversation.holder != "bot":  # an operator took over while the bot was thinking
        _attach(session, conversation, message)
        _settle(session, conversation, message)
        return True
    seal = conversations.seal_of(keys, conversation)
    message.understood = answer.intent
    conversation.state_sealed = seal.close(answer.state)
    scope = commands.Scope(session, keys, conversation)
    # Erasing deletes what was said, so it comes before its own reply is written; the others do not care.
    for order in answer.commands:
        commands.apply(scope, order)
    if conversation.holder == "closed":
        conversation.state_sealed = None
    last = max((i for i, reply in enumerate(answer.replies) if reply["choices"]), default=-1)
    for i, reply in enumerate(answer.replies):
        body = _filled(settings, conversation, reply)
        if i != last and conversation.channel == "sms":
            body["choices"] = []  # numbered lines: "2" must mean one thing
        conversations.say(session, keys, conversation, body)
    _settle(session, conversation, message)
    return True


def failed(
    session: Session, keys: Keyring, settings: Settings, owner: str, asked: ForBot, away: bool, waited: float
) -> None:
    """The bot was away or failed: try again later; tell the person once in time; set a poison message aside.

    `waited`: seconds since the person wrote.
    """
    conversation = conversations.lock(session, asked.conversation_id)
    message = session.get(Message, asked.message_id)
    if not TURNS.holds(conversation, owner) or message is None or message.state != "pending":
        return
    message.attempts += 0 if away else 1
    poison = message.attempts >= MAX_ATTEMPTS
    if (poison or waited >= FALLBACK_AFTER.total_seconds() - 1) and conversation.fallback_at is None:
        conversations.say(
            session, keys, conversation, _filled(settings, conversation, desk.body("utter_bot_away")), author="system"
        )
        case = desk.open_case(session, conversation, priority="high", reason="bot_away", take=False)
        message.case_id = case.id
        conversation.fallback_at = func.now()
    if poison:
        desk.open_case(session, conversation, priority="high", reason="set_aside", take=False)
        _settle(session, conversation, message, state="set_aside")
        return
    wait = BACKOFF[min(message.attempts, len(BACKOFF) - 1)] if not away else 1.0
    if conversation.fallback_at is None:
        wait = min(wait, max(0.1, FALLBACK_AFTER.total_seconds() - waited))
    TURNS.release(conversation, more=True, after=wait)


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
        message.state, message.settled_at = state, func.now()
        session.flush()
    if state == "handled":
        conversation.fallback_at = None
    TURNS.release(conversation, more=_oldest(session, conversation) is not None)


def _attach(session: Session, conversation: Conversation, message: Message) -> Case | None:
    case = desk.open_case_of(session, conversation)
    if case is not None:
        message.case_id = case.id
        database.notify(session, database.DESK, case.code)
    return case


def _filled(settings: Settings, conversation: Conversation, body: dict[str, Any]) -> dict[str, Any]:
    """The body with what only we know: our name, and the emergency number of the person's country."""
    wanted = words.source(body["response"]).placeholders
    args = dict(body["args"])
    if "emergency_number" in wanted:
        args["emergency_number"] = emergency.number(conversation.country)
    if "helpline" in wanted:
        args["helpline"] = settings.name
    return {**body, "args": args}


class _Turn:
    """One message on its way, before the bot: what it is, and who answers it."""

    def __init__(
        self, session: Session, keys: Keyring, settings: Settings, conversation: Conversation, message: Message
    ) -> None:
        self.session, self.keys, self.settings = session, keys, settings
        self.conversation, self.message = conversation, message
        self.seal = conversations.seal_of(keys, conversation)
        self.body: dict[str, Any] = self.seal.open(message.body_sealed)
        self.now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()

    def route(self) -> ForBot | None:
        """Settle the message without the bot, or say what to ask the bot."""
        picked = self._picked()
        if picked is not None and "desk" in picked:
            self._for_desk(picked)
            return None
        text = self.body["text"]
        alarm = danger.find(text) if picked is None and text else None
        if alarm is not None:
            self._danger(alarm)
            return None
        if picked is None:
            self._learn_language(text)
        if self.conversation.holder in ("waiting", "operator"):
            self._for_operator()
            return None
        return self._for_bot(picked)

    def _say(self, response: str, **args: Any) -> None:
        body = desk.body(response, **args)
        conversations.say(
            self.session, self.keys, self.conversation, _filled(self.settings, self.conversation, body), author="system"
        )

    def _picked(self) -> dict[str, Any] | None:
        """The choice that the person tapped, numbered or wrote; `None` for free text."""
        tap = choices.untoken(self.body["tap"]) if "tap" in self.body else None
        if tap is not None:
            offered = self._offered(Message.id == tap[0])
            return offered[1][tap[1]] if offered and tap[1] < len(offered[1]) else None
        if not self.body["text"]:
            return None
        offered = self._offered()
        if not offered:
            return None
        body, options = offered
        index = choices.match(self.body["text"], words.line(body, self.conversation.language).choices)
        return options[index] if index is not None else None

    def _offered(self, *which: Any) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """The message that offers choices: the tapped one, or the last we sent before this message if it has any."""
        row = self.session.execute(
            select(Message)
            .where(
                Message.conversation_id == self.conversation.id,
                Message.author.in_(("bot", "system")),
                Message.id < self.message.id,
                *which,
            )
            .order_by(Message.id.desc())
            .limit(1)
        ).scalar_one_or_none()
        if row is None:
            return None
        body = self.seal.open(row.body_sealed)
        return (body, body["choices"]) if body.get("choices") else None

    def _for_desk(self, picked: dict[str, Any]) -> None:
        case = desk.open_case_of(self.session, self.conversation)
        if picked["desk"] == "leave_queue" and self.conversation.holder == "waiting" and case is not None:
            self.conversation.holder = "bot"
            case.state, case.outcome, case.closed_at = "closed", "left_queue", func.now()
            database.notify(self.session, database.DESK, case.code)
            self._say("utter_queue_left")
        elif picked["desk"] == "rate":
            last = self.session.execute(
                select(Case)
                .where(Case.conversation_id == self.conversation.id, Case.state == "closed")
                .order_by(Case.closed_at.desc())
                .limit(1)
            ).scalar_one_or_none()
            if last is not None:
                last.rating = picked["value"]
            self._say("utter_feedback_thanks")
        elif self.conversation.holder != "bot":
            self._for_operator()
        else:
            self._say("utter_ok")

    def _danger(self, alarm: danger.Alarm) -> None:
        if self.conversation.language_source in ("default", "hint") and alarm.language != self.conversation.language:
            self.conversation.language, self.conversation.language_source = alarm.language, "detected"
        self.message.understood = alarm.kind
        is_open = desk.state(self.session, self.settings).open
        case = desk.open_case(self.session, self.conversation, priority="danger", reason=alarm.kind, topic=alarm.kind)
        self.message.case_id = case.id
        told = self.conversation.danger_at
        if told is None or self.now - told > DANGER_AGAIN:
            response = "utter_self_harm" if alarm.kind == "self_harm" else "utter_danger"
            held = self.conversation.holder == "operator"
            self._say(response if is_open or held else response + "_closed")
            self.conversation.danger_at = func.now()

    def _learn_language(self, text: str) -> None:
        if self.conversation.language_source != "chosen":
            found = languages.detect(text)
            if found:
                self.conversation.language, self.conversation.language_source = found, "detected"

    def _for_operator(self) -> None:
        _attach(self.session, self.conversation, self.message)
        told = self.conversation.acknowledged_at
        if self.conversation.holder == "waiting" and (told is None or self.now - told > WAITING_AGAIN):
            self._say("utter_waiting")
            self.conversation.acknowledged_at = func.now()

    def _for_bot(self, picked: dict[str, Any] | None) -> ForBot:
        text = self.body["text"].strip()
        has_media = bool(self.body.get("media")) and not text
        message: dict[str, Any] = {"text": text}
        if picked is not None:
            message = {"choice": {"intent": picked["intent"], "slots": picked["slots"]}}
        elif "entry" in self.body or (self.body.get("tap") and not text):
            message = {"choice": {"intent": "greet" if "entry" in self.body else "show_menu", "slots": {}}}
        elif not text:
            message = {"choice": {"intent": "nlu_fallback", "slots": {}}}
        state = self.conversation.state_sealed
        context = {
            "language": self.conversation.language,
            "channel": self.conversation.channel,
            "country": self.conversation.country,
            "desk": desk.state(self.session, self.settings).as_context(),
            "entry_topic": None,
            "welcomed": self._welcomed(),
            "media": has_media,
            "mentioned_country": countries.mentioned(text, self.conversation.language) if picked is None else None,
        }
        request = {
            "conversation": self.conversation.code,
            "message": message,
            "state": self.seal.open(state) if state else None,
            "context": context,
        }
        waited = (self.now - self.message.created_at).total_seconds()
        return ForBot(self.conversation.id, self.message.id, request, waited, self.conversation.fallback_at is not None)

    def _welcomed(self) -> bool:
        return (
            self.session.execute(
                select(Message.id)
                .where(Message.conversation_id == self.conversation.id, Message.author == "bot")
                .limit(1)
            ).first()
            is not None
        )
