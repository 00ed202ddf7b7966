"""Replies that are ready to send, to choose from in the reply box."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from console import reach
from console.accounts import me
from console.context import console
from helpline import canned, database

blueprint = Blueprint("canned", __name__, url_prefix="/cases")


@dataclass(frozen=True)
class Option:
    """One reply: as the operator reads it, and as the person would (`""`: not in their language).

    `words`: what finds it. `reviewed`: somebody who speaks the person's language has read it.
    """

    shortcut: str
    mine: str
    my_language: str
    theirs: str
    reviewed: bool
    words: str


@blueprint.get("/<code>/canned")
def options(code: str) -> ResponseReturnValue:
    """The options for this person's language as it is now."""
    with database.transaction(console().make) as session:
        conversation = reach.case(session, code).conversation
        language, country = conversation.language, conversation.country
        found: list[Option] = []
        for reply in canned.listed(session):
            mine, theirs = canned.for_reading(reply, me().language), canned.in_language(reply, language)
            if mine is None and theirs is None:
                continue
            shown = mine or theirs
            assert shown is not None
            filled = [
                canned.complete(one.text, one.language, alias=me().alias, country=country) if one else ""
                for one in (shown, theirs)
            ]
            words = " ".join((reply.shortcut, *filled)).casefold()
            reviewed = theirs is not None and theirs.reviewed
            found.append(Option(reply.shortcut, filled[0], shown.language, filled[1], reviewed, words))
    return render_template("_canned.html", options=found, language=language)
