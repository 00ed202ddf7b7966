"""What a message says becomes parts, once; and a stored part becomes what a channel is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels import contract
from channels.contract import Limits
from helpline import attachments, conversations, parts, templates, words
from helpline.keys import Keyring
from helpline.models import Attachment, Conversation, Message, Part

NO_CAPTION = frozenset({("whatsapp", "voice"), ("whatsapp", "document")})
"""Files that cannot carry words on a channel: the words go before them."""
ELSEWHERE = "utter_file_from_operator"
"""Said where the channel cannot carry a file at all."""


def render(
    session: Session,
    keys: Keyring,
    conversation: Conversation,
    message: Message,
    body: dict[str, Any],
    limits: Limits,
) -> None:
    """Words become parts once; a retry sends the same words even if a text changed in between."""
    seal = conversations.seal_of(keys, conversation)
    line = words.line(body, conversation.language)
    sensitive = "response" not in body or words.source(body["response"]).sensitive
    file = body.get("file")
    if file and file not in limits.files:
        instead = words.line({"response": ELSEWHERE}, conversation.language)
        line, file = words.Line(f"{line.text}\n{instead.text}".strip()), None
    if (conversation.channel, file) in NO_CAPTION:
        limits = replace(limits, caption=0)
    shaped = parts.shape(line, limits, message.id, sensitive, file=bool(file))
    kept = templates.for_message(session, conversation.channel, body, conversation.language, message.id)
    for position, part in enumerate(shaped, 1):
        said: dict[str, Any] = {
            "text": part.text,
            "choices": [(c.token, c.title) for c in part.choices],
            "sensitive": part.sensitive,
        }
        if kept is not None and len(shaped) == 1:
            said["template"] = (kept.provider_id, dict(kept.variables))
        if file and position == len(shaped):
            said["file"] = True
        message.parts.append(
            Part(channel=message.channel, position=position, body_sealed=seal.close(said), state="queued", attempts=0)
        )


def shown(session: Session, keys: Keyring, conversation: Conversation, part: Part, origin: str | None) -> contract.Part:
    """The part, opened for this moment only. Its file comes with it unless `origin`, our address, is `None`."""
    body = conversations.seal_of(keys, conversation).open(part.body_sealed)
    kept = body.get("template")
    return contract.Part(
        text=body["text"],
        choices=tuple(contract.Choice(token, title) for token, title in body["choices"]),
        sensitive=body["sensitive"],
        file=_file(session, keys, conversation, part, origin) if body.get("file") and origin is not None else None,
        template=contract.Template(kept[0], kept[1]) if kept else None,
        reference=str(part.id),
    )


def _file(session: Session, keys: Keyring, conversation: Conversation, part: Part, origin: str) -> contract.File:
    attachment_id = session.execute(select(Attachment.id).where(Attachment.message_id == part.message_id)).scalar_one()
    found = attachments.read(session, keys, attachment_id, conversation.id)
    if found is None or found.kind not in ("image", "voice", "document"):
        raise LookupError("file")
    kind: contract.FileKind = "image" if found.kind == "image" else "voice" if found.kind == "voice" else "document"
    url = f"{origin}/files/{attachments.link(session, attachment_id)}" if origin else ""
    return contract.File(kind, found.name, found.content_type, found.content, url)
