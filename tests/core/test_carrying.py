"""What the console is told of the channels is what the channels say of themselves."""

from __future__ import annotations

from dataclasses import replace

from channels.contract import Limits
from helpline import carrying, providers
from helpline.settings import Settings


def limits(settings: Settings) -> dict[str, Limits]:
    everything = replace(
        settings,
        telegram_token="1234567:AAE",
        telegram_secret="secret",
        twilio_account_sid="AC" + "5" * 32,
        twilio_auth_token="6f1d0c9b8a7e6d5c4b3a29181706f5e4",
        twilio_sms_from="+48732000001",
        twilio_whatsapp_from="+48732000002",
    )
    return {name: channel.limits for name, channel in providers.channels(everything).items()}


def test_the_same_kinds_of_file_and_the_same_hours(settings: Settings) -> None:
    declared = limits(settings)
    assert set(carrying.CARRIED) == {*declared, "web"}
    for name, of_channel in declared.items():
        assert carrying.files_possible(name) == of_channel.files
        assert carrying.SESSION_HOURS.get(name) == of_channel.session_hours


def test_a_channel_that_nobody_knows_carries_nothing() -> None:
    assert carrying.files_possible("pigeon") == frozenset()
