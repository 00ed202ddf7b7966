"""Twilio's proof that it made a request, and the form that the proof covers.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no py.typed

from channels.contract import NotAuthentic, RawRequest, Unreadable

FORM_TYPE: Final = "application/x-www-form-urlencoded"

_MAX_FIELDS: Final = 200
"""Twilio sends about twenty, with ten pictures about forty."""


class Form(dict[str, list[str]]):
    """A form's fields with all their values, as the SDK's validator wants them (`getlist`)."""

    def getlist(self, name: str) -> list[str]:
        return self[name]

    def first(self, name: str) -> str | None:
        """The field's value; `None` when the field is absent or empty."""
        return self.get(name, [""])[0] or None


def read_form(request: RawRequest) -> Form:
    """The form in the request's body. Raises `Unreadable` for any other kind of body.

    JSON is refused even though Twilio signs it elsewhere: its signature covers only a hash in the URL,
    and the SDK's validator does not check that hash against a form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise Unreadable("not a form")
    form = Form()
    try:
        for name, value in parse_qsl(
            request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        ):
            form.setdefault(name, []).append(value)
    except ValueError as error:
        reason = type(error).__name__
    else:
        return form
    # Outside the handler: a decoding error carries the body and must not travel as our context.
    raise Unreadable(reason)


class TwilioSignature:
    """The account's signature on webhooks, HMAC-SHA1 over URL and form with the auth token as key."""

    def __init__(self, auth_token: str) -> None:
        if not auth_token:
            raise ValueError("Twilio needs the account's auth token")  # an empty key signs for everybody
        self._validator = RequestValidator(auth_token)

    def verify(self, request: RawRequest) -> None:
        """Raise `NotAuthentic` unless Twilio signed this URL, with or without its port, and this form."""
        if request.method != "POST" or not self._is_signed(request):
            raise NotAuthentic

    def _is_signed(self, request: RawRequest) -> bool:
        try:
            return bool(
                self._validator.validate(
                    request.url, read_form(request), request.headers.get("x-twilio-signature", "")
                )
            )
        except Exception:
            # The validator raises many things on input that Twilio never sends (a port that is no
            # number, half a surrogate pair). Whatever it cannot judge is no proof: 403, never a 500.
            return False
