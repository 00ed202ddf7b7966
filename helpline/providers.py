"""The channels that are switched on by the settings, by name. The web chat needs no provider."""

from __future__ import annotations

from channels.contract import Channel
from channels.telegram import Telegram
from channels.twilio import TwilioSms, TwilioWhatsApp
from helpline.settings import Settings


def channels(settings: Settings) -> dict[str, Channel]:
    """A fresh channel for each provider that has its settings; building one opens no connection."""
    found: dict[str, Channel] = {}
    if settings.telegram_token:
        found["telegram"] = Telegram(settings.telegram_token, settings.telegram_secret, settings.telegram_api_url)
    status_url = f"{settings.origin}/webhooks/twilio/status"
    account = settings.twilio_account_sid, settings.twilio_auth_token
    if settings.twilio_sms_from:
        found["sms"] = TwilioSms(*account, settings.twilio_sms_from, settings.twilio_api_url, status_url)
    if settings.twilio_whatsapp_from:
        found["whatsapp"] = TwilioWhatsApp(*account, settings.twilio_whatsapp_from, settings.twilio_api_url, status_url)
    return found
