"""Acceptance 24, Twilio: the signature matrix. Only the legitimate variants get in; nothing is a 500."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from channels.contract import NotAuthentic, RawRequest
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.twilio import signature, sms, webhook

TOKEN = "6f1d0c9b8a7e6d5c4b3a29181706f5e4"
ACCOUNT = "AC" + "5" * 32
URL = "https://wayline.example/webhooks/twilio/sms"
FIELDS = sms("+380501234567", "Help & hope + 1 =  🆘 ё", "SM" + "1" * 32)
CHANNELS = [TwilioSms(ACCOUNT, TOKEN, "+48732000001"), TwilioWhatsApp(ACCOUNT, TOKEN, "+48732000002")]


def signed(url: str = URL, signed_url: str | None = None, **more: str) -> RawRequest:
    headers, body = webhook(signed_url or url, FIELDS | more, TOKEN)
    return RawRequest("POST", url, headers, body)


def header(request: RawRequest, **changed: str) -> RawRequest:
    headers = dict(request.headers) | {name.replace("_", "-"): value for name, value in changed.items()}
    return replace(request, headers=headers)


def pairs(*fields: tuple[str, str]) -> RawRequest:
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": signature(URL, fields, TOKEN),
    }
    return RawRequest("POST", URL, headers, urlencode(fields).encode())


def json_with_hash() -> RawRequest:
    """Twilio's other products sign JSON so: a hash of the body in the URL, and only the URL signed."""
    body = json.dumps(FIELDS).encode()
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"content-type": "application/json", "x-twilio-signature": signature(url, [], TOKEN)}
    return RawRequest("POST", url, headers, body)


def url_signed_alone(url: str) -> RawRequest:
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": signature(url, [], TOKEN),
    }
    return RawRequest("POST", url, headers, urlencode(FIELDS).encode())


LEGITIMATE = {
    "as documented": signed(),
    "signed with the default port": signed(signed_url="https://wayline.example:443/webhooks/twilio/sms"),
    "our URL has the default port": signed(url=URL.replace(".example", ".example:443"), signed_url=URL),
    "both have a port": signed(url=URL.replace(".example", ".example:8443")),
    "our URL has another port": signed(url=URL.replace(".example", ".example:8443"), signed_url=URL),
    "with a query": signed(url=URL + "?a=1&b=2"),
    "the name of a part": signed(url=URL + "?part=p00000000000007"),
    "a name that nobody believes": signed(url=URL + "?part=%2e%2e%2f&part=+x&part"),
    "an empty field": signed(Body=""),
    "a field added by Twilio next year": signed(NewField="x"),
    "a field twice": pairs(("From", "+380501234567"), ("Tag", "b"), ("Tag", "a")),
    "a field twice with one value": pairs(("From", "+380501234567"), ("Tag", "a"), ("Tag", "a")),
    "line ends in the text": signed(Body="one\r\ntwo\nthree\t"),
    "content type without charset": header(signed(), content_type="application/x-www-form-urlencoded"),
    "content type in capitals": header(signed(), content_type="Application/X-WWW-Form-Urlencoded"),
}

REFUSED = {
    "no signature": replace(signed(), headers={"content-type": "application/x-www-form-urlencoded"}),
    "empty signature": header(signed(), x_twilio_signature=""),
    "blank signature": header(signed(), x_twilio_signature=" "),
    "signature of something else": header(signed(), x_twilio_signature=signature(URL, [], TOKEN)),
    "signature that is no base64": header(signed(), x_twilio_signature="\udcff" * 28),
    "signature with a space behind": header(
        signed(), x_twilio_signature=signature(URL, FIELDS.items(), TOKEN) + " "
    ),
    "signature in lower case": header(
        signed(), x_twilio_signature=signature(URL, FIELDS.items(), TOKEN).lower()
    ),
    "another account's token": header(signed(), x_twilio_signature=signature(URL, FIELDS.items(), "0" * 32)),
    "an empty token": header(signed(), x_twilio_signature=signature(URL, FIELDS.items(), "")),
    "a changed field": replace(signed(), body=webhook(URL, FIELDS | {"Body": "Hello"}, TOKEN)[1]),
    "a changed sender": replace(signed(), body=webhook(URL, FIELDS | {"From": "+380509999999"}, TOKEN)[1]),
    "a field more": replace(signed(), body=signed().body + b"&Extra=1"),
    "an empty field more": replace(signed(), body=signed().body + b"&Extra="),
    "a field twice, signed once": replace(signed(), body=signed().body + b"&From=%2B380509999999"),
    "a field less": replace(signed(), body=signed().body.partition(b"&")[2]),
    "no body": replace(signed(), body=b""),
    "a space behind the text": replace(
        signed(), body=webhook(URL, FIELDS | {"Body": FIELDS["Body"] + " "}, TOKEN)[1]
    ),
    "http for https": signed(signed_url=URL.replace("https", "http")),
    "another port signed": signed(signed_url=URL.replace(".example", ".example:8443")),
    "another host": signed(signed_url=URL.replace("wayline.", "evil.")),
    "another path": signed(signed_url=URL.replace("/sms", "/whatsapp")),
    "a slash behind": signed(signed_url=URL + "/"),
    "a query reordered": signed(url=URL + "?a=1&b=2", signed_url=URL + "?b=2&a=1"),
    "a query dropped": signed(url=URL, signed_url=URL + "?a=1"),
    "a query added": signed(url=URL + "?a=1", signed_url=URL),
    "the name of a part added": signed(url=URL + "?part=9f2", signed_url=URL),
    "the name of another part": signed(url=URL + "?part=9f3", signed_url=URL + "?part=9f2"),
    "the name of a part written otherwise": signed(url=URL + "?part=%39f2", signed_url=URL + "?part=9f2"),
    "JSON": header(signed(), content_type="application/json"),
    "JSON with its hash in the URL": json_with_hash(),
    "JSON with its hash, called a form": header(
        json_with_hash(), content_type="application/x-www-form-urlencoded"
    ),
    "a form under a signed URL": url_signed_alone(URL),
    "a form under a signed URL with a hash": url_signed_alone(
        f"{URL}?bodySHA256={hashlib.sha256(urlencode(FIELDS).encode()).hexdigest()}"
    ),
    "multipart": header(signed(), content_type="multipart/form-data; boundary=x"),
    "plain text": header(signed(), content_type="text/plain"),
    "no content type": replace(
        signed(), headers={"x-twilio-signature": signed().headers["x-twilio-signature"]}
    ),
    "GET": replace(signed(), method="GET"),
    "a body that is no UTF-8": replace(signed(), body=b"Body=\xff\xfe"),
    "an escape that is no UTF-8": replace(signed(), body=b"Body=%ED%A0%80"),
    "a thousand fields": replace(signed(), body=b"&".join(b"a%d=1" % i for i in range(1000))),
    "a URL with an impossible port": replace(
        signed(), url="https://wayline.example:99999/webhooks/twilio/sms"
    ),
    "a URL that is none": replace(signed(), url="https://[::1/webhooks"),
    "a URL with half a surrogate pair": replace(signed(), url=URL + "?\ud800"),
}


@pytest.mark.parametrize("request_", LEGITIMATE.values(), ids=LEGITIMATE)
@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_what_twilio_may_send_gets_in(channel: TwilioSms | TwilioWhatsApp, request_: RawRequest) -> None:
    channel.verify(request_)


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_everything_else_stays_out(channel: TwilioSms | TwilioWhatsApp, request_: RawRequest) -> None:
    with pytest.raises(NotAuthentic):
        channel.verify(request_)


@pytest.mark.parametrize(("account", "token"), [(ACCOUNT, ""), ("", TOKEN)])
def test_missing_credentials_stop_the_start(account: str, token: str) -> None:
    with pytest.raises(ValueError, match="Twilio needs"):
        TwilioSms(account, token, "+48732000001")
