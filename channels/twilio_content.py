"""The templates that Twilio keeps for WhatsApp: buttons, lists, and what may be said after the 24 hours.

https://www.twilio.com/docs/content/content-api-resources
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from twilio.rest.content.v1.content import ContentList  # type: ignore[import-untyped]  # ships no py.typed
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList  # type: ignore[import-untyped]

from channels.contract import Retry, Uncertain
from channels.twilio_api import API_URL, TwilioApi
from channels.twilio_draft import NAME, Draft

__all__ = ["Category", "Draft", "Kept", "TwilioContent"]

Category = Literal["UTILITY", "MARKETING", "AUTHENTICATION"]

_MOST_TEMPLATES: Final = 6000
"""WhatsApp keeps no more for one account."""


@dataclass(frozen=True)
class Kept:
    """A template as Twilio keeps it. `sid` is what `Template.provider_id` takes."""

    sid: str
    friendly_name: str
    language: str


class TwilioContent:
    """The account's templates. Its methods raise `Retry`, `GiveUp`, and where they change something `Uncertain`."""

    def __init__(
        self, account_sid: str, auth_token: str, api_url: str = API_URL, *, read_timeout: float = 15.0
    ) -> None:
        self._api = TwilioApi(account_sid, auth_token, api_url, read_timeout)

    async def create(self, draft: Draft) -> str:
        """Keep a template; its SID. In the 24 hours it can be sent at once, without approval."""
        request = ContentList.ContentCreateRequest(draft.request())
        kept = await self._api.once(lambda client: client.content.v1.contents.create_async(request))
        if not isinstance(kept.sid, str):
            raise Uncertain("unreadable")
        return kept.sid

    async def all(self) -> list[Kept]:
        """Every template of the account, of anybody who works with it."""
        listed = await self._api.ask(
            lambda client: client.content.v1.contents.list_async(limit=_MOST_TEMPLATES, page_size=100)
        )
        return [Kept(str(kept.sid), str(kept.friendly_name), str(kept.language)) for kept in listed]

    async def submit(self, sid: str, name: str, category: Category = "UTILITY") -> None:
        """Ask WhatsApp to approve a template, under `name`. It takes minutes to a day."""
        if not NAME.fullmatch(name):
            raise ValueError("a template's name has small letters, digits and underscores")
        request = ApprovalCreateList.ContentApprovalRequest({"name": name, "category": category})
        await self._api.once(lambda client: client.content.v1.contents(sid).approval_create.create_async(request))

    async def approval(self, sid: str) -> str:
        """unsubmitted, received, pending, approved, rejected, paused or disabled; Twilio may invent more."""
        fetched = await self._api.ask(lambda client: client.content.v1.contents(sid).approval_fetch().fetch_async())
        status = fetched.whatsapp.get("status") if isinstance(fetched.whatsapp, dict) else None
        if not isinstance(status, str):
            raise Retry("unreadable")
        return status

    async def delete(self, sid: str) -> None:
        """Forget a template; one that is gone already is forgotten."""
        await self._api.gone(lambda client: client.content.v1.contents(sid).delete_async())

    async def aclose(self) -> None:
        await self._api.aclose()
