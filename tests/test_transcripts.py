"""Conversations as people have them, in tests/transcripts/<language>/*.txt, played against real Rasa and PostgreSQL.

    > text            the person writes          utter_x  words   the bot says this response, beginning with these words
    >> title          the person taps a choice   [holder waiting] [case high asked ask_job_offer confidential] [no case]
    [language uk]     what the database knows    [screening job_offer met_online,no_contract complete] [watched]
    [desk open]       an operator is online      [operator claims] [operator writes: text] [operator closes]
    [rated helped]    [erased]                   # a comment; the first line says what the conversation shows

Every message of ours must be listed, in order: a reply too many fails like a reply too few.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from helpline import desk, housekeeping, operators
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from helpline.settings import Settings
from locales import LANGUAGES
from tests.stack import Heard, Person

FOLDER = Path(__file__).parent / "transcripts"
FILES = sorted(FOLDER.glob("*/*.txt"))
IN_EVERY_LANGUAGE = frozenset({
    "job_offer", "present_job", "travel", "home", "someone", "stop_questions", "correction", "danger", "cover",
    "delete", "change_language", "follow_up", "under_18", "talk_to_person",
})  # fmt: skip
"""Every path of questions, stopping and correcting, danger, hiding, erasing, another language, a child, a person."""


class Play:
    """One transcript on a running helpline."""

    def __init__(self, person: Person, make: Sessions, keys: Keyring) -> None:
        self.person, self.make, self.keys = person, make, keys
        self.unread: list[Heard] = []

    def line(self, line: str) -> None:
        if line.startswith(">> "):
            self._nothing_unread()
            self.unread = self.person.taps(line[3:])
        elif line.startswith("> "):
            self._nothing_unread()
            self.unread = self.person.says(line[2:])
        elif line.startswith("["):
            self._state(line.strip("[]"))
        else:
            self._hears(*line.partition(" ")[::2])

    def end(self) -> None:
        self._nothing_unread()

    def _nothing_unread(self) -> None:
        assert not self.unread, f"not in the transcript: {[(m.response, m.text) for m in self.unread]}"

    def _hears(self, response: str, words: str) -> None:
        assert self.unread, f"nothing was said, expected {response}"
        heard = self.unread.pop(0)
        assert heard.response == response, f"expected {response}, heard {heard.response}: {heard.text}"
        assert heard.text.startswith(words.strip()), heard.text

    def _state(self, wanted: str) -> None:
        name, _, rest = wanted.partition(" ")
        getattr(self, f"_{name}")(rest)

    def _desk(self, state: str) -> None:
        with transaction(self.make) as session:
            operator = session.execute(select(Operator)).scalar_one_or_none() or operators.add(
                session, "ada", alias="Ada"
            )
            operator.seen_at = operator.active_at = func.now()
            operator.available = state == "open"

    def _holder(self, wanted: str) -> None:
        assert self.person.row().holder == wanted

    def _language(self, wanted: str) -> None:
        assert self.person.row().language == wanted

    def _country(self, wanted: str) -> None:
        assert self.person.row().country == wanted

    def _watched(self, _: str) -> None:
        assert self.person.row().contact_safety == {"watched": True, "contact_first": False}

    def _no(self, _: str) -> None:
        case = self.person.case()
        assert case is None or case.state == "closed"

    def _case(self, wanted: str) -> None:
        case = self.person.case()
        assert case is not None
        facts = f"{desk.PRIORITIES[case.priority]} {case.reason} {case.topic or '-'} {case.consent}"
        assert facts == wanted

    def _screening(self, wanted: str) -> None:
        done = self.person.screenings()[-1]
        state = "complete" if done.complete else "stopped"
        assert f"{done.path} {','.join(done.matched) or '-'} {state}" == wanted

    def _rated(self, wanted: str) -> None:
        case = self.person.case()
        assert case is not None
        assert case.rating == wanted

    def _erased(self, _: str) -> None:
        """Nothing of the conversation is left but what was said after erasing."""
        with transaction(self.make) as session:
            row = session.execute(select(Conversation).where(Conversation.holder == "closed")).scalar_one()
            theirs = Message.conversation_id == row.id, Message.author == "person"
            assert session.execute(select(func.count()).where(*theirs)).scalar_one() == 0
            session.execute(update(Conversation).where(Conversation.id == row.id).values(erase_at=func.now()))
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline:
            with self.make() as session:
                row = session.get_one(Conversation, row.id)
                if row.key_wrapped is None and row.address_sealed is None and row.address_index is None:
                    return
            time.sleep(0.2)
        raise AssertionError("the key was not destroyed")

    def _operator(self, what: str) -> None:
        self._nothing_unread()
        with transaction(self.make) as session:
            operator = session.execute(select(Operator)).scalar_one()
            case = session.execute(select(Case).where(Case.state != "closed")).scalar_one()
            if what == "claims":
                desk.claim(session, self.keys, case.code, operator)
            elif what == "closes":
                desk.close(session, self.keys, case, operator, "helped")
            else:
                desk.reply(session, self.keys, case, operator, what.partition(": ")[2])
        self.unread = self.person.listens()
        if what.startswith("writes"):
            assert [message.text for message in self.unread] == [what.partition(": ")[2]]
            self.unread = []


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due by the clock, like destroying the key of an erased chat, is done soon."""
    monkeypatch.setattr(housekeeping, "EVERY", 0.3)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_conversation(path: Path, make: Sessions, keys: Keyring, helpline: Settings) -> None:
    play = Play(Person(make, keys, helpline, language=path.parent.name), make, keys)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            play.line(line.strip())
        except AssertionError as error:
            raise AssertionError(f"{path.name}:{number}: {line}\n{error}") from error
    play.end()


def test_every_language_has_the_conversations_that_matter() -> None:
    names = {folder.name: {path.stem for path in folder.glob("*.txt")} for folder in FOLDER.iterdir()}
    assert set(names) == set(LANGUAGES)
    missing = {language: IN_EVERY_LANGUAGE - found for language, found in names.items() if IN_EVERY_LANGUAGE - found}
    assert missing == {}


def test_every_transcript_says_what_it_shows() -> None:
    assert all(re.match(r"# \w", path.read_text(encoding="utf-8")) for path in FILES)
