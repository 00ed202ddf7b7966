"""Providers' webhooks: prove, read, store, COMMIT, and only then say 2xx."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy.orm import Session

from channels.contract import Channel, NotAuthentic, RawRequest, Unreadable
from channels.twilio import TwilioSms, TwilioWhatsApp
from gateway.store import Away, store
from helpline import intake, set_aside
from helpline.intake_batch import Event
from helpline.keys import Keyring

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
log = logging.getLogger(__name__)

@blueprint.post("/telegram")
def telegram() -> Response:
    """Empty answer: Telegram would carry out a JSON body that names a method."""
    channel = _configured("telegram")
    _take(channel, _reader(channel))
    return Response(status=200)


@blueprint.post("/twilio/<any(sms, whatsapp):name>")
def twilio(name: str) -> Response:
    channel = _configured(name)
    _take(channel, _reader(channel))
    return _twiml()


@blueprint.post("/twilio/status")
def status() -> Response:
    """One address for both channels; each reads its own reports."""
    known = [channel for channel in _channels().values() if isinstance(channel, TwilioSms | TwilioWhatsApp)]
    if not known:
        abort(404)

    def read(request: RawRequest) -> list[Event]:
        return [Event(channel.name, one) for channel in known for one in channel.parse_status(request)]

    _take(known[0], read)
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


def _reader(channel: Channel) -> Callable[[RawRequest], list[Event]]:
    def read(request: RawRequest) -> list[Event]:
        return [Event(channel.name, one) for one in channel.parse(request)]

    return read


def _take(channel: Channel, read: Callable[[RawRequest], list[Event]]) -> None:
    """Store what the request says.

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
        events = read(raw)
    except Unreadable:
        log.warning("unreadable: %s", channel.name)
        return
    try:
        _write(events)
    except Away:
        raise
    except Exception as error:
        reason = type(error).__name__
    else:
        return
    # Outside the handler: what broke us may quote the request.
    name = events[0].channel
    log.error("failed: %s from %s", reason, name)
    if not store().run(partial(_count, store().keys, name, raw.body, reason)):
        abort(Response(status=500))
    log.critical("set aside: %s from %s", reason, name)


def _count(keys: Keyring, channel: str, body: bytes, reason: str, session: Session) -> bool:
    return set_aside.failed(session, keys, channel, body, reason)


def _write(events: Sequence[Event]) -> None:
    held = store()

    def work(session: Session) -> None:
        for event in events:
            intake.receive(session, held.keys, held.settings, event.channel, event.happened)

    if events and not held.take(events):
        held.run(work)


def _raw() -> RawRequest:
    """The request as it arrived. The URL is the public one, because that is what a provider signs."""
    query = request.query_string.decode("latin-1")
    return RawRequest(
        method=request.method,
        url=store().settings.origin + request.path + (f"?{query}" if query else ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(parse_form_data=False),
    )
