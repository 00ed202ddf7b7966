"""Codes of the directory and of referrals in words for operators."""

from __future__ import annotations

from console.i18n import lazy_gettext as _

CATEGORIES = {
    "shelter": _("Shelter"),
    "basic_needs": _("Food, clothes, daily needs"),
    "health": _("Health"),
    "psychosocial": _("Psychosocial support"),
    "legal": _("Legal advice"),
    "safety": _("Safety"),
    "education_work": _("Education and work"),
    "family_tracing": _("Family tracing"),
    "child_protection": _("Child protection"),
    "language": _("Interpreting"),
    "transport": _("Transport"),
}

SERVES = {
    "women": _("women"),
    "men": _("men"),
    "children": _("children"),
    "families": _("families"),
    "lgbtiq": _("LGBTIQ+ people"),
    "disability": _("people with a disability"),
    "older": _("older people"),
    "refugees": _("refugees"),
    "no_papers": _("people without papers"),
}

ASKS = {
    "papers": _("Papers"),
    "status": _("A residence status"),
    "police": _("Speaking with the police"),
}

STATES = {
    "named": _("Named to them"),
    "agreed": _("They agree to a referral"),
    "made": _("Referral made"),
    "reached": _("They reached the service"),
    "declined": _("They do not want it"),
    "withdrawn": _("Taken back"),
}

STEPS = {
    "agreed": _("They agree to a referral"),
    "declined": _("They do not want it"),
    "made": _("I made the referral"),
    "reached": _("They reached the service"),
    "withdrawn": _("They took it back"),
}
"""What stands on the buttons that lead to a state."""
