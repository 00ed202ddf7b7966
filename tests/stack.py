"""The helpline as tests run it: real Rasa and actions on free ports, a real worker, and people who write to it."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, select

from channels.contract import Channel, Incoming, Media
from helpline import conversations, intake, model, words
from helpline.choices import token
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Screening
from helpline.settings import Settings
from helpline.worker import Worker, warm_up

_ids = itertools.count(1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Rasa:
    """Real `rasa run` and actions. They are slow to start, so one pair serves a whole test run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.actions_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "rasa.log"
        self.bot: subprocess.Popen[bytes] | None = None
        self.actions: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.start_actions()
        self.start_bot()

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **model.RASA_ENV,
            "SANIC_HOST": "127.0.0.1",
            "BOT_PORT": str(self.port),
            "BOT_MODEL": str(model.train(lambda line: None)),
            "ACTIONS_URL": f"http://127.0.0.1:{self.actions_port}/webhook",
        }

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            return subprocess.Popen(
                command, cwd=model.ROOT, env=self._environment(), stdout=out, stderr=subprocess.STDOUT
            )

    def start_actions(self) -> None:
        python = str(model.ROOT / ".venv-bot/bin/python")
        self.actions = self._run(
            python, "-W", "ignore", "-m", "rasa_sdk", "--actions", "actions", "--port", str(self.actions_port)
        )

    def start_bot(self) -> None:
        self.bot = self._run("sh", "bin/bot")
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/webhooks/turn/ready", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if self.bot.poll() is not None:
                break
            time.sleep(0.2)
        raise RuntimeError(f"the bot did not start: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        for process in (self.bot, self.actions):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def worker(
    settings: Settings, engine: Engine, keys: Keyring, channels: dict[str, Channel] | None = None
) -> Iterator[Worker]:
    """A worker that runs in a thread of its own until the block ends."""
    warm_up()
    made = Worker(settings, engine, keys, channels or {})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(made.run()), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(made.stop)
        thread.join(10)
        loop.close()


@dataclass(frozen=True)
class Heard:
    """One message that a person got: its response name ("" for an operator's words), text and choices."""

    response: str
    text: str
    choices: tuple[str, ...]
    author: str
    message_id: int


@dataclass
class Person:
    """Somebody who writes to the helpline by one channel."""

    make: Sessions
    keys: Keyring
    settings: Settings
    channel: str = "web"
    language: str = "en"
    address: str = field(default_factory=lambda: f"person-{next(_ids)}")
    heard: list[Heard] = field(default_factory=list)
    patience: float = 0.02  # seconds between two looks for an answer

    def says(self, text: str, *, wait: bool = True, **fields: Any) -> list[Heard]:
        """Write `text` and return what comes back, once nothing more is due."""
        event = Incoming(self.address, f"test-{next(_ids)}", text=text, language=self.language, **fields)
        with transaction(self.make) as session:
            intake.receive(session, self.keys, self.settings, self.channel, event)
        return self.listens() if wait else []

    def taps(self, title: str) -> list[Heard]:
        """Tap the choice with this title under the last message that offers it."""
        for message in reversed(self.heard):
            if title in message.choices:
                return self.says("", tap=token(message.message_id, message.choices.index(title)))
        raise AssertionError(f"no choice {title!r}; offered: {[m.choices for m in self.heard]}")

    def sends(self, *media: Media) -> list[Heard]:
        return self.says("", media=media)

    def listens(self, seconds: float = 60.0) -> list[Heard]:
        """What came since the last time, once no turn is due."""
        deadline = time.monotonic() + seconds
        while self.row().turn_due_at is not None:
            if time.monotonic() > deadline:
                raise AssertionError("no answer in time")
            time.sleep(self.patience)
        after = self.heard[-1].message_id if self.heard else 0
        with self.make() as session:
            row = self._row(session)
            said = conversations.transcript(session, self.keys, row, after=after)
            new = [self._hear(item, row.language) for item in said if item.author != "person"]
        self.heard.extend(new)
        return new

    def _hear(self, item: conversations.Said, language: str) -> Heard:
        line = words.line(item.body, language)
        return Heard(item.body.get("response", ""), line.text, line.choices, item.author, item.id)

    def _row(self, session: Any) -> Conversation:
        index = self.keys.index(session, self.channel, self.address)
        found: Conversation = session.execute(
            select(Conversation).where(Conversation.channel == self.channel, Conversation.address_index == index)
        ).scalar_one()
        return found

    def row(self) -> Conversation:
        """The conversation as the database has it now."""
        with self.make() as session:
            return self._row(session)

    def case(self) -> Case | None:
        """The latest case of this person."""
        with self.make() as session:
            query = select(Case).where(Case.conversation_id == self._row(session).id).order_by(Case.id.desc()).limit(1)
            found: Case | None = session.execute(query).scalar_one_or_none()
            return found

    def screenings(self) -> list[Screening]:
        with self.make() as session:
            return list(
                session.execute(select(Screening).where(Screening.conversation_id == self._row(session).id)).scalars()
            )

    def messages(self) -> list[Message]:
        with self.make() as session:
            query = select(Message).where(Message.conversation_id == self._row(session).id).order_by(Message.id)
            return list(session.execute(query).scalars())


def with_bot(settings: Settings, url: str) -> Settings:
    return replace(settings, bot_url=url)
