"""The desk under load, on a helpline of its own: the queue page with a million closed cases, how soon a person's
words stand on an operator's screen, and what open pages cost.

The queue is timed in the console itself, without a network. The screen is real Chromium, with a bot that answers at
once. Open pages are imitated: each holds a live stream and asks, on every event of it, for what the queue page or a
case's page asks for. They run in a process of their own; only the console's processes are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from sqlalchemy import text

from benchmarks.desk_cases import FILL, PAGES, TOKEN, enter, fill, invited, page_times
from channels.contract import Incoming
from console import create_app
from helpline import conversations, database, desk, intake, migrate, model
from helpline.database import transaction
from helpline.keys import keyring
from helpline.models import Conversation, Operator
from helpline.settings import Settings, load
from tests.core.fakes import FakeBot
from tests.stack import free_port

OPERATORS = 50
ASKED = re.compile(r'name="(digest|banner|calls|readers|notes|shown|fetching|cards|desk)" value="([^"]*)"')

def queue(waiting: int, held: int, closed: int) -> None:
    """Print how long the queue page takes to make."""
    with fresh() as settings:
        engine = database.engine(settings)
        fill(engine, waiting, held, closed)
        app = create_app(settings, engine)
        print(f"{waiting:,} waiting, {held:,} held, {closed:,} closed")
        for username in ("op1", "op50"):
            client = app.test_client()
            enter(client, engine, username)
            for path in PAGES:
                took = page_times(client, path)
                print(f"{username:5} {path:12} median {statistics.median(took):8.1f} ms, most {max(took):8.1f} ms")
        app.extensions["wayline"].bell.close()
        engine.dispose()


@contextmanager
def fresh(**more: str) -> Iterator[Settings]:
    """Settings on an empty, migrated database with fsync on."""
    with tempfile.TemporaryDirectory() as folder:
        named = {
            "WAYLINE_DEMO": "1",
            "WAYLINE_VAR": str(Path(folder) / "var"),
            "WAYLINE_HTTP": f"127.0.0.1:{free_port()}",
            "WAYLINE_CONSOLE": f"127.0.0.1:{free_port()}",
            **more,
        }
        os.environ.update(named)
        settings = load(named)
        engine = database.engine(settings)
        migrate.upgrade(engine)
        keyring(settings)
        engine.dispose()
        yield settings


@contextmanager
def running(settings: Settings, *names: str) -> Iterator[dict[str, psutil.Process]]:
    """These lines of the Procfile, as `wayline up` starts them."""
    lines = dict(line.split(":", 1) for line in (model.ROOT / "Procfile").read_text().splitlines())
    binds = {"WEB_BIND": settings.http, "CONSOLE_BIND": settings.console}
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in names:
            command = lines[name].strip()
            for key, (host, port) in binds.items():
                command = command.replace("${" + key + "}", f"{host}:{port}")
            started[name] = subprocess.Popen(command.split(), cwd=model.ROOT)
        for name, (host, port) in {"web": settings.http, "console": settings.console}.items():
            while name in started:
                try:
                    httpx.get(f"http://{host}:{port}/healthz")
                    break
                except httpx.HTTPError:
                    time.sleep(0.2)
        yield {name: psutil.Process(process.pid) for name, process in started.items()}
    finally:
        for process in started.values():
            process.send_signal(signal.SIGTERM)
        for process in started.values():
            process.wait(20)


def screen(messages: int) -> None:
    """Print how long a person's message takes to an operator's screen, in Chromium."""
    from playwright.sync_api import sync_playwright

    bot = FakeBot()
    bot.start()
    with fresh(WAYLINE_BOT_URL=bot.url) as settings, ExitStack() as open_:
        engine = database.engine(settings)
        with engine.begin() as connection:
            connection.execute(text(FILL.split("CREATE TEMP")[0]))
        open_.callback(engine.dispose)
        open_.enter_context(running(settings, "web", "console", "worker"))
        chromium = open_.enter_context(sync_playwright()).chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        open_.callback(chromium.close)
        phone, desk_page = chromium.new_context().new_page(), chromium.new_context().new_page()
        address = f"http://127.0.0.1:{settings.console[1]}"
        phone.goto(f"{settings.origin}/chat")
        phone.locator("textarea").fill("hello")
        phone.keyboard.press("Enter")
        phone.get_by_text("<hello|1>").wait_for(timeout=20_000)
        with transaction(database.sessions(engine)) as session:
            person = session.query(Conversation).one()
            code = desk.open_case(session, person, priority="normal", reason="asked", consent="shared").code
        desk_page.goto(f"{address}/once/{invited(engine, 'op1')}")
        desk_page.get_by_role("button", name="Sign in").click()
        desk_page.locator(f"#claim-{code}").click()
        desk_page.locator("#live.on").wait_for()
        took = []
        chance = random.Random(1)
        for _ in range(messages):
            time.sleep(2.2 + chance.random())  # who writes 30 in a minute is not answered one by one
            said = f"message {uuid.UUID(int=chance.getrandbits(128))}"
            phone.locator("textarea").fill(said)
            began = time.perf_counter()
            phone.keyboard.press("Enter")
            desk_page.get_by_text(said).wait_for(timeout=20_000)
            took.append(1000 * (time.perf_counter() - began))
        took.sort()
        p95 = took[int(len(took) * 0.95)]
        print(f"a message on the operator's screen, {len(took)} messages: median {statistics.median(took):.0f} ms, "
              f"p95 {p95:.0f} ms, most {took[-1]:.0f} ms")  # fmt: skip
    bot.stop()


@dataclass
class Open:
    """An operator's open page: its stream, and what it asks for on each event."""

    address: str
    token: str
    code: str | None = None  # of the case whose page it is; `None`: the queue
    asked: int = 0
    events: int = 0

    async def stay(self) -> None:
        async with httpx.AsyncClient(base_url=self.address, headers={"HX-Request": "true"}, timeout=30) as client:
            found = TOKEN.search((await client.get(f"/once/{self.token}")).text)
            assert found
            await client.post(f"/once/{self.token}", data={"csrf_token": found.group(1)})
            page = await client.get(f"/cases/{self.code}" if self.code else "/")
            known = self._known(page.text)
            beats = asyncio.create_task(self._beats(client, known))
            try:
                while True:
                    await self._stream(client, known)
            finally:
                beats.cancel()

    async def _stream(self, client: httpx.AsyncClient, known: dict[str, str]) -> None:
        news = asyncio.Event()

        async def follow() -> None:
            while True:
                await news.wait()
                news.clear()
                self.events += 1
                await asyncio.gather(*(self._ask(client, path, known) for path in self._paths()))

        following = asyncio.create_task(follow())
        try:
            async with client.stream("GET", "/live", timeout=httpx.Timeout(30, read=None)) as stream:
                assert stream.status_code == 200, stream.status_code
                async for line in stream.aiter_lines():
                    if line == "event: changed":
                        news.set()
        finally:
            following.cancel()

    def _paths(self) -> tuple[str, ...]:
        if self.code is None:
            return "/desk", "/queue/rows", "/calls"
        return "/desk", *(f"/cases/{self.code}/{part}" for part in ("news", "readers", "notes"))

    async def _beats(self, client: httpx.AsyncClient, known: dict[str, str]) -> None:
        """What pages ask for by the clock: the bar each minute, readers and messages of a case each 20 seconds."""
        await asyncio.sleep(random.random() * 20)
        for beat in range(10_000):
            if self.code:
                for part in ("readers", "news"):
                    await self._ask(client, f"/cases/{self.code}/{part}", known)
            if beat % 3 == 0:
                await self._ask(client, "/desk", known)
            await asyncio.sleep(20)

    async def _ask(self, client: httpx.AsyncClient, path: str, known: dict[str, str]) -> None:
        answer = await client.get(path, params=known)
        assert answer.status_code in (200, 204), (path, answer.status_code)
        self.asked += 1
        known.update(self._known(answer.text))

    def _known(self, page: str) -> dict[str, str]:
        return dict(ASKED.findall(page))


def pages(settings: Settings, seconds: int) -> None:
    """Print the CPU of the console's processes with `OPERATORS` open pages: idle, and with a message per second."""
    engine = database.engine(settings)
    make, keys = database.sessions(engine), keyring(settings)
    fill(engine, 0, 0, 20_000)
    people, codes = [], []
    with transaction(make) as session:
        staff = session.query(Operator).filter(Operator.username.like("op%")).order_by(Operator.id).all()
        for number in range(OPERATORS + 10):
            person = conversations.find_or_create(session, keys, "web", f"person-{number}", language="en")
            case = desk.open_case(session, person, priority="normal", reason="asked", consent="shared")
            people.append(f"person-{number}")
            if number < OPERATORS:
                desk.claim(session, keys, case.code, staff[number])
            codes.append(case.code)
    with running(settings, "console", "worker") as processes:
        address = f"http://127.0.0.1:{settings.console[1]}"
        open_pages = [
            Open(address, invited(engine, f"op{n + 1}"), codes[n] if n % 2 else None) for n in range(OPERATORS)
        ]

        async def stay() -> None:
            coming = []
            for page in open_pages:  # a shift does not sign in within one second
                coming.append(asyncio.create_task(page.stay()))
                await asyncio.sleep(0.2)
            with contextlib.suppress(httpx.RemoteProtocolError):  # the measurement is over
                await asyncio.gather(*coming)

        threading.Thread(target=lambda: asyncio.run(stay()), daemon=True).start()
        while min(page.events for page in open_pages) == 0:
            time.sleep(0.2)
        time.sleep(5)

        def measured(name: str, each: Callable[[int], None]) -> None:
            before, asked = cpu(processes["console"]), sum(page.asked for page in open_pages)
            began = time.monotonic()
            for second in range(seconds):
                each(second)
                time.sleep(max(0.0, began + second + 1 - time.monotonic()))
            took = time.monotonic() - began
            share = 100 * (cpu(processes["console"]) - before) / took
            rate = (sum(page.asked for page in open_pages) - asked) / took
            print(f"{name:35} {share:6.1f} % of a core, {rate:6.1f} requests a second", flush=True)

        def writes(second: int) -> None:
            event = Incoming(people[second * 7 % OPERATORS], f"m{second}", text="I have one more question")
            with transaction(make) as session:
                intake.receive(session, keys, settings, "web", event)

        measured(f"{OPERATORS} open pages, nothing happens", lambda second: None)
        measured(f"{OPERATORS} open pages, a message a second", writes)
    engine.dispose()


def cpu(process: psutil.Process) -> float:
    """Seconds of CPU of a process and its children."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=8000)
    parser.add_argument("--held", type=int, default=2000)
    parser.add_argument("--closed", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", choices=("queue", "screen", "pages"))
    asked = parser.parse_args()
    if asked.only in (None, "queue"):
        queue(asked.waiting, asked.held, asked.closed)
    if asked.only in (None, "screen"):
        screen(asked.messages)
    if asked.only in (None, "pages"):
        with fresh() as settings:
            pages(settings, asked.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
