"""Flask-Babel with types: the console's texts in the language of who reads them. Catalogue: `console`."""

from __future__ import annotations

from typing import Any

import flask_babel  # type: ignore[import-untyped]  # ships no types
from babel import Locale


def gettext(text: str, **values: Any) -> str:
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """The form of the text for `number`, which it may name as `%(num)s`."""
    return str(flask_babel.ngettext(one, many, number, **values))


def lazy_gettext(text: str) -> Any:
    """A text that is looked up when it is shown: `str()` of it, or a template."""
    return flask_babel.lazy_gettext(text)


def get_locale() -> Locale:
    """The language of this request; English outside of one."""
    return flask_babel.get_locale() or Locale("en")
