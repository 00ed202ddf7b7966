"""Alerts: everybody sees them in words, live; who supervises puts away what has no end of its own."""

from __future__ import annotations

import pytest

from console import banner
from helpline import alerts
from helpline.database import Sessions, transaction
from tests.console.conftest import Field, SignIn

WORDS = {
    "provider_refuses": "Telegram: the provider has refused our sign-in (401) since",
    "provider_away": "Telegram: the provider has been out of reach (401) since",
    "message_set_aside": "Telegram: the bot has failed on 2 messages since",
    "update_set_aside": "wayline updates retry",
    "not_delivered": "Telegram: 2 answers became too old and were not sent",
}


def sound(make: Sessions, kind: str, times: int = 1) -> None:
    with transaction(make) as session:
        for _ in range(times):
            alerts.sound(session, kind, "telegram", "401")


@pytest.mark.parametrize("kind", alerts.KINDS)
def test_every_kind_says_what_is_wrong_and_what_to_do(
    sign_in: SignIn, field: Field, make: Sessions, kind: str
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    assert 'class="alert"' not in sam.get("/").text
    sound(make, kind, times=2)
    for path in ("/", f"/cases/{code}", "/cases", "/me"):
        page = sam.get(path).text
        assert WORDS[kind] in page, path
        assert page.count('class="alert"') == 1
    assert "something is wrong" not in page


def test_the_bar_brings_a_banner_only_when_it_changed(sign_in: SignIn, make: Sessions) -> None:
    sam = sign_in("sam")
    digest = sam.get("/").text.split('name="banner" value="')[1][:16]
    assert "banner" not in sam.get(f"/desk?banner={digest}").text
    sound(make, "provider_away")
    news = sam.get(f"/desk?banner={digest}").text
    assert '<div id="banner" hx-swap-oob="innerHTML">' in news
    assert "out of reach" in news
    with transaction(make) as session:
        alerts.over(session, "provider_away", "telegram")
    assert "out of reach" not in sam.get("/").text


def test_supervisors_put_away_what_they_have_seen(sign_in: SignIn, make: Sessions) -> None:
    sound(make, "not_delivered")
    sam, ines = sign_in("sam"), sign_in("ines")
    form = {"kind": "not_delivered", "channel": "telegram", "count": "1"}
    assert "Seen" not in sam.get("/").text
    assert sam.post("/alerts/seen", form).status_code == 403
    assert ">Seen</button>" in ines.get("/").text
    sound(make, "not_delivered")  # while the page is open
    assert ines.post("/alerts/seen", form).status_code == 303
    assert "2 answers became too old" in ines.get("/").text
    live = ines.post("/alerts/seen", form | {"count": "2"}, headers={"HX-Request": "true"})
    assert (live.status_code, live.headers["HX-Trigger"]) == (204, "desk")
    assert 'class="alert"' not in ines.get("/").text
    assert ines.post("/alerts/seen", form).status_code == 303  # a colleague was faster


@pytest.mark.parametrize("kind", sorted(set(alerts.KINDS) - set(banner.SEEN)))
def test_what_ends_with_its_cause_cannot_be_put_away(sign_in: SignIn, make: Sessions, kind: str) -> None:
    sound(make, kind)
    ines = sign_in("ines")
    assert ">Seen</button>" not in ines.get("/").text
    assert ines.post("/alerts/seen", {"kind": kind, "channel": "telegram", "count": "1"}).status_code == 400
    assert 'class="alert"' in ines.get("/").text
