"""Providers that are busy, break after accepting, refuse, or never say what became of a message."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time

import pytest

from channels.twilio_content import TwilioContent
from channels.twilio_draft import Draft
from helpline import conversations, templates, window
from helpline.database import transaction
from helpline.models import Case, Message, Template
from tests.acceptance.bot import saying
from tests.acceptance.conftest import Figures
from tests.acceptance.load import percentile
from tests.acceptance.providers import named
from tests.acceptance.running import Running, Who
from tests.providers import telegram
from tests.providers.server import Fault, broken_after_taking, error_page, hang_up, slow
from tests.providers.twilio import api_error

pytestmark = pytest.mark.slow

NOISE = 1.0
"""Seconds: below this the 95th percentile on a busy machine says nothing about us. Who waited behind the busy chat
would wait for 7 s and more.
"""


def _states(running: Running, who: Who) -> list[list[str]]:
    """The states of the parts of each message of ours, in order."""
    return [[part.state for part in message.parts] for message in running.messages(who, "bot")]


def test_07_a_provider_that_is_busy_for_one_chat_gets_it_once_and_others_do_not_wait(
    running: Running, figures: Figures, full: bool
) -> None:
    others = [running.new_phone() for _ in range(6)]
    seconds = 30 if full else 9
    _latencies(running, others, 1)  # the first messages wait for what is loaded only once
    quiet = _latencies(running, others, seconds / 2)
    phones = [running.new_phone() for _ in range(3)]
    for phone in phones:
        running.twilio.fails(phone, *[api_error(429, 20429)] * 3)
        running.texts(phone, "busy")
    busy = _latencies(running, others, seconds)
    running.until(lambda: all(_states(running, phone) == [["sent"]] for phone in phones), 30)
    quiet += _latencies(running, others, seconds / 2)
    waits = []
    for phone in phones:
        tries = running.twilio.tries(phone)
        assert [attempt.taken for attempt in tries] == [False, False, False, True]
        waits.append([later.at - earlier.at for earlier, later in itertools.pairwise(tries)])
    figures(
        check=7,
        waits="; ".join(" ".join(f"{wait:.1f}" for wait in row) for row in waits),
        others_p95_quiet=f"{percentile(quiet):.2f} s",
        others_p95_meanwhile=f"{percentile(busy):.2f} s",
    )
    for row in waits:
        assert all(wait > shortest for wait, shortest in zip(row, (0.95, 1.95, 3.95), strict=True))
    assert len({round(row[2], 2) for row in waits}) > 1, "no jitter: all come back at once"
    assert percentile(busy) <= max(2 * percentile(quiet), NOISE)


def _latencies(running: Running, phones: list[str], seconds: float) -> list[float]:
    """Each phone writes once a second: how long until its answers are at the provider."""
    took: list[float] = []
    lock = threading.Lock()

    def write(phone: str) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            text, began = f"no {running.number()}", time.monotonic()
            assert running.texts(phone, text).status_code == 200
            while True:
                found = [sent.at for sent in running.twilio.tries(phone) if sent.taken and named(sent.text) == text]
                if found or time.monotonic() - began > 30:
                    break
                time.sleep(0.02)
            with lock:
                took.append((found[0] if found else time.monotonic()) - began)
            time.sleep(1)

    threads = [threading.Thread(target=write, args=(phone,), daemon=True) for phone in phones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 60)
    return took


def test_08_what_twilio_may_have_sent_is_settled_by_its_report_or_by_asking_and_never_sent_twice(
    running: Running, figures: Figures, full: bool
) -> None:
    faults = {
        "500 after accepting": broken_after_taking(500),
        "closed after accepting": hang_up(),
        "500, then a report": broken_after_taking(500),
    }
    if full:  # the time-out is 15 s, and being sure that it was never taken needs 25 s
        faults |= {"silent after accepting": slow(20), "500 before accepting": error_page(500)}
    phones = {name: running.new_phone() for name in faults}
    for name, fault in faults.items():
        running.twilio.fails(phones[name], fault)
        running.texts(phones[name], "hello")
    reported = phones["500, then a report"]
    running.until(lambda: running.twilio.texts(reported))
    (message,) = [sent for sent in running.twilio.sent if sent.to == reported]
    assert message.status_callback
    assert running.reports(message.sid, "delivered", url=message.status_callback).status_code == 200
    by_report = running.until(lambda: _states(running, reported) == [["delivered"]], 10)
    settled = running.until(lambda: all(_over(running, phone) for phone in phones.values()), 120)
    states = {name: _states(running, phone)[0][0] for name, phone in phones.items()}
    taken = {name: len(running.twilio.texts(phone)) for name, phone in phones.items()}
    figures(
        check=8,
        settled_by_report_after=f"{by_report:.1f} s",
        all_settled_after=f"{settled:.1f} s",
        **{name.replace(" ", "_"): f"{taken[name]} x {states[name]}" for name in faults},
    )
    assert set(taken.values()) == {1}, "each was to be taken exactly once"
    assert set(states.values()) <= {"sent", "delivered"}


def _over(running: Running, phone: str) -> bool:
    states = _states(running, phone)
    return bool(states) and states[0][0] in ("sent", "delivered", "failed")


def test_09_telegrams_retry_after_is_kept_and_the_order_too(running: Running, figures: Figures) -> None:
    chat = running.new_chat()
    running.telegram.fails(str(chat), telegram.too_many_requests(7))
    assert running.telegrams(chat, "first").status_code == 200
    running.until(lambda: running.telegram.tries(str(chat)))
    for text in ("second", "third"):
        assert running.telegrams(chat, text).status_code == 200
    running.until(lambda: len(running.telegram.texts(str(chat))) == 3, 30)
    refused, *later = running.telegram.tries(str(chat))
    pause = later[0].at - refused.at
    figures(check=9, nothing_sent_for=f"{pause:.1f} s", tries=1 + len(later))
    assert 7 <= pause < 12
    assert [named(text) for text in running.telegram.texts(str(chat))] == ["first", "second", "third"]


def _says_again(running: Running, who: Who) -> str:
    """The desk writes to somebody; what became of that message at once."""
    with transaction(running.make) as session:
        conversation = conversations.lock(session, running.person(who).id)
        return conversations.say(session, running.keys, conversation, {"text": "still there?"}).state


def test_10_who_blocked_us_or_opted_out_is_sent_nothing_more(running: Running, figures: Figures) -> None:
    phone, chat, left = running.new_phone(), running.new_chat(), running.new_chat()
    running.twilio.opted_out.add(phone)
    running.telegram.fails(str(chat), telegram.forbidden("bot was blocked by the user"))
    running.bot.answer = lambda request: (200, saying("one", "two"))
    running.texts(phone, "hello")
    running.telegrams(chat, "hello")
    for who in (phone, chat):
        running.until(lambda who=who: running.person(who).opted_out_at is not None)  # type: ignore[misc]  # bound
    running.telegrams(left, "hello")
    running.until(lambda: len(running.telegram.texts(str(left))) == 2)
    running.update(telegram.update(running.number(), my_chat_member=telegram.member(left, "member", "kicked")))
    assert running.person(left).opted_out_at is not None
    assert [_says_again(running, who) for who in (phone, chat, left)] == ["opted_out"] * 3
    time.sleep(2)
    tries = [
        len(running.twilio.tries(phone)),
        len(running.telegram.tries(str(chat))),
        len(running.telegram.tries(str(left))),
    ]
    figures(check=10, tries_of_two_messages_each=tries, afterwards="opted out, nothing sent")
    assert tries == [1, 1, 2]
    assert {message.state for message in running.messages(phone, "bot")} == {"opted_out"}


def _outside_the_window(running: Running) -> str:
    """Somebody whose answer WhatsApp takes from us no more: their address, once that is known."""
    phone = running.new_phone()
    whatsapp = f"whatsapp:{phone}"
    running.twilio.outside.add(whatsapp)
    running.whatsapps(phone, "hello")
    running.until(lambda: running.twilio.tries(whatsapp) and _answer(running, whatsapp).state != "queued")
    return whatsapp


def _answer(running: Running, who: Who) -> Message:
    return running.messages(who, "bot")[0]


def test_10_outside_whatsapps_window_an_operator_is_warned_and_the_answer_is_kept(
    running: Running, figures: Figures
) -> None:
    whatsapp = _outside_the_window(running)
    time.sleep(1)
    state = _answer(running, whatsapp).state
    with running.make() as session:
        cases = session.query(Case).filter_by(conversation_id=running.person(whatsapp).id).count()
    alerts = int(running.postgres.sql("SELECT count(*) FROM alerts WHERE channel = 'whatsapp'")[0][0])
    running.twilio.outside.discard(whatsapp)
    running.whatsapps(whatsapp.removeprefix("whatsapp:"), "I am here again")
    running.until(lambda: len(running.twilio.texts(whatsapp)) == 2)
    said = [named(text) for text in running.twilio.texts(whatsapp)]
    figures(check=10, code=63016, answer=state, cases=cases, alerts=alerts, when_they_wrote_again=said)
    assert said == ["hello", "I am here again"]
    assert cases or alerts, "nobody knows that an answer waits"


def test_10_outside_whatsapps_window_an_approved_template_asks_the_person_to_write(
    running: Running, figures: Figures
) -> None:
    draft = templates.draft_of({"response": window.ASK_BACK}, "en")
    assert draft is not None
    row = Template(
        digest=templates.digest_of(draft),
        response=window.ASK_BACK,
        language="en",
        provider_id=asyncio.run(_approved(running, draft)),
        approval="approved",
    )
    with transaction(running.make) as session:
        session.add(row)
    try:
        whatsapp = _outside_the_window(running)
        running.until(lambda: running.twilio.texts(whatsapp))
    finally:
        with transaction(running.make) as session:
            session.delete(session.merge(row))
    (sent,) = [message for message in running.twilio.sent if message.to == whatsapp]
    figures(check=10, code=63016, answer=_answer(running, whatsapp).state, template="sent once")
    assert sent.content_sid == row.provider_id
    assert _answer(running, whatsapp).state == "held"


async def _approved(running: Running, draft: Draft) -> str:
    """The id of a template that WhatsApp has approved."""
    content = TwilioContent(running.twilio.account_sid, running.twilio.auth_token, running.twilio.url)
    try:
        sid = await content.create(draft)
        await content.submit(sid, draft.name)
    finally:
        await content.aclose()
    running.twilio.contents.decide(sid, "approved")
    return sid


@pytest.mark.parametrize("fault", ["busy", "away"])
def test_14_when_the_second_part_fails_the_first_is_not_sent_again(
    fault: str, running: Running, figures: Figures
) -> None:
    phone = running.new_phone()
    sentence = "Keep the number of somebody whom you trust where nobody looks. "
    running.bot.answer = lambda request: (200, saying("".join(f"{n}. {sentence}" for n in range(1, 70))))
    broken = api_error(429, 20429) if fault == "busy" else api_error(404, 20404)
    running.twilio.fails(phone, Fault(processed=True), broken)
    running.texts(phone, "tell me all")
    running.until(lambda: _states(running, phone) and set(_states(running, phone)[0]) == {"sent"}, 30)
    tries = running.twilio.tries(phone)
    parts = len(_states(running, phone)[0])
    figures(
        check=14,
        fault=fault,
        parts=parts,
        requests=len(tries),
        first_part_sent=sum(t.text == tries[0].text for t in tries),
    )
    assert parts >= 3
    assert [attempt.taken for attempt in tries] == [True, False] + [True] * (parts - 1)
    assert tries[1].text == tries[2].text
    assert len({attempt.text for attempt in tries}) == parts
