"""A bad value stops the start with a message that names the setting, and never quotes a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpline.settings import DECLARED, BadSetting, Settings, load

KEY = "k" * 43
DEMO = {"WAYLINE_DEMO": "1"}
REAL = {"WAYLINE_PUBLIC_URL": "https://help.example.org", "WAYLINE_MASTER_KEYS": KEY}
PLANTED = "hunter2-planted-secret"


def refused(env: dict[str, str]) -> str:
    with pytest.raises(BadSetting) as caught:
        load(env)
    assert caught.value.__cause__ is None  # a chained exception may quote what this one does not
    return str(caught.value)


def test_a_demo_needs_nothing_else() -> None:
    made = load(DEMO)
    assert (made.demo, made.http, made.console) == (True, ("127.0.0.1", 8080), ("127.0.0.1", 8081))
    assert made.origin == "http://127.0.0.1:8080"
    assert made.country is None
    assert not made.telegram_token


def test_the_real_thing_needs_an_address_and_a_key() -> None:
    made = load(REAL)
    assert made.http == ("0.0.0.0", 8080)
    assert made.origin == "https://help.example.org"
    assert "WAYLINE_PUBLIC_URL" in refused({})
    assert "WAYLINE_MASTER_KEYS" in refused({"WAYLINE_PUBLIC_URL": "https://help.example.org"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAYLINE_DATABASE_URL", "mysql://user:pw@host/db"),
        ("WAYLINE_DATABASE_URL", "/var/lib/db"),
        ("WAYLINE_MASTER_KEYS", "short"),
        ("WAYLINE_MASTER_KEYS", KEY + ",short"),
        ("WAYLINE_PUBLIC_URL", "help.example.org"),
        ("WAYLINE_PUBLIC_URL", "ftp://help.example.org"),
        ("WAYLINE_PUBLIC_URL", "https://"),
        ("WAYLINE_PUBLIC_URL", "http://[::1"),
        ("WAYLINE_BOT_URL", "localhost:5005"),
        ("WAYLINE_TELEGRAM_API_URL", "api.telegram.org"),
        ("WAYLINE_TWILIO_API_URL", "x"),
        ("WAYLINE_DEMO", "yes"),
        ("WAYLINE_DEMO", "true"),
        ("WAYLINE_DEMO", "2"),
        ("WAYLINE_HTTP", "8080"),
        ("WAYLINE_HTTP", "127.0.0.1:"),
        ("WAYLINE_HTTP", "127.0.0.1:0"),
        ("WAYLINE_HTTP", "127.0.0.1:65536"),
        ("WAYLINE_HTTP", "127.0.0.1:²"),
        ("WAYLINE_CONSOLE", "127.0.0.1:http"),
        ("WAYLINE_CONSOLE", ":8081"),
        ("WAYLINE_COUNTRY", "Poland"),
        ("WAYLINE_COUNTRY", "P1"),
        ("WAYLINE_COUNTRY", "ПЛ"),
        ("WAYLINE_COUNTRY", "ßß"),
        ("WAYLINE_HOURS", "whenever"),
        ("WAYLINE_HOURS", "Mo-Xx 09:00"),
        ("WAYLINE_TIMEZONE", "Warsaw"),
        ("WAYLINE_TIMEZONE", "../etc/passwd"),
        ("WAYLINE_TIMEZONE", "Europe"),
        ("WAYLINE_LANGUAGE", "xx"),
        ("WAYLINE_LANGUAGE", "english"),
        ("WAYLINE_LANGUAGE", "../uk"),
    ],
)
def test_a_bad_value_names_its_setting(name: str, value: str) -> None:
    message = refused({**DEMO, name: value})
    assert message.startswith(f"{name}: ")


@pytest.mark.parametrize("secret", ["has space", "ümlaut", "x" * 257, "semi;colon"])
def test_a_telegram_secret_that_telegram_would_refuse_stops_the_start(secret: str) -> None:
    """Its help names the alphabet; unchecked here, `channels.Telegram` raises a bare ValueError in every process."""
    message = refused({**DEMO, "WAYLINE_TELEGRAM_TOKEN": "1:t", "WAYLINE_TELEGRAM_SECRET": secret})
    assert "WAYLINE_TELEGRAM_SECRET" in message
    assert secret not in message


@pytest.mark.parametrize(
    "name", ["WAYLINE_TELEGRAM_TOKN", "WAYLINE_", "WAYLINE_MASTER_KEY", "WAYLINE_PUBLIC_URL_FILE", "WAYLINE_demo"]
)
def test_an_unknown_name_stops_the_start(name: str) -> None:
    assert refused({**DEMO, name: PLANTED}).startswith(name)


def test_other_programs_variables_are_none_of_ours() -> None:
    load({**DEMO, "PATH": "/bin", "TELEGRAM_TOKEN": "x"})


VALUES = {
    "WAYLINE_DATABASE_URL": "postgresql://u:p@h/d",
    "WAYLINE_MASTER_KEYS": KEY,
    "WAYLINE_SMTP_URL": "smtp+tls://u:p@mail.example.org:587",
}
NEEDED = {
    "WAYLINE_TELEGRAM_TOKEN": {"WAYLINE_TELEGRAM_SECRET": "s"},
    "WAYLINE_ONCALL_EMAIL": {"WAYLINE_SMTP_URL": "smtp://mail.example.org:25"},
}


@pytest.mark.parametrize(("name", "field"), [(one.name, one.field) for one in DECLARED if one.secret])
def test_a_secret_may_stand_in_a_file(name: str, field: str, tmp_path: Path) -> None:
    value = VALUES.get(name, "secret-value")
    file = tmp_path / "secret"
    file.write_text(value + "\n")
    extra = NEEDED.get(name, {})
    made = load({**DEMO, **extra, name + "_FILE": str(file)})
    assert getattr(made, field) == ((value,) if field == "master_keys" else value)


@pytest.mark.parametrize("path", ["/nowhere/at/all", "/", "\0"])
def test_a_secret_file_that_cannot_be_read_names_its_setting(path: str) -> None:
    assert refused({**DEMO, "WAYLINE_TELEGRAM_TOKEN_FILE": path}).startswith("WAYLINE_TELEGRAM_TOKEN")


def test_a_secret_file_that_is_not_text_names_its_setting_and_not_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "binary"
    file.write_bytes(b"\xff\xfe" + PLANTED.encode())
    message = refused({**DEMO, "WAYLINE_TELEGRAM_TOKEN_FILE": str(file)})
    assert message.startswith("WAYLINE_TELEGRAM_TOKEN")
    assert PLANTED not in message


@pytest.mark.parametrize(
    "env",
    [
        {"WAYLINE_DATABASE_URL": f"mysql://user:{PLANTED}@host/db"},
        {"WAYLINE_MASTER_KEYS": PLANTED},
        {"WAYLINE_TELEGRAM_TOKEN": PLANTED},
        {"WAYLINE_TWILIO_AUTH_TOKEN": PLANTED, "WAYLINE_TWILIO_SMS_FROM": "+48600100200"},
        {"WAYLINE_TELEGRAM_TOKEN": PLANTED, "WAYLINE_TELEGRAM_SECRET": "s", "WAYLINE_HTTP": "x"},
    ],
    ids=lambda env: next(iter(env)),
)
def test_no_message_quotes_a_secret(env: dict[str, str]) -> None:
    assert PLANTED not in refused({**DEMO, **env})


def test_printing_the_settings_shows_no_secret() -> None:
    """`repr` is what a debugger, a crash reporter or a careless log line shows."""
    made = load(
        {
            **DEMO,
            "WAYLINE_DATABASE_URL": f"postgresql://u:{PLANTED}-db@h/d",
            "WAYLINE_MASTER_KEYS": PLANTED + "x" * 32,
            "WAYLINE_TELEGRAM_TOKEN": PLANTED + "-token",
            "WAYLINE_TELEGRAM_SECRET": PLANTED,
            "WAYLINE_TWILIO_AUTH_TOKEN": PLANTED,
        }
    )
    assert PLANTED not in repr(made)
    assert PLANTED not in str(made)


@pytest.mark.parametrize("name", ["WAYLINE_HTTP", "WAYLINE_CONSOLE"])
@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.168.1.5", "[::]", "::", "example.org", "127.0.0.1.example.org", "*", "localhost.example"]
)
def test_a_demo_listens_on_this_machine_only(name: str, host: str) -> None:
    assert refused({**DEMO, name: f"{host}:8080"}).startswith(name)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_demo_may_listen_on_loopback(host: str) -> None:
    assert load({**DEMO, "WAYLINE_HTTP": f"{host}:9000"}).http == (host, 9000)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"WAYLINE_TELEGRAM_TOKEN": "1:t"}, "WAYLINE_TELEGRAM_SECRET"),
        ({"WAYLINE_TWILIO_SMS_FROM": "+48600100200"}, "WAYLINE_TWILIO_ACCOUNT_SID"),
        (
            {"WAYLINE_TWILIO_WHATSAPP_FROM": "+48600100200", "WAYLINE_TWILIO_ACCOUNT_SID": "AC1"},
            "WAYLINE_TWILIO_AUTH_TOKEN",
        ),
    ],
)
def test_a_provider_without_its_secret_stops_the_start(env: dict[str, str], named: str) -> None:
    assert named in refused({**REAL, **env})


def test_keys_are_kept_in_order_and_trimmed() -> None:
    first, second = "a" * 40, "b" * 40
    assert load({**DEMO, "WAYLINE_MASTER_KEYS": f" {first} ,, {second}, "}).master_keys == (first, second)


def test_every_field_is_declared_once_with_its_help() -> None:
    assert sorted(one.field for one in DECLARED) == sorted(Settings.__dataclass_fields__)
    assert len({one.name for one in DECLARED}) == len(DECLARED)
    assert all(len(one.help) > 10 for one in DECLARED)


def test_values_are_trimmed_and_urls_lose_their_last_slash() -> None:
    made = load({**REAL, "WAYLINE_PUBLIC_URL": " https://help.example.org/ ", "WAYLINE_COUNTRY": "pl"})
    assert (made.public_url, made.country) == ("https://help.example.org", "PL")
