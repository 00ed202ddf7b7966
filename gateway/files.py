"""An operator's file for a provider that takes no bytes: it fetches them here, with a token that nobody can guess."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, abort
from sqlalchemy.orm import Session

from gateway.store import store
from helpline import attachments
from helpline.attachments import Content
from helpline.keys import Keyring

blueprint = Blueprint("files", __name__, url_prefix="/files")

LONGEST = 64


@blueprint.get("/<token>")
def fetch(token: str) -> Response:
    """404 for what never existed, is too old, or was erased: nobody learns which."""
    if len(token) > LONGEST:
        abort(404)
    content = store().run(partial(_read, store().keys, token))
    if content is None:
        abort(404)
    return Response(
        content.content,
        content_type=content.content_type,
        headers={"Content-Disposition": f'attachment; filename="{content.name}"', "X-Robots-Tag": "noindex"},
    )


def _read(keys: Keyring, token: str, session: Session) -> Content | None:
    return attachments.by_link(session, keys, token)
