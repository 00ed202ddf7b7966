"""An operator's file for a provider that takes no bytes: a link that few hours and one token long leads to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, text, update

from channels import contract
from channels.contract import Incoming, Limits
from helpline import attachments, conversations, delivery
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Conversation, Message
from tests.core.conftest import Take
from tests.core.sending import PHONE, lapse
from tests.core.test_filetypes import KNOWN

PICTURE = KNOWN["image/png"]


@pytest.fixture
def outgoing(take: Take, make: Sessions, keys: Keyring) -> int:
    """An operator's file; its id."""
    take(Incoming(PHONE, "one", text="hello"))
    with transaction(make) as session:
        row = session.execute(select(Conversation)).scalar_one()
        message = conversations.say(session, keys, row, {"text": "", "file": "image"}, author="operator")
        return attachments.add(session, keys, message, "image", "image/png", PICTURE).id


def test_a_link_is_good_for_hours_only_the_last_one_counts_and_none_is_stored_plain(
    outgoing: int, make: Sessions, keys: Keyring
) -> None:
    with transaction(make) as session:
        first, second = attachments.link(session, outgoing), attachments.link(session, outgoing)
    with make() as session:
        assert attachments.by_link(session, keys, first) is None
        assert attachments.by_link(session, keys, "") is None
        found = attachments.by_link(session, keys, second)
        stored = str(session.execute(text("SELECT attachments::text FROM attachments")).all())
    assert found is not None
    assert found.content == PICTURE
    assert second not in stored
    assert second.encode().hex() not in stored
    with transaction(make) as session:
        session.execute(update(Attachment).values(link_until=func.now() - timedelta(seconds=1)))
    with make() as session:
        assert attachments.by_link(session, keys, second) is None


def test_a_link_to_an_erased_chat_leads_nowhere(outgoing: int, make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        token = attachments.link(session, outgoing)
        session.execute(update(Conversation).values(key_wrapped=None))
    with make() as session:
        assert attachments.by_link(session, keys, token) is None
    with transaction(make) as session:
        session.execute(delete(Message))
        assert attachments.by_link(session, keys, token) is None


def claimed(
    make: Sessions, keys: Keyring, channel: str, kind: str, words: str, files: frozenset[str]
) -> list[contract.Part]:
    """The parts of an operator's file with words, as they are handed over on this channel."""
    limits = Limits(length=200, choices=0, files=files, caption=50)
    with transaction(make) as session:
        row = conversations.find_or_create(session, keys, channel, PHONE, language="en")
        message = conversations.say(session, keys, row, {"text": words, "file": kind}, author="operator")
        attachments.add(session, keys, message, kind, "image/png", PICTURE)
    out: list[contract.Part] = []
    carriers = delivery.Carriers({channel: limits}, origin="https://help.example")
    for _ in range(3):
        lapse(make)
        with transaction(make) as session:
            leased = delivery.lease(session, "w")
        if leased is None:
            break
        with transaction(make) as session:
            part = delivery.claim(session, keys, "w", leased.conversation_id, carriers)
        if part is None:
            break
        with transaction(make) as session:
            delivery.sent(session, keys, "w", part, contract.Receipt(f"SM{len(out)}"))
        out.append(part.part)
    return out


ALL = frozenset({"image", "voice", "document"})


@pytest.mark.parametrize(
    ("channel", "kind", "words", "texts"),
    [
        ("telegram", "document", "a form", ["a form"]),
        ("whatsapp", "image", "a map", ["a map"]),
        ("whatsapp", "document", "a form", ["a form", ""]),
        ("whatsapp", "voice", "for you", ["for you", ""]),
        ("whatsapp", "document", "", [""]),
        ("telegram", "image", "x" * 60, ["x" * 60, ""]),
    ],
)
def test_words_go_with_a_file_where_the_channel_can_and_before_it_where_not(
    channel: str, kind: str, words: str, texts: list[str], make: Sessions, keys: Keyring
) -> None:
    parts = claimed(make, keys, channel, kind, words, ALL)
    assert [part.text for part in parts] == texts
    assert [part.file is not None for part in parts] == [False] * (len(texts) - 1) + [True]
    file = parts[-1].file
    assert file is not None
    assert (file.content, file.kind) == (PICTURE, kind)
    with make() as session:
        found = attachments.by_link(session, keys, file.url.removeprefix("https://help.example/files/"))
    assert found is not None
    assert found.content == PICTURE


def test_a_file_that_the_channel_cannot_carry_is_said_not_lost(make: Sessions, keys: Keyring) -> None:
    (part,) = claimed(make, keys, "sms", "document", "a form", frozenset())
    assert part.file is None
    assert part.text.startswith("a form\nThere is a file for you")
