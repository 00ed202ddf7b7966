"""Somebody on the web chat: a browser that has the page open, without the page's script."""

from __future__ import annotations

import html
import json
import re
import uuid
from dataclasses import dataclass, field

import httpx

from rehearsal.people import Button, Impossible, Person, taken

_WELCOME = re.compile(r'data-id="0">.*?<p class="text"[^>]*>(.*?)</p>', re.DOTALL)
_WORDS = re.compile(r'<button name="text" value="([^"]*)"')
"""The welcome of a chat page on which nobody wrote yet, and the choices under it, which are sent as words."""


@dataclass
class OnTheWeb(Person):
    """A browser with the chat page open; the address is the session's cookie."""

    url: str = field(kw_only=True)
    after: int = 0  # the newest message that was seen; 0 while nothing was written

    def __post_init__(self) -> None:
        headers = {"Origin": self.url, "Accept-Language": self.who.language}
        self.page = httpx.Client(base_url=self.url, headers=headers, timeout=10, trust_env=False)
        opened = self.page.get("/chat", headers={"Sec-Fetch-Site": "none"})
        taken(opened.status_code)
        welcome = _WELCOME.search(opened.text)
        if welcome is None:
            raise Impossible("the chat page shows no welcome")
        titles = tuple(Button(html.unescape(title)) for title in _WORDS.findall(opened.text))
        self._shown: list[tuple[str, tuple[Button, ...]]] = [(html.unescape(welcome[1]).strip(), titles)]

    @property
    def address(self) -> str:
        return self.page.cookies.get("wayline_chat") or ""

    def _new(self) -> list[tuple[str, tuple[Button, ...]]]:
        shown, self._shown = self._shown, []
        if not self.after:
            return shown
        answer = self.page.get("/chat/messages", params={"after": self.after})
        taken(answer.status_code)
        messages = answer.json()["messages"]
        self.after = max([self.after, *(message["id"] for message in messages)])
        return [
            (message["text"], tuple(Button(each["title"], each["token"]) for each in message["choices"]))
            for message in messages
            if message["author"] != "me"
        ]

    def says(self, text: str) -> None:
        self._post(text=text)

    def presses(self, button: Button) -> None:
        if button.token:
            self._post(tap=button.token)
        else:
            self._post(text=button.title)

    def remembers(self) -> bool:
        """Whether the page, opened anew, still shows anything that was said."""
        answer = self.page.get("/chat/messages", params={"after": 0})
        taken(answer.status_code)
        return bool(answer.json()["messages"])

    def _post(self, **what: str) -> None:
        body = {"id": uuid.uuid4().hex, "language": self.who.language, **what}
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        answer = self.page.post("/chat/messages", content=json.dumps(body), headers=headers)
        taken(answer.status_code)
        self.after = self.after or int(answer.json()["after"])  # what stands before it was on the page already

    def close(self) -> None:
        self.page.close()
