"""How a case ended, in codes: what was needed, what happened to the person if anything did, what was done.

Only the outcome must be said. Exploitation is coded as act, means and purpose (docs/domain.md 4), each as far as the
person told it: a box "trafficking: yes" is hardly ever ticked, and it is not the desk that decides. No code names
anybody, and no free text is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

OUTCOMES = ("helped", "referral", "information", "no_reply", "not_for_us")
NEEDS = (
    "safety", "shelter", "basic_needs", "health", "psychosocial", "legal", "documents", "education_work",
    "family_tracing", "child_protection", "language", "transport", "information",
)  # fmt: skip
"""What services are listed under (helpline.directory), and what a helpline gives itself."""
ACTS = ("recruited", "transported", "transferred", "harboured", "received")
MEANS = ("threat", "force", "abduction", "deception", "power", "vulnerability", "paid_other")
"""Nothing of it is needed where the person is a child."""
PURPOSES = (
    "labour", "domestic", "sexual", "marriage", "begging", "crime", "armed", "organs", "slavery", "other",
)  # fmt: skip
ACTIONS = ("listened", "explained", "safety_plan", "emergency", "service_named", "supervisor", "reported")
REFERRALS = ("none", "made", "declined", "nothing")
"""nothing: no service exists for it, which is worth counting (docs/domain.md 5)."""
FOLLOW_UPS = ("none", "agreed")

SEVERAL = {"need": NEEDS, "acts": ACTS, "means": MEANS, "purpose": PURPOSES, "action": ACTIONS}
"""Fields that take any number of codes."""

LIKELY = {
    "danger_now": "safety", "self_harm": "psychosocial", "being_watched": "safety", "is_minor": "child_protection",
    "disclose_labour": "legal", "disclose_sexual": "psychosocial", "disclose_marriage": "safety",
    "disclose_violence": "safety", "disclose_crime": "legal", "ask_job_offer": "information",
    "ask_fees_debt": "legal", "ask_work_rights": "legal", "ask_documents": "documents", "ask_travel": "transport",
    "ask_smuggler": "safety", "ask_online": "information", "ask_housing": "shelter", "ask_shelter": "shelter",
    "ask_basic_needs": "basic_needs", "ask_asylum": "legal", "ask_temporary_protection": "legal",
    "ask_detention": "legal", "ask_deportation": "legal", "ask_police": "legal", "ask_trafficking": "information",
    "ask_victim_rights": "legal", "ask_legal_aid": "legal", "ask_medical": "health",
    "ask_mental_health": "psychosocial", "ask_children": "child_protection", "ask_family": "family_tracing",
    "ask_marriage": "information", "ask_disability_age": "health", "ask_lgbtiq": "safety", "ask_return": "information",
    "ask_services_near": "information", "ask_emergency_number": "safety",
}  # fmt: skip


class BadWrapUp(ValueError):
    """A code that does not exist or does not fit. Its text is the field."""


def likely(topic: str | None) -> str | None:
    """The need that a topic suggests; `None` where it suggests nothing."""
    return LIKELY.get(topic or "")


def check(
    outcome: str,
    *,
    need: Iterable[str] = (),
    acts: Iterable[str] = (),
    means: Iterable[str] = (),
    purpose: Iterable[str] = (),
    action: Iterable[str] = (),
    referral: str = "none",
    follow_up: str = "none",
    consent: str = "none",
) -> dict[str, Any]:
    """The ending as `Case.wrap_up` keeps it: each code once, in the order of this module, nothing that was not said.

    Raises `BadWrapUp`, also for a follow-up with somebody anonymous: with their chat goes the way to reach them.
    """
    if outcome not in OUTCOMES:
        raise BadWrapUp("outcome")
    if referral not in REFERRALS:
        raise BadWrapUp("referral")
    if follow_up not in FOLLOW_UPS or (follow_up == "agreed" and consent == "anonymous"):
        raise BadWrapUp("follow_up")
    chosen = {"need": need, "acts": acts, "means": means, "purpose": purpose, "action": action}
    kept: dict[str, Any] = {}
    for field, codes in chosen.items():
        said = {codes} if isinstance(codes, str) else set(codes)
        if not said <= set(SEVERAL[field]):
            raise BadWrapUp(field)
        if said:
            kept[field] = [code for code in SEVERAL[field] if code in said]
    return {"outcome": outcome, **kept, "referral": referral, "follow_up": follow_up}
