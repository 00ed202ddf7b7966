"""The ending of a case in words: outcome, needs, forms of exploitation, what was done; and reading its form."""

from __future__ import annotations

from typing import Any

from flask import request

from console.i18n import lazy_gettext as _
from console.service_labels import CATEGORIES
from helpline import wrapping
from helpline.models import Case

_OWN = {"documents": _("Passport and papers"), "information": _("Information")}
NEEDS = {code: {**CATEGORIES, **_OWN}[code] for code in wrapping.NEEDS}

ACTS = {
    "recruited": _("Recruited"),
    "transported": _("Transported"),
    "transferred": _("Passed on to others"),
    "harboured": _("Housed or hidden"),
    "received": _("Received, picked up"),
}

MEANS = {
    "threat": _("Threats"),
    "force": _("Force or violence"),
    "abduction": _("Taken away"),
    "deception": _("Lies or fraud"),
    "power": _("Abuse of power"),
    "vulnerability": _("Use of a hard situation"),
    "paid_other": _("Somebody else was paid"),
}

PURPOSES = {
    "labour": _("Forced labour"),
    "domestic": _("Servitude in a household"),
    "sexual": _("Sexual exploitation"),
    "marriage": _("Forced marriage"),
    "begging": _("Forced begging"),
    "crime": _("Forced crime"),
    "armed": _("Armed group"),
    "organs": _("Removal of organs"),
    "slavery": _("Slavery"),
    "other": _("Other exploitation"),
}

ACTIONS = {
    "listened": _("Listened"),
    "explained": _("Explained rights or steps"),
    "safety_plan": _("Made a safety plan"),
    "emergency": _("Named the emergency number"),
    "service_named": _("Named a service"),
    "supervisor": _("Asked a supervisor"),
    "reported": _("Reported, as the law demands"),
}

REFERRALS = {
    "none": _("Not needed"),
    "made": _("Made"),
    "declined": _("They did not want it"),
    "nothing": _("Nothing like it exists"),
}

FOLLOW_UPS = {
    "none": _("No"),
    "agreed": _("Yes, they agreed to when and how"),
}

WRONG = {
    "outcome": _("Choose how it ended, then close the case."),
    "follow_up": _("Whoever is anonymous cannot be written to again. Choose that you will not talk again."),
}


def likely(case: Case) -> str | None:
    """The need that is chosen already, by the topic."""
    return wrapping.likely(case.topic)


def read(case: Case) -> dict[str, Any]:
    """The ending that the form names. Raises `wrapping.BadWrapUp`."""
    form = request.form
    return wrapping.check(
        form.get("outcome", ""),
        **{field: form.getlist(field) for field in wrapping.SEVERAL},
        referral=form.get("referral", "none"),
        follow_up=form.get("follow_up", "none"),
        consent=case.consent,
    )


def wrong(field: str) -> str:
    """Why the form was not taken."""
    return str(WRONG.get(field, _("This page is too old. Load it again, then close the case.")))
