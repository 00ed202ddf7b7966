"""A file of a conversation, opened for whoever may read its case. Nothing in it runs: see `console.headers`."""

from __future__ import annotations

import structlog
from flask import Blueprint, abort, request
from sqlalchemy import select
from werkzeug.wrappers import Response

from console import roles
from console.accounts import me
from console.context import console
from console.transcripts import readable
from helpline import attachments, database
from helpline.attachments import Content
from helpline.models import Attachment, Message

log = structlog.get_logger()
blueprint = Blueprint("files", __name__)

SHOWN = ("image", "audio", "video")
"""Content types that a page shows; all others are only saved."""


@blueprint.get("/cases/<code>/files/<int:attachment_id>")
def show(code: str, attachment_id: int) -> Response:
    """The bytes, or the range of them that a player asks for. 404 for what does not exist or is not for you."""
    content = _allowed(code, attachment_id)
    if content is None:
        abort(404)
    log.info("file viewed", operator=me().id, attachment=attachment_id)
    response = Response(content.content, content_type=content.content_type)
    way = "inline" if content.content_type.partition("/")[0] in SHOWN else "attachment"
    response.headers["Content-Disposition"] = f'{way}; filename="{content.name}"'
    return response.make_conditional(request.environ, accept_ranges=True, complete_length=len(content.content))


def _allowed(code: str, attachment_id: int) -> Content | None:
    if attachment_id >= 2**63:
        return None
    with database.transaction(console().make) as session:
        case = roles.visible(session, me(), code)
        if case is None:
            return None
        of_message = select(Message.id).join(Attachment, Attachment.message_id == Message.id)
        message_id = session.execute(of_message.where(Attachment.id == attachment_id)).scalar_one_or_none()
        if message_id is None or not readable(session, case, message_id):
            return None
        return attachments.read(session, console().keys, attachment_id, case.conversation_id)
