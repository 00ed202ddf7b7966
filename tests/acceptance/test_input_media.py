"""Bad input that is no text: whatever comes is acknowledged in the person's language, and shown only if it is safe."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

from helpline import attachments, desk, words
from helpline.models import Attachment, Message
from tests.acceptance.conftest import Figures
from tests.acceptance.logs import Logs
from tests.acceptance.running import Running, Who
from tests.providers import telegram, twilio

LANGUAGES = {
    "en": "hello there, how are you today",
    "uk": "Добрий день, мені потрібна порада",
    "ar": "مرحبا كيف حالك اليوم يا صديقي",
}
CRY = "he wants to kill me"
"""Opens a case at once; from then on files are fetched."""

FILE = {
    "file_id": "PLANTED",
    "file_unique_id": "u1",
    "file_size": 4096,
    "duration": 3,
    "length": 9,
    "width": 9,
    "height": 9,
}
FILE |= {"is_animated": False, "is_video": False, "type": "regular"}

ON_TELEGRAM: dict[str, dict[str, Any]] = {
    "photo": {"photo": [FILE, FILE]},
    "voice": {"voice": FILE},
    "audio": {"audio": FILE},
    "video": {"video": FILE},
    "round video": {"video_note": FILE},
    "animation": {"animation": FILE, "document": FILE},
    "document": {"document": FILE | {"file_name": "PLANTED.pdf"}},
    "sticker": {"sticker": FILE},
    "location": {"location": {"latitude": 50.06, "longitude": 19.94}},
    "venue": {"location": {"latitude": 50.06, "longitude": 19.94}, "venue": {"title": "PLANTED", "address": "PLANTED"}},
    "contact": {"contact": {"phone_number": "+48600700800", "first_name": "PLANTED"}},
    "dice": {"dice": {"emoji": "\U0001f3b2", "value": 3}},
    "poll": {"poll": {"id": "1", "question": "PLANTED"}},
    "something new": {"hologram": {"id": "PLANTED"}},
    "a file that says nothing of itself": {"document": {"file_id": "PLANTED", "file_unique_id": "u1"}},
    "a file of 4 GB": {"video": FILE | {"file_size": 2**32}},
}

ON_WHATSAPP: dict[str, dict[str, str]] = {
    "picture": {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/PLANTED", "MediaContentType0": "image/jpeg"},
    "voice": {
        "NumMedia": "1",
        "MediaUrl0": "https://api.twilio.com/PLANTED",
        "MediaContentType0": "audio/ogg; codecs=opus",
    },
    "video": {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/PLANTED", "MediaContentType0": "video/mp4"},
    "document": {
        "NumMedia": "1",
        "MediaUrl0": "https://api.twilio.com/PLANTED",
        "MediaContentType0": "application/pdf",
    },
    "contact card": {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/PLANTED", "MediaContentType0": "text/vcard"},
    "sticker": {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/PLANTED", "MediaContentType0": "image/webp"},
    "no type": {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/PLANTED"},
    "a type that is none": {
        "NumMedia": "1",
        "MediaUrl0": "https://api.twilio.com/PLANTED",
        "MediaContentType0": "PLANTED",
    },
    "location": {"Latitude": "50.06", "Longitude": "19.94", "Label": "PLANTED"},
}


def writes(running: Running, who: Who, text: str | None, language: str = "en", **more: Any) -> None:
    """A message with or without text, by Telegram (a number), WhatsApp or SMS."""
    if isinstance(who, int):
        message = telegram.message(who, **({"text": text} if text else {}), **more)
        message["from"]["language_code"] = language
        assert running.update(telegram.update(running.number(), message=message)).status_code == 200
        return
    channel, _, phone = ("sms", "", who) if not who.startswith("whatsapp:") else who.partition(":")
    whole = twilio.sms if channel == "sms" else twilio.whatsapp
    assert running.twilio_posts(channel, whole(phone, text, running.new_sid(), **more)).status_code == 200


def quiet(running: Running, who: Who) -> list[str]:
    """What the provider took for this person, once nothing is due."""

    def rests() -> bool:
        row = running.person(who)
        return row.turn_due_at is None and row.send_due_at is None

    running.until(rests, 30)
    provider = running.telegram if isinstance(who, int) else running.twilio
    return provider.texts(str(who))


def test_23_whatever_comes_is_acknowledged_in_the_persons_language(
    with_rasa: Running, full: bool, figures: Figures
) -> None:
    running, logs = with_rasa, Logs(with_rasa.folder)
    on_telegram = list(product(LANGUAGES, ON_TELEGRAM))
    on_whatsapp = list(product(LANGUAGES, ON_WHATSAPP))
    if not full:  # every kind in one of the languages, in turn
        on_telegram = [one for i, one in enumerate(on_telegram) if i % 3 == 0]
        on_whatsapp = [one for i, one in enumerate(on_whatsapp) if (i + i // len(ON_WHATSAPP)) % 3 == 0]
    people: list[tuple[Who, str, str, int]] = []
    for language, kind in on_telegram:
        people.append((running.new_chat(), language, kind, 0))
    for language, kind in on_whatsapp:
        people.append((f"whatsapp:{running.new_phone()}", language, kind, 0))
    for who, language, _, _ in people:
        writes(running, who, LANGUAGES[language], language)
    people = [(who, language, kind, len(quiet(running, who))) for who, language, kind, _ in people]
    for who, language, kind, _ in people:
        if isinstance(who, int):
            writes(running, who, None, language, **ON_TELEGRAM[kind])
        else:
            writes(running, who, None, **ON_WHATSAPP[kind])
    for who, language, kind, before in people:
        new = quiet(running, who)[before:]
        wanted = words.line(desk.body("utter_media"), language).text
        assert [text[: len(wanted)] for text in new] == [wanted], (language, kind)
        assert running.person(who).language == language
    logs.check("PLANTED", "48600700800", "50.06")
    figures(
        check=23,
        telegram=len(on_telegram),
        whatsapp=len(on_whatsapp),
        languages=len(LANGUAGES),
        acknowledged=len(people),
    )


# What reaches the operator

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def packed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.exe", b"MZ" + b"\0" * 100)
    return out.getvalue()


GOOD = {
    "image/png": (PIXEL, "image"),
    "application/pdf": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", "document"),
    "audio/ogg": (b"OggS\0\x02" + b"\0" * 22 + b"OpusHead" + b"\0" * 20, "voice"),
}

BAD = {
    "a program called a picture": (b"MZ\x90\0" + b"\0" * 200, "type"),
    "a page called a picture": (b"<!doctype html><script>alert(1)</script>", "type"),
    "a drawing that can run": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "type"),
    "a packed program": (packed(), "type"),
    "noise": (bytes(range(256)) * 4, "type"),
    "nothing": (b"", "empty"),
    "more than twenty megabytes": (PIXEL + b"\0" * (20 * 2**20), "large"),
}


class Stranger:
    """A server that is not the provider's, and writes down whoever asks it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stranger.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "image/png")
                self.end_headers()
                self.wfile.write(PIXEL)

            do_HEAD = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    try:
        yield made
    finally:
        made.close()


def in_danger(running: Running, who: Who) -> None:
    """Somebody for whom a case is open."""
    writes(running, who, CRY)
    running.until(lambda: quiet(running, who), 30)


def files(running: Running, who: Who, number: int) -> list[Attachment]:
    """The attachments of this person, once all `number` of them are fetched or refused."""
    mine = select(Attachment).join(Message, Message.id == Attachment.message_id).order_by(Attachment.id)

    def found() -> list[Attachment]:
        with running.make() as session:
            return list(session.execute(mine.where(Message.conversation_id == running.person(who).id)).scalars())

    running.until(lambda: sum(one.state not in ("waiting", "wanted") for one in found()) == number, 60)
    return found()


@pytest.mark.parametrize("channel", ["telegram", "whatsapp", "sms"])
def test_23_a_file_reaches_the_operator_if_it_is_what_it_should_be(
    running: Running, figures: Figures, channel: str
) -> None:
    logs = Logs(running.folder)
    who: Who = (
        running.new_chat() if channel == "telegram" else f"{'whatsapp:' * (channel == 'whatsapp')}{running.new_phone()}"
    )
    in_danger(running, who)
    wanted: list[tuple[str, str | None, bytes]] = []
    sent = [
        *((content, "stored", kind) for content, kind in GOOD.values()),
        *((c, "refused", r) for c, r in BAD.values()),
    ]
    for number, (content, state, more) in enumerate(sent):
        if channel == "telegram":
            file_id = f"file-{running.number()}"
            running.telegram.files[file_id] = (f"photos/file_{number}.png", content)
            document: dict[str, Any] = {
                "file_id": file_id,
                "file_unique_id": "u",
                "file_name": "PLANTED.png",
                "mime_type": "image/png",
            }
            document |= {"file_size": len(content)} if more != "large" else {}
            writes(running, who, None, document=document)
        else:
            url = running.twilio.store(content, "image/png", message=running.new_sid())
            writes(running, who, None, NumMedia="1", MediaUrl0=url, MediaContentType0="image/png")
        wanted.append((state, None if state == "stored" else more, content))
    found = files(running, who, len(sent))
    assert [(one.state, one.reason) for one in found] == [(state, reason) for state, reason, _ in wanted]
    with running.make() as session:
        for one, (content, kind) in zip(found, GOOD.values(), strict=False):
            opened = attachments.read(session, running.keys, one.id, running.person(who).id)
            assert opened is not None
            assert (opened.content, opened.kind) == (content, kind)
            assert "PLANTED" not in opened.name
    sealed = running.postgres.sql("SELECT content_sealed FROM attachments WHERE content_sealed IS NOT NULL")
    assert not any(content[:40] in bytes(row[0]) for row in sealed for content, _ in GOOD.values())
    logs.check("PLANTED")
    figures(check=23, channel=channel, sent=len(sent), shown=len(GOOD), refused=len(BAD))


def test_23_only_the_providers_hosts_are_asked(running: Running, figures: Figures) -> None:
    phone = f"whatsapp:{running.new_phone()}"
    in_danger(running, phone)
    account = f"/2010-04-01/Accounts/{running.twilio.account_sid}/Messages/MM{'1' * 32}/Media/ME"
    with stranger() as other:
        right = running.twilio.store(PIXEL, "image/png")
        addresses = [
            other.url + "/a.png",
            other.url + account + "1" * 32,
            other.url.replace("127.0.0.1", "localhost") + "/b.png",
            f"http://127.0.0.1:{running.web_port}/metrics",
            f"http://{running.twilio.url.removeprefix('http://')}@127.0.0.1:{other.port}/c.png",
            f"{running.twilio.url}@127.0.0.1:{other.port}{account}{'1' * 32}",
            f"http://[::ffff:127.0.0.1]:{other.port}/d.png",
            f"http://2130706433:{other.port}/e.png",
            f"//127.0.0.1:{other.port}/f.png",
            "http://169.254.169.254/latest/meta-data/",
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "gopher://127.0.0.1:11211/_stats",
            "data:image/png;base64,AAAA",
            right + "?x=1",
            right + "/../../../../../../../metrics",
            right.replace("/Media/", "/Media/../"),
            right + "#x",
            right + " ",
            "x" * 3000,
        ]
        for address in addresses:
            writes(running, phone, None, NumMedia="1", MediaUrl0=address, MediaContentType0="image/png")
        writes(running, phone, None, NumMedia="1", MediaUrl0=right, MediaContentType0="image/png")
        found = files(running, phone, len(addresses) + 1)
        asked = list(other.asked)
    refused = [one for one in found if (one.state, one.reason) == ("refused", "host")]
    figures(
        check=23,
        addresses=len(addresses),
        refused=len(refused),
        strangers_asked=len(asked),
        rightful_fetched=found[-1].state,
    )
    assert asked == []
    assert [(one.state, one.reason) for one in found if one not in refused] == [("stored", None)]
    assert len(refused) == len(addresses)
    assert found[-1].state == "stored"
