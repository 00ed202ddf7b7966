"""Short answers and turns of speech that decide before the model does (data/answers/<language>.yml).

"yes on facebook" is a yes, whatever it is about; "no, I meant yes" corrects; "and if I have no contract?" goes on.
A whole message counts in every language. The beginning of one counts only in the chat's own: the Arabic "la" is
no, the French "la police" is not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import yaml

_FOLDER = Path(__file__).parent.parent / "data" / "answers"
_ARABIC = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "گ": "ك"})
_MEANS = {"unsure": "skip", "yes": "affirm", "no": "deny"}

SHORT = 4
"""Words of a message in which a yes is not yet the beginning of a sentence."""
CORRECTION = 6
"""Words of a message that may have its "I meant" at the end; in longer ones it must stand at the beginning."""
BOTH = {"es": ("si ",), "ro": ("da ",)}
"""Words that are yes and, without their accent, also "if" and "give": in longer messages a yes only before a mark."""
_MARK_AFTER = re.compile(r"\W*\w+\s*[,.;!،]")
FOLLOWS = 12
"""Words of a question that still belongs to what was said before it: "and if I have no contract?"."""


@cache
def _listed(kind: str, language: Optional[str] = None) -> Tuple[str, ...]:
    """The phrases of one kind, in one language or in all, as typed text is made."""
    found: Dict[str, None] = {}
    for file in sorted(_FOLDER.glob("*.yml")):
        if language in (None, file.stem):
            for phrase in yaml.safe_load(file.read_text(encoding="utf-8")).get(kind) or ():
                found[plain(str(phrase))] = None
    found.pop("", None)
    return tuple(found)


def plain(text: str) -> str:
    """Words in one form, each closed by a space."""
    text = unicodedata.normalize("NFKC", text).translate(_ARABIC).casefold()
    bare = "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn")
    typed = re.sub(
        r"[^\w👍👎✅❌]+", " ", re.sub(r"['’\u2060\u200c\U0001f3fb-\U0001f3ff]", "", bare.translate(_ARABIC))
    )
    return typed.strip() + " " if typed.strip() else ""


FILLERS = frozenset({
    "ok", "okay", "okey", "so", "well", "ок", "океи",
    "ну", "добре", "اوكي", "تمام", "طيب", "خب", "باشه", "bon", "bueno",
})  # fmt: skip
"""Words before a question that change nothing in it."""


def leading(text: str, language: str) -> Optional[str]:
    """affirm, deny or skip if `text` is one or, in the chat's language, begins with one; `None` otherwise.

    The longest phrase decides: "no idea" is no "no", "of course not" no "of course".
    """
    typed = plain(text)
    found = [(len(phrase), intent) for kind, intent in _MEANS.items() for phrase in _listed(kind) if typed == phrase]
    for kind, intent in _MEANS.items():
        for phrase in _listed(kind, language):
            long = len(typed.split()) > SHORT
            if phrase in BOTH.get(language, ()) and long and not _MARK_AFTER.match(text):
                continue
            if typed.startswith(phrase) and (kind != "unsure" or " " in phrase.strip()):  # "maybe" begins requests too
                found.append((len(phrase), intent))
    return max(found)[1] if found else None


def whole(text: str) -> Optional[str]:
    """affirm, deny or skip if the message is nothing else."""
    typed = plain(text)
    return next((intent for kind, intent in _MEANS.items() if typed in _listed(kind)), None)


def corrected(text: str, language: str) -> Optional[str]:
    """What a correction changes an answer to: affirm, deny, skip, "" if it does not say; `None` for no correction."""
    typed = plain(text)
    for phrase in _listed("correction"):
        place = f" {typed}".find(f" {phrase}")
        if place >= 0 and (place <= len("sorry no ") or len(typed.split()) <= CORRECTION):
            return _last(typed[place:], language) or ""
    return None


def _last(typed: str, language: str) -> Optional[str]:
    """The only answer among these words; none where several contradict each other."""
    words: List[str] = typed.split()
    found = {leading(word, language) for word in words} - {None}
    return found.pop() if len(found) == 1 else None


def wants_more(text: str) -> bool:
    return plain(text) in _listed("more")


def follows_up(text: str, language: str) -> bool:
    """Whether `text` is a short question that goes on from the last one."""
    typed = plain(text)
    first, _, rest = typed.partition(" ")
    goes_on = rest if first in FILLERS else typed
    return 2 <= len(typed.split()) <= FOLLOWS and any(goes_on.startswith(one) for one in _listed("follow", language))
