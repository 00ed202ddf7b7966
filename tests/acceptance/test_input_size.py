"""Bad input that is too much, too slow or never ends: refused within ten seconds, and others do not notice.

Raw sockets, because an HTTP client would not send what is sent here.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import pytest

from tests.acceptance.conftest import Figures
from tests.acceptance.running import SECRET, Running
from tests.providers import telegram, twilio

pytestmark = pytest.mark.slow

WITHIN = 10.0
"""Seconds in which a request must be refused."""

GROWTH = 50 * 2**20
"""Bytes by which the memory of `web` may grow."""

MEGABYTE = 2**20
PATIENCE = 25.0
"""Seconds after which a test stops waiting for a refusal, well after it counts as a failure."""


class Memory:
    """Resident memory of `web` and all of its children, and the most that it came to while this was watched."""

    def __init__(self, running: Running) -> None:
        master = psutil.Process(running.web.pid)
        self._processes = [master, *master.children(recursive=True)]
        self.before = self.peak = self._now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.peak = max(self.peak, self._now())

    @property
    def growth(self) -> int:
        return self.peak - self.before

    @property
    def said(self) -> str:
        return f"{self.growth / MEGABYTE:.1f} MB"

    def _now(self) -> int:
        return sum(process.memory_info().rss for process in self._processes if process.is_running())

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.peak = max(self.peak, self._now())


@dataclass(frozen=True)
class End:
    """How a connection ended: the status line that came, "" if none, and when; `sent` bytes of ours went out."""

    status: str
    seconds: float
    sent: int

    @property
    def code(self) -> str:
        return self.status.partition(" ")[2][:3]


def talk(running: Running, pieces: Iterator[bytes], pause: float = 0.0) -> End:
    """Send `pieces` one by one until an answer comes, the connection breaks, or `PATIENCE` is over."""
    began = time.monotonic()
    sent, status = 0, b""
    with socket.create_connection(("127.0.0.1", running.web_port), 5) as line:
        line.settimeout(PATIENCE)
        with suppress(OSError):
            for piece in pieces:
                line.sendall(piece)
                sent += len(piece)
                if pause and _answered(line, pause):
                    break
                if time.monotonic() - began > PATIENCE:
                    break
        with suppress(OSError):
            line.settimeout(max(0.1, PATIENCE - (time.monotonic() - began)))
            status = line.recv(4096)
    return End(status.partition(b"\r\n")[0].decode("latin-1"), time.monotonic() - began, sent)


def _answered(line: socket.socket, pause: float) -> bool:
    """Wait `pause` seconds; whether the other side has said something or hung up meanwhile."""
    line.settimeout(pause)
    try:
        line.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return False
    finally:
        line.settimeout(PATIENCE)
    return True


def head(path: str = "/webhooks/telegram", **fields: str) -> bytes:
    """The head of a POST that comes from Telegram, as far as the secret can tell."""
    wanted = {
        "Host": "127.0.0.1",
        "X-Telegram-Bot-Api-Secret-Token": SECRET,
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in wanted.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode()


def body_of(size: int, piece: int = 65536) -> Iterator[bytes]:
    while size > 0:
        yield b" " * min(piece, size)
        size -= piece


def chunks(total: int, piece: int = 65536) -> Iterator[bytes]:
    for part in body_of(total, piece):
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def drip(text: bytes) -> Iterator[bytes]:
    """One byte at a time."""
    yield from (bytes([letter]) for letter in text)


def after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def stays_small(running: Running, memory: Memory) -> None:
    assert memory.growth < GROWTH, f"web grew by {memory.said}"
    assert running.web.alive
    assert running.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/webhooks/telegram", "/webhooks/twilio/sms", "/webhooks/twilio/status", "/chat/messages"]
)
def test_19_a_body_of_a_megabyte_and_one_byte_is_refused(running: Running, figures: Figures, path: str) -> None:
    rows = running.postgres.sql("SELECT count(*) FROM messages")
    with Memory(running) as memory:
        size = MEGABYTE + 1
        end = talk(running, after(head(path, Content_Length=str(size)), body_of(size)))
    figures(check=19, status=end.code, seconds=end.seconds, memory=memory.said)
    assert (end.code, end.seconds < WITHIN) == ("413", True)
    assert running.postgres.sql("SELECT count(*) FROM messages") == rows
    stays_small(running, memory)


def test_19_a_hundred_megabytes_in_chunks_are_refused(running: Running, figures: Figures) -> None:
    with Memory(running) as memory:
        ends = [
            talk(running, after(head(path, Transfer_Encoding="chunked"), chunks(100 * MEGABYTE)))
            for path in ("/webhooks/telegram", "/webhooks/twilio/sms", "/chat/messages")
        ]
    figures(
        check=19,
        statuses=" ".join(end.code for end in ends),
        slowest=max(end.seconds for end in ends),
        sent_until_refused=f"{max(end.sent for end in ends) / MEGABYTE:.1f} MB",
        memory=memory.said,
    )
    assert [end.code for end in ends] == ["413"] * 3
    assert all(end.seconds < WITHIN and end.sent < 20 * MEGABYTE for end in ends)
    stays_small(running, memory)


def test_19_a_gzip_bomb_stays_shut(running: Running, figures: Figures) -> None:
    """Nobody unpacks a request: what arrives packed is not JSON and no signed form."""
    bomb = gzip.compress(gzip.compress(b"[" * (200 * MEGABYTE), 9), 9)
    once = gzip.compress(b" " * (100 * MEGABYTE), 9)
    packed = {"Content-Encoding": "gzip"}
    chat, phone = running.new_chat(), running.new_phone()
    hidden = gzip.compress(telegram.update(running.number(), message=telegram.message(chat, text="hidden")))
    with Memory(running) as memory:
        began = time.monotonic()
        answers = [running.update(body, **packed) for body in (bomb, once, hidden)]
        for body in (bomb, once):
            fields = twilio.sms(phone, "hidden", running.new_sid())
            headers, _ = twilio.webhook(
                f"{running.settings.origin}/webhooks/twilio/sms", fields, running.twilio.auth_token
            )
            answers.append(running.client.post("/webhooks/twilio/sms", content=body, headers={**headers, **packed}))
            json_type = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
            answers.append(running.client.post("/chat/messages", content=body, headers={**json_type, **packed}))
        seconds = time.monotonic() - began
    statuses = [answer.status_code for answer in answers]
    figures(
        check=19,
        on_the_wire=f"{len(bomb)} and {len(once)} bytes",
        statuses=" ".join(map(str, statuses)),
        seconds_in_all=seconds,
        memory=memory.said,
    )
    # Telegram is told 200 and nothing else: refused, an authentic update would hold up what its chat says next.
    assert statuses == [200, 200, 200, 403, 400, 403, 400]
    assert all(answer.content == b"" for answer in answers[:3])
    assert seconds < WITHIN
    stays_small(running, memory)


def test_19_a_slow_sender_is_cut_off(running: Running, figures: Figures) -> None:
    update = telegram.update(running.number(), message=telegram.message(running.new_chat(), text="slow"))
    first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    whole = head(Content_Length=str(len(update)))
    slow: dict[str, tuple[bytes, Iterator[bytes]]] = {
        "a body": (whole, drip(update)),
        "chunks": (head(Transfer_Encoding="chunked"), drip(next(chunks(1000)))),
        "a head": (b"", drip(whole + update)),
        "a second request": (first, drip(whole + update)),
        "nothing": (b"", iter(())),
    }

    def drips(opening: bytes, pieces: Iterator[bytes]) -> End:
        with socket.create_connection(("127.0.0.1", running.web_port), 5) as line:
            line.sendall(opening)
            while opening == first and b"alive" not in line.recv(4096):
                pass
            return _drip_on(line, pieces)

    with ThreadPoolExecutor(len(slow)) as pool:
        ends = dict(zip(slow, pool.map(drips, *zip(*slow.values(), strict=True)), strict=True))
    figures(
        check=19,
        **{name.replace(" ", "_"): f"{end.code or 'hung up'} after {end.seconds:.1f} s" for name, end in ends.items()},
    )
    for name, end in ends.items():
        assert end.seconds < WITHIN, name
        assert end.code in ("", "400", "408"), name


def _drip_on(line: socket.socket, pieces: Iterator[bytes]) -> End:
    """One byte a second on a connection that stands, until the other side ends it."""
    began = time.monotonic()
    for piece in pieces:
        with suppress(OSError):
            line.sendall(piece)
        if _answered(line, 1.0):
            break
    line.settimeout(PATIENCE)
    said = b""
    with suppress(OSError):
        said = line.recv(4096)
    return End(said.partition(b"\r\n")[0].decode("latin-1"), time.monotonic() - began, 0)


@contextmanager
def besieged(running: Running, many: int, open_one: Callable[[socket.socket, int], None]) -> Iterator[None]:
    """`many` connections that drip on, each byte a second, until the block ends; one that is cut off is replaced."""
    over = threading.Event()
    ready = threading.Semaphore(0)

    def besiege(number: int) -> None:
        while not over.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", running.web_port), 5) as line:
                open_one(line, number)
                ready.release()
                while not over.wait(1.0):
                    line.sendall(b"a")
            ready.release()

    with ThreadPoolExecutor(many) as pool:
        for number in range(many):
            pool.submit(besiege, number)
        for _ in range(many):
            ready.acquire(timeout=5)
        try:
            yield
        finally:
            over.set()


def opens_slowly(line: socket.socket, number: int) -> None:
    """A third drip the head, a third a body of known length, and a third one in chunks."""
    begun = [
        b"POST /webhooks/telegram HTTP/1.1\r\nX-Slow: ",
        head(Content_Length="5000"),
        head(Transfer_Encoding="chunked"),
    ]
    line.sendall(begun[number % 3])


def lingers(line: socket.socket, number: int) -> None:
    """Gets an answer that ends the connection, and never hangs up."""
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    line.recv(4096)


def says_nothing(line: socket.socket, number: int) -> None:
    pass


@pytest.mark.parametrize(("siege", "many"), [(opens_slowly, 50), (lingers, 50), (says_nothing, 50)])
def test_19_many_slow_senders_keep_nobody_out(
    running: Running, figures: Figures, full: bool, siege: Callable[[socket.socket, int], None], many: int
) -> None:
    many = many * 4 if full else many
    took: list[float] = []
    with Memory(running) as memory, besieged(running, many, siege):
        for _ in range(10):
            chat = running.new_chat()
            began = time.monotonic()
            assert running.telegrams(chat, "let me in").status_code == 200
            took.append(time.monotonic() - began)
            time.sleep(0.3)
    figures(check=19, slow_senders=many, slowest_webhook=max(took), memory=memory.said)
    assert max(took) < 2
    running.until(lambda: running.telegram.texts(str(chat)))
    stays_small(running, memory)


def test_19_what_is_within_the_limit_is_taken(running: Running, figures: Figures) -> None:
    """The other side of the limits: the largest message that anybody can send, in the slowest honest way."""
    chat = running.new_chat()
    text = "\U0001f198" * 10_000  # escaped twice over in JSON: the longest form of the longest text
    update = telegram.update(running.number(), message=telegram.message(chat, text=text))
    assert len(update) > 100_000
    json.loads(update)
    pieces = [update[i : i + 20_000] for i in range(0, len(update), 20_000)]
    end = talk(running, after(head(Content_Length=str(len(update))), iter(pieces)), pause=0.5)
    figures(check=19, largest_update=f"{len(update)} bytes", status=end.code, seconds=end.seconds)
    assert end.code == "200"
    assert running.said(chat) == [text]
