"""An operator at the real console: signs in with a one-time link, claims, reads, answers and closes by its forms."""

from __future__ import annotations

import html
import re
import threading

import httpx

from rehearsal.people import Impossible

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_OUTCOME = re.compile(r'name="outcome" value="([^"]+)"')
_NOTICE = re.compile(r'role="alert"[^>]*>([^<]+)<')
PRESENT_EVERY = 20.0
"""Seconds between two signs of life; the desk counts as empty after 90."""


class Desk:
    """One operator for all people of a rehearsal. Methods may be called from several threads."""

    def __init__(self, url: str, invitation: str) -> None:
        self._web = httpx.Client(base_url=url, headers={"Origin": url}, timeout=10, trust_env=False)
        self._lock = threading.Lock()
        self._left = threading.Event()
        token = self._token(self._page(f"/once/{invitation}"))
        self._post(f"/once/{invitation}", token, {})
        self._token(self._page("/"))
        self._presence = threading.Thread(target=self._stay, daemon=True)
        self._presence.start()

    def close(self) -> None:
        self._left.set()
        self._presence.join(5)
        self._web.close()

    def claims(self, case: str) -> None:
        if self._acts(case, "claim", {}) != f"/cases/{case}":
            raise Impossible("the console did not let the operator claim the case")

    def replies(self, case: str, text: str) -> None:
        self._acts(case, "reply", {"text": text})

    def closes(self, case: str, outcome: str) -> None:
        """End the case. Raises `Impossible` with the outcomes that there are."""
        with self._lock:
            outcomes = list(dict.fromkeys(_OUTCOME.findall(self._page(f"/cases/{case}"))))
        if outcomes and outcome not in outcomes:
            raise Impossible(f'the console knows no outcome "{outcome}"; there are: {", ".join(outcomes)}')
        if self._acts(case, "close", {"outcome": outcome}) == f"/cases/{case}":
            raise Impossible("the console did not close the case")

    def shows(self, case: str, words: str) -> bool:
        """Whether the page of the case holds these words."""
        with self._lock:
            return words in html.unescape(self._page(f"/cases/{case}"))

    def _acts(self, case: str, act: str, fields: dict[str, str]) -> str:
        with self._lock:
            return self._post(f"/cases/{case}/{act}", self._token(self._page(f"/cases/{case}")), fields)

    def _page(self, path: str) -> str:
        answer = self._web.get(path)
        if answer.status_code != 200:
            raise Impossible(f"the console answered {answer.status_code} for a page")
        return answer.text

    def _token(self, page: str) -> str:
        found = _TOKEN.search(page)
        if found is None:
            raise Impossible("the console's page has no form")
        return found[1]

    def _post(self, path: str, token: str, fields: dict[str, str]) -> str:
        """Send a form; returns where the console leads next."""
        answer = self._web.post(path, data={"csrf_token": token, **fields})
        if answer.status_code != 303:
            notice = _NOTICE.search(answer.text)
            why = f": {html.unescape(notice[1].strip())}" if notice else ""
            raise Impossible(f"the console answered {answer.status_code}{why}")
        return httpx.URL(answer.headers["Location"]).path

    def _stay(self) -> None:
        while not self._left.wait(PRESENT_EVERY):
            try:
                self._web.get("/desk")
            except httpx.HTTPError:
                continue  # the helpline is being stopped, or the next sign of life works
