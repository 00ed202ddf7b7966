"""Recognises the name of a language that we speak, in the languages that people ask in."""

from __future__ import annotations

import re
import unicodedata
from typing import Optional

NAMES = {
    "en": (
        "english",
        "anglais",
        "ingles",
        "engleza",
        "англ",
        "inglizi",
        "ingilizce",
        "angliis",
        "انجليزي",
        "انكليزي",
        "انگلیسی",
    ),
    "uk": ("ukrain", "украин", "україн", "укр", "ucrain", "ucran", "اوكراني"),
    "ar": ("arab", "араб", "عربي", "3arabi", "العربيه", "عربية"),
}
"""Beginnings of words, normalised, in Latin, Cyrillic and Arabic letters."""

_ALEF = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ی": "ي", "ک": "ك"})


def named(text: str) -> Optional[str]:
    """Code of the only language that `text` names, or `None` when it names none or several."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_ALEF)
    found = {
        code
        for word in re.findall(r"\w+", plain)
        for code, names in NAMES.items()
        if any(word.removeprefix("ب").removeprefix("ال").startswith(name.translate(_ALEF)) for name in names)
    }
    return found.pop() if len(found) == 1 else None
