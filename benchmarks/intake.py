"""Signed webhooks a second while the bot is stopped, and how fast their backlog is answered once it starts.

Web and database run as in production (the Procfile's gunicorn, fsync on). The load comes from one process with
`CONNECTIONS` open connections that send one request after the other, as a provider does. Half of the requests
are Telegram's, half are SMS.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import text

from helpline import database, migrate, model
from helpline.keys import keyring
from helpline.settings import Settings, load
from tests.providers import telegram, twilio
from tests.providers.telegram import TelegramServer
from tests.providers.twilio import TwilioServer
from tests.stack import Rasa, free_port

CONNECTIONS = 32
SECRET = "a-secret-of-the-webhook"
TOKEN = TwilioServer.auth_token
SAYINGS = ("hello", "what about my passport", "the boss does not pay me", "Де можна переночувати?", "أريد مساعدة")


@dataclass(frozen=True)
class Request:
    """One webhook, ready to be written to a socket."""

    raw: bytes


def requests(settings: Settings, number: int, people: int, seed: int = 1) -> list[Request]:
    """`number` webhooks of `people` different people, each with a message id of its own, in one order."""
    chance = random.Random(seed)
    made = []
    for i in range(number):
        person, text = i % people, chance.choice(SAYINGS)
        if person % 2:
            body = telegram.update(seed * 10_000_000 + i, message=telegram.message(7_000_000 + person, text=text))
            headers = {"x-telegram-bot-api-secret-token": SECRET, "content-type": "application/json"}
            made.append(Request(_raw("/webhooks/telegram", headers, body)))
        else:
            fields = twilio.sms(f"+4860010{person:04d}", text, f"SM{seed:04x}{i:028x}")
            headers, body = twilio.webhook(f"{settings.origin}/webhooks/twilio/sms", fields, TOKEN)
            made.append(Request(_raw("/webhooks/twilio/sms", headers, body)))
    return made


def _raw(path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def send(port: int, made: list[Request], connections: int = CONNECTIONS) -> tuple[float, list[float], list[int]]:
    """Send all; returns seconds in all, seconds of each, and the statuses."""
    waiting = iter(made)
    times: list[float] = []
    statuses: list[int] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            began = time.perf_counter()
            writer.write(request.raw)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            if length:
                await reader.readexactly(length)
            times.append(time.perf_counter() - began)
            statuses.append(int(head.split(b" ", 2)[1]))
            if b"connection: close" in head.lower():
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    return time.perf_counter() - began, times, statuses


def answered(settings: Settings, folder: Path, environment: dict[str, str]) -> None:
    """Start the bot and one worker on what waits, and print how fast and whether in order it is answered."""
    rasa = Rasa(folder)
    rasa.start()
    engine = database.engine(settings, pool=1)
    pending = "SELECT count(*) FROM messages WHERE author = 'person' AND state = 'pending'"
    with engine.connect() as connection:
        waiting = connection.execute(text(pending)).scalar_one()
    worker = subprocess.Popen(
        [sys.executable, "-m", "helpline", "worker"],
        cwd=model.ROOT,
        env={**os.environ, **environment, "WAYLINE_BOT_URL": rasa.url},
        stdout=(folder / "worker.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        first = began = time.monotonic()
        left = waiting
        while left:
            time.sleep(0.2)
            with engine.connect() as connection:
                left = connection.execute(text(pending)).scalar_one()
            if left == waiting:
                first = time.monotonic()  # still starting
        took = time.monotonic() - first
        with engine.connect() as connection:
            states = connection.execute(
                text("SELECT state, count(*) FROM messages WHERE author = 'person' GROUP BY state")
            ).all()
            swapped = connection.execute(
                text(
                    "SELECT count(*) FROM (SELECT settled_at < lag(settled_at) OVER "
                    "(PARTITION BY conversation_id ORDER BY id) AS swapped FROM messages WHERE author = 'person') m "
                    "WHERE swapped"
                )
            ).scalar_one()
        print(f"waiting messages                {waiting:8}")
        print(
            f"answered a second               {waiting / took:8.0f}  (one worker; {first - began:.1f} s of start aside)"
        )
        print(f"in the end                      {', '.join(f'{count} {state}' for state, count in states)}")
        print(f"answered out of order           {swapped:8}")
        failed = (folder / "worker.log").read_text(errors="replace").count("turn failed")
        print(f"turns that failed at first      {failed:8}")
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)
        rasa.stop()
        engine.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1600)
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--only-intake", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, TelegramServer() as telegram_api, TwilioServer() as twilio_api:
        web = free_port()
        environment = {
            "WAYLINE_DEMO": "1",
            "WAYLINE_VAR": str(Path(folder) / "var"),
            "WAYLINE_HTTP": f"127.0.0.1:{web}",
            "WAYLINE_TELEGRAM_TOKEN": "1234567:AAbb-CCdd_eeFF",
            "WAYLINE_TELEGRAM_SECRET": SECRET,
            "WAYLINE_TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
            "WAYLINE_TWILIO_AUTH_TOKEN": TOKEN,
            "WAYLINE_TWILIO_SMS_FROM": "+48732000001",
            "WAYLINE_TELEGRAM_API_URL": telegram_api.url,
            "WAYLINE_TWILIO_API_URL": twilio_api.url,
        }
        settings = load(environment)
        engine = database.engine(settings)
        migrate.upgrade(engine)
        keyring(settings)
        command = next(
            line.partition(":")[2].strip()
            for line in (model.ROOT / "Procfile").read_text().splitlines()
            if line.startswith("web:")
        ).replace("${WEB_BIND}", f"127.0.0.1:{web}")
        process = subprocess.Popen(command.split(), cwd=model.ROOT, env={**os.environ, **environment})
        try:
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{web}/healthz")
                    break
                except httpx.HTTPError:
                    time.sleep(0.2)
            asyncio.run(send(web, requests(settings, asked.people, asked.people, seed=2), asked.connections))
            made = requests(settings, asked.requests, asked.people, seed=3)
            took, times, statuses = asyncio.run(send(web, made, asked.connections))
            times.sort()
            print(f"webhooks taken                  {len(times):8} ({statuses.count(200)} answered 200)")
            print(f"webhooks a second               {len(times) / took:8.0f}")
            print(f"median                          {1000 * statistics.median(times):8.1f} ms")
            print(f"p99                             {1000 * times[int(len(times) * 0.99)]:8.1f} ms")
            if not asked.only_intake:
                answered(settings, Path(folder), environment)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
