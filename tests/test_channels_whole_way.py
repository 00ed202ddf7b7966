"""The whole way over Telegram and SMS: signed webhook, worker, real bot, the provider's API, and an answer to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask.testing import FlaskClient
from sqlalchemy import Engine

import gateway
from helpline import providers
from helpline.keys import Keyring
from helpline.settings import Settings
from tests.providers import telegram, twilio
from tests.providers.telegram import TelegramServer
from tests.providers.twilio import TwilioServer
from tests.stack import Rasa, with_bot, worker

OLENA = 4815162342
SECRET = "a-secret-of-the-webhook"


@contextmanager
def running(settings: Settings, engine: Engine, keys: Keyring) -> Iterator[FlaskClient]:
    """The public web and a worker with the providers of `settings`."""
    with worker(settings, engine, keys, providers.channels(settings)):
        yield gateway.create_app(settings, engine).test_client()


def until(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def test_telegram_from_the_webhook_to_the_answer_and_a_tap_on_it(
    settings: Settings, engine: Engine, keys: Keyring, rasa: Rasa
) -> None:
    with TelegramServer() as provider:
        settings = replace(
            with_bot(settings, rasa.url),
            telegram_token=provider.token,
            telegram_secret=SECRET,
            telegram_api_url=provider.url,
        )
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}
        with running(settings, engine, keys) as web:

            def comes(body: bytes) -> int:
                return web.post("/webhooks/telegram", data=body, headers=headers).status_code

            first = telegram.update(1, message=telegram.message(OLENA, text="/start"))
            assert web.post("/webhooks/telegram", data=first).status_code == 403
            assert comes(first) == 200
            assert comes(first) == 200  # the provider repeats itself
            until(lambda: len(provider.sent) >= 2)
            assert [message.chat_id for message in provider.sent] == [OLENA, OLENA]
            assert "Вітаємо" in provider.sent[0].text
            (title, data), *_ = provider.sent[1].buttons[0]
            assert title == "Пропозиція роботи"
            assert comes(telegram.update(2, callback_query=telegram.tap(OLENA, data, "tap-1"))) == 200
            until(lambda: any("Пропозиція роботи може бути" in message.text for message in provider.sent))
            until(lambda: len(provider.sent) >= 4)
            time.sleep(0.3)
            assert len(provider.sent) == 4  # two answers, each once


def test_sms_from_the_signed_form_to_numbered_choices_and_a_number_for_an_answer(
    settings: Settings, engine: Engine, keys: Keyring, rasa: Rasa
) -> None:
    with TwilioServer() as provider:
        settings = replace(
            with_bot(settings, rasa.url),
            twilio_account_sid=provider.account_sid,
            twilio_auth_token=provider.auth_token,
            twilio_api_url=provider.url,
            twilio_sms_from="+48732000001",
        )
        with running(settings, engine, keys) as web:

            def writes(body: str, sid: str, token: str = provider.auth_token) -> int:
                fields = twilio.sms("+48600100200", body, sid)
                headers, form = twilio.webhook(f"{settings.origin}/webhooks/twilio/sms", fields, token)
                return web.post("/webhooks/twilio/sms", data=form, headers=headers).status_code

            assert writes("hello", "SM" + "1" * 32, token="somebody else's") == 403
            assert writes("hello", "SM" + "1" * 32) == 200
            until(lambda: len(provider.sent) >= 2)
            assert "1 A job offer" in provider.sent[1].body
            assert writes("1", "SM" + "2" * 32) == 200
            until(lambda: any("A job offer can look good" in message.body for message in provider.sent))
