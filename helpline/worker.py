"""The worker: takes turns, sends replies, does what is due. Many may run; PostgreSQL is all that they share."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
import structlog
from sqlalchemy import Engine

from channels.contract import Channel, Finds, Retry, SendError, Types, Uncertain
from channels.telegram import Telegram
from helpline import (
    bot,
    commands,
    danger,
    database,
    delivery,
    fetching,
    housekeeping,
    languages,
    oncall,
    pace,
    providers,
    routing,
    turns,
    typing_sign,
)
from helpline.database import transaction
from helpline.keys import Keyring, keyring
from helpline.queues import LEASE
from helpline.settings import Settings

log = structlog.get_logger()

TURNS_AT_ONCE = 8
SENDS_AT_ONCE = 8
IDLE = 1.0
"""Seconds between looks at a queue when nobody calls: due times have no NOTIFY."""
BOT_TIMEOUT = 10.0
TYPING_AFTER = 1.0
"""Seconds after which a person sees that an answer is on its way; most answers are there long before."""
SEND_TIMEOUT = 30.0
STALE = 20.0
"""Seconds after which a claimed part is not handed over any more; others take it from us after 60."""
LOOK_UP_TIMEOUT = 15.0
DATABASE_AWAY = 1.0

Find = Callable[[], Awaitable[Any]]
Serve = Callable[[Any], Awaitable[None]]


class Worker:
    """One worker process."""

    def __init__(self, settings: Settings, engine: Engine, keys: Keyring, channels: dict[str, Channel]) -> None:
        self.settings, self.engine, self.keys, self.channels = settings, engine, keys, channels
        self.make = database.sessions(engine)
        self.owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.carriers = delivery.Carriers(
            limits={name: channel.limits for name, channel in channels.items()},
            finds=frozenset(name for name, channel in channels.items() if isinstance(channel, Finds)),
            origin=settings.public_url,
        )
        self.paces = {
            name: pace.Pace(limits.per_second, limits.per_chat) for name, limits in self.carriers.limits.items()
        }
        self.turns_due, self.sends_due = asyncio.Event(), asyncio.Event()
        self.files = fetching.Files(self.in_transaction, keys, channels)
        self.calls = oncall.Calls(self.in_transaction, keys, settings, channels)
        self.chores = housekeeping.Housekeeping(self.in_transaction, keys, channels)
        self.stopping = asyncio.Event()
        self._leases = itertools.count(1)
        self._courtesy: asyncio.Task[None] | None = None  # asyncio keeps no task alive by itself

    async def run(self) -> None:
        """Work until `stop`; what is under way is finished first."""
        async with httpx.AsyncClient(base_url=self.settings.bot_url, limits=httpx.Limits(max_connections=32)) as client:
            self.client = client
            listening = asyncio.create_task(self._listen())
            tasks = [
                asyncio.create_task(task)
                for task in (
                    self._keep_house(),
                    self._dispatch(self.files.find, self.files.fetch, self.files.due, fetching.AT_ONCE),
                    self._dispatch(self._take, self._turn, self.turns_due, TURNS_AT_ONCE),
                    self._dispatch(self._lease, self._send, self.sends_due, SENDS_AT_ONCE),
                )
            ]
            log.info("worker started", owner=self.owner, channels=sorted(self.channels))
            await self.stopping.wait()
            listening.cancel()  # nothing is under way there, and nobody waits for it to notice
            self.turns_due.set()
            self.sends_due.set()
            self.files.due.set()
            _, late = await asyncio.wait(tasks, timeout=4)
            for task in late:
                task.cancel()
            await asyncio.gather(listening, *tasks, return_exceptions=True)
        for channel in self.channels.values():
            await channel.aclose()

    def _lease_name(self) -> str:
        """Each lease has a name of its own, so that no two loops of this worker take each other's for theirs."""
        return f"{self.owner}-{next(self._leases)}"

    def stop(self) -> None:
        self.stopping.set()

    async def _dispatch(self, find: Find, serve: Serve, due: asyncio.Event, at_once: int) -> None:
        """Find work one piece at a time, serve up to `at_once` pieces together; sleep until called when there is none.

        One finder, because every loop that looks costs a transaction: eight of them made each turn a third slower.
        """
        places = asyncio.Semaphore(at_once)
        running: set[asyncio.Task[None]] = set()
        while not self.stopping.is_set():
            await places.acquire()
            due.clear()
            found = None
            try:
                found = await find()
            except database.AWAY as error:
                log.error("database away", error=error)
                await asyncio.sleep(DATABASE_AWAY)
            except Exception as error:  # a worker that dies of one message answers nobody
                log.error("step failed", step=find.__name__, error=error)
                await asyncio.sleep(DATABASE_AWAY)
            if found is not None:
                task = asyncio.create_task(self._served(serve, found, places))
                running.add(task)
                task.add_done_callback(running.discard)
                continue
            places.release()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(due.wait(), IDLE)
        if running:
            await asyncio.wait(running)

    async def _served(self, serve: Serve, found: Any, places: asyncio.Semaphore) -> None:
        try:
            await serve(found)
        except database.AWAY as error:
            log.error("database away", error=error)
        except Exception as error:
            log.error("step failed", step=serve.__name__, error=error)
        finally:
            places.release()

    async def settle(self, function: Callable[..., Any], *args: Any) -> Any:
        """`in_transaction` with a lease in our hands: while the database is away, again until the lease is over. Given
        up, it would hold the chat back for a minute. The functions look at lease and state, so repeating them is safe.
        """
        until = time.monotonic() + LEASE.total_seconds() - SEND_TIMEOUT
        while True:
            try:
                return await self.in_transaction(function, *args)
            except database.AWAY as error:
                if time.monotonic() > until:
                    raise
                log.error("database away", step=function.__name__, error=error)
                await asyncio.sleep(DATABASE_AWAY)

    async def in_transaction(self, function: Callable[..., Any], *args: Any) -> Any:
        def work() -> Any:
            with transaction(self.make) as session:
                return function(session, *args)

        return await asyncio.to_thread(work)

    async def _take(self) -> tuple[turns.Taken, str] | None:
        owner = self._lease_name()
        taken: turns.Taken | None = await self.in_transaction(turns.take, self.keys, self.settings, owner)
        return (taken, owner) if taken is not None else None

    async def _turn(self, found: tuple[turns.Taken, str]) -> None:
        taken, owner = found
        if taken.broke is not None:
            log.error("message broke us", error=taken.broke)
        if taken.tap_id:
            await self._answer_tap(taken)
        if taken.for_bot is not None:
            await self._ask_bot(taken.for_bot, owner)
        self.turns_due.set()  # the next message of this person may wait already

    async def _answer_tap(self, taken: turns.Taken) -> None:
        """Telegram shows a spinner on the button until it hears from us; nothing else depends on it."""
        channel = self.channels.get(taken.channel)
        if isinstance(channel, Telegram):
            try:
                await asyncio.wait_for(channel.answer_tap(taken.tap_id or ""), 3)
            except (SendError, TimeoutError) as error:
                log.warning("tap not answered", error=error)

    async def _ask_bot(self, asked: routing.ForBot, owner: str) -> None:
        """One request to the bot and one COMMIT with its answer, or a retry and in time a word to the person."""
        started = time.monotonic()
        timeout = BOT_TIMEOUT
        left = turns.FALLBACK_AFTER.total_seconds() - asked.waited
        if not asked.told and left > 0:  # who waited longer already is not helped by a hasty try
            timeout = max(0.5, min(timeout, left))
        away = False
        typing = asyncio.create_task(self._typing(asked))
        try:
            answer = await bot.turn(self.client, asked.request, timeout)
            await self.settle(turns.finish, self.keys, self.settings, owner, asked, answer)
            return
        except database.AWAY:
            raise
        except bot.BotAway as error:
            away = True
            log.warning("bot away", message=asked.message_id, reason=str(error))
        except (bot.BotFailed, commands.BadCommand) as error:
            # Cut short because the person must hear something, it says nothing of the message.
            away = isinstance(error, bot.BotSlow) and timeout < BOT_TIMEOUT
            log.error("turn failed", message=asked.message_id, reason=f"{type(error).__name__} {error}")
        except Exception as error:
            log.error("turn failed", message=asked.message_id, error=error)
        finally:
            typing.cancel()
        waited = asked.waited + time.monotonic() - started
        await self.settle(turns.failed, self.keys, self.settings, owner, asked, away, waited)

    async def _typing(self, asked: routing.ForBot) -> None:
        """Show that an answer comes, where the channel can, while the bot takes long."""
        channel = self.channels.get(asked.channel)
        if not isinstance(channel, Types) or asked.address is None:
            return
        await asyncio.sleep(TYPING_AFTER)
        while True:
            with contextlib.suppress(Exception):  # a courtesy must not cost the answer
                await channel.typing(asked.address)
            await asyncio.sleep(4)

    async def _operator_types(self, conversation_id: int) -> None:
        """Show once that an operator writes, where the channel can."""
        with contextlib.suppress(Exception):  # a courtesy, whatever happens to it
            found = await self.in_transaction(typing_sign.where, self.keys, conversation_id)
            channel = self.channels.get(found[0]) if found else None
            if found and isinstance(channel, Types):
                await channel.typing(found[1])

    async def _lease(self) -> tuple[delivery.Leased, str] | None:
        owner = self._lease_name()
        leased: delivery.Leased | None = await self.in_transaction(delivery.lease, owner)
        return (leased, owner) if leased is not None else None

    async def _send(self, found: tuple[delivery.Leased, str]) -> None:
        """All parts that wait in one conversation, one after the other, at the provider's pace."""
        leased, owner = found
        while not self.stopping.is_set():
            if await self._paused(leased, owner):
                return
            began = time.monotonic()
            claimed = await self.settle(delivery.claim, self.keys, owner, leased.conversation_id, self.carriers)
            if (claimed is None or claimed.since is not None) and leased.channel in self.paces:
                self.paces[leased.channel].unused(leased.conversation_id)
            if claimed is None:
                return
            if claimed.since is not None:
                wait = await self._look_up(claimed, owner)
            else:
                wait = await self._send_part(claimed, owner, began)
            if wait is not None:
                return
        await self.settle(delivery.give_back, owner, leased.conversation_id)

    async def _paused(self, leased: delivery.Leased, owner: str) -> bool:
        """Keep to the provider's pace. `True`: this chat must rest, and was given back until then."""
        paced = self.paces.get(leased.channel)
        if paced is None:
            return False
        wait = paced.chat(leased.conversation_id)
        if not wait:
            wait = paced.channel()
            if wait <= pace.LONGEST:
                with contextlib.suppress(TimeoutError):
                    if wait:
                        await asyncio.wait_for(self.stopping.wait(), wait)
                return False
            paced.unused(leased.conversation_id, channel=False)
        await self.settle(delivery.give_back, owner, leased.conversation_id, wait)
        return True

    async def _send_part(self, claimed: delivery.Claimed, owner: str, began: float) -> float | None:
        """Hand one part to its provider and settle it. Returns seconds to wait, `None`: go on.

        `began`: when it was claimed (`time.monotonic`). Who slept since then may have been given up by others.
        """
        channel = self.channels[claimed.channel]
        error: SendError
        try:
            if time.monotonic() - began > STALE:
                raise Retry("stale", after=0.0)
            receipt = await asyncio.wait_for(channel.send(claimed.address, claimed.part), SEND_TIMEOUT)
            await self.settle(delivery.sent, self.keys, owner, claimed, receipt)
            self.chores.sent(claimed.channel)
            return None
        except SendError as caught:
            error = caught
        except database.AWAY:
            raise
        except TimeoutError:
            error = Uncertain("timeout")
        except Exception as caught:  # a mistake of ours in the channel: it may have been sent
            log.error("channel failed", part=claimed.part_id, error=caught)
            error = Uncertain(type(caught).__name__)
        log.warning("part not sent", part=claimed.part_id, kind=type(error).__name__, code=error.code)
        finds = claimed.channel in self.carriers.finds
        wait: float | None = await self.settle(delivery.not_sent, self.keys, owner, claimed, error, finds)
        return wait

    async def _look_up(self, claimed: delivery.Claimed, owner: str) -> float | None:
        """Ask the provider whether it took a part of which we do not know. Returns as `_send_part` does."""
        channel = self.channels[claimed.channel]
        assert isinstance(channel, Finds)
        assert claimed.since is not None
        answered = False
        try:
            receipt = await asyncio.wait_for(
                channel.find(claimed.address, claimed.part, claimed.since), LOOK_UP_TIMEOUT
            )
            answered = True
            if receipt is not None and await self.settle(delivery.sent, self.keys, owner, claimed, receipt):
                return None
        except database.AWAY:
            raise
        except (SendError, TimeoutError) as error:
            log.warning("not looked up", part=claimed.part_id, kind=type(error).__name__)
        except Exception as error:  # a mistake of ours in the channel must not hold up what comes after
            log.error("not looked up", part=claimed.part_id, error=error)
        wait: float | None = await self.settle(delivery.looked_up, owner, claimed, answered)
        return wait

    async def _listen(self) -> None:
        """Wake the loops when somebody commits work. Losing the connection only costs `IDLE` seconds."""
        url = self.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        while not self.stopping.is_set():
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {database.TURNS}")
                    await connection.execute(f"LISTEN {database.SENDS}")
                    await connection.execute(f"LISTEN {database.TYPING}")
                    await connection.execute(f"LISTEN {database.FILES}")
                    due = {
                        database.TURNS: self.turns_due,
                        database.SENDS: self.sends_due,
                        database.FILES: self.files.due,
                    }
                    while not self.stopping.is_set():
                        async for note in connection.notifies(timeout=2):
                            if note.channel == database.TYPING:
                                self._courtesy = asyncio.create_task(self._operator_types(int(note.payload)))
                            else:
                                due[note.channel].set()
            except psycopg.Error as error:
                log.warning("listen lost", error=error)
                await asyncio.sleep(DATABASE_AWAY)

    async def _keep_house(self) -> None:
        """What is due by the clock. Trouble with one must not keep the other from being done."""
        while not self.stopping.is_set():
            for chore in (self.calls.run, self.chores.run):
                try:
                    await chore()
                except database.AWAY as error:
                    log.error("database away", error=error)
                except Exception as error:
                    log.error("step failed", step=chore.__qualname__, error=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), housekeeping.EVERY)


def warm_up() -> None:
    """Read what messages are compared with: the first person does not wait for that."""
    danger.find("warm up")
    languages.detect("warm up the detector once")


def main(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    warm_up()
    engine = database.engine(settings, pool=TURNS_AT_ONCE + SENDS_AT_ONCE + fetching.AT_ONCE)
    worker = Worker(settings, engine, keyring(settings), providers.channels(settings))

    async def work() -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, worker.stop)
        await worker.run()

    asyncio.run(work())
