"""Emergency numbers by country, from Google's libphonenumber metadata (package `phonenumbers`)."""

from __future__ import annotations

from functools import cache

import phonenumbers
from phonenumbers import shortnumberinfo

MOST = 5
"""Numbers that are named at most."""


@cache
def number(country: str | None) -> str | None:
    """The number to call in `country` (two letters), or `None` when the country or its number is not known.

    112 wherever it works, because it is the one that many people know and that phones put through without
    credit; 911 in the countries that share +1, where it is the number on every poster. Where neither works,
    police, ambulance and fire have numbers of their own and the metadata does not say which is whose: all of
    them, "15 / 19 / 177".
    """
    if not country:
        return None
    candidates = ("911", "112") if phonenumbers.country_code_for_region(country) == 1 else ("112",)
    for candidate in candidates:
        if shortnumberinfo.is_emergency_number(candidate, country):
            return candidate
    found = [str(n) for n in range(10, 10_000) if shortnumberinfo.is_emergency_number(str(n), country)]
    return " / ".join(found[:MOST]) or None


def country_of(phone: str) -> str | None:
    """The country that a phone number in +E164 form belongs to: a guess at where its owner may be."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
    return region if region and region.isalpha() else None  # "001": satellite and other numbers of no country
