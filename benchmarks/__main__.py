"""Starts the whole helpline as `make run` does, on ports and a database of its own, and measures it.

Figures: start until ready, first reply, turn (stored → answered in one COMMIT) median and p95 with one person
writing, the 200th message of a conversation against the 10th, memory of the five processes.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import psutil
import psycopg
from sqlalchemy import text

from helpline import database, model
from helpline.keys import keyring
from helpline.settings import Settings, load
from tests.stack import Person, free_port

MESSAGES = 200
CONVERSATIONS = 3
PAUSE_EVERY = 20
A_PAUSE = text(
    "UPDATE messages SET created_at = created_at - interval '2 minutes', settled_at = settled_at - interval '2 minutes'"
)
"""Who writes 30 messages in a minute is not answered one by one (helpline.turns.FLOOD); so now and then time passes."""
SAYINGS = (
    "hello",
    "what about my passport",
    "can i go to the police",
    "the boss does not pay me",
    "where can i sleep tonight",
    "is this job real",
    "thank you",
    "what",
    "I need a doctor",
    "how much does this cost",
)


def main() -> int:
    model.train()
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder) / "var"
        web, console, bot = free_port(), free_port(), free_port()
        environment = {
            **os.environ,
            "WAYLINE_DEMO": "1",
            "WAYLINE_VAR": str(var),
            "WAYLINE_HTTP": f"127.0.0.1:{web}",
            "WAYLINE_CONSOLE": f"127.0.0.1:{console}",
            "WAYLINE_BOT_URL": f"http://127.0.0.1:{bot}",
        }
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "helpline", "up"], env=environment, stdout=subprocess.PIPE, text=True, cwd=model.ROOT
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("Ready"):
                    break
            print(f"start until ready (model and environments present)   {time.monotonic() - started:8.1f} s")
            base = f"http://127.0.0.1:{web}"
            with httpx.Client(base_url=base, headers={"Origin": base}) as person:
                _say(person, "hello")
                print(f"first reply after the start                          {time.monotonic() - started:8.1f} s")
            _converse(load({name: value for name, value in environment.items() if name.startswith("WAYLINE_")}))
            _turns(var)
            _memory(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
    return 0


def _say(person: httpx.Client, text: str) -> None:
    """Write one message and wait for its answer, as the chat page does but more impatiently."""
    sent = person.post("/chat/messages", json={"id": str(uuid.uuid4()), "text": text})
    sent.raise_for_status()
    after = sent.json()["after"]
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        news = person.get("/chat/messages", params={"after": after}).raise_for_status().json()
        if not news["typing"] and any(message["author"] != "me" for message in news["messages"]):
            return
        time.sleep(0.01)
    raise RuntimeError("no answer in time")


def _converse(settings: Settings) -> None:
    """Long conversations, one person at a time, past the web page's flood limit."""
    engine = database.engine(settings)
    make, keys = database.sessions(engine), keyring(settings)
    for number in range(CONVERSATIONS):
        person = Person(make, keys, settings, address=f"bench-{number}", patience=0.02)
        for message in range(MESSAGES):
            person.says(SAYINGS[message % len(SAYINGS)])
            if message % PAUSE_EVERY == PAUSE_EVERY - 1:
                with engine.begin() as connection:
                    connection.execute(A_PAUSE)
    engine.dispose()


def _turns(var: Path) -> None:
    """Turn times from the database's own clock: stored until the COMMIT that answers."""
    url = database.embedded_url(var)
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT conversation_id, 1000 * extract(epoch FROM settled_at - created_at) FROM messages "
            "WHERE author = 'person' ORDER BY conversation_id, id"
        ).fetchall()
    by_person: dict[int, list[float]] = {}
    for conversation, took in rows:
        by_person.setdefault(conversation, []).append(float(took))
    long = [times for times in by_person.values() if len(times) >= MESSAGES]
    every = sorted(took for times in long for took in times)
    p95 = every[int(len(every) * 0.95)]
    print(f"turn, one person writing, median of {len(every)}               {statistics.median(every):8.1f} ms")
    print(f"turn, one person writing, p95                        {p95:8.1f} ms")
    early = statistics.median(took for times in long for took in times[5:15])
    late = statistics.median(took for times in long for took in times[-10:])
    print(f"200th message against the 10th (medians)             {late / early:8.2f} x ({late:.1f} / {early:.1f} ms)")


def _memory(pid: int) -> None:
    """Proportional set size: memory that processes share is counted once."""
    processes = [child for child in psutil.Process(pid).children(recursive=True)]
    named = {
        "bot": "rasa run",
        "actions": "rasa_sdk",
        "web": "gateway.wsgi",
        "console": "console.wsgi",
        "worker": "helpline worker",
    }
    total = 0.0
    for name, part in named.items():
        mine = [p for p in processes if part in " ".join(p.cmdline()) and "helpline.keep" not in " ".join(p.cmdline())]
        size = sum(p.memory_full_info().pss for p in mine) / 2**20
        total += size
        print(f"memory of {name:8}                                    {size:8.0f} MB")
    print(f"memory of the five processes together                {total:8.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
