"""Emergency numbers by country, from Google's libphonenumber metadata (package `phonenumbers`)."""

from __future__ import annotations

import phonenumbers
from phonenumbers import PhoneMetadata, shortnumberinfo


def number(country: str | None) -> str | None:
    """The number to call in `country` (two letters), or `None` when the country or its number is not known.

    112 wherever it works, because it is the one that many people know and that phones put through without
    credit; 911 in the countries that share +1, where it is the number on every poster.
    """
    if not country:
        return None
    candidates = ("911", "112") if phonenumbers.country_code_for_region(country) == 1 else ("112",)
    for candidate in candidates:
        if shortnumberinfo.is_emergency_number(candidate, country):
            return candidate
    metadata = PhoneMetadata.short_metadata_for_region(country)
    return metadata.emergency.example_number if metadata and metadata.emergency else None


def country_of(phone: str) -> str | None:
    """The country that a phone number in +E164 form belongs to: a guess at where its owner may be."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
    return region if region and region.isalpha() else None  # "001": satellite and other numbers of no country
