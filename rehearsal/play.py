"""Plays one script: acts as the person and the operator, waits for what is expected, writes down what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import singledispatchmethod

from helpline import desk, words
from rehearsal import hearing
from rehearsal.desk import Desk
from rehearsal.page import OnTheWeb
from rehearsal.people import Heard, Impossible, Person
from rehearsal.records import Record, Records
from rehearsal.report import Acted, Came, Checked, Played, isolated
from rehearsal.script import PATIENCE, Script, Step
from rehearsal.steps import (
    Act,
    AtMost,
    CaseIs,
    Erased,
    Hears,
    Holder,
    Operator,
    Picks,
    Reads,
    Says,
    ScreeningIs,
    Sends,
    Silence,
    Taps,
    questions,
)

LOOK_EVERY = 0.1
"""Seconds between two looks at the phone. The web page allows ten a second."""
SETTLES_IN = 20.0
"""Seconds that answers may take before the person goes on regardless."""
ERASED_IN = 20.0


class Stopped(Exception):
    """The rehearsal was ended before this script was."""


class Play:
    """One person's script on a running helpline."""

    def __init__(self, script: Script, person: Person, records: Records, desk: Desk, stopping: threading.Event) -> None:
        self.script, self.person, self.desk = script, person, desk
        self.record = Record(records, person)
        self.helpline = records.settings.name
        self.played = Played(script)
        self._stopping = stopping
        self._since: list[Heard] = []  # what came since the last act
        self._acted = time.monotonic()

    def run(self) -> Played:
        """Every step in order. After an act that could not be done the rest counts as not reached."""
        began = time.monotonic()
        for done, step in enumerate(self.script.steps, 1):
            try:
                self._do(step.what)
            except Impossible as why:
                self._check(False, f"line {step.line}, {step.key}", str(why))
                self._not_reached(self.script.steps[done:])
                break
        self._settle()
        self._never()
        self.played.seconds = time.monotonic() - began
        return self.played

    def _not_reached(self, steps: Sequence[Step]) -> None:
        """What was left of the script fails too; what was only to be done does not count."""
        left = [step for step in steps if not isinstance(step.what, Act)]
        if left:
            lines = f"from line {left[0].line} to {left[-1].line}" if len(left) > 1 else f"line {left[0].line}"
            self.played.entries.append(Checked(False, f"{lines}: not reached", count=len(left)))

    # ---- Time -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        for heard in self.person.look():
            self._since.append(heard)
            titles = tuple(button.title for button in heard.buttons)
            self.played.entries.append(Came(heard.text, titles, heard.at - self._acted))

    def _pause(self) -> None:
        if self._stopping.wait(LOOK_EVERY):
            raise Stopped
        self._look()

    def _until(self, what: Callable[[], object], seconds: float) -> bool:
        """Look at the phone until `what` is true, at most `seconds` from now."""
        deadline = time.monotonic() + seconds
        self._look()
        while not what():
            if time.monotonic() > deadline:
                return False
            self._pause()
        return True

    def _settle(self) -> None:
        """Let what is on its way arrive, as somebody does who reads before they write."""
        self._until(self.record.is_settled, SETTLES_IN)
        self._look()

    def _begin(self, entry: Acted) -> None:
        """An act begins: its answers are counted and timed from here."""
        self.played.entries.append(entry)
        self._since, self._acted = [], time.monotonic()

    def _check(self, ok: bool, what: str, note: str = "") -> None:
        self.played.entries.append(Checked(ok, what, note))

    # ---- Acts -----------------------------------------------------------------------------------------

    @singledispatchmethod
    def _do(self, what: object) -> None:
        raise TypeError(type(what).__name__)

    @_do.register
    def _says(self, what: Says) -> None:
        self._settle()
        for number, text in enumerate(what.texts):
            if number == 0:
                self._begin(Acted("Person", text))
            else:
                self.played.entries.append(Acted("Person", text))
            self.person.says(text)

    @_do.register
    def _taps(self, what: Taps) -> None:
        self._settle()
        button = self.person.button(what.title)
        if button is None:
            raise Impossible(f"no choice “{isolated(what.title)}” is offered")
        self._begin(Acted("Person", f"[{button.title}]" if button.token else button.title))
        self.person.presses(button)

    @_do.register
    def _picks(self, what: Picks) -> None:
        self._settle()
        offered = self.person.offered()
        if what.number > len(offered):
            raise Impossible(f"the newest choice has {len(offered)} answers")
        self._begin(Acted("Person", str(what.number), isolated(offered[what.number - 1])))
        self.person.says(str(what.number))

    @_do.register
    def _sends(self, what: Sends) -> None:
        self._settle()
        self._begin(Acted("Person", note=f"sends: {what.kind}"))
        self.person.sends(what.kind)

    @_do.register
    def _operator(self, what: Operator) -> None:
        self._settle()
        case = self._case_in("waiting" if what.act == "claims" else "claimed")
        match what.act:
            case "claims":
                self._begin(Acted("Operator", note="claims the case"))
                self.desk.claims(case)
            case "replies":
                self._begin(Acted("Operator", what.text))
                self.desk.replies(case, what.text)
            case _:
                self._begin(Acted("Operator", note=f"ends the case: {what.text}"))
                self.desk.closes(case, what.text)

    def _case_in(self, state: str) -> str:
        """The code of the person's case. Raises `Impossible` where it is not in that state."""
        if not self._until(lambda: (case := self.record.case()) is not None and case.state == state, PATIENCE):
            raise Impossible(f"no case of this person is {state}")
        case = self.record.case()
        assert case is not None
        return case.code

    # ---- Expectations ---------------------------------------------------------------------------------

    @_do.register
    def _hears(self, what: Hears) -> None:
        wanted = tuple(self._filled(word) for word in what.words)
        ok = self._until(lambda: self._heard(what.responses, wanted), what.seconds)
        took = next((heard.at - self._acted for count, heard in enumerate(self._since, 1)
                     if self._heard(what.responses, wanted, count)), 0.0)  # fmt: skip
        in_time = ok and took <= what.seconds
        parts = [" or ".join(what.responses)] if what.responses else []
        parts += [", ".join(f"“{isolated(word)}”" for word in wanted)] if wanted else []
        parts += [f"within {what.seconds:g} s"] if what.seconds != PATIENCE else []
        note = f"{took:.1f} s" if ok else self._instead(what.responses)
        self._check(in_time, f"hears {', '.join(parts)}", note)

    def _heard(self, responses: tuple[str, ...], wanted: tuple[str, ...], count: int | None = None) -> bool:
        text = "\n".join(heard.shown for heard in self._since[:count])
        found = not responses or any(hearing.is_in(name, self.script.who.language, text) for name in responses)
        return bool(self._since) and found and all(hearing.squeezed(word) in hearing.squeezed(text) for word in wanted)

    def _instead(self, responses: tuple[str, ...]) -> str:
        withheld = [name for name in responses if words.is_expired(words.source(name))]
        if withheld:
            return f"{withheld[0]} is withheld since {words.source(withheld[0]).expires}"
        if not self._since:
            return "nothing came"
        names = [" or ".join(hearing.named(heard.text, self.script.who.language)) or "other words"
                 for heard in self._since]  # fmt: skip
        return f"came: {', '.join(names)}"

    def _filled(self, word: str) -> str:
        """Values that depend on the settings, as in the texts themselves."""
        if "{emergency_number}" in word:
            word = word.replace("{emergency_number}", self.record.emergency_number(self.script.who.language))
        return word.replace("{helpline}", self.helpline)

    @_do.register
    def _reads(self, what: Reads) -> None:
        case = self._case_in("claimed")
        self._check(
            self._until(lambda: self.desk.shows(case, what.text), PATIENCE),
            f"the operator reads “{isolated(what.text)}”",
        )

    @_do.register
    def _case(self, what: CaseIs) -> None:
        self._settle()
        if not what.facts:
            case = self.record.case()
            none = case is None or case.state == "closed"
            self._check(none, "no case is open", "" if none else "a case is open")
            return
        ok = self._until(lambda: self._facts(what) == what.facts, PATIENCE)
        facts = self._facts(what)
        wanted = ", ".join(f"{name} {value}" for name, value in what.facts)
        came = ", ".join(f"{name} {value}" for name, value in facts if (name, value) not in what.facts)
        self._check(ok, f"case: {wanted}", "" if ok else (came or "there is no case"))

    def _facts(self, what: CaseIs) -> tuple[tuple[str, str], ...]:
        case = self.record.case()
        if case is None:
            return ()
        values = {name: getattr(case, name) for name, _ in what.facts}
        if "priority" in values:
            values["priority"] = desk.PRIORITIES[case.priority]
        return tuple((name, str(value) if value is not None else "-") for name, value in values.items())

    @_do.register
    def _holder(self, what: Holder) -> None:
        self._settle()

        def holder() -> str:
            row = self.record.conversation()
            return row.holder if row is not None else "nobody"

        ok = self._until(lambda: holder() == what.who, PATIENCE)
        self._check(ok, f"holder: {what.who}", "" if ok else holder())

    @_do.register
    def _screening(self, what: ScreeningIs) -> None:
        self._settle()
        done = self.record.screening()
        if done is None:
            self._check(False, f"questions: {what.path}", "none were recorded")
            return
        matched = frozenset(done.matched)
        skipped = frozenset(question for question, answer in done.answers.items() if answer == "skip")
        ok = done.path == what.path and what.matched in (None, matched) and what.skipped in (None, skipped)
        came = questions(done.path, matched, skipped)
        self._check(ok, questions(what.path, what.matched, what.skipped), "" if ok else f"came: {came}")

    @_do.register
    def _erased(self, _: Erased) -> None:
        self._settle()
        closed = self._until(self.record.is_closed, PATIENCE)
        self.record.forget_now()
        gone = closed and self._until(self.record.is_erased, ERASED_IN)
        shown = isinstance(self.person, OnTheWeb) and self.person.remembers()
        why = "the words are still there" if not closed else "the key or the address is still there"
        self._check(gone and not shown, "everything is erased, and the key destroyed",
                    "" if gone and not shown else "the page still shows it" if gone else why)  # fmt: skip

    @_do.register
    def _silence(self, what: Silence) -> None:
        self._settle()
        before = len(self._since)
        self._until(lambda: len(self._since) > before, what.seconds)
        self._check(len(self._since) == before, f"nothing more for {what.seconds:g} s")

    @_do.register
    def _at_most(self, what: AtMost) -> None:
        self._settle()
        count = len(self._since)
        self._check(count <= what.replies, f"at most {what.replies} replies", f"{count} came")

    def _never(self) -> None:
        """What no reply of the whole script may hold."""
        if self.script.never:
            text = hearing.squeezed("\n".join(heard.shown for heard in self.person.heard))
            said = [word for word in self.script.never if hearing.squeezed(word) in text]
            never = ", ".join(f"“{isolated(word)}”" for word in self.script.never)
            self._check(not said, f"never says {never}", ", ".join(isolated(word) for word in said))
