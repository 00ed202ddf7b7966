"""`wayline telegram …`, `wayline twilio …`, `wayline updates …`: what an administrator does about providers."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import structlog

from channels.contract import Channel, GiveUp, RawRequest, SendError, Unreadable
from channels.telegram import Polled, Telegram
from channels.twilio_content import TwilioContent
from helpline import database, intake, keys, providers, set_aside, templates
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.refusal import Refused
from helpline.settings import Settings

log = structlog.get_logger()

POLL_WAIT = 25.0
"""Seconds that Telegram holds a request open while nothing comes."""
POLL_AGAIN = 3.0

Result = TypeVar("Result")


def _telegram(settings: Settings) -> Telegram:
    if not settings.telegram_token:
        raise Refused("Telegram is off: set WAYLINE_TELEGRAM_TOKEN and WAYLINE_TELEGRAM_SECRET first.")
    return Telegram(settings.telegram_token, settings.telegram_secret, settings.telegram_api_url)


def _ask_telegram(settings: Settings, work: Callable[[Telegram], Awaitable[Result]]) -> Result:
    async def ask() -> Result:
        channel = _telegram(settings)
        try:
            return await work(channel)
        finally:
            await channel.aclose()

    try:
        return asyncio.run(ask())
    except SendError as error:
        reason = f"{type(error).__name__} {error}"
    raise Refused(f"Telegram refused ({reason}). Is the token right, and has this machine a network?")


def set_webhook(settings: Settings, asked: argparse.Namespace) -> int:
    if not settings.public_url:
        raise Refused(
            "WAYLINE_PUBLIC_URL is not set: Telegram needs an https address to send updates to. "
            "Without one, `wayline telegram poll` fetches them."
        )
    _ask_telegram(settings, lambda channel: channel.set_webhook(f"{settings.public_url}/webhooks/telegram"))
    print("Telegram sends updates here from now on.")
    return 0


def info(settings: Settings, asked: argparse.Namespace) -> int:
    found = _ask_telegram(settings, lambda channel: channel.webhook_info())
    expected = f"{settings.public_url}/webhooks/telegram" if settings.public_url else None
    asks_for = ", ".join(found.allowed_updates) or "all that we read"
    if found.missing:
        asks_for += f" (not {', '.join(found.missing)}: run `wayline telegram set-webhook` again)"
    lines = {
        "address": found.url or "none (updates wait for `wayline telegram poll` or set-webhook)",
        "is ours": "yes" if found.url and found.url == expected else "no",
        "waiting updates": found.pending,
        "sends": asks_for,
        "connections": found.max_connections or "default",
        "last error": f"{found.last_error} at {_time(found.last_error_at)}" if found.last_error else "none",
    }
    for name, value in lines.items():
        print(f"{name + ':':17}{value}")
    return 0


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "an unknown time"


def poll(settings: Settings, asked: argparse.Namespace) -> int:
    """Fetch updates instead of waiting for webhooks, until Ctrl-C. What was fetched is stored before the next."""
    channel = _telegram(settings)
    make, ring = database.sessions(database.engine(settings)), keys.keyring(settings)

    async def work() -> None:
        stopping = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stopping.set)
        polling = asyncio.create_task(_poll(channel, make, ring, settings))
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({polling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=stopping.is_set())
        finally:
            stopped.cancel()
            await channel.aclose()

    if asked.take_over:
        _ask_telegram(settings, lambda channel: channel.delete_webhook())
    print("Fetching updates from Telegram. Ctrl-C stops.", flush=True)
    try:
        asyncio.run(work())
    except asyncio.CancelledError:
        pass
    except GiveUp as error:
        if error.code == "409":
            raise Refused(
                "Telegram sends updates to a webhook, or somebody else fetches them. "
                "`wayline telegram poll --take-over` ends the webhook."
            ) from None
        raise Refused(f"Telegram refused ({error}). Is the token right?") from None
    return 0


async def _poll(channel: Telegram, make: Sessions, ring: Keyring, settings: Settings) -> None:
    offset: int | None = None
    for tries in itertools.count():
        try:
            updates = await channel.updates(offset, POLL_WAIT)
        except GiveUp:
            raise
        except SendError as error:
            log.warning("telegram not reached", kind=type(error).__name__, code=error.code, tries=tries)
            await asyncio.sleep(POLL_AGAIN)
            continue
        for polled in updates:
            if not await asyncio.to_thread(_store, channel, make, ring, settings, polled):
                await asyncio.sleep(POLL_AGAIN)  # it comes again: only what is stored is confirmed
                break
            offset = polled.update_id + 1


def _store(channel: Telegram, make: Sessions, ring: Keyring, settings: Settings, polled: Polled) -> bool:
    """Take one update in as a webhook would; `False`: it is not stored and must come again."""
    try:
        _take(channel, make, ring, settings, "telegram", polled.body)
        return True
    except Unreadable:
        log.warning("unreadable", channel="telegram")
        return True
    except database.AWAY as error:
        log.error("database away", error=error)
        return False
    except Exception as error:
        reason = type(error).__name__
    log.error("failed", channel="telegram", error=reason)
    try:
        with transaction(make) as session:
            return set_aside.failed(session, ring, "telegram", polled.body, reason)
    except database.AWAY:
        return False


def _take(channel: Channel, make: Sessions, ring: Keyring, settings: Settings, name: str, body: bytes) -> None:
    headers = {"content-type": "application/json" if name == "telegram" else "application/x-www-form-urlencoded"}
    happened = channel.parse(RawRequest("POST", "", headers, body))
    with transaction(make) as session:
        for one in happened:
            intake.receive(session, ring, settings, name, one)


def retry_updates(settings: Settings, asked: argparse.Namespace) -> int:
    """Feed what was set aside in again."""
    make, ring = database.sessions(database.engine(settings)), keys.keyring(settings)
    channels = providers.channels(settings)
    with transaction(make) as session:
        waiting = list(set_aside.kept(session, ring))
    done = 0
    for digest, name, body in waiting:
        if name not in channels:
            print(f"{name} is off; its updates stay set aside.")
            continue
        try:
            _take(channels[name], make, ring, settings, name, body)
        except Exception as error:
            print(f"one from {name} still breaks us: {type(error).__name__}", file=sys.stderr)
            continue
        with transaction(make) as session:
            set_aside.taken(session, digest)
        done += 1
    print(f"{done} of {len(waiting)} taken in.")
    return 0 if done == len(waiting) else 1


def sync_templates(settings: Settings, asked: argparse.Namespace) -> int:
    """Make the templates that are missing, delete ours that no text needs any more, renew approvals."""
    if not settings.twilio_whatsapp_from:
        raise Refused("WhatsApp is off: set WAYLINE_TWILIO_WHATSAPP_FROM first.")
    make = database.sessions(database.engine(settings))
    content = TwilioContent(settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_api_url)

    async def work() -> templates.Synced:
        try:
            return await templates.sync(make, content, lambda line: print(line, flush=True))
        finally:
            await content.aclose()

    try:
        synced = asyncio.run(work())
    except SendError as error:
        reason = f"{type(error).__name__} {error}"
    else:
        print(
            f"{synced.kept} kept, {synced.made} made, {synced.deleted} deleted. Texts that fit no template are sent "
            f"with numbered choices: {synced.numbered}."
        )
        return 0
    raise Refused(f"Twilio refused ({reason}). What was made is kept; run it again.")
