"""Bad input, in a real browser: nothing that anybody writes runs, or turns a page's words round.

Both pages are served with their own headers, so a payload that gets as far as being markup shows as a breach of their
policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

import console
import gateway
from channels.contract import Media
from helpline.database import Sessions
from helpline.keys import Keyring
from helpline.settings import Settings
from tests.acceptance.conftest import Figures
from tests.acceptance.hostile import (
    PAYLOADS,
    PLACES,
    Hostile,
    Watched,
    buttons,
    seen_as_typed,
    serving,
    sign_in,
    typed,
)


@pytest.fixture
def public(settings: Settings, engine: Engine) -> Iterator[str]:
    with serving(gateway.create_app(settings, engine)) as address:
        yield address


@pytest.fixture
def inside(settings: Settings, engine: Engine) -> Iterator[str]:
    app = console.create_app(settings, engine)
    with serving(app) as address:
        yield address
    app.extensions["wayline"].bell.close()


@pytest.fixture
def hostile(make: Sessions, keys: Keyring, settings: Settings) -> Hostile:
    return Hostile(make, keys, settings)


def test_28_the_detector_sees_what_an_unescaped_page_would_do(chromium: Browser, figures: Figures) -> None:
    """Without this the two tests below could pass because nothing is ever noticed."""
    alive: set[str] = set()
    for place in PLACES:
        window = Watched.open(chromium, "about:")
        window.page.set_content("<!doctype html><title>one frame for each</title>")
        window.page.evaluate(
            """([payloads, place]) => payloads.forEach((payload, i) => {
              const frame = document.createElement("iframe");
              frame.name = "payload" + i;
              frame.srcdoc = "<!doctype html>" + place.replace("HERE", () => payload);
              document.body.append(frame);
            })""",
            [PAYLOADS, place],
        )
        for _ in range(100):  # a busy machine takes its time for so many frames
            seen = len(window.frames)
            window.page.wait_for_timeout(150 if not seen else 1000)
            if seen and len(window.frames) == seen:
                break
        alive |= {name for name in window.frames if name.startswith("payload")}
        window.context.close()
    figures(check=28, payloads=len(PAYLOADS), places=len(PLACES), noticed_where_nothing_is_escaped=len(alive))
    assert len(alive) >= 40, [p for i, p in enumerate(PAYLOADS) if f"payload{i}" not in alive]


def test_28_nothing_runs_on_the_chat_page(chromium: Browser, public: str, hostile: Hostile, figures: Figures) -> None:
    window = Watched.open(chromium, public)
    page = window.page
    page.goto(f"{public}/chat?lang={quote(PAYLOADS[0])}&{quote(PAYLOADS[7])}={quote(PAYLOADS[46])}#{PAYLOADS[7]}")
    token = next(cookie["value"] for cookie in window.context.cookies() if cookie.get("name") == "wayline_chat")

    by_hand = PAYLOADS[46:54]
    for payload in by_hand:
        page.fill("#text", payload)
        page.keyboard.press("Enter")
        expect(page.locator("#messages .me[data-id] .text", has_text=payload).last).to_be_visible()

    # By script, as they come: what a person wrote, what bot and operator say, and the choices.
    hostile.writes(token, *(typed(i, payload) for i, payload in enumerate(PAYLOADS)))
    hostile.says(token, *({"text": payload} for payload in PAYLOADS))
    for i, payload in enumerate(PAYLOADS):
        alias, _ = hostile.operator(f"alias{i}", payload)
        hostile.says(token, {"text": "a word"}, author="operator", operator=alias)
    hostile.says(token, *(buttons(payload) for payload in PAYLOADS))
    hostile.settles(token)
    last = page.locator("#messages .choices button", has_text=PAYLOADS[-1])
    expect(last.first).to_be_visible()
    assert seen_as_typed(window.texts("#messages .text"), PAYLOADS) == []
    window.stir()
    assert window.injected() == 0
    by_script = list(window.strange)

    # Drawn by the server; the last message's buttons are tapped, and a refused form comes back with its words.
    page.reload()
    expect(page.locator("#messages .choices button").first).to_be_visible()
    assert seen_as_typed(window.texts("#messages .text"), PAYLOADS) == []
    bylines = " ".join(window.texts("#messages .by"))
    assert all(" ".join(payload.split()) in " ".join(bylines.split()) for payload in PAYLOADS)
    page.locator("#messages .choices button").first.click()
    expect(page.locator("#messages .me[data-id] .text", has_text=PAYLOADS[-1]).last).to_be_visible()
    window.stir()
    assert window.injected() == 0
    for payload in PAYLOADS:
        answer = page.goto(f"{public}/nothing/{quote(payload, safe='')}", wait_until="commit")
        assert answer is not None
        assert "<" not in payload or payload not in answer.text()
    strange = [one for one in window.strange if "404 (NOT FOUND)" not in one]
    window.context.close()
    figures(
        check=28,
        page="chat",
        payloads=len(PAYLOADS),
        places="texts, answers, operators' names, choices, addresses",
        strange_by_script=len(by_script),
        strange_in_all=len(strange),
    )
    assert strange == []


def test_28_nothing_runs_in_the_console(
    chromium: Browser, inside: str, hostile: Hostile, figures: Figures, settings: Settings
) -> None:
    sam, token = hostile.operator("sam", PAYLOADS[7])
    hostile.writes("person", typed(0, "hello"))
    code = hostile.case("person", holder=sam)
    for i, payload in enumerate(PAYLOADS):  # a queue of cases that hostile colleagues hold
        holder, _ = hostile.operator(f"holder{i}", payload)
        hostile.writes(f"person{i}", typed(1000 + i, payload))
        hostile.case(f"person{i}", holder=holder)
    window = sign_in(chromium, inside, token)
    page = window.page
    assert seen_as_typed(window.texts("bdi"), PAYLOADS) == []
    window.stir()
    assert window.injected() == 0

    # News of a case: drawn by script while it is open.
    page.goto(f"{inside}/cases/{code}")
    expect(page.locator("#live")).to_have_text("Live")
    files = [
        Media("document", payload, payload, 5, payload) if i % 2 else Media("contact", payload, name=payload)
        for i, payload in enumerate(PAYLOADS)
    ]
    hostile.writes("person", *(typed(2000 + i, payload) for i, payload in enumerate(PAYLOADS)))
    hostile.writes("person", *(typed(3000 + i, "", file) for i, file in enumerate(files)))
    hostile.says("person", *(buttons(payload) for payload in PAYLOADS))
    hostile.answers(code, sam, "the last")
    expect(page.locator(".message .text", has_text="the last")).to_be_visible()
    window.stir()
    assert window.injected() == 0
    by_script = list(window.strange)

    page.reload()
    expect(page.locator(".message .text", has_text="the last")).to_be_visible()
    # The console marks what cannot be seen; those payloads are checked by what stands around the marks.
    plain = tuple(payload for payload in PAYLOADS if payload.isprintable())
    assert seen_as_typed(window.texts(".message.person .text"), plain) == []
    assert seen_as_typed(window.texts(".message .chip"), plain) == []
    window.stir()
    assert window.injected() == 0

    # The operator's own words, a refused one, and what the address bar can be made to hold.
    page.fill("textarea#text", "\n".join(PAYLOADS)[:3900])
    page.keyboard.press("Control+Enter")
    expect(page.locator(".message.operator")).to_have_count(2)
    for payload in PAYLOADS[::5]:
        for path in (f"/cases/{quote(payload, safe='')}", f"/nothing/{quote(payload, safe='')}"):
            page.goto(inside + path, wait_until="commit")
        page.goto(f"{inside}/?language={quote(payload, safe='')}&{quote(payload, safe='')}=1")
        window.stir()
        assert window.injected() == 0
    page.goto("about:blank")  # nothing there asks any more
    page.context.clear_cookies()
    page.goto(f"{inside}/cases/{quote(PAYLOADS[46], safe='')}?x={quote(PAYLOADS[46], safe='')}")
    window.stir()
    assert window.injected() == 0
    strange = [one for one in window.strange if "404 (NOT FOUND)" not in one]
    window.context.close()
    figures(
        check=28,
        page="console",
        payloads=len(PAYLOADS),
        places="texts, files, contacts, choices, operators' names, replies, addresses",
        strange_by_script=len(by_script),
        strange_in_all=len(strange),
    )
    assert strange == []


HIDDEN = {
    "zero width": "pass\u200bport",
    "a joiner at the edge": "\u200dpassport\u200c",
    "overridden": "\u202egro.elpmaxe.liame\u202c",
    "an override that is left open": "pay \u202e0001 EUR",
    "embedded": "\u202bpassport\u202c",
    "isolated": "\u2067passport\u2069",
    "marks": "pass\u200eport\u200f\u061c",
    "a soft hyphen and a joiner of words": "pass\u00adport\u2060",
    "a byte order mark": "\ufeffpassport",
    "fillers that show nothing": "pass\u3164\u2800\u115fport",
    "other ends of lines": "one\u2028two\u2029three",
    "control characters": "pass\x07port\x1b",
    "tags": "passport\U000e0041\U000e0042",
}
HONEST = {
    "Arabic": "\u062c\u0648\u0627\u0632 \u0633\u0641\u0631 123",
    "Persian with its joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "a family of emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "Ukrainian": "\u043f\u0430\u0441\u043f\u043e\u0440\u0442",
    "full width": "\uff30\uff21\uff33\uff33",
    "Arabic-Indic digits": "\u0662\u0660\u0662\u0666 \u06f2\u06f0\u06f2\u06f6",
}
DIRECTING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


def test_21_the_console_isolates_and_marks_what_cannot_be_seen(
    chromium: Browser, inside: str, hostile: Hostile, figures: Figures
) -> None:
    sam, token = hostile.operator("sam", "Sam \u202egnorw")
    texts = [*HIDDEN.values(), *HONEST.values()]
    hostile.writes("person", *(typed(i, text) for i, text in enumerate(texts)))
    hostile.writes("person", *(typed(100 + i, "", Media("document", "x", name=text)) for i, text in enumerate(texts)))
    code = hostile.case("person", holder=sam)
    window = sign_in(chromium, inside, token)
    page = window.page
    page.goto(f"{inside}/cases/{code}")
    expect(page.locator(".message.person")).to_have_count(len(texts) * 2)
    shown = page.locator(".message.person .text").all()
    for (name, text), one in zip((HIDDEN | HONEST).items(), shown, strict=True):
        marks, plain = one.locator(".mark").count(), one.inner_text()
        assert bool(marks) == (name in HIDDEN), name
        assert not set(DIRECTING) & set(plain), name  # nothing is left that could turn the page round
        assert one.evaluate("(one) => getComputedStyle(one).unicodeBidi") in (
            "isolate",
            "plaintext",
            "isolate-override",
        )
        direction = "rtl" if name in ("Arabic", "Persian with its joiner") else "ltr"
        assert name in HIDDEN or one.evaluate("(one) => getComputedStyle(one).direction") == direction, name
        if name in HONEST:
            assert plain == text
    # The letters stand in the order in which they were typed: what comes later stands further to the right.
    places = shown[list(HIDDEN).index("an override that is left open")].evaluate(
        """(one) => {
          const walker = document.createTreeWalker(one, NodeFilter.SHOW_TEXT), found = [];
          for (let node; (node = walker.nextNode()); ) for (let i = 0; i < node.length; i++) {
            const range = document.createRange();
            range.setStart(node, i); range.setEnd(node, i + 1);
            found.push(range.getBoundingClientRect().left);
          }
          return found;
        }"""
    )
    assert places == sorted(places)
    names = " ".join(window.texts(".message.person"))
    assert not {"\u202e", "\u202b", "\u2067"} & set(names)
    strange = list(window.strange)
    window.context.close()
    figures(
        check=21, page="console", hidden=len(HIDDEN), marked=len(HIDDEN), honest=len(HONEST), left_alone=len(HONEST)
    )
    assert strange == []
