"""Providers' webhooks: prove, read, store, COMMIT, and only then say 2xx."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy.orm import Session

from channels.contract import Channel, Inbound, NotAuthentic, RawRequest, Unreadable
from channels.twilio import TwilioSms, TwilioWhatsApp
from gateway.store import Away, store
from helpline import intake

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
log = logging.getLogger(__name__)

MAX_TRIES = 5
"""Times that one update may break us before it is set aside: until it is taken, Telegram
holds back what the same chat says next."""


class Breakages:
    """Counts how often the same update broke us. Per process and forgetful: a guard, no record."""

    def __init__(self, remembered: int = 1000) -> None:
        self._remembered = remembered
        self._tries: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def again(self, body: bytes) -> int:
        """How often this update has failed now."""
        key = hashlib.sha256(body).digest()
        with self._lock:
            self._tries[key] = self._tries.pop(key, 0) + 1
            while len(self._tries) > self._remembered:
                self._tries.popitem(last=False)
            return self._tries[key]


@blueprint.post("/telegram")
def telegram() -> Response:
    """Empty answer: Telegram would carry out a JSON body that names a method."""
    channel = _configured("telegram")
    _take(channel, ["telegram"], channel.parse)
    return Response(status=200)


@blueprint.post("/twilio/<any(sms, whatsapp):name>")
def twilio(name: str) -> Response:
    channel = _configured(name)
    _take(channel, [name], channel.parse)
    return _twiml()


@blueprint.post("/twilio/status")
def status() -> Response:
    """One address for both channels: a message SID is unique at Twilio, so only its own channel knows it."""
    known = [channel for channel in _channels().values() if isinstance(channel, TwilioSms | TwilioWhatsApp)]
    if not known:
        abort(404)
    _take(known[0], [channel.name for channel in known], known[0].parse_status)
    return _twiml()


def _channels() -> dict[str, Channel]:
    found: dict[str, Channel] = current_app.extensions["channels"]
    return found


def _configured(name: str) -> Channel:
    channel = _channels().get(name)
    if channel is None:
        abort(404)
    return channel


def _twiml() -> Response:
    return Response("<Response/>", 200, content_type="text/xml; charset=utf-8")


def _take(channel: Channel, names: list[str], parse: Callable[[RawRequest], list[Inbound]]) -> None:
    """Store what the request says, under each of the channels in `names`.

    Aborts with 403 unless the provider made the request, 413 if it is too large. Raises `Away`. An authentic
    request that nobody can read is logged and accepted: refused, it would come again and hold up what waits
    behind it.
    """
    raw = _raw()
    try:
        channel.verify(raw)
    except NotAuthentic:
        log.warning("not authentic: %s", channel.name)
        abort(Response(status=403))
    try:
        events = parse(raw)
    except Unreadable:
        log.warning("unreadable: %s", channel.name)
        return
    try:
        _write(events, names)
    except Away:
        raise
    except Exception as error:
        if _breakages().again(raw.body) < MAX_TRIES:
            raise
        log.critical("set aside after %d tries: %s from %s", MAX_TRIES, type(error).__name__, channel.name)


def _write(events: Iterable[Inbound], names: list[str]) -> None:
    held = store()

    def work(session: Session) -> None:
        for event in events:
            for name in names:
                intake.receive(session, held.keys, held.settings, name, event)

    if events:
        held.run(work)


def _breakages() -> Breakages:
    found: Breakages = current_app.extensions.setdefault("breakages", Breakages())
    return found


def _raw() -> RawRequest:
    """The request as it arrived. The URL is the public one, because that is what a provider signs."""
    query = request.query_string.decode("latin-1")
    return RawRequest(
        method=request.method,
        url=store().settings.origin + request.path + (f"?{query}" if query else ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(parse_form_data=False),
    )
