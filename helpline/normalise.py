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
MOST_KEPT = 20_000
"""Characters whose counterpart is remembered."""


class _Characters(dict[int, "str | None"]):
    """A table for `str.translate` that looks at a character when it is first met and remembers what became of it."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        category = unicodedata.category(char)
        same: str | None
        if category in ("Mn", "Cf", "Me"):
            same = None
        elif category[0] == "C":
            same = " "
        elif category == "Nd":
            same = str(unicodedata.digit(char))
        else:
            same = char.translate(_ARABIC)
        if len(self) < MOST_KEPT:  # nobody fills our memory with what Unicode has
            self[code] = same
        return same


_CHARACTERS = _Characters()


def words(text: str) -> list[str]:
    """The words of `text`: NFKC, lower case, without accents, apostrophes, punctuation and invisible characters.

    Digits of every script become 0-9. Lone surrogates and control characters separate words.
    """
    return _NOT_WORD.sub(" ", plain(text)).split()


def plain(text: str) -> str:
    """`text` as in `words`, punctuation kept."""
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).translate(_ARABIC).casefold()
    return unicodedata.normalize("NFD", text).translate(_CHARACTERS)
