"""`wayline up`: the whole helpline on one machine, from the Procfile, with plain words about what is going on."""

from __future__ import annotations

import logging
import logging.handlers
import os
import shlex
import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from honcho.environ import parse_procfile
from honcho.manager import Manager
from sqlalchemy import select

from helpline import canned, database, directory_file, keys, migrate, model, operators
from helpline.models import Operator
from helpline.refusal import Refused
from helpline.settings import Settings

ACTIONS_ABOVE = 50
"""The action server listens this many ports above the bot (5005 and 5055, as Rasa does)."""
DISK_NEEDED = 500 * 1024 * 1024
READY_WITHIN = 180.0


def _bot_port(settings: Settings) -> int:
    return urlsplit(settings.bot_url).port or 80


def up(settings: Settings) -> int:
    """Run until Ctrl-C. Returns the exit code; raises `Refused` with what to do when it cannot start."""
    _check(settings)
    print("Starting Wayline.", flush=True)
    try:
        trained = model.train(_say)
    except model.TrainingFailed as error:
        raise Refused(str(error)) from None
    if not settings.database_url:
        _say("Starting the embedded database.")
    url = database.url(settings)
    engine = database.engine(settings, pool=1)
    migrate.upgrade(engine)
    keys.keyring(settings)
    with database.transaction(database.sessions(engine)) as session:
        canned.load(session)
    link = _demo_login(settings, engine) if settings.demo else None
    engine.dispose()
    bot_port = _bot_port(settings)
    actions_port = bot_port + ACTIONS_ABOVE
    environment = {
        **os.environ,
        **model.RASA_ENV,
        "WAYLINE_DATABASE_URL": url.replace("+psycopg", ""),
        "BOT_MODEL": str(trained),
        "BOT_PORT": str(bot_port),
        "ACTIONS_PORT": str(actions_port),
        "ACTIONS_URL": f"http://127.0.0.1:{actions_port}/webhook",
        "SANIC_HOST": "127.0.0.1",
        "WEB_BIND": _bind(settings.http),
        "CONSOLE_BIND": _bind(settings.console),
        "PYTHONUNBUFFERED": "1",
    }
    manager = Manager(_LogPrinter(settings.var / "log" / "wayline.log"))
    for name, command in parse_procfile((model.ROOT / "Procfile").read_text()).processes.items():
        for key, value in environment.items():
            command = command.replace("${" + key + "}", value)
        keep = f"{shlex.quote(sys.executable)} -m helpline.keep {command}"
        manager.add_process(name, keep, env=environment, cwd=str(model.ROOT))
    if settings.telegram_token and not settings.public_url:  # nobody can reach us, so we ask
        poll = [sys.executable, "-m", "helpline.keep", sys.executable, "-m", "helpline", "telegram", "poll"]
        manager.add_process("telegram", shlex.join(poll), env=environment, cwd=str(model.ROOT))
    threading.Thread(target=_announce, args=(settings, link), daemon=True).start()
    manager.loop()
    print("Stopped.", flush=True)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _bind(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


def _check(settings: Settings) -> None:
    """Refuse early, in one line, what would fail later in many."""
    for what, (host, port) in {
        "WAYLINE_HTTP": settings.http,
        "WAYLINE_CONSOLE": settings.console,
        "the dialogue model": ("127.0.0.1", _bot_port(settings)),
        "the actions": ("127.0.0.1", _bot_port(settings) + ACTIONS_ABOVE),
    }.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                change = f" or set {what} to another" if what.startswith("WAYLINE") else ""
                raise Refused(
                    f"port {port} ({what}) is in use. Is Wayline running already? Stop what uses the port{change}."
                ) from None
    settings.var.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.var).free
    if free < DISK_NEEDED:
        raise Refused(
            f"only {free // 2**20} MB are free on the disk of {settings.var.absolute()}; make room for 500 MB."
        )


def _demo_login(settings: Settings, engine: Any) -> str:
    """A one-time link for the demo's operator, made anew on every start; and the sample of the directory."""
    with database.transaction(database.sessions(engine)) as session:
        operator = session.execute(select(Operator).where(Operator.username == "demo")).scalar_one_or_none()
        operator = operator or operators.add(session, "demo", alias="Sam", roles=("operator", "supervisor"))
        token = operators.invite(session, operator)
        directory_file.load_sample(session)
    return f"http://{_bind(settings.console)}/once/{token}"


def _announce(settings: Settings, link: str | None) -> None:
    """Wait until a message would be answered, then print the addresses."""
    base = f"http://{_bind(('127.0.0.1' if settings.http[0] == '0.0.0.0' else settings.http[0], settings.http[1]))}"
    _say("Starting the processes (the dialogue model takes some 15 s).")
    started = time.monotonic()
    while time.monotonic() - started < READY_WITHIN:
        try:
            if httpx.get(f"{base}/readyz", timeout=3).status_code == 200 and _answers(
                f"http://{_bind(settings.console)}/healthz"
            ):
                break
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    else:
        log = settings.var / "log" / "wayline.log"
        _say(f"Not everything is ready after {READY_WITHIN:.0f} s; the reason stands in {log}.")
        return
    lines = [f"Ready after {time.monotonic() - started:.0f} s.", "", f"  Chat:      {settings.origin}/chat"]
    lines.append(f"  Console:   http://{_bind(settings.console)}/")
    if link:
        lines.append(f"  Sign in:   {link}   (once)")
    if settings.telegram_token and not settings.public_url:
        lines.append("  Telegram:  updates are fetched, because WAYLINE_PUBLIC_URL is not set")
    lines += ["", f"Log: {settings.var / 'log' / 'wayline.log'}. Ctrl-C stops everything."]
    _say("\n".join(lines))


def _answers(url: str) -> bool:
    return httpx.get(url, timeout=3).status_code == 200


class _LogPrinter:
    """Writes the processes' lines to a file; on the screen only that something died and starts again."""

    width = 0

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._log = logging.Logger("wayline.processes")
        self._log.addHandler(logging.handlers.RotatingFileHandler(path, maxBytes=10_000_000, backupCount=3))

    def write(self, message: Any) -> None:
        data = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
        for line in data.splitlines():
            self._log.info("%s %-8s %s", message.time.isoformat(timespec="milliseconds"), message.name, line)
            if "starting again" in line:
                print(f"{message.name}: {line}", flush=True)
