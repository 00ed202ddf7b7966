"""Every setting, declared once. Settings are environment variables; docs/settings.md is held to this list."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from locales import LANGUAGES


class BadSetting(Exception):
    """A setting that cannot be used. The message names it and says what to do; it never quotes a secret."""


@dataclass(frozen=True)
class Setting:
    """One environment variable. `secret` settings may also be given as `NAME_FILE`, a path to read."""

    name: str
    field: str
    help: str
    default: str = ""
    parse: Callable[[str], Any] = str
    secret: bool = False


def _flag(value: str) -> bool:
    if value not in ("", "0", "1"):
        raise ValueError("write 1 for yes or 0 for no")
    return value == "1"


def _url(value: str) -> str:
    if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
        raise ValueError("write a full address such as https://help.example.org")
    return value.rstrip("/")


def _address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("write host:port, for example 127.0.0.1:8080")
    return host, int(port)


def _keys(value: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in value.split(",") if key.strip())
    if any(len(key) < 32 for key in keys):
        raise ValueError("each key needs at least 32 characters; `wayline keys new` prints one")
    return keys


def _hours(value: str) -> str:
    from opening_hours import validate

    if not validate(value):
        raise ValueError('write opening hours in OpenStreetMap syntax, for example "Mo-Fr 09:00-18:00"')
    return value


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("write a time zone name such as Europe/Warsaw") from None


def _country(value: str) -> str | None:
    if not value:
        return None
    if len(value) != 2 or not (value.isascii() and value.isalpha()):
        raise ValueError("write a two-letter country code such as PL")
    return value.upper()


def _language(value: str) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"write one of {', '.join(LANGUAGES)}")
    return value


def _telegram_secret(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", value):
        raise ValueError("Telegram takes 1 to 256 of A-Z a-z 0-9 _ and -")
    return value


def _mail_server(value: str) -> str:
    server = urlsplit(value)
    if value and (server.scheme not in ("smtp", "smtp+tls", "smtps") or not server.hostname):
        raise ValueError("write smtp+tls://user:password@mail.example.org:587")
    return value


def _database(value: str) -> str:
    if value and not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("write postgresql://user:password@host/database; leave it empty for the embedded one")
    return value


DECLARED = (
    Setting(
        "WAYLINE_DATABASE_URL",
        "database_url",
        "PostgreSQL address; empty: the embedded database in WAYLINE_VAR.",
        parse=_database,
        secret=True,
    ),
    Setting(
        "WAYLINE_MASTER_KEYS",
        "master_keys",
        "Keys that protect every conversation's key, comma-separated, the current one first. "
        "Empty with WAYLINE_DEMO=1: one is made in WAYLINE_VAR.",
        parse=_keys,
        secret=True,
    ),
    Setting("WAYLINE_PUBLIC_URL", "public_url", "Address under which people and providers reach `web`.", parse=_url),
    Setting("WAYLINE_BOT_URL", "bot_url", "Where the worker finds the bot.", "http://127.0.0.1:5005", _url),
    Setting("WAYLINE_TELEGRAM_TOKEN", "telegram_token", "Telegram bot token; empty: Telegram is off.", secret=True),
    Setting(
        "WAYLINE_TELEGRAM_SECRET",
        "telegram_secret",
        "Secret that Telegram sends with every update (1-256 of A-Z a-z 0-9 _ -).",
        parse=_telegram_secret,
        secret=True,
    ),
    Setting("WAYLINE_TELEGRAM_API_URL", "telegram_api_url", "Telegram's API.", "https://api.telegram.org", _url),
    Setting("WAYLINE_TWILIO_ACCOUNT_SID", "twilio_account_sid", "Twilio account; empty: SMS and WhatsApp are off."),
    Setting("WAYLINE_TWILIO_AUTH_TOKEN", "twilio_auth_token", "Twilio auth token.", secret=True),
    Setting("WAYLINE_TWILIO_API_URL", "twilio_api_url", "Twilio's API.", "https://api.twilio.com", _url),
    Setting(
        "WAYLINE_TWILIO_SMS_FROM",
        "twilio_sms_from",
        "Number or messaging service that SMS come from; empty: SMS is off.",
    ),
    Setting("WAYLINE_TWILIO_WHATSAPP_FROM", "twilio_whatsapp_from", "WhatsApp sender; empty: WhatsApp is off."),
    Setting("WAYLINE_DEMO", "demo", "1: try it out on this machine only (loopback).", "0", _flag),
    Setting("WAYLINE_VAR", "var", "Folder for state: embedded database, demo key.", "var", Path),
    Setting("WAYLINE_HTTP", "http", "Where `web` listens. Demo default: 127.0.0.1:8080.", "0.0.0.0:8080", _address),
    Setting("WAYLINE_CONSOLE", "console", "Where `console` listens.", "127.0.0.1:8081", _address),
    Setting("WAYLINE_NAME", "name", "Name of the helpline that people and operators see.", "Wayline"),
    Setting(
        "WAYLINE_COUNTRY",
        "country",
        "Two-letter code of the country that the helpline serves; used for emergency numbers "
        "where a person's own country is not known. Empty: ask.",
        parse=_country,
    ),
    Setting("WAYLINE_HOURS", "hours", "When operators are at the desk, in OpenStreetMap syntax.", "24/7", _hours),
    Setting("WAYLINE_TIMEZONE", "timezone", "Time zone of WAYLINE_HOURS.", "UTC", _zone),
    Setting(
        "WAYLINE_ONCALL_TELEGRAM",
        "oncall_telegram",
        "Telegram chat id of the person on call, who has written to the bot once; empty: nobody is called this way.",
        secret=True,
    ),
    Setting("WAYLINE_ONCALL_SMS", "oncall_sms", "Mobile number of the person on call, as +48600100200.", secret=True),
    Setting("WAYLINE_ONCALL_EMAIL", "oncall_email", "E-mail address of the person on call.", secret=True),
    Setting(
        "WAYLINE_SMTP_URL",
        "smtp_url",
        "Mail server for WAYLINE_ONCALL_EMAIL: smtp://, smtp+tls:// or smtps://user:password@host:port.",
        parse=_mail_server,
        secret=True,
    ),
    Setting("WAYLINE_SMTP_FROM", "smtp_from", "Sender of these e-mails.", "wayline@localhost"),
    Setting(
        "WAYLINE_TRANSLATOR_URL",
        "translator_url",
        "LibreTranslate-compatible server that operators may ask for a translation; empty: off. What people write is "
        "sent there, so it must be one that you run or have a contract with.",
        parse=_url,
    ),
    Setting("WAYLINE_TRANSLATOR_KEY", "translator_key", "Its API key, if it wants one.", secret=True),
    Setting(
        "WAYLINE_LANGUAGE",
        "language",
        "Language used until the person's is known, and to the person on call.",
        "en",
        _language,
    ),
)


@dataclass(frozen=True)
class Settings:
    """The settings of one process, parsed. Empty strings and `None` mean: not set, the feature is off."""

    database_url: str = field(repr=False)
    master_keys: tuple[str, ...] = field(repr=False)
    public_url: str
    bot_url: str
    telegram_token: str = field(repr=False)
    telegram_secret: str = field(repr=False)
    telegram_api_url: str
    twilio_account_sid: str
    twilio_auth_token: str = field(repr=False)
    twilio_api_url: str
    twilio_sms_from: str
    twilio_whatsapp_from: str
    demo: bool
    var: Path
    http: tuple[str, int]
    console: tuple[str, int]
    name: str
    country: str | None
    hours: str
    timezone: ZoneInfo
    oncall_telegram: str = field(repr=False)
    oncall_sms: str = field(repr=False)
    oncall_email: str = field(repr=False)
    smtp_url: str = field(repr=False)
    smtp_from: str
    translator_url: str
    translator_key: str = field(repr=False)
    language: str

    @property
    def origin(self) -> str:
        """The public address; in a demo, the loopback address that `web` listens on."""
        return self.public_url or f"http://{self.http[0]}:{self.http[1]}"


def _read(setting: Setting, env: Mapping[str, str]) -> str:
    path = env.get(setting.name + "_FILE") if setting.secret else None
    if not path:
        return env.get(setting.name, "").strip()
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise BadSetting(f"{setting.name}_FILE cannot be read ({error.strerror}): check the path.") from None


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Read all settings. Raises `BadSetting` on the first that is wrong, and on unknown WAYLINE_ names."""
    env = os.environ if env is None else env
    known = {s.name for s in DECLARED} | {s.name + "_FILE" for s in DECLARED if s.secret}
    unknown = sorted(n for n in env if n.startswith("WAYLINE_") and n not in known)
    if unknown:
        raise BadSetting(f"{unknown[0]} is not a setting of Wayline. See docs/settings.md for the names.")
    values: dict[str, Any] = {}
    demo = env.get("WAYLINE_DEMO", "") == "1"
    for setting in DECLARED:
        default = "127.0.0.1:8080" if demo and setting.field == "http" else setting.default
        try:
            values[setting.field] = setting.parse(_read(setting, env) or default)
        except ValueError as error:
            raise BadSetting(f"{setting.name}: {error}.") from None
    settings = Settings(**values)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if settings.demo:
        for name, (host, _) in (("WAYLINE_HTTP", settings.http), ("WAYLINE_CONSOLE", settings.console)):
            if host not in ("127.0.0.1", "localhost", "::1"):
                raise BadSetting(f"{name}: with WAYLINE_DEMO=1 only this machine may connect; use 127.0.0.1.")
    elif not settings.public_url:
        raise BadSetting(
            "WAYLINE_PUBLIC_URL is not set: write the address that people use, "
            "or set WAYLINE_DEMO=1 to try Wayline on this machine."
        )
    elif not settings.public_url.startswith("https://"):
        raise BadSetting("WAYLINE_PUBLIC_URL must begin with https://: what people write must not travel in the open.")
    elif not settings.master_keys:
        raise BadSetting(
            "WAYLINE_MASTER_KEYS is not set: `wayline keys new` prints a key; keep a copy of it elsewhere."
        )
    if settings.oncall_email and not settings.smtp_url:
        raise BadSetting(
            "WAYLINE_SMTP_URL is not set: without a mail server nobody gets the e-mails of WAYLINE_ONCALL_EMAIL."
        )
    if settings.telegram_token and not settings.telegram_secret:
        raise BadSetting("WAYLINE_TELEGRAM_SECRET is not set: without it anybody could pretend to be Telegram.")
    if (settings.twilio_sms_from or settings.twilio_whatsapp_from) and not (
        settings.twilio_account_sid and settings.twilio_auth_token
    ):
        raise BadSetting("WAYLINE_TWILIO_ACCOUNT_SID and WAYLINE_TWILIO_AUTH_TOKEN are needed for SMS and WhatsApp.")
