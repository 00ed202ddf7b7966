"""Planted words of a person, followed through intake, turns and delivery while everything fails: nowhere in clear."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, text, update

from channels.contract import GiveUp, Incoming, Media, OptedOut, Part, Retry, SendError, Uncertain
from helpline import desk, intake, logs
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Operator
from helpline.settings import Settings
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot, FakeChannel, Says, answers, response, said, until
from tests.stack import worker

PHONE, TEXT, NAME, TOKEN = (
    "+48600777888",
    "my husband locks the green door",
    "Kateryna-Planted",
    "123456:AAH-planted-token",
)
FORMS = [
    form
    for word in (PHONE, PHONE[1:], TEXT, NAME, TOKEN)
    for form in (word, base64.b64encode(word.encode()).decode().rstrip("=")[:-1], word.encode().hex(), word[::-1])
]


@dataclass(frozen=True)
class Said:
    """What the process said: on its output, formatted as in production, and to any logger, formatted carelessly."""

    printed: io.StringIO
    records: list[str]


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    made = Said(io.StringIO(), [])
    formatter = logging.Formatter("%(name)s %(message)s")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.records.append(formatter.format(record))

    monkeypatch.setattr(sys, "stdout", made.printed)
    monkeypatch.setattr(sys, "stderr", made.printed)
    root = logging.getLogger()
    before, levels = list(root.handlers), {name: logging.getLogger(name).level for name in ("", *logs.OURS)}
    logs.configure("worker")
    root.addHandler(Keep(logging.DEBUG))
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield made
    structlog.reset_defaults()  # it holds on to the output of this test
    root.handlers[:] = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def planted(haystack: str) -> list[str]:
    return [form for form in FORMS if form.lower() in haystack.lower()]


def columns(engine: Engine) -> Iterator[tuple[str, str]]:
    """Every text, json and bytea column of every table, with everything that is in it."""
    with engine.connect() as connection:
        wanted = connection.execute(
            text(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'public' "
                "AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea')"
            )
        ).all()
        for table, column, kind in wanted:
            cell = f'"{column}"' if kind == "bytea" else f'"{column}"::text'
            rows = connection.execute(text(f'SELECT {cell} FROM "{table}"'))  # noqa: S608  # names come from the catalogue
            values = [
                bytes(row[0]).decode("latin-1") + bytes(row[0]).hex() if kind == "bytea" else str(row[0])
                for row in rows
                if row[0] is not None
            ]
            yield f"{table}.{column}", "\n".join(values)


class Leaky(Exception):
    """An error whose text holds what a library's errors hold: the person's words."""


def rule(address: str, part: Part, attempt: int) -> SendError | Exception | None:
    outcomes: list[SendError | Exception | None] = [
        Retry("429", after=0.05),
        Uncertain("timeout"),
        Leaky(f"{address} {part.text} {TOKEN}"),
    ]
    return outcomes[attempt - 1] if attempt <= len(outcomes) else None


def bot_rule(request: dict[str, Any]) -> Says:
    told = json.dumps(request, ensure_ascii=False).encode()
    kind = {
        "one": Says(500, told),
        "two": Says(body=told),
        "three": answers({"response": said(request)}),
        "four": answers({"command": TEXT}),
    }
    for word, says in kind.items():
        if word in said(request):
            return says
    return answers(response("utter_operator_here", alias=NAME), state={"name": NAME, "text": said(request)})


def test_no_planted_value_is_logged_printed_or_stored_in_clear(
    output: Said,
    bot: FakeBot,
    work: Work,
    writes: Writes,
    make: Sessions,
    keys: Keyring,
    served: Settings,
    engine: Engine,
    operator: Operator,
) -> None:
    bot.rule = bot_rule
    guarded = replace(served, telegram_token=TOKEN, twilio_auth_token=TOKEN)
    person = writes("sms", address=PHONE)
    for number, word in enumerate(("zero", "one", "two", "three", "four", "five")):
        media = (Media("contact", PHONE), Media("voice", TOKEN)) if word == "five" else ()
        event = Incoming(
            PHONE,
            f"SM{number}",
            text=f"{TEXT}, {word}, I am {NAME}, call {PHONE}",
            media=media,
            tap=TOKEN,
            language="en",
        )
        with transaction(make) as session:
            intake.receive(session, keys, guarded, "sms", event)
    channel = FakeChannel(rule=rule)
    with worker(guarded, engine, keys, {"sms": channel}):
        assert until(lambda: person.row().turn_due_at is None, 60)
        with transaction(make) as session:
            case = desk.open_case(session, session.merge(person.row()), priority="normal", reason="asked")
            desk.claim(session, keys, case.code, session.merge(operator))
            desk.reply(session, keys, case, session.merge(operator), f"Dear {NAME}, {TEXT}")
        assert until(lambda: len(channel.tried) >= 3)
        with transaction(make) as session:  # rows that our own code cannot open: errors from deep inside
            session.execute(update(Conversation).values(turn_lease_until=None))  # first, as the worker locks
            session.execute(update(Message).where(Message.state == "queued").values(body_sealed=b"damaged"))
        assert until(lambda: channel.tried)
        bot.stop()
        person.says(f"{TEXT} {NAME}", wait=False)
        until(lambda: False, 0.5)
    printed = output.printed.getvalue()
    assert "turn failed" in printed, "nothing was logged, so nothing was tested"
    assert "part not sent" in printed
    assert planted(printed) == []
    assert [line[:60] for line in output.records if planted(line)] == []
    found = dict(columns(engine))
    assert len(found) > 25
    assert {name: planted(value) for name, value in found.items() if planted(value)} == {}


def test_the_search_finds_what_is_planted(make: Sessions, keys: Keyring, engine: Engine, writes: Writes) -> None:
    """A test that cannot fail would be no test."""
    writes("sms", address=PHONE).says("hello", wait=False)
    with transaction(make) as session:
        session.execute(update(Conversation).values(entry=NAME, consent={"x": TEXT}, state_sealed=PHONE.encode()))
    found = {name for name, value in columns(engine) if planted(value)}
    assert found == {"conversations.entry", "conversations.consent", "conversations.state_sealed"}


@pytest.mark.parametrize(
    "exception",
    [
        GiveUp("63024"),
        OptedOut("21610"),
        Leaky(TEXT),
        UnicodeEncodeError("utf-8", TEXT, 0, 1, TEXT),
        KeyError(NAME),
    ],
)
def test_an_exception_is_logged_as_its_class_and_place_only(exception: Exception) -> None:
    try:
        raise exception
    except Exception as error:
        place = logs.where(error)
    assert place.startswith(type(exception).__name__)
    assert planted(place) == []
