"""Twilio's Content API: templates, and WhatsApp's approval of them.

https://www.twilio.com/docs/content/content-api-resources
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.providers.server import Answer, Call

LIMITS = {"twilio/text": (1600, 0, 0), "twilio/quick-reply": (1024, 10, 20), "twilio/list-picker": (1024, 10, 24)}
"""Length of the body, number of choices, length of a title."""

PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")


class Refused(Exception):
    """A request that Twilio answers with 400: its code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Contents:
    """The templates of one account. `approvals` holds WhatsApp's word on each that was submitted."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self.kept: dict[str, dict[str, Any]] = {}
        self.approvals: dict[str, str] = {}
        self._created = 0

    def decide(self, sid: str, status: str) -> None:
        """What WhatsApp decides: "approved", "rejected", "paused"…"""
        assert sid in self.approvals, "the template was not submitted"
        self.approvals[sid] = status

    def handle(self, call: Call) -> Answer | None:
        """The answer, `None` for an address of another API. Raises `Refused`."""
        parts = urlsplit(call.path)
        way = parts.path.strip("/").split("/")
        if way[:2] != ["v1", "Content"]:
            return None
        sid = way[2] if len(way) > 2 else ""
        if sid and sid not in self.kept:
            return Answer.json(404, {"code": 20404, "message": f"{parts.path} was not found", "status": 404})
        match call.method, way[3:]:
            case "POST", [] if not sid:
                return Answer.json(201, self._create(_json(call)))
            case "GET", [] if not sid:
                return Answer.json(200, self._page(parse_qs(parts.query)))
            case "GET", [] if sid:
                return Answer.json(200, self.kept[sid])
            case "DELETE", [] if sid:
                del self.kept[sid]
                self.approvals.pop(sid, None)
                return Answer(204)
            case "POST", ["ApprovalRequests", "whatsapp"]:
                return Answer.json(201, self._submit(sid, _json(call)))
            case "GET", ["ApprovalRequests"]:
                return Answer.json(200, self._approval(sid))
        return Answer.json(405, {"code": 20004, "message": "Method not allowed", "status": 405})

    def _create(self, given: dict[str, Any]) -> dict[str, Any]:
        if unknown := given.keys() - {"friendly_name", "language", "variables", "types"}:
            raise Refused(20001, f"unknown parameter {sorted(unknown)}")
        if not given.get("friendly_name") or not given.get("language"):
            raise Refused(20001, "friendly_name and language are required")
        types = given.get("types") or {}
        if len(types) != 1 or not types.keys() <= LIMITS.keys():
            raise Refused(20001, f"types are {sorted(types)}")
        ((kind, content),) = types.items()
        body, most, title = LIMITS[kind]
        choices = _choices(content)
        titles = [words for words, _ in choices]
        if not content.get("body") or len(content["body"]) > body:
            raise Refused(20001, "body is empty or too long")
        if not (bool(most) <= len(choices) <= most) or any(not 0 < len(words) <= title for words in titles):
            raise Refused(20001, "choices are missing, too many or too long")
        if len({id_ for _, id_ in choices}) < len(choices) or any(not 0 < len(id_) <= 200 for _, id_ in choices):
            raise Refused(20001, "the ids of choices are not unique")
        if kind == "twilio/list-picker" and not 0 < len(content.get("button", "")) <= 20:
            raise Refused(20001, "a list needs a button")
        samples = given.get("variables") or {}
        if any(not isinstance(value, str) or not value for value in samples.values()):
            raise Refused(20001, "a sample is empty")
        names = set(PLACEHOLDER.findall(json.dumps(content, ensure_ascii=False)))
        if names - samples.keys() or any(not re.fullmatch(r"\w{1,16}", name) for name in names):
            raise Refused(20001, f"placeholders without a sample, or badly named: {sorted(names)}")
        self._created += 1
        sid = f"HX{self._created:032x}"
        self.kept[sid] = {
            "sid": sid,
            "account_sid": "AC" + "5" * 32,
            "date_created": "2026-01-01T09:00:00Z",
            "date_updated": "2026-01-01T09:00:00Z",
            "friendly_name": given["friendly_name"],
            "language": given["language"],
            "variables": samples,
            "types": types,
            "url": f"{self._base_url}/v1/Content/{sid}",
            "links": {},
        }
        return self.kept[sid]

    def _page(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        size, number = int(query.get("PageSize", ["50"])[0]), int(query.get("Page", ["0"])[0])
        found = list(self.kept.values())
        last = (number + 1) * size >= len(found)
        following = f"https://content.twilio.com/v1/Content?PageSize={size}&Page={number + 1}&PageToken=DNHX{number}"
        return {
            "contents": found[number * size : (number + 1) * size],
            "meta": {
                "page": number,
                "page_size": size,
                "key": "contents",
                "next_page_url": None if last else following,
            },
        }

    def _submit(self, sid: str, given: dict[str, Any]) -> dict[str, Any]:
        if not re.fullmatch(r"[a-z0-9_]+", str(given.get("name", ""))):
            raise Refused(20001, "the name of a template has small letters, digits and underscores")
        if given.get("category") not in ("UTILITY", "MARKETING", "AUTHENTICATION"):
            raise Refused(20001, "no category that WhatsApp knows")
        if "twilio/list-picker" in self.kept[sid]["types"]:
            raise Refused(20001, "list-picker templates cannot be submitted for approval")
        self.approvals[sid] = "received"
        return {"name": given["name"], "category": given["category"], "status": "received", "rejection_reason": ""}

    def _approval(self, sid: str) -> dict[str, Any]:
        return {
            "sid": sid,
            "account_sid": "AC" + "5" * 32,
            "whatsapp": {"type": "whatsapp", "status": self.approvals.get(sid, "unsubmitted")},
            "url": f"{self._base_url}/v1/Content/{sid}/ApprovalRequests",
        }

    def render(self, sid: str, variables: Mapping[str, str]) -> str:
        """The body of a template as a person sees it."""
        return self._fill(sid, next(iter(self.kept[sid]["types"].values()))["body"], variables)

    def choices(self, sid: str, variables: Mapping[str, str]) -> list[tuple[str, str]]:
        """Its buttons or list items as a person sees them, each with the id that a tap brings back."""
        content = next(iter(self.kept[sid]["types"].values()))
        return [
            (self._fill(sid, title, variables), self._fill(sid, id_, variables)) for title, id_ in _choices(content)
        ]

    def _fill(self, sid: str, text: str, variables: Mapping[str, str]) -> str:
        values = self.kept[sid]["variables"] | dict(variables)
        return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _choices(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(action["title"], action["id"]) for action in content.get("actions", [])] + [
        (item["item"], item["id"]) for item in content.get("items", [])
    ]


def _json(call: Call) -> dict[str, Any]:
    if call.headers.get("content-type") != "application/json":
        raise Refused(20001, "not JSON")
    given = json.loads(call.body)
    assert isinstance(given, dict)
    return given
