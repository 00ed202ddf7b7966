"""A helpline with something on every page: cases in each state, a team, services, reviews, alerts, a request."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func
from sqlalchemy.orm import Session

from helpline import alerts, desk, directory, notes, operators, passing, referrals, safety
from helpline.database import Sessions, transaction
from helpline.desk_models import CannedReply, Review, Service
from helpline.keys import Keyring
from helpline.models import Case, Operator, Screening, Team
from tests.console.conftest import Field, picture

WORDS = "Quokkaberry"
"""What the persons wrote: it may not be found where a browser keeps things."""
NAME = "wombatname"
"""Sam's login name."""


class World:
    """Paths of pages by a name for each; `sam` is an operator, `ines` a supervisor, `adam` an admin."""

    def __init__(self, make: Sessions, keys: Keyring) -> None:
        self.make, self.keys = make, keys
        self.field = Field(make, keys)
        self.paths: dict[str, str] = {}
        with transaction(make) as session:
            team = Team(name="Night")
            session.add(team)
            session.flush()
            self.people = {
                NAME: operators.add(session, NAME, alias="Sam"),
                "olha": operators.add(session, "olha", alias="Olha"),
                "ines": operators.add(session, "ines", alias="Ines", roles=("supervisor",)),
                "adam": operators.add(session, "adam", alias="Adam", roles=("admin",)),
            }
            for one in self.people.values():
                one.team_id, one.most_cases = team.id, 0
                one.seen_at = one.active_at = func.now()
            alerts.sound(session, "provider_refuses", "telegram", "401")
            row = {
                "code": "law", "name": "Law Desk", "category": "legal", "country": "PL", "town": "Kraków",
                "hours": "24/7", "serves": ["men"], "asks": ["police"], "languages": ["uk"], "free": True,
                "texts": {"en": "Lawyers who listen."},
                "checked_on": date.today(), "expires_on": date.today() + timedelta(30),
            }  # fmt: skip
            directory.store(session, [row])
        self._cases()

    def case(self, name: str, *, by: str | None = NAME, said: str = f"I am {WORDS}", **wanted: str) -> str:
        code = self.field.case(said, **wanted)
        self.paths[name] = f"/cases/{code}"
        with transaction(self.make) as session:
            self.field.find(session, code).conversation.country = "PL"
            if by:
                desk.claim(session, self.keys, code, session.get_one(Operator, self.people[by].id))
        return code

    def _cases(self) -> None:
        for priority, reason in (
            ("danger", "danger_now"),
            ("child", "child"),
            ("high", "screening"),
            ("normal", "asked"),
        ):
            again = self.case(f"waiting {priority}", by=None, priority=priority, reason=reason, language="ar")
        with transaction(self.make) as session:
            self.field.find(session, again).announced = 2
        self._full(self.case("held", channel="telegram"))
        other = self.case("a colleague's", by="olha", language="uk")
        self._with(other, lambda session, case: notes.add(
            session, self.keys, case, self._who(session, "olha"), f"@{NAME} please look"
        ))  # fmt: skip
        paused = self.case("paused")
        self._with(paused, lambda session, case: passing.pause(session, case, self._who(session, NAME)))
        bot = self.case("with the bot")
        self._with(bot, lambda session, case: passing.give_back(session, self.keys, case, self._who(session, NAME)))
        covered = self.case("covered")
        self._with(covered, _covered)
        self._with(self.case("asked us not to write"), _stopped)
        silent = self.case("shut by a rule", channel="telegram")
        self._with(silent, _silent)
        asked = self.case("asked for leave", channel="telegram")
        self._with(asked, _silent)
        self._with(asked, lambda session, case: safety.ask(
            session, self.keys, case, self._who(session, NAME), "silent", "a bed is free"
        ))  # fmt: skip
        self.case("complaint", by=None, priority="high", reason="complaint")
        closed = self.case("closed")
        self._with(closed, self._closed)

    def _full(self, code: str) -> None:
        """Everything that a case can have."""
        self.field.send(code, "image", picture())
        self.field.send(code, "document", b"%PDF-1.4 " + WORDS.encode(), name="paper.pdf")
        self._with(code, self._details)

    def _details(self, session: Session, case: Case) -> None:
        sam = self._who(session, NAME)
        session.add(Screening(
            conversation_id=case.conversation_id, path="job_offer", complete=False, matched=["met_online"],
            answers={"offer_online": "yes", "offer_contract": "yes", "offer_pay": "skip"},
        ))  # fmt: skip
        case.conversation.contact_safety = {"watched": True}
        notes.add(session, self.keys, case, sam, "A note")
        referrals.name(session, case, sam, session.query(Service).one())
        desk.reply(session, self.keys, case, sam, "Hello, I am here.")

    def _closed(self, session: Session, case: Case) -> None:
        desk.close(session, self.keys, case, self._who(session, NAME), "information")
        session.query(Review).delete()
        review = Review(case_id=case.id)
        session.add(review)
        session.flush()
        self.paths["review"] = f"/reviews/{review.id}"
        self.paths["reply"] = f"/replies/{session.query(CannedReply.id).order_by(CannedReply.id).limit(1).scalar()}"

    def _who(self, session: Session, username: str) -> Operator:
        return session.get_one(Operator, self.people[username].id)

    def _with(self, code: str, do: object) -> None:
        with transaction(self.make) as session:
            do(session, self.field.find(session, code))  # type: ignore[operator]


def _covered(session: Session, case: Case) -> None:
    case.conversation.contact_safety = {"covered": 1, "watched": True}


def _stopped(session: Session, case: Case) -> None:
    case.conversation.opted_out_at = func.now()


def _silent(session: Session, case: Case) -> None:
    case.conversation.last_inbound_at = func.now() - timedelta(days=2)
