"""The whole way over WhatsApp: buttons, files in both directions, the 24 hours, and what may have been sent."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine, func, select, update

import gateway
from helpline import attachments, cli_channels, delivery, desk, filetypes, operators, providers, templates
from helpline.cli import parser
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Case, Conversation, Message, Operator, Part, Template
from helpline.settings import Settings
from tests.providers import twilio
from tests.providers.server import broken_after_taking, error_page
from tests.providers.twilio import TwilioServer
from tests.stack import Rasa, with_bot, worker

YUSUF = "+48600100300"
PUBLIC = "https://help.example.org"


@dataclass
class Line:
    """One person on WhatsApp, the web process they reach, and what Twilio saw."""

    settings: Settings
    make: Sessions
    keys: Keyring
    provider: TwilioServer
    web: FlaskClient
    numbers: Iterator[int]

    def says(self, text: str | None, **more: str) -> int:
        return self.brings(twilio.whatsapp(YUSUF, text, f"SM{next(self.numbers):032x}", **more))

    def brings(self, fields: dict[str, str], path: str = "whatsapp") -> int:
        url = f"{PUBLIC}/webhooks/twilio/{path}"
        headers, form = twilio.webhook(url, fields, self.provider.auth_token)
        return self.web.post(f"/webhooks/twilio/{path}", data=form, headers=headers).status_code

    def heard(self, words: str) -> bool:
        return any(words in message.body for message in self.provider.sent)

    def case(self) -> Case | None:
        with self.make() as session:
            return session.execute(select(Case).order_by(Case.id.desc()).limit(1)).scalar_one_or_none()

    def operator_answers(self, text: str, upload: desk.Upload | None = None) -> None:
        case = self.case()
        assert case is not None
        with transaction(self.make) as session:
            operator = session.execute(select(Operator)).scalar_one_or_none() or operators.add(
                session, "sam", alias="Sam", roles=("operator",)
            )
            session.flush()
            if case.state == "waiting":
                desk.claim(session, self.keys, case.code, operator)
            desk.reply(session, self.keys, session.get_one(Case, case.id), operator, text, upload)

    def states(self) -> list[str]:
        with self.make() as session:
            return list(session.execute(select(Message.state).order_by(Message.id)).scalars())

    def hours_pass(self, hours: int) -> None:
        with transaction(self.make) as session:
            session.execute(
                update(Conversation).values(last_inbound_at=func.now() - func.make_interval(0, 0, 0, 0, hours))
            )


def until(what: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def line(settings: Settings, engine: Engine, make: Sessions, keys: Keyring, rasa: Rasa) -> Iterator[Line]:
    with TwilioServer() as provider:
        settings = replace(
            with_bot(settings, rasa.url),
            twilio_account_sid=provider.account_sid,
            twilio_auth_token=provider.auth_token,
            twilio_api_url=provider.url,
            twilio_whatsapp_from="+48732000002",
            public_url=PUBLIC,
        )
        with worker(settings, engine, keys, providers.channels(settings)):
            web = gateway.create_app(settings, engine).test_client()
            yield Line(settings, make, keys, provider, web, itertools.count(1))
        assert provider.refused == []
        assert provider.unused_faults == 0


def sync(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    english = [one for one in templates.wanted() if one.language == "en"]
    monkeypatch.setattr(templates, "wanted", lambda: iter(english))
    asked = parser().parse_args(["twilio", "sync-templates"])
    assert cli_channels.sync_templates(line.settings, asked) == 0


def test_buttons_and_lists_are_tapped(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(line, monkeypatch)
    assert line.says("hello") == 200
    until(lambda: any(message.content_sid for message in line.provider.sent))
    menu = next(message for message in line.provider.sent if message.content_sid)
    title, payload = line.provider.choices(menu)[0]
    assert "1 " not in menu.body  # the choices are buttons, not lines
    assert line.brings(twilio.list_item(YUSUF, title, payload, f"SM{next(line.numbers):032x}")) == 200
    until(lambda: line.heard("A job offer can look good"))


def test_without_templates_choices_are_numbers(line: Line) -> None:
    assert line.says("hello") == 200
    until(lambda: line.heard("1 A job offer"))
    assert line.says("1") == 200
    until(lambda: line.heard("A job offer can look good"))


def test_a_template_that_twilio_lost_costs_nobody_the_answer(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(line, monkeypatch)
    line.provider.contents.kept.clear()
    assert line.says("hello") == 200
    until(lambda: line.heard("1 A job offer"))
    assert sum("1 A job offer" in message.body for message in line.provider.sent) == 1
    line.provider.refused.clear()  # Twilio refused the lost template, as it should


def test_a_picture_waits_at_the_provider_until_somebody_shall_see_it(line: Line) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(drawn, "PNG")
    url = line.provider.store(drawn.getvalue(), "image/png")
    fields = twilio.whatsapp(YUSUF, None, f"MM{next(line.numbers):032x}")
    assert line.brings(twilio.picture(fields, url, content_type="image/png")) == 200
    until(lambda: line.provider.sent)
    assert not any(call.method == "GET" for call in line.provider.calls)
    assert line.says("help he will kill me") == 200
    until(lambda: _stored(line))
    with line.make() as session:
        row = session.execute(select(Attachment)).scalar_one()
        conversation = session.execute(select(Conversation.id)).scalar_one()
        found = attachments.read(session, line.keys, row.id, conversation)
        assert found is not None
        assert (found.kind, found.content_type, found.content) == ("image", "image/png", drawn.getvalue())
        sealed = session.execute(select(Attachment.content_sealed)).scalar_one()
    assert sealed is not None
    assert drawn.getvalue()[:16] not in sealed


def _stored(line: Line) -> bool:
    with line.make() as session:
        return session.execute(select(Attachment.state)).scalars().all() == ["stored"]


def test_an_operators_picture_is_fetched_by_its_link_and_only_by_it(line: Line) -> None:
    assert line.says("help he will kill me") == 200
    until(line.case)
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(drawn, "JPEG")
    found, content = filetypes.outgoing(drawn.getvalue())
    line.operator_answers("Go to this door", desk.Upload(found.kind, found.content_type, content))
    until(lambda: line.heard("Go to this door"))
    sent = next(message for message in line.provider.sent if message.media_url)
    path = sent.media_url[0].removeprefix(PUBLIC)
    answer = line.web.get(path)
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/jpeg", content)
    assert line.web.get(path[:-1]).status_code == 404
    with transaction(line.make) as session:
        session.execute(update(Attachment).values(link_until=func.now()))
    assert line.web.get(path).status_code == 404


def test_after_24_hours_an_answer_is_held_and_sent_when_they_write(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(line, monkeypatch)
    with line.make() as session:
        asked = session.execute(select(Template.provider_id).where(Template.approval.is_not(None))).scalar_one()
    line.provider.contents.decide(asked, "approved")
    cli_channels.sync_templates(line.settings, parser().parse_args(["twilio", "sync-templates"]))
    assert line.says("I want to talk to a person, help he will kill me") == 200
    until(line.case)
    until(lambda: "queued" not in line.states())
    line.hours_pass(30)
    line.provider.outside.add(f"whatsapp:{YUSUF}")
    line.operator_answers("Your papers are ready")
    until(lambda: line.heard("There is an answer for you"))
    assert "held" in line.states()
    assert not line.heard("Your papers are ready")
    line.provider.outside.clear()
    assert line.says("ok") == 200
    until(lambda: line.heard("Your papers are ready"))
    assert sum("There is an answer" in message.body for message in line.provider.sent) == 1


@pytest.mark.parametrize("report_first", [True, False])
def test_what_was_taken_though_twilio_broke_is_found_and_not_sent_twice(line: Line, report_first: bool) -> None:
    line.provider.fail_next(broken_after_taking(500))
    assert line.says("hello") == 200
    until(lambda: len(line.provider.sent) >= 1)
    if report_first:
        callback = line.provider.sent[0].status_callback or ""
        query = callback.partition("?")[2]
        fields = twilio.status_callback(line.provider.sent[0].sid, "delivered", prefix="whatsapp:")
        headers, form = twilio.webhook(callback, fields, line.provider.auth_token)
        assert line.web.post(f"/webhooks/twilio/status?{query}", data=form, headers=headers).status_code == 200
    until(lambda: line.states()[-1] == "sent")
    bodies = [message.body for message in line.provider.sent]
    assert len(bodies) == len(set(bodies)) >= 2
    with line.make() as session:
        assert None not in session.execute(select(Part.provider_id)).scalars().all()


def test_what_twilio_denies_is_sent_again_in_its_place(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LOOK_UP_AFTER", (0.1,) * 6)
    line.provider.fail_next(error_page(500))
    assert line.says("hello") == 200
    until(lambda: line.heard("1 A job offer"))
    bodies = [message.body for message in line.provider.sent]
    assert len(bodies) == len(set(bodies))
    assert "1 A job offer" in bodies[-1]  # the order held
