"""How hard the texts of domain.yml are to read, in every language, for those who write them (docs/texts.md).

English has a grade, after Flesch and Kincaid. Their formulas were fitted to English alone, so of the other languages
it says how long the sentences are. Choices under a text are labels and no part of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from statistics import median, median_low

from helpline import words
from helpline.texts import SAMPLES
from locales import LANGUAGES

LONG = 30
"""Words that a sentence should not exceed."""
_SENTENCE_END = re.compile(r"(?<=[.!?؟۔…])[\"'»”)]*\s+|\n+")
_VOWELS = re.compile("[aeiouy]+")
_SILENT = re.compile(
    r"(?<![aeiouyl])e(?=$|ly$|ty$|ful|less|ment|times|thing|where|body)"  # safe, safely, safety, something
    r"|(?<=[aeiouy])les?$"  # while, files; but not people
    r"|(?<![aeiouycgsxzl])(?<!ch)(?<!sh)es$"  # times; but not places, wishes
    r"|(?<![aeiouydt])ed$"  # asked; but not wanted
)
_APART = re.compile(
    r"(?<=[aeiouy])(?=ing$)"  # being, paying
    r"|(?<=any)(?=one$)"
    r"|(?<=[ds])(?=n't$)"  # didn't, isn't
)
"""Where two syllables meet and no vowel group shows it."""


@dataclass(frozen=True)
class Read:
    """A text as one person reads it."""

    response: str
    language: str
    text: str

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """At least one word in each; a line of its own is a sentence too."""
        return tuple(found for found in _SENTENCE_END.split(self.text) if _words(found))

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Words of each sentence."""
        return tuple(len(_words(sentence)) for sentence in self.sentences)

    @property
    def longest(self) -> str:
        return max(self.sentences, key=lambda sentence: len(_words(sentence)), default="")

    @property
    def grade(self) -> float | None:
        """The Flesch-Kincaid grade: years of school. `None` for a single word, and for what is not English."""
        if self._rates is None:
            return None
        words_each, syllables_each = self._rates
        return 0.39 * words_each + 11.8 * syllables_each - 15.59

    @property
    def ease(self) -> float | None:
        """Flesch's reading ease: above 80 is easy, above 90 very easy. `None` where there is no grade."""
        if self._rates is None:
            return None
        words_each, syllables_each = self._rates
        return 206.835 - 1.015 * words_each - 84.6 * syllables_each

    @cached_property
    def _rates(self) -> tuple[float, float] | None:
        """Words per sentence and syllables per word."""
        count = sum(self.lengths)
        if self.language != "en" or count < 2:
            return None
        return count / len(self.sentences), sum(map(syllables, _words(self.text))) / count


def read(response: str, language: str) -> Read:
    """A response with the sample arguments of `helpline.texts`; facts also past their day."""
    args = {name: language if name == "language" else SAMPLES[name] for name in words.source(response).placeholders}
    return Read(response, language, words.line({"response": response, "args": args}, language, date.min).text)


def all_read(languages: Sequence[str] = LANGUAGES) -> list[Read]:
    """Every response in every one of `languages`."""
    return [read(response, language) for language in languages for response in words.sources()]


def syllables(word: str) -> int:
    """Of an English word, by its groups of vowels. What has no vowel is spelled out: "SMS" has three, "18" has two."""
    parts = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", word.lower().replace("’", "'"))
    return sum(_spoken(part) for part in parts)


def _spoken(part: str) -> int:
    groups = len(_VOWELS.findall(part))
    if not groups:
        return sum(map(str.isalnum, part))
    return max(1, groups - len(_SILENT.findall(part)) + len(_APART.findall(part)))


def _words(text: str) -> list[str]:
    return [word for word in text.split() if any(map(str.isalnum, word))]


def report(measured: Sequence[Read], worst: int) -> str:
    """A line for each language, then at most `worst` English texts by grade, and as many texts of any language by
    their longest sentence."""
    lines = [_LINE.format(*_HEADINGS)]
    for language in dict.fromkeys(one.language for one in measured):
        lines.append(_LINE.format(*_figures(language, [one for one in measured if one.language == language])))
    graded = [(one.grade, one) for one in measured if one.grade is not None]
    if worst and graded:
        lines += ["", _GRADED.format("grade", "ease", "words", "longest", "text")]
        for grade, one in sorted(graded, key=lambda pair: (-pair[0], pair[1].response))[:worst]:
            lines.append(_GRADED.format(_one(grade), _one(one.ease), sum(one.lengths), max(one.lengths), one.response))
    if worst and measured:
        lines += ["", _SENTENCE.format("words", "language", "text", "longest sentence")]
        for one in sorted(measured, key=lambda one: (-max(one.lengths, default=0), one.response))[:worst]:
            lines.append(_SENTENCE.format(max(one.lengths, default=0), one.language, one.response, one.longest))
    return "\n".join(lines)


_HEADINGS = ("language", "texts", "sentences", "median", "95 %", "longest", f"over {LONG}", "grade", "hardest", "ease")
_LINE = "{:8}  {:>5}  {:>9}  {:>6}  {:>4}  {:>7}  {:>7}  {:>5}  {:>7}  {:>4}"
_GRADED = "{:>5}  {:>5}  {:>5}  {:>7}  {}"
_SENTENCE = "{:>5}  {:8}  {:40}  {}"


def _figures(language: str, own: Sequence[Read]) -> tuple[str | int, ...]:
    """The line of one language: words in a sentence, then the median and highest grade and the median ease."""
    lengths = sorted(length for one in own for length in one.lengths)
    grades = [one.grade for one in own if one.grade is not None]
    return (
        language,
        len(own),
        len(lengths),
        median_low(lengths),
        lengths[math.ceil(0.95 * len(lengths)) - 1],
        lengths[-1],
        sum(length > LONG for length in lengths),
        _one(median(grades) if grades else None),
        _one(max(grades, default=None)),
        _one(median(one.ease for one in own if one.ease is not None) if grades else None),
    )


def _one(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.1f}"
