"""One form for what sounds alike: Cyrillic, and the Latin letters that people type for it.

"Дякую" and "dyakuyu" share no letter. Brought down to what both spellings have in common, a word in one script is
found in the other.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "h", "ґ": "h", "д": "d", "е": "e", "є": "ie", "ж": "j", "з": "z", "и": "i",
    "і": "i", "ї": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "h", "ц": "c", "ч": "4", "ш": "6", "щ": "6", "ъ": "", "ы": "i", "ь": "",
    "э": "e", "ю": "iu", "я": "ia", "ё": "io", "'": "", "’": "",
}  # fmt: skip
_LATIN = (
    ("shch", "6"), ("sch", "6"), ("sh", "6"), ("ch", "4"), ("zh", "j"), ("kh", "h"), ("ts", "c"), ("ya", "ia"),
    ("yu", "iu"), ("ye", "ie"), ("yo", "io"), ("ja", "ia"), ("ju", "iu"), ("y", "i"), ("g", "h"), ("w", "v"),
    ("x", "h"), ("q", "k"),
)  # fmt: skip
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=20000)
def sound(word: str) -> str:
    """A normalised word in the form that Cyrillic and its Latin spelling share; "" for other scripts."""
    if any(char in _CYRILLIC for char in word if char not in "'’"):
        made = "".join(_CYRILLIC.get(char, char) for char in word)
    elif word.isascii():
        made = word
        for written, form in _LATIN:
            made = made.replace(written, form)
    else:
        return ""
    return _DOUBLED.sub(r"\1", made)
