"""The person on call: a short message without any person in it, when nobody at the desk takes a case."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

import locales
from channels.contract import Channel, Part
from helpline import calling
from helpline.calling import Call, Round
from helpline.keys import Keyring
from helpline.logs import where
from helpline.settings import Settings

log = structlog.get_logger()

TIMEOUT = 20.0
"""Seconds for one way of reaching somebody."""
ROUNDS = 10
PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


class Calls:
    """Calls out waiting cases and passes the last call on to whoever is on call; several workers may do it side by
    side, because each call is counted in the transaction that makes it."""

    def __init__(
        self,
        in_transaction: Callable[..., Awaitable[Any]],
        keys: Keyring,
        settings: Settings,
        channels: Mapping[str, Channel],
    ) -> None:
        self._in_transaction, self._keys, self._settings, self._channels = in_transaction, keys, settings, channels

    async def run(self) -> None:
        """Everything that is due, at most `ROUNDS` transactions of it: other chores wait meanwhile."""
        for _ in range(ROUNDS):
            done: Round = await self._in_transaction(calling.due, self._keys, self._settings)
            if done.on_call is not None:
                await self._tell(done.on_call)
            if not done.more:
                return

    async def _tell(self, call: Call) -> None:
        """By every way at once. Whom no way reached is told with the next call."""
        text = words(self._settings, call)
        if any(await asyncio.gather(*(self._reach(*way, text=text) for way in self._ways()))):
            await self._in_transaction(calling.told, call)

    def _ways(self) -> list[tuple[str, str]]:
        settings = self._settings
        wanted = (
            ("telegram", settings.oncall_telegram), ("sms", settings.oncall_sms), ("email", settings.oncall_email),
        )  # fmt: skip
        return [(way, address) for way, address in wanted if address]

    async def _reach(self, way: str, address: str, text: str) -> bool:
        """Try once; whether it was taken. Nobody else must hear of a failure but the log."""
        try:
            if way == "email":
                await asyncio.wait_for(asyncio.to_thread(mail, self._settings, address, text), TIMEOUT)
            elif way in self._channels:
                await asyncio.wait_for(self._channels[way].send(address, Part(text=text)), TIMEOUT)
            else:
                log.warning("person on call not reached", way=way, reason="channel is off")
                return False
            log.info("person on call told", way=way)
            return True
        except Exception as error:
            log.error("person on call not reached", way=way, reason=where(error))
            return False


def words(settings: Settings, call: Call) -> str:
    """How many wait and how urgent, nothing else; in the helpline's own language."""
    catalogue = locales.catalogue("console", settings.language)
    gettext, ngettext = catalogue.gettext, catalogue.ngettext
    sentences = [
        ngettext(
            "%(num)s person waits and nobody has answered.", "%(num)s people wait and nobody has answered.", call.cases
        )
        % {"num": call.cases},
        gettext("Somebody may be in danger.") if call.danger else "",
        gettext("Please open the console."),
    ]
    return f"{settings.name}: {' '.join(filter(None, sentences))}"


def mail(settings: Settings, address: str, text: str) -> None:
    """Send one e-mail by the server of WAYLINE_SMTP_URL. Raises what smtplib raises."""
    server = urlsplit(settings.smtp_url)
    message = EmailMessage()
    message["From"], message["To"] = settings.smtp_from, address
    gettext = locales.catalogue("console", settings.language).gettext
    message["Subject"] = f"{settings.name}: {gettext('Please open the console.')}"
    message.set_content(text)
    checked = ssl.create_default_context()  # smtplib's own asks for no certificate, and the passphrase goes this way
    with _server(server.scheme, server.hostname or "", server.port or PORTS.get(server.scheme, 0), checked) as smtp:
        if server.scheme == "smtp+tls":
            smtp.starttls(context=checked)
        if server.username:
            smtp.login(unquote(server.username), unquote(server.password or ""))
        smtp.send_message(message)


def _server(scheme: str, host: str, port: int, checked: ssl.SSLContext) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=checked)
    return smtplib.SMTP(host, port, timeout=TIMEOUT)
