"""People, colleagues and choices that are all hostile, and a browser in which nothing strange may happen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from channels.contract import Incoming, Media
from helpline import conversations, desk, intake, operators
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator
from helpline.settings import Settings

PAYLOADS = (
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script>alert(1)//",
    "<script src=//127.0.0.1:9/x.js></script>",
    "<script type=module>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\x0c>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<img src="x" onerror="alert(1)"',
    "<img src=x onerror=&#97;lert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<IMG SRC=x ONERROR\t=\nalert(1)>",
    "<image src=x onerror=alert(1)>",
    "<input type=image src=x onerror=alert(1)>",
    "<picture><img srcset=x onerror=alert(1)></picture>",
    "<svg><image href=x onerror=alert(1)></svg>",
    "<script>\nwindow['alert'](1)\n</script>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    "<svg><script>alert(1)</script></svg>",
    "<svg><script href=data:,alert(1) />",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<body onpageshow=alert(1)>",
    '<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>',
    "<iframe src=javascript:parent.alert(1)></iframe>",
    "<iframe onload=alert(1)></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<object data=x onerror=alert(1)></object>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)></select>",
    "<textarea autofocus onfocus=alert(1)></textarea>",
    "<b tabindex=1 autofocus onfocus=alert(1)>x</b>",
    "<video><source onerror=alert(1)></video>",
    "<video src=x onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)></audio>",
    "<link rel=stylesheet href=x onerror=alert(1)>",
    "<style onload=alert(1)></style>",
    "<style>@keyframes x{}</style><b style=animation-name:x onanimationstart=alert(1)>x</b>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href=//127.0.0.1:9/>",
    "<form action=javascript:alert(1)><button id=go>x</button></form>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template shadowrootmode=open><img src=x onerror=alert(1)></template>",
    "<b hx-on::load=alert(1) data-hx-on-htmx-load=alert(1) hx-trigger=load hx-get=/me hx-swap=outerHTML>x</b>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "' onmouseover=alert(1) x='",
    "</p></li></ol></ul><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "';alert(1);//",
    '\\";alert(1);//',
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)} #{alert(1)} <%= alert(1) %>",
    "{{7*7}} {{config}} {% raw %} {alias} {helpline} %(code)s %s",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "\u202e<script>alert(1)</script>",
    "<scr\u200bipt>alert(1)</scr\u200bipt>",
    "<\ufeffimg src=x onerror=alert(1)>",
)
"""Markup that runs by itself where it is not escaped, ways out of an attribute, a script or a comment, and
what template languages and twice decoded text would make of words."""

WATCH = """
window.alert = window.confirm = window.prompt = (what) => window.strange("ran: " + what, window.name);
document.addEventListener("securitypolicyviolation", (event) =>
  window.strange("policy: " + event.effectiveDirective + " " + event.blockedURI, window.name));
"""

INJECTED = (
    "[onerror], [onload], [onfocus], [ontoggle], [onbegin], [onanimationstart], [onmouseover], [onpageshow], "
    "iframe, object, embed, video, audio, base, math, noscript, a[href^='javascript'], form[action^='javascript'], "
    "[hx-get='/me'], script:not([src]):not([type='application/json'])"
)
"""What our pages never hold, and the payloads would bring."""


PLACES = ("<p>HERE</p>", '<input value="HERE">', "<input value='HERE'>", "<script>let a = 'HERE';</script>")
"""Where a careless template would put them."""


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)


@dataclass
class Watched:
    """A browser window in which nothing strange may happen: no script of others, no breach of the policy, no
    complaint on its console, no dialog, and no request to anybody but `address`."""

    context: BrowserContext
    page: Page
    address: str
    strange: list[str] = field(default_factory=list)
    frames: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, browser: Browser, address: str) -> Watched:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
        made = cls(context, context.new_page(), address)
        context.expose_function("strange", made._noticed)
        context.add_init_script(WATCH)
        page = made.page
        page.on("pageerror", lambda error: made.strange.append(f"error: {error}"))
        page.on("dialog", made._dialog)
        page.on("console", made._complained)
        page.on("request", made._asked)
        return made

    def _noticed(self, what: str, frame: str) -> None:
        self.strange.append(what)
        self.frames.add(frame)

    def _dialog(self, dialog: Dialog) -> None:
        self.strange.append("a dialog opened")
        dialog.dismiss()

    def _complained(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.strange.append(f"console: {line.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "about:")):
            self._noticed(f"asked for {request.url}", request.frame.name)

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_text_contents()

    def stir(self) -> None:
        """Do what a payload may wait for: move over everything, give it the focus, wait for what loads."""
        self.page.evaluate(
            """() => document.querySelectorAll("main *, ol *, table *, section *").forEach((one) => {
              one.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
              one.dispatchEvent(new FocusEvent("focus"));
            })"""
        )
        self.page.wait_for_timeout(300)

    def injected(self) -> int:
        return self.page.locator(INJECTED).count()


@dataclass
class Hostile:
    """Everything that anybody can put a payload into, in one database."""

    make: Sessions
    keys: Keyring
    settings: Settings

    def writes(self, address: str, *events: Incoming, channel: str = "web") -> None:
        """What came from a person, stored as a webhook or the chat page does."""
        with transaction(self.make) as session:
            for event in events:
                intake.receive(session, self.keys, self.settings, channel, replace(event, address=address))

    def says(self, address: str, *bodies: dict[str, Any], author: str = "bot", operator: int | None = None) -> None:
        with transaction(self.make) as session:
            found = self._conversation(session, address)
            for body in bodies:
                conversations.say(session, self.keys, found, body, author=author, operator_id=operator)

    def case(self, address: str, channel: str = "web", holder: int | None = None) -> str:
        """A case of this person, claimed by the operator `holder`."""
        with transaction(self.make) as session:
            found = self._conversation(session, address, channel)
            made = desk.open_case(session, found, priority="high", reason="asked", topic="ask_job_offer")
            if holder is not None:
                desk.claim(session, self.keys, made.code, session.get_one(Operator, holder))
            return made.code

    def operator(self, username: str, alias: str) -> tuple[int, str]:
        """Id and one-time link of an operator whom people see as `alias`."""
        with transaction(self.make) as session:
            made = operators.add(session, username, alias=alias)
            return made.id, operators.invite(session, made)

    def settles(self, address: str) -> None:
        """No answer is due: the page lets its buttons be tapped."""
        with transaction(self.make) as session:
            self._conversation(session, address).turn_due_at = None

    def answers(self, code: str, operator: int, text: str) -> None:
        """The operator writes, and every open page hears of it."""
        with transaction(self.make) as session:
            case = session.execute(select(Case).where(Case.code == code)).scalar_one()
            desk.reply(session, self.keys, case, session.get_one(Operator, operator), text)

    def _conversation(self, session: Any, address: str, channel: str = "web") -> Conversation:
        found = conversations.find(session, self.keys, channel, address)
        assert found is not None
        return found


def typed(number: int, text: str, *media: Media) -> Incoming:
    return Incoming("", f"typed-{number}", text=text, media=media)


def buttons(payload: str) -> dict[str, Any]:
    """A question of ours whose choices, and what stands between its words, came from somewhere bad."""
    choices = [{"title": payload, "intent": "greet", "slots": {}}, {"name": payload, "desk": "keep"}]
    return {"response": "utter_operator_here", "args": {"alias": payload}, "choices": choices}


def sign_in(browser: Browser, address: str, token: str) -> Watched:
    window = Watched.open(browser, address)
    window.page.goto(f"{address}/once/{token}")
    window.page.get_by_role("button", name="Sign in").click()
    window.page.wait_for_url(f"{address}/")
    return window


def seen_as_typed(shown: list[str], payloads: tuple[str, ...]) -> list[str]:
    """Payloads that no element shows letter for letter."""
    plain = {" ".join(text.split()) for text in shown}
    return [payload for payload in payloads if " ".join(payload.split()) not in plain]
