"""WhatsApp's Content templates: buttons and lists of our texts, kept at the provider, found by what they say.

`wayline twilio sync-templates` makes one for every text with choices in every language. A text that changed has
another digest, so an old template is never sent for it; without one the choices are numbered lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from channels import contract
from channels.twilio_content import TwilioContent
from channels.twilio_draft import MESSAGE_VARIABLE, Draft, unfit
from helpline import conversations, words
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Part, Template
from locales import LANGUAGES, translate

CHANNEL = "whatsapp"
LIST_BUTTON = "utter_list_button"
LONGEST_VALUE = 255
"""Characters of a variable's value (Twilio, "Using Variables with Content Templates")."""
NEEDS_APPROVAL = ("utter_answer_waiting",)
"""Sent outside the 24 hours, so WhatsApp must have approved it."""


@dataclass(frozen=True)
class Wanted:
    """A template that should exist."""

    digest: bytes
    response: str
    language: str
    draft: Draft
    approval: bool


def wanted() -> Iterator[Wanted]:
    """Every text with choices that fits WhatsApp's forms, and those that need approval, in every language."""
    for language in LANGUAGES:
        for response, source in words.sources().items():
            if source.choose or (not source.choices and response not in NEEDS_APPROVAL):
                continue
            body = {"response": response, "choices": [words.choice(button) for button in source.choices]}
            draft = draft_of(body, language)
            if draft is not None:
                yield Wanted(digest_of(draft), response, language, draft, response in NEEDS_APPROVAL)


@dataclass
class Synced:
    """What `sync` did. `numbered`: texts with choices, counted in each language, that no template can say."""

    kept: int = 0
    made: int = 0
    deleted: int = 0
    numbered: int = 0


async def sync(make: Sessions, content: TwilioContent, say: Callable[[str], None]) -> Synced:
    """Make what is missing at Twilio, delete ours that no text needs, ask for approvals and note their state.

    Each step is kept at once, so a run that was interrupted goes on where it stopped. Raises a `SendError`.
    """
    done = Synced()
    needed = {one.digest: one for one in wanted()}
    done.numbered = sum(1 for _ in unfitting())
    there = {kept.sid for kept in await content.all()}
    with transaction(make) as session:
        ours = {row.digest: row for row in session.execute(select(Template)).scalars()}
    for digest, row in ours.items():
        if digest not in needed or row.provider_id not in there:
            if row.provider_id in there:
                await content.delete(row.provider_id)
                done.deleted += 1
            with transaction(make) as session:
                session.execute(delete(Template).where(Template.digest == digest))
    for digest, one in needed.items():
        known = ours.get(digest)
        if known is not None and known.provider_id in there:
            done.kept += 1
            sid, approval = known.provider_id, known.approval
        else:
            sid, approval = await content.create(one.draft), None
            done.made += 1
            say(f"made {one.draft.name}")
            with transaction(make) as session:
                session.add(Template(digest=digest, response=one.response, language=one.language, provider_id=sid))
        if one.approval:
            await _approve(make, content, one, sid, approval, say)
    return done


async def _approve(
    make: Sessions, content: TwilioContent, one: Wanted, sid: str, known: str | None, say: Callable[[str], None]
) -> None:
    status = await content.approval(sid)
    if status == "unsubmitted":
        await content.submit(sid, one.draft.name)
        status = "received"
    if status != known:
        with transaction(make) as session:
            session.execute(update(Template).where(Template.provider_id == sid).values(approval=status))
    say(f"WhatsApp's word on {one.draft.name}: {status}")


def unfitting() -> Iterator[tuple[str, str]]:
    """Response and language of texts with choices that no template can say: they go out with numbers."""
    for language in LANGUAGES:
        for response, source in words.sources().items():
            choices = [words.choice(button) for button in source.choices]
            if choices and not source.choose and draft_of({"response": response, "choices": choices}, language) is None:
                yield response, language


def draft_of(body: Mapping[str, Any], language: str) -> Draft | None:
    """The template for a message of ours; `None` if none can say it."""
    if "response" not in body:
        return None
    response = str(body["response"])
    source = words.source(response)
    text = translate("bot", language, response, source.text)
    titles = words.titles(response, body.get("choices") or (), language)
    kind = "quick-reply" if 0 < len(titles) <= 3 else "list-picker" if titles else "text"
    samples = dict.fromkeys(sorted(source.placeholders), "112") | ({MESSAGE_VARIABLE: "1"} if titles else {})
    try:
        return Draft(
            name=f"wayline_{response.removeprefix('utter_')}_{language}",
            language=language,
            body=_doubled(text, source.placeholders),
            kind=kind,
            choices=tuple(titles),
            button=translate("bot", language, LIST_BUTTON, words.source(LIST_BUTTON).text) if len(titles) > 3 else "",
            variables=samples,
            for_approval=response in NEEDS_APPROVAL,
        )
    except ValueError:
        return None


def digest_of(draft: Draft) -> bytes:
    said = [draft.kind, draft.language, draft.body, list(draft.choices), draft.button]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).digest()


def for_message(
    session: Session, channel: str, body: Mapping[str, Any], language: str, message_id: int
) -> contract.Template | None:
    """The template that says this message, with its values; `None`: send it as text."""
    if channel != CHANNEL or "response" not in body or words.is_expired(words.source(str(body["response"]))):
        return None
    needs_approval = body["response"] in NEEDS_APPROVAL
    if not body.get("choices") and not needs_approval:
        return None
    draft = draft_of(body, language)
    if draft is None:
        return None
    kept = session.get(Template, digest_of(draft))
    if kept is None or (needs_approval and kept.approval != "approved"):
        return None
    values = words.arguments(body.get("args") or {}, language)
    if draft.choices:
        values[MESSAGE_VARIABLE] = str(message_id)
    chosen = {name: values.get(name, "") for name in draft.variables}
    if any(unfit(value) or len(value) > LONGEST_VALUE for value in chosen.values()):
        return None
    return contract.Template(kept.provider_id, chosen)


def approved(session: Session, response: str, language: str) -> Template | None:
    """The approved template of a response in this language."""
    found = select(Template).where(
        Template.response == response, Template.language == language, Template.approval == "approved"
    )
    draft = draft_of({"response": response}, language)
    digest = digest_of(draft) if draft is not None else b""
    return session.execute(found.where(Template.digest == digest)).scalar_one_or_none()


def drop(keys: Keyring, conversation: Conversation, part: Part) -> bool:
    """Take the template from a part, which says the same as text then. `False` if it has none."""
    if not part.body_sealed:
        return False
    seal = conversations.seal_of(keys, conversation)
    body = seal.open(part.body_sealed)
    if body.pop("template", None) is None:
        return False
    part.body_sealed = seal.close(body)
    return True


def _doubled(text: str, placeholders: frozenset[str]) -> str:
    """`{name}` of our texts becomes Twilio's `{{name}}`."""
    return text.format_map({name: "{{" + name + "}}" for name in placeholders})
