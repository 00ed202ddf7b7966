"""Delivery reports: the form that arrives → what became of a part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from channels.contract import DeliveryStatus, Inbound, RawRequest, StatusReport, Unreadable
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.twilio import status_callback

SMS = TwilioSms("AC1", "token", "+48732000001")
WHATSAPP = TwilioWhatsApp("AC1", "token", "+48732000002")
SID = "SM" + "1" * 32


def form(fields: Mapping[str, str]) -> RawRequest:
    return RawRequest(
        "POST",
        "https://wayline.example/webhooks/twilio/status",
        {"content-type": "application/x-www-form-urlencoded"},
        urlencode(fields).encode(),
    )


@pytest.mark.parametrize(
    ("word", "error", "status"),
    [
        ("sent", None, "sent"),
        ("delivered", None, "delivered"),
        ("read", None, "read"),
        ("undelivered", "30003", "failed"),
        ("failed", "30008", "failed"),
        ("failed", None, "failed"),
        ("canceled", None, "failed"),
        ("failed", "21610", "opted_out"),
        ("undelivered", "21610", "opted_out"),
        ("failed", "63014", "opted_out"),
        ("failed", "63016", "outside_window"),
        ("undelivered", "63016", "outside_window"),
    ],
)
def test_a_delivery_report_is_told(word: str, error: str | None, status: DeliveryStatus) -> None:
    by_sms, by_whatsapp = (status_callback(SID, word, error, prefix) for prefix in ("", "whatsapp:"))
    assert SMS.parse_status(form(by_sms)) == [StatusReport(SID, status, error)]
    assert SMS.parse_status(form(by_whatsapp)) == []
    assert WHATSAPP.parse_status(form(by_whatsapp)) == [StatusReport(SID, status, error)]
    assert WHATSAPP.parse_status(form(by_sms)) == []


@pytest.mark.parametrize("word", ["accepted", "scheduled", "queued", "sending", "partially_delivered"])
def test_being_on_its_way_is_no_news(word: str) -> None:
    assert SMS.parse_status(form(status_callback(SID, word))) == []


def reported(url: str) -> list[Inbound]:
    return SMS.parse_status(replace(form(status_callback(SID, "delivered")), url=url))


def test_a_report_brings_back_the_name_of_its_part() -> None:
    (report,) = reported("https://wayline.example/webhooks/twilio/status?a=1&part=p00000000000007")
    assert report == StatusReport(SID, "delivered", reference="p00000000000007")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?part=",
        "?part=P1",
        "?part=9f2%0A",
        "?part=%D1%97",
        "?part=../9f2",
        "?part=" + "9" * 41,
        "?part=1&part=2",
        "?Part=1",
        "?xpart=1",
        "#part=1",
    ],
)
def test_no_other_name_is_believed(query: str) -> None:
    assert reported("https://wayline.example/webhooks/twilio/status" + query) == [StatusReport(SID, "delivered")]


def test_a_url_that_is_none_names_no_part() -> None:
    assert reported("https://[::1/webhooks?part=1") == [StatusReport(SID, "delivered")]


def test_a_report_at_the_address_for_messages_names_its_part_too() -> None:
    request = replace(form(status_callback(SID, "delivered")), url="https://wayline.example/?part=9f2")
    assert SMS.parse(request) == [StatusReport(SID, "delivered", reference="9f2")]


def test_an_old_report_with_sms_names_is_understood() -> None:
    assert SMS.parse_status(form({"SmsSid": SID, "SmsStatus": "delivered"})) == [StatusReport(SID, "delivered")]


@pytest.mark.parametrize(
    "fields",
    [{"MessageSid": SID}, {"MessageStatus": "sent"}, {"MessageSid": SID, "MessageStatus": "vanished"}],
)
def test_a_report_that_says_nothing_is_unreadable(fields: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        SMS.parse_status(form(fields))


def test_an_error_that_is_no_code_is_not_passed_on() -> None:
    fields = status_callback(SID, "failed", "call +380501234567")
    assert SMS.parse_status(form(fields)) == [StatusReport(SID, "failed", None)]


def test_a_report_at_the_address_for_messages_is_no_message_from_ourselves() -> None:
    fields = status_callback(SID, "delivered")
    assert SMS.parse(form(fields)) == [StatusReport(SID, "delivered")]
    assert WHATSAPP.parse(form(fields)) == [StatusReport(SID, "delivered")]
