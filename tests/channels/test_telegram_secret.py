"""Only the exact secret of the webhook gets in."""

from __future__ import annotations

import pytest

from channels.contract import NotAuthentic, RawRequest
from channels.telegram import SECRET_HEADER, Telegram
from tests.providers.telegram import message, update

SECRET = "s3cret_OF-the-webhook"
BODY = update(1, message=message(5501234567, text="hi"))


def request(headers: dict[str, str]) -> RawRequest:
    return RawRequest("POST", "https://wayline.example/webhooks/telegram", headers, BODY)


def test_the_right_secret_gets_in() -> None:
    Telegram("1:AA", SECRET).verify(request({SECRET_HEADER: SECRET}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SECRET_HEADER: ""},
        {SECRET_HEADER: " "},
        {SECRET_HEADER: SECRET + " "},
        {SECRET_HEADER: SECRET + "\x00"},
        {SECRET_HEADER: SECRET[:-1]},
        {SECRET_HEADER: SECRET.upper()},
        {SECRET_HEADER: "\u04553cret_OF-the-webhook"},
        {SECRET_HEADER: "\udcff"},
        {SECRET_HEADER: "x" * 100_000},
        {"x-telegram-bot-api-secret": SECRET},
        {"authorization": SECRET},
    ],
    ids=[
        "absent",
        "empty",
        "blank",
        "space",
        "nul",
        "short",
        "case",
        "cyrillic",
        "surrogate",
        "long",
        "name",
        "auth",
    ],
)
def test_anything_else_stays_out(headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthentic):
        Telegram("1:AA", SECRET).verify(request(headers))


@pytest.mark.parametrize("secret", ["", " ", "with space", "ключ", "x" * 257, SECRET + "\n"])
def test_a_secret_that_telegram_cannot_send_stops_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="1 to 256") as caught:
        Telegram("1:AA", secret)
    assert not secret.strip() or secret not in str(caught.value)


def test_no_token_stops_the_start() -> None:
    with pytest.raises(ValueError, match="token"):
        Telegram("", SECRET)
