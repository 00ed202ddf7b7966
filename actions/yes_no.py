"""What a message says first while a yes-or-no question is open: "yes on facebook" is a yes, whatever it is about."""

from __future__ import annotations

import re
import unicodedata
from typing import Optional

UNSURE = (
    "idk", "dont know", "i dont know", "do not know", "i do not know", "not sure", "im not sure", "i am not sure",
    "maybe", "no idea", "не знаю", "незнаю", "не впевнен", "мабуть", "можливо", "ne znaju", "ماعرف", "ما بعرف",
    "مابعرف",
    "ما اعرف", "مش عارف", "لا اعرف", "لا ادري", "مو متاكد", "مش متاكد", "ma ba3rif",
)  # fmt: skip
YES = (
    "yes", "y", "yeah", "yea", "yep", "yup", "sure", "так", "ага", "да", "угу", "tak", "aha", "نعم", "اي", "ايوه",
    "ايوا", "اه", "اجل", "na3am", "aywa", "ee",
)  # fmt: skip
NO = ("no", "n", "nope", "nah", "not", "ні", "нє", "нет", "ни", "ni", "لا", "لأ", "لاء", "مو", "مش", "la", "la2", "laa")
"""Beginnings of a message, normalised; whole words. The unsure ones are looked at first: "no idea" is no "no"."""

_ARABIC = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ی": "ي", "ة": "ه"})


def leading(text: str) -> Optional[str]:
    """affirm, deny or skip if `text` begins with one, `None` otherwise."""
    plain = unicodedata.normalize("NFKC", text).translate(_ARABIC).casefold()
    typed = re.sub(r"[^\w]+", " ", plain.replace("'", "").replace("’", "").replace("\u2060", "")).strip() + " "
    for intent, beginnings in (("skip", UNSURE), ("affirm", YES), ("deny", NO)):
        if any(typed.startswith(_plain(one)) for one in beginnings):
            return intent
    return None


def _plain(beginning: str) -> str:
    """As typed text is made, and closed by a space where it must be a whole word; Ukrainian endings stay open."""
    made = beginning.translate(_ARABIC).casefold()
    return made if made in ("не впевнен", "مش عارف", "مو متاكد", "مش متاكد") else made + " "
