"""Every kind of update that Telegram has: what we take, what we pass over, and that none of them breaks us."""

from __future__ import annotations

import json
from typing import Any

import pytest
from telegram import Update

from channels.contract import Inbound, Incoming, OptOut, RawRequest
from channels.telegram import Telegram
from channels.telegram_updates import KINDS
from tests.providers.telegram import edited, member, message, tap, update

OLENA = 5501234567
GROUP = -1001234567890
WHO = message(OLENA)["from"]
PRIVATE, SUPERGROUP = message(OLENA)["chat"], {"id": GROUP, "type": "supergroup", "title": "Drivers"}
BOT = {"id": 7654321, "is_bot": True, "first_name": "Another", "username": "another_bot"}
BOOST_SOURCE = {"source": "premium", "user": WHO}
ORDER = {"currency": "EUR", "total_amount": 100, "invoice_payload": "x"}
ADDRESS = {
    "country_code": "PL",
    "state": "",
    "city": "x",
    "street_line1": "x",
    "street_line2": "",
    "post_code": "00-001",
}

UPDATES: dict[str, Any] = {
    "message": message(OLENA, text="help"),
    "edited_message": edited(OLENA, text="help"),
    "callback_query": tap(OLENA, "c:1", "tap-7"),
    "my_chat_member": member(OLENA, "member", "kicked"),
    "channel_post": message(GROUP, "channel", text="post"),
    "edited_channel_post": edited(GROUP, "channel", text="post"),
    "inline_query": {"id": "1", "from": WHO, "query": "help", "offset": ""},
    "chosen_inline_result": {"result_id": "1", "from": WHO, "query": "help"},
    "shipping_query": {"id": "1", "from": WHO, "invoice_payload": "x", "shipping_address": ADDRESS},
    "pre_checkout_query": {"id": "1", "from": WHO, **ORDER},
    "poll": {
        "id": "1",
        "question": "?",
        "options": [{"persistent_id": "o1", "text": "yes", "voter_count": 1}],
        "total_voter_count": 1,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": False,
        "members_only": False,
    },
    "poll_answer": {"poll_id": "1", "user": WHO, "option_ids": [0], "option_persistent_ids": ["o1"]},
    "chat_member": member(GROUP, "left", "member", "supergroup"),
    "chat_join_request": {"chat": SUPERGROUP, "from": WHO, "user_chat_id": OLENA, "date": 1760000000, "bio": "help"},
    "chat_boost": {
        "chat": SUPERGROUP,
        "boost": {"boost_id": "1", "add_date": 1760000000, "expiration_date": 1770000000, "source": BOOST_SOURCE},
    },
    "removed_chat_boost": {"chat": SUPERGROUP, "boost_id": "1", "remove_date": 1760000000, "source": BOOST_SOURCE},
    "message_reaction": {
        "chat": PRIVATE,
        "message_id": 77,
        "user": WHO,
        "date": 1760000000,
        "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": "👍"}],
    },
    "message_reaction_count": {
        "chat": SUPERGROUP,
        "message_id": 77,
        "date": 1760000000,
        "reactions": [{"type": {"type": "emoji", "emoji": "👍"}, "total_count": 1}],
    },
    "business_connection": {
        "id": "b1",
        "user": WHO,
        "user_chat_id": OLENA,
        "date": 1760000000,
        "is_enabled": True,
    },
    "business_message": message(OLENA, business_connection_id="b1", text="to somebody's shop"),
    "edited_business_message": edited(OLENA, business_connection_id="b1", text="to somebody's shop"),
    "deleted_business_messages": {"business_connection_id": "b1", "chat": PRIVATE, "message_ids": [77]},
    "purchased_paid_media": {"from": WHO, "paid_media_payload": "x"},
    "managed_bot": {"user": WHO, "bot": BOT},
    "guest_message": message(GROUP, "supergroup", text="@wayline_bot help", guest_query_id="g1"),
}

TAKEN: dict[str, list[Inbound]] = {
    "message": [Incoming(str(OLENA), "41", text="help", language="uk")],
    "edited_message": [Incoming(str(OLENA), "41", text="help", language="uk", edited=True)],
    "callback_query": [Incoming(str(OLENA), "41", tap="c:1", tap_id="tap-7", language="uk")],
    "my_chat_member": [OptOut(str(OLENA), "41")],
}


def parse(body: bytes) -> list[Inbound]:
    return Telegram("1:AA", "s").parse(RawRequest("POST", "https://wayline.example/webhooks/telegram", {}, body))


def test_every_kind_is_here_and_looks_as_telegram_sends_it() -> None:
    assert UPDATES.keys() == {str(kind) for kind in Update.ALL_TYPES}
    for kind in UPDATES:
        known = Update.de_json(json.loads(update(41, **{kind: UPDATES[kind]})))
        assert getattr(known, kind) is not None
    assert TAKEN.keys() == set(KINDS)


@pytest.mark.parametrize("kind", UPDATES)
def test_a_kind_is_taken_or_passed_over(kind: str) -> None:
    assert parse(update(41, **{kind: UPDATES[kind]})) == TAKEN.get(kind, [])


@pytest.mark.parametrize("kind", sorted(UPDATES.keys() - TAKEN))
@pytest.mark.parametrize("content", [None, 7, "help", [], {}, {"chat": 7}, [[]]], ids=repr)
def test_a_kind_that_is_passed_over_may_look_as_it_likes(kind: str, content: Any) -> None:
    assert parse(update(41, **{kind: content})) == []


@pytest.mark.parametrize("kind", sorted(UPDATES.keys() - TAKEN))
def test_a_kind_that_is_passed_over_does_not_hide_the_words_beside_it(kind: str) -> None:
    beside = update(41, message=UPDATES["message"], **{kind: UPDATES[kind]})
    assert parse(beside) == TAKEN["message"]
