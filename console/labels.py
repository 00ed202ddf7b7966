"""Codes of the product in words for operators: topics, reasons, priorities, outcomes, consent, channels."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError

from console.i18n import get_locale, gettext
from console.i18n import lazy_gettext as _
from helpline.desk import PRIORITIES
from locales import native_name

TOPICS = {
    "greet": _("Greeting"),
    "goodbye": _("Goodbye"),
    "thank": _("Thanks"),
    "talk_to_person": _("Wants to talk to a person"),
    "show_menu": _("Help in general"),
    "ask_service": _("About this service"),
    "ask_privacy": _("Privacy"),
    "ask_cost": _("Cost of this service"),
    "delete_data": _("Deleting their data"),
    "complain": _("Complaint"),
    "offer_help": _("Offers help"),
    "out_of_scope": _("Something else"),
    "danger_now": _("In danger now"),
    "self_harm": _("Wants to die or to hurt themselves"),
    "being_watched": _("Being watched"),
    "is_minor": _("Under 18"),
    "disclose_labour": _("Exploited at work"),
    "disclose_sexual": _("Forced or exploited sexually"),
    "disclose_marriage": _("Forced or child marriage"),
    "disclose_violence": _("Violence by partner, family or host"),
    "disclose_crime": _("Made to beg, steal, carry or fight"),
    "worried_about_someone": _("Worried about someone"),
    "ask_job_offer": _("A job offer"),
    "ask_fees_debt": _("Fees and debt"),
    "ask_work_rights": _("Rights at work"),
    "ask_documents": _("Passport and papers"),
    "ask_travel": _("Travelling safely"),
    "ask_smuggler": _("Smugglers"),
    "ask_online": _("Met online"),
    "ask_housing": _("A place to stay"),
    "ask_shelter": _("Emergency shelter"),
    "ask_basic_needs": _("Food, money, clothes, SIM card"),
    "ask_asylum": _("Asylum"),
    "ask_temporary_protection": _("Temporary protection"),
    "ask_detention": _("Detention or arrest"),
    "ask_deportation": _("Deportation"),
    "ask_police": _("Going to the police"),
    "ask_trafficking": _("What trafficking is"),
    "ask_victim_rights": _("Rights after exploitation"),
    "ask_legal_aid": _("Legal advice"),
    "ask_medical": _("Health"),
    "ask_mental_health": _("Feelings, sleep, fear"),
    "ask_children": _("Children"),
    "ask_family": _("Finding family"),
    "ask_marriage": _("An offer of marriage"),
    "ask_disability_age": _("Disability, age or long illness"),
    "ask_lgbtiq": _("LGBTIQ+ safety"),
    "ask_return": _("Going home"),
    "ask_services_near": _("Help nearby"),
    "ask_emergency_number": _("Emergency number"),
}

REASONS = {
    "asked": _("asked for a person"),
    "danger_now": _("danger was recognised"),
    "self_harm": _("self-harm was recognised"),
    "is_minor": _("is a child"),
    "complaint": _("complains"),
    "bot_away": _("the bot could not answer"),
    "set_aside": _("the bot failed on a message"),
    "not_delivered": _("an answer was not delivered"),
    "follow_up": _("agreed to talk again"),
}

PRIORITY = {
    "danger": _("Danger"),
    "child": _("Child"),
    "high": _("High"),
    "normal": _("Normal"),
}

OUTCOMES = {
    "helped": _("Helped here"),
    "referral": _("Referred to a service"),
    "information": _("Gave information"),
    "no_reply": _("No reply from the person"),
    "not_for_us": _("Not for us"),
}

ENDED = {
    **OUTCOMES,
    "left_queue": _("Did not want to wait"),
    "erased": _("Had everything erased"),
}
"""Outcomes that an operator chooses, and those that the person brings about."""

CONSENT = {
    "shared": _("May be shared"),
    "confidential": _("Confidential"),
    "anonymous": _("Anonymous"),
    "none": _("Not asked"),
}

CONSENT_MEANS = {
    "shared": _("They agreed that you may pass this on to a service that you name to them first."),
    "confidential": _("This stays in the helpline. Ask again before you pass anything on."),
    "anonymous": _("Keep nothing that could identify them, and pass nothing on."),
    "none": _("Nobody has asked them yet. Ask before you write anything down or pass anything on."),
}

CHANNELS = {
    "telegram": _("Telegram"),
    "whatsapp": _("WhatsApp"),
    "sms": _("SMS"),
    "web": _("Web chat"),
}

MEDIA = {
    "image": _("Picture"),
    "voice": _("Voice message"),
    "video": _("Video"),
    "document": _("Document"),
    "location": _("Location"),
    "contact": _("Contact"),
    "sticker": _("Sticker"),
    "other": _("Attachment"),
}

DELIVERY = {
    "queued": _("Waiting to be sent"),
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "read": _("Read"),
    "failed": _("Not delivered"),
    "uncertain": _("May not have arrived"),
    "opted_out": _("Not sent: they asked us to stop"),
    "expired": _("Too old, not sent"),
    "held": _("Waits: more than 24 hours since they wrote. It is sent when they write again."),
    "checking": _("Asking the provider whether it arrived…"),
}

FAILED = {
    "400": _("Not delivered: the provider did not take this message."),
    "401": _("Not delivered: the provider refuses our sign-in."),
    "403": _("Not delivered: this person cannot be written to there."),
    "too large": _("Not delivered: too large for this channel."),
    "20003": _("Not delivered: the provider refuses our sign-in."),
    "21211": _("Not delivered: this is not a mobile number."),
    "21408": _("Not delivered: our account may not write to this country."),
    "21610": _("Not delivered: they asked us to stop."),
    "21612": _("Not delivered: this network cannot be reached from our number."),
    "21614": _("Not delivered: this is not a mobile number."),
    "21635": _("Not delivered: this is a landline."),
    "30003": _("Not delivered: their phone is off or out of reach."),
    "30004": _("Not delivered: this number is blocked."),
    "30005": _("Not delivered: this number does not exist, or not any more."),
    "30006": _("Not delivered: this is a landline."),
    "30007": _("Not delivered: filtered as spam on the way."),
    "63003": _("Not delivered: they are not on WhatsApp with this number."),
    "63014": _("Not delivered: they asked us to stop."),
    "63016": _("Not delivered: more than 24 hours since they wrote. Only they can begin again."),
    "63024": _("Not delivered: they are not on WhatsApp with this number."),
}
"""Why a message failed, by the code of Telegram (HTTP status) or Twilio (its list of errors and warnings)."""


SKILLS = {
    "child": _("Children"),
    "legal": _("Law"),
    "psychosocial": _("Psychosocial support"),
    "health": _("Health"),
    "lgbtiq": _("LGBTIQ+ people"),
}
"""What operators are trained in."""

SAFETY_RULES = {
    "watched": _("Somebody else may read their phone, and they have not written for a while. Wait until they write."),
    "silent": _("They have fallen silent and did not agree that we write first. Wait until they write."),
    "hours": _("They agreed to be written to at another time of the day."),
}


def topic(name: str | None) -> str:
    """A topic in words. One that is new here reads as a topic without a name, never as an error."""
    return str(TOPICS.get(name, _("Other topic"))) if name else gettext("No topic yet")


def reason(name: str) -> str:
    return str(REASONS.get(name, _("needs a person")))


def priority(rank: int) -> str:
    return str(PRIORITY[PRIORITIES[rank]])


def outcome(name: str | None) -> str:
    return str(ENDED.get(name or "", _("No outcome")))


def skill(name: str) -> str:
    """The training that a case wants, or that a supervisor was asked for."""
    return str(SKILLS[name]) if name in SKILLS else gettext("Supervisor")


def channel(name: str) -> str:
    return str(CHANNELS.get(name, name))


def media(kind: str) -> str:
    return str(MEDIA.get(kind, MEDIA["other"]))


def failed(code: str | None) -> str:
    """Why a message was not delivered, as far as the provider's code says."""
    if not code:
        return str(DELIVERY["failed"])
    known = FAILED.get(code)
    return str(known) if known else gettext("Not delivered: the provider refused it (%(code)s).", code=code)


def language(code: str) -> str:
    """The language in the operator's words: "Arabic"."""
    try:
        return Locale.parse(code).get_display_name(get_locale()) or code
    except (UnknownLocaleError, ValueError):
        return code


def native(code: str) -> str:
    """The language in its own words: "العربية"."""
    try:
        return native_name(code)
    except (UnknownLocaleError, ValueError):
        return code


def country(code: str | None) -> str:
    return str(get_locale().territories.get(code, code)) if code else gettext("Not known")
