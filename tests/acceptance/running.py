"""The whole helpline as processes of its own, for checks that kill, freeze and starve it.

The fixture `running` (tests/acceptance/conftest.py) gives one `Running` for the test run, whole again before each test:

    running.web, running.worker     a `Process` each: kill(), pause(), go_on(), stop(), restart(NAME="value"), alive
    running.another_worker()        a second worker; it ends with the test
    running.postgres                `Postgres`: stop(), start(), pause(), go_on(), set(), locked(), sql()
    running.bot                     `Bot`: answers each turn by quoting the message; hold(), release(), answer = …
    running.with_bot(url)           the worker asks another bot, such as the real one: the fixture `with_rasa` does it
    running.telegram, .twilio       local providers: sent, texts(address), tries(address), fails(…), hangs(…)

People write through signed webhooks, over real HTTP:

    chat = running.new_chat();    running.telegrams(chat, "hello")     → httpx.Response
    phone = running.new_phone();  running.texts(phone, "hello")        SMS; `whatsapps` likewise
    running.update(bytes)                                              any body with Telegram's secret
    running.twilio_posts("sms", fields)                                any fields with Twilio's signature

and the test looks at what the provider was sent, or at the rows:

    running.until(lambda: running.telegram.texts(str(chat)), 10)       waits, else fails
    running.make, running.keys, running.settings                       sessions, keyring and settings of the system
    running.person(chat), running.messages(chat)                       rows of a chat or phone; `said` opens their text

Nothing of it faces anything but loopback. Logs are in `running.folder`, one file per process.
"""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from honcho.environ import parse_procfile
from sqlalchemy import select

from helpline import conversations, database, migrate, model
from helpline.keys import keyring
from helpline.models import Conversation, Message
from helpline.settings import load
from tests.acceptance.bot import Bot
from tests.acceptance.postgres import Postgres
from tests.acceptance.providers import WatchedTelegram, WatchedTwilio
from tests.providers import telegram, twilio
from tests.stack import free_port

SECRET = "a-secret-of-the-webhook"
SMS_FROM, WHATSAPP_FROM = "+48732000001", "+48732000002"
READY_WITHIN = 60.0

Who = int | str
"""A Telegram chat id, a phone number, or `whatsapp:` and a number."""


class Process:
    """One process of the Procfile with its children, in a process group of its own."""

    def __init__(self, name: str, command: str, environment: dict[str, str], log: Path) -> None:
        self.name, self.log = name, log
        self._command, self._environment = shlex.split(command), environment
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False
        self.special = False  # started with an environment that others did not ask for

    def start(self, **environment: str) -> None:
        self.special = bool(environment)
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                cwd=model.ROOT,
                env=self._environment | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """`kill -9` of the process and all of its children at once."""
        self._signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> None:
        """Ask it to end, as a process manager does."""
        self.go_on()
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
        self._ended()

    def _ended(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(5)

    def pause(self) -> None:
        """Freeze it: it lives, and does nothing."""
        self._paused = True
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        if self._paused:
            self._paused = False
            self._signal(signal.SIGCONT)

    def restart(self, **environment: str) -> None:
        """End it if it runs, and start it; `environment` holds for this life only."""
        self.stop()
        self.start(**environment)


class Running:
    """PostgreSQL, web and worker on free ports of loopback with a `var` of their own, and what stands around them."""

    def __init__(self, folder: Path, database_folder: Path | None = None, **more: str) -> None:
        self.folder = folder
        self.postgres = Postgres(database_folder or folder / "postgres")
        self.telegram, self.twilio = WatchedTelegram().__enter__(), WatchedTwilio().__enter__()
        self.bot = Bot()
        self.web_port = free_port()
        named = {
            "WAYLINE_DEMO": "1",
            "WAYLINE_VAR": str(folder / "var"),
            "WAYLINE_DATABASE_URL": self.postgres.url,
            "WAYLINE_HTTP": f"127.0.0.1:{self.web_port}",
            "WAYLINE_BOT_URL": self.bot.url,
            "WAYLINE_TELEGRAM_TOKEN": self.telegram.token,
            "WAYLINE_TELEGRAM_SECRET": SECRET,
            "WAYLINE_TELEGRAM_API_URL": self.telegram.url,
            "WAYLINE_TWILIO_ACCOUNT_SID": self.twilio.account_sid,
            "WAYLINE_TWILIO_AUTH_TOKEN": self.twilio.auth_token,
            "WAYLINE_TWILIO_API_URL": self.twilio.url,
            "WAYLINE_TWILIO_SMS_FROM": SMS_FROM,
            "WAYLINE_TWILIO_WHATSAPP_FROM": WHATSAPP_FROM,
            **more,
        }
        self.settings = load(named)
        self.engine = database.engine(self.settings)
        self.make = database.sessions(self.engine)
        migrate.upgrade(self.engine)
        self.keys = keyring(self.settings)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WAYLINE_")}
        self._environment = {**inherited, **named, "PYTHONUNBUFFERED": "1"}
        self._commands = {
            name: command.replace("${WEB_BIND}", named["WAYLINE_HTTP"])
            for name, command in parse_procfile((model.ROOT / "Procfile").read_text()).processes.items()
        }
        self.web, self.worker = self.process("web"), self.process("worker")
        self._others: list[Process] = []
        self.client = httpx.Client(
            base_url=self.settings.origin,
            timeout=30,
            trust_env=False,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=0),
        )
        self._numbers = itertools.count(int(time.time()) % 100_000 * 1000)
        try:
            self.mend()
        except BaseException:
            self.close()  # a worker that is left behind would answer the next run's messages
            raise

    def process(self, name: str, log: str = "") -> Process:
        """A process of the Procfile by its name, not started."""
        return Process(name, self._commands[name], self._environment, self.folder / f"{log or name}.log")

    def another_worker(self, **environment: str) -> Process:
        """A second worker process, started; it ends with the test."""
        made = self.process("worker", f"worker-{len(self._others) + 2}")
        self._others.append(made)
        made.start(**environment)
        return made

    def with_bot(self, url: str) -> None:
        """The worker asks the bot at `url`, until the test ends."""
        self.worker.restart(WAYLINE_BOT_URL=url)

    def mend(self) -> None:
        """Everything runs as at the start; what is held is let go. What is stored stays."""
        self.telegram.mend()
        self.twilio.mend()
        self.bot.mend()
        for other in self._others:
            other.go_on()
            other.kill()
        self._others.clear()
        self.postgres.mend()
        for process in (self.web, self.worker):
            process.go_on()
            if process.special:
                process.stop()
            if not process.alive:
                process.start()
        self.until(self.answers, READY_WITHIN)

    def answers(self) -> bool:
        """Whether `web` takes messages."""
        try:
            return self.client.get("/readyz", timeout=6).json().get("database") is True
        except (httpx.HTTPError, ValueError):
            return False

    def close(self) -> None:
        self.client.close()
        self.engine.dispose()
        for process in (self.web, self.worker, *self._others):
            process.go_on()
            process.kill()
        self.bot.close()
        self.telegram.mend()
        self.twilio.mend()
        self.telegram.__exit__(None, None, None)
        self.twilio.__exit__(None, None, None)
        self.postgres.close()

    # People and providers

    def number(self) -> int:
        """A number that nothing else has."""
        return next(self._numbers)

    def new_chat(self) -> int:
        """A Telegram chat that nobody used before."""
        return 1_000_000_000 + self.number()

    def new_phone(self) -> str:
        """A phone number that nobody used before."""
        return f"+48600{self.number() % 1_000_000:06}"

    def telegrams(self, chat: int, text: str, update: int | None = None) -> httpx.Response:
        """Somebody writes on Telegram. `update` is the update's id; giving the same one again is a repetition."""
        message = telegram.message(chat, text=text)
        message["from"]["language_code"] = "en"
        return self.update(telegram.update(self.number() if update is None else update, message=message))

    def update(self, body: bytes, **headers: str) -> httpx.Response:
        """Telegram calls the webhook with `body`."""
        return self.client.post(
            "/webhooks/telegram",
            content=body,
            headers={"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json", **headers},
        )

    def new_sid(self) -> str:
        return f"SM{self.number():032x}"

    def texts(self, phone: str, text: str, sid: str | None = None) -> httpx.Response:
        """Somebody sends an SMS."""
        return self.twilio_posts("sms", twilio.sms(phone, text, sid or self.new_sid()))

    def whatsapps(self, phone: str, text: str, sid: str | None = None) -> httpx.Response:
        return self.twilio_posts("whatsapp", twilio.whatsapp(phone, text, sid or self.new_sid()))

    def reports(self, sid: str, status: str, error: str | None = None, url: str | None = None) -> httpx.Response:
        """Twilio reports what became of a message; `url` is the address that the message named, if it matters."""
        return self.twilio_posts("status", twilio.status_callback(sid, status, error), url)

    def twilio_posts(self, path: str, fields: dict[str, str], url: str | None = None) -> httpx.Response:
        """Twilio calls the webhook `path` (sms, whatsapp, status) with a right signature."""
        address = url or f"{self.settings.origin}/webhooks/twilio/{path}"
        headers, body = twilio.webhook(address, fields, self.twilio.auth_token)
        return self.client.post(address, content=body, headers=headers)

    # What is stored

    def _found(self, session: Any, who: Who) -> Conversation:
        channel, address = _channel(who)
        row = conversations.find(session, self.keys, channel, address)
        assert row is not None, f"no conversation on {channel}"
        return row

    def person(self, who: Who) -> Conversation:
        """The conversation of a chat or phone as it stands now."""
        with self.make() as session:
            return self._found(session, who)

    def messages(self, who: Who, author: str = "") -> list[Message]:
        """Rows of a conversation in their order, with their parts; only those of `author` if one is named."""
        with self.make() as session:
            query = select(Message).where(Message.conversation_id == self._found(session, who).id).order_by(Message.id)
            rows = [row for row in session.execute(query).scalars() if not author or row.author == author]
            for row in rows:
                list(row.parts)
            return rows

    def said(self, who: Who) -> list[str]:
        """The texts that the person wrote, in the order in which they are stored."""
        seal = self.keys.seal(self.person(who).key_wrapped or b"")
        return [seal.open(row.body_sealed)["text"] for row in self.messages(who, "person")]

    def lapse(self) -> None:
        """Every lease runs out now: the minute that a dead worker's leases still stand is not waited for."""
        # Rows that a frozen process has locked are left alone: nobody could take them anyway.
        held = (
            "SELECT id FROM conversations WHERE turn_lease_until IS NOT NULL OR send_lease_until IS NOT NULL "
            "FOR UPDATE SKIP LOCKED"
        )
        past = "now() - interval '1 s'"
        self.postgres.sql(
            f"UPDATE conversations SET turn_lease_until = {past}, send_lease_until = {past} WHERE id IN ({held})"  # noqa: S608  # ours
        )

    def until(self, what: Callable[[], object], seconds: float = 60) -> float:
        """Wait until `what` is true; returns how long it took, fails after `seconds`."""
        started = time.monotonic()
        while not what():
            assert time.monotonic() - started < seconds, f"did not happen within {seconds:.0f} s"
            time.sleep(0.03)
        return time.monotonic() - started


def _channel(who: Who) -> tuple[str, str]:
    if isinstance(who, int):
        return "telegram", str(who)
    return ("whatsapp", who.removeprefix("whatsapp:")) if who.startswith("whatsapp:") else ("sms", who)
