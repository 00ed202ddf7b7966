"""What people type, made comparable: used by danger phrases, menus and stop words. A leaf.

Everybody types differently: full-width letters, Arabic-Indic digits, invisible marks that a keyboard or a
prankster adds, missing accents. What reads the same to a person becomes the same here.
"""

from __future__ import annotations

import re
import unicodedata

_ARABIC = str.maketrans(
    {
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ة": "ه",
        "ؤ": "و",
        "ئ": "ي",
        "گ": "ك",
        "ک": "ك",
        "ـ": "",
    }
)
_APOSTROPHES = str.maketrans("", "", "'’‘ʼ`´ʹ′＇")
_NOT_WORD = re.compile(r"[^\w+]+")


def words(text: str) -> list[str]:
    """The words of `text`: NFKC, lower case, without accents, apostrophes, punctuation and invisible characters.

    Digits of every script become 0-9. Lone surrogates and control characters separate words.
    """
    return _NOT_WORD.sub(" ", plain(text)).split()


def plain(text: str) -> str:
    """`text` as in `words`, punctuation kept."""
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).translate(_ARABIC).casefold()
    out: list[str] = []
    for char in unicodedata.normalize("NFD", text):
        category = unicodedata.category(char)
        if category in ("Mn", "Cf", "Me"):
            continue
        if category[0] == "C":
            out.append(" ")
        elif category == "Nd":
            out.append(str(unicodedata.digit(char)))
        else:
            out.append(char)
    return "".join(out).translate(_ARABIC)
