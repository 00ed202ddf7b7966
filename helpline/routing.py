"""Where a message goes before the bot sees it: the danger path, the desk, a choice, a language, or to the bot.

One `Turn` is one message of a locked conversation; it settles what needs no model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpline import (
    ages,
    alarms,
    answers,
    attachments,
    availability,
    choices,
    conversations,
    countries,
    cover,
    danger,
    database,
    desk,
    erasure,
    languages,
    normalise,
    passing,
    safety,
    window,
    words,
)
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message
from helpline.settings import Settings

SHOW_TYPING = ("telegram",)
WAITING_AGAIN = timedelta(minutes=10)
LOOK_BACK = 4
"""Messages of ours that are searched for a menu; an older one is no longer what a bare number means."""


@dataclass(frozen=True)
class ForBot:
    """A message that the bot must answer: what to ask it, and what to remember until it does."""

    conversation_id: int
    message_id: int
    request: dict[str, Any]
    waited: float  # seconds since the person wrote
    told: bool  # the person already heard that a person will read this
    channel: str = ""
    address: str | None = field(default=None, repr=False)  # only where "typing…" can be shown


def attach(session: Session, conversation: Conversation, message: Message) -> Case | None:
    """Hang the message on the open case, so that its operator sees it. Returns the case, `None` if there is none."""
    case = desk.open_case_of(session, conversation)
    if conversation.holder == "operator":
        for paused in passing.to_wake(session, conversation):
            passing.wake(session, paused)
    if case is not None or conversation.holder == "operator":  # a supervisor's, for a complaint
        attachments.want(session, conversation)
    if case is not None:
        message.case_id = case.id
        database.notify(session, database.DESK, database.SAID + case.code)
    return case


class Turn:
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
        edited = bool(self.body.get("edited"))
        if not edited and self._covers(self.body["text"]):
            return None
        picked = self._picked() if not edited else None
        if picked is not None and "desk" in picked:
            self._for_desk(picked)
            return None
        text = self.body["text"]
        alarm = self._alarm(picked, text)
        if alarm is not None:
            alarms.act(self.session, self.keys, self.settings, self.conversation, self.message, alarm)
            return None
        if edited:  # no new turn; whoever reads the chat sees what it says now
            attach(self.session, self.conversation, self.message)
            return None
        if picked is None:
            self._learn_language(text)
            self._keep_silent(text)
        child = self._child(picked, text)
        if self.conversation.holder in ("waiting", "operator"):
            if child:
                desk.open_case(self.session, self.conversation, priority="child", reason="is_minor")
            if picked is not None or not self._always_works(text):
                self._for_operator()
            return None
        if picked is None and self._no_such_number(text):
            return None
        return self._for_bot({"intent": "is_minor", "slots": {}} if child else picked)

    def _covers(self, text: str) -> bool:
        """The cover word, or anything said under its cover (helpline/cover.py): answered with small talk alone."""
        if not self._covered(text):
            return False
        picked = self._picked()
        if self._erases(picked, text):
            return picked is None
        if cover.is_on(self.conversation) and cover.ends(text):
            self._uncover()
        else:
            self._talk_small(picked, text)
        if self.conversation.holder != "bot":
            attach(self.session, self.conversation, self.message)
        return True

    def _covered(self, text: str) -> bool:
        """Whether the cover is on, or begins with this message or one that waits behind it."""
        if cover.is_on(self.conversation):
            return True
        begins = cover.begins(text) and cover.is_known(self.session, self.conversation)
        return begins or cover.is_called(self.session, self.keys, self.conversation)

    def _talk_small(self, picked: dict[str, Any] | None, text: str) -> None:
        """Whatever was written or tapped, small talk is said; danger and a child open a case without a word."""
        if not cover.is_on(self.conversation):
            cover.put_on(self.conversation)
            window.withdraw(self.session, self.conversation)
        alarm = self._alarm(picked, text)
        if alarm is not None:
            alarms.act(self.session, self.keys, self.settings, self.conversation, self.message, alarm)
            return
        if self._child(picked, text):
            desk.open_case(self.session, self.conversation, priority="child", reason="is_minor")
        self._say(cover.small_talk(self.conversation))

    def _child(self, picked: dict[str, Any] | None, text: str) -> bool:
        return ages.says_child(text) if picked is None else picked.get("intent") == "is_minor"

    def _erases(self, picked: dict[str, Any] | None, text: str) -> bool:
        """Erasing works under the cover too: the word is answered with the question, and its answer is taken."""
        if picked is not None:
            return picked.get("desk") in ("erase", "keep")
        if not self._means(text, "utter_word_delete"):
            return False
        self._say("utter_delete_ask")
        return True

    def _uncover(self) -> None:
        cover.take_off(self.conversation)
        self._say(cover.ENDED)
        claimed = select(Case).where(Case.conversation_id == self.conversation.id, Case.state == "claimed")
        for case in self.session.execute(claimed.order_by(Case.id)).scalars():  # who came meanwhile could not say so
            if case.operator is not None:
                self._say("utter_operator_here", alias=case.operator.alias)
                case.untold = False

    def _no_such_number(self, text: str) -> bool:
        """A bare number that stands under no choice: the choices are shown again."""
        said = normalise.words(text)
        offered = self._offered() if len(said) == 1 and said[0].isascii() and said[0].isdecimal() else None
        if offered is None or len(said[0]) > 2:
            return False
        self._say("utter_no_such_number")
        conversations.say(self.session, self.keys, self.conversation, dict(offered[0]), author="system")
        return True

    def can_be_passed_over(self) -> bool:
        """Whether nothing is lost if only a later message is answered: no danger, no child, no choice for the desk."""
        if self._covered(self.body["text"]):
            return False
        picked = self._picked() if not self.body.get("edited") else None
        if self._child(picked, self.body["text"]):
            return False
        return not (picked is not None and "desk" in picked) and self._alarm(picked, self.body["text"]) is None

    def _alarm(self, picked: dict[str, Any] | None, text: str) -> danger.Alarm | None:
        """Danger that was tapped, or in words whose handling failed when they were stored (intake)."""
        if picked is None:
            return danger.find(text, self.conversation.language) if text else None
        kind = picked.get("intent")
        return danger.Alarm(kind, self.conversation.language) if kind in danger.KINDS else None

    def _say(self, response: str, **args: Any) -> None:
        body = words.complete(desk.body(response, **args), self.settings.name, self.conversation.country)
        conversations.say(self.session, self.keys, self.conversation, body, author="system")

    def _picked(self) -> dict[str, Any] | None:
        """The choice that the person tapped, numbered or wrote; `None` for free text."""
        tap = choices.untoken(self.body["tap"]) if "tap" in self.body else None
        if tap is not None:
            offered = self._offered(Message.id == tap[0])
            if not offered or tap[1] >= len(offered[1]):
                return None
            return self._fresh(offered[1][tap[1]], tap[0])
        if not self.body["text"]:
            return None
        offered = self._offered()
        if not offered:
            return None
        body, options = offered
        about_us = body.get("response") == "utter_feedback"
        if about_us and self.conversation.holder != "bot":  # a new case since: "no" and "1" are for its operator
            return None
        ended = desk.ended_last(self.session, self.conversation) if about_us else None
        if ended is not None and ended.rating is not None:
            return None  # they have said it: the next "yes" is for the bot
        index = choices.match(self.body["text"], words.line(body, self.conversation.language).choices)
        if index is None and about_us:
            helped = answers.yes_or_no(self.body["text"])
            index = None if helped is None else 0 if helped else len(options) - 1
        return options[index] if index is not None else None

    def _fresh(self, picked: dict[str, Any], message_id: int) -> dict[str, Any]:
        """A bare "yes" under an older question must not answer the one that is open now: that is said again."""
        if picked.get("intent") not in ("affirm", "deny", "skip"):
            return picked
        later = self.session.execute(
            select(Message.body_sealed).where(
                Message.conversation_id == self.conversation.id,
                Message.author.in_(("bot", "system")),
                Message.id > message_id,
                Message.id < self.message.id,
            )
        ).scalars()
        stale = any(words.offered(self.seal.open(sealed)) for sealed in later)
        return {"title": "", "intent": "repeat", "slots": {}} if stale else picked

    def _offered(self, *which: Any) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """The message that offers choices: the tapped one, or the latest of our last few that has any.

        Whoever answers "1" and "2" to one menu means that menu both times.
        """
        rows = self.session.execute(
            select(Message.body_sealed)
            .where(
                Message.conversation_id == self.conversation.id,
                Message.author.in_(("bot", "system")),
                Message.id < self.message.id,
                *which,
            )
            .order_by(Message.id.desc())
            .limit(LOOK_BACK)
        ).scalars()
        for sealed in rows:
            body = self.seal.open(sealed)
            options = words.offered(body)
            if options:
                return body, options
        return None

    def _for_desk(self, picked: dict[str, Any]) -> None:
        """A choice that the desk decides without the bot."""
        asked = picked["desk"]
        if asked == "leave_queue" and self.conversation.holder == "waiting":
            self._leave_queue("utter_queue_left")
        elif asked == "erase":
            erasure.begin(self.session, self.keys, self.conversation, self.message.id)
            self._say("utter_delete_done")
        elif asked == "keep":
            self._say("utter_delete_kept")
        elif asked == "callback":
            self._say("utter_callback_when")
        elif asked == "callback_at":
            self._callback(str(picked.get("value")))
        elif asked == "callback_way":
            self._other_way()
        elif asked == "rate":
            last = desk.ended_last(self.session, self.conversation)
            if last is not None:
                last.rating = picked["value"]
            self._say("utter_feedback_thanks")
        elif self.conversation.holder != "bot":
            self._for_operator()
        else:
            self._say("utter_ok")

    def _callback(self, when: str) -> None:
        """Whether and when a person may write first. Kept with the conversation; `helpline.safety` enforces it."""
        agreed = when in safety.HOURS
        if agreed and desk.open_case_of(self.session, self.conversation) is None:  # else nobody would write
            desk.open_case(self.session, self.conversation, priority="normal", reason="asked", take=False)
        self._agree(contact_first=agreed, when=when if agreed else None, zone=self.settings.timezone.key, way=None)
        self._say("utter_callback_kept" if agreed else "utter_callback_never")

    def _other_way(self) -> None:
        """This chat is not the safe way for a call back. Which one is, the person tells in the chat."""
        if self.conversation.holder == "bot":  # what they write now, a number or a name, is for people alone
            desk.open_case(self.session, self.conversation, priority="normal", reason="asked")
        self._agree(contact_first=False, way="other")
        self._say("utter_callback_other")

    def _agree(self, **agreed: Any) -> None:
        safe = self.conversation.contact_safety or {}
        self.conversation.contact_safety = {**safe, **agreed, "said": self.message.id}
        if (case := desk.open_case_of(self.session, self.conversation)) is not None:
            database.notify(self.session, database.DESK, case.code)

    def _leave_queue(self, response: str) -> None:
        """Back to the bot. A case of danger or of a child stays open: whoever holds the phone could have tapped."""
        case = desk.open_case_of(self.session, self.conversation)
        self.conversation.holder = "bot"
        self.conversation.danger_at = None
        if case is not None and desk.PRIORITIES[case.priority] not in ("danger", "child"):
            case.state, case.outcome, case.closed_at = "closed", "left_queue", func.now()
        if case is not None:
            database.notify(self.session, database.DESK, case.code)
        self._say(response)

    def _always_works(self, text: str) -> bool:
        """The words that we promise: "delete" in every state, "enough" while nobody has answered yet."""
        if self._means(text, "utter_word_delete"):
            self._say("utter_delete_ask")
            return True
        if self.conversation.holder == "waiting" and self._stops(text):
            self._agree()  # nobody writes until they do, also if their case stays open
            self._leave_queue("utter_stopped")
            return True
        return False

    def _stops(self, text: str) -> bool:
        return self._means(text, "utter_word_stop") or normalise.words(text) == ["stop"]

    def _keep_silent(self, text: str) -> None:
        """Whoever agreed that we write first takes it back with the word that we named."""
        agreed = self.conversation.contact_safety or {}
        if safety.calls_back(agreed) and self._stops(text):
            self.conversation.contact_safety = {**agreed, "contact_first": False, "when": None, "way": None}

    def _means(self, text: str, response: str) -> bool:
        """Whether the whole message is this word in any of our languages."""
        said = normalise.words(text)
        return any(said == normalise.words(word) for word in words.in_every_language(response))

    def _learn_language(self, text: str) -> None:
        if self.conversation.language_source != "chosen":
            settled = self.conversation.language_source != "default"
            found = languages.detect(text, self.conversation.language if settled else None)
            if found:
                self.conversation.language, self.conversation.language_source = found, "detected"

    def _for_operator(self) -> None:
        desk.introduce_late(self.session, self.keys, attach(self.session, self.conversation, self.message))
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
        elif not text and ("entry" in self.body or self.body.get("tap")):
            message = {"choice": {"intent": "greet" if "entry" in self.body else "show_menu", "slots": {}}}
        elif not text:
            message = {"choice": {"intent": "nlu_fallback", "slots": {}}}
        state = self.conversation.state_sealed
        context = {
            "language": self.conversation.language,
            "channel": self.conversation.channel,
            "country": self.conversation.country,
            "desk": availability.state(self.session, self.settings).as_context(),
            "entry_topic": None,
            "welcomed": cover.is_known(self.session, self.conversation),
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
        sealed = self.conversation.address_sealed
        return ForBot(
            self.conversation.id,
            self.message.id,
            request,
            waited,
            told=self.conversation.fallback_at is not None,
            channel=self.conversation.channel,
            address=self.seal.open(sealed) if sealed and self.conversation.channel in SHOW_TYPING else None,
        )
