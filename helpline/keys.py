"""Keys: one per conversation, wrapped by the master keys; and the blind index that finds an address.

Whoever holds the database alone reads nothing about a person: addresses, bodies and the bot's state are
sealed with the conversation's own key, which the master keys wrap. Destroying that key erases the person from
the database; a backup from before holds the wrapped key too (docs/threat-model.md). Fernet is AES-128-CBC with
HMAC-SHA256 (cryptography's documented format).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline.models import Secret
from helpline.settings import BadSetting, Settings

MIN_KEY = 32


def new_master_key() -> str:
    """A fresh master key, 43 characters of URL-safe base64 (256 bits)."""
    return secrets.token_urlsafe(32)


def _derive(master: str, purpose: bytes) -> bytes:
    raw = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"wayline " + purpose).derive(master.encode())
    return base64.urlsafe_b64encode(raw)


class Seal:
    """Seals and opens what belongs to one conversation. Values are JSON."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def close(self, value: Any) -> bytes:
        return self._fernet.encrypt(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    def open(self, sealed: bytes) -> Any:
        return json.loads(self._fernet.decrypt(sealed))

    def close_bytes(self, content: bytes) -> bytes:
        """Like `close` for a file, without base64's third on top."""
        return base64.urlsafe_b64decode(self._fernet.encrypt(content))

    def open_bytes(self, sealed: bytes) -> bytes:
        return self._fernet.decrypt(base64.urlsafe_b64encode(sealed))


class Keyring:
    """The master keys of this installation, current one first."""

    def __init__(self, master_keys: tuple[str, ...]) -> None:
        if not master_keys:
            raise BadSetting("WAYLINE_MASTER_KEYS is not set.")
        self._wrap = MultiFernet([Fernet(_derive(key, b"conversation keys")) for key in master_keys])
        self._secrets: dict[str, bytes] = {}

    def new_wrapped(self) -> bytes:
        """A new conversation key, wrapped for the database."""
        return self._wrap.encrypt(Fernet.generate_key())

    def seal(self, wrapped: bytes) -> Seal:
        """The seal of a conversation from its wrapped key. Raises `BadSetting` when no master key opens it."""
        return Seal(self._unwrap(wrapped))

    def _unwrap(self, wrapped: bytes) -> bytes:
        try:
            return self._wrap.decrypt(wrapped)
        except InvalidToken:
            raise BadSetting("WAYLINE_MASTER_KEYS does not hold the key that this database was written with.") from None

    def secret(self, session: Session, name: str) -> bytes:
        """A named random secret of this installation, made on first use and kept wrapped in the database."""
        if name in self._secrets:
            return self._secrets[name]
        stored = select(Secret.wrapped).where(Secret.name == name)
        wrapped = session.execute(stored).scalar_one_or_none()
        if wrapped is not None:
            self._secrets[name] = self._unwrap(wrapped)
            return self._secrets[name]
        # Not remembered yet: this transaction may still be rolled back, and another process's secret win.
        made = self._wrap.encrypt(os.urandom(32))
        session.execute(insert(Secret).values(name=name, wrapped=made).on_conflict_do_nothing())
        return self._unwrap(session.execute(stored).scalar_one())

    def index(self, session: Session, channel: str, value: str) -> bytes:
        """Blind index: finds the row of an address without storing the address. 32 bytes, keyed HMAC-SHA256.

        A plain hash would not do: all phone numbers can be hashed in minutes.
        """
        key = self.secret(session, "blind index")
        return hmac.new(key, f"{channel}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def keyring(settings: Settings) -> Keyring:
    """The keyring of `settings`; a demo without keys makes one in `var/master.key`, readable by its owner only."""
    if settings.master_keys or not settings.demo:
        return Keyring(settings.master_keys)
    path = settings.var / "master.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    key = path.read_text().strip() if path.exists() else _first_key(path)
    if len(key) < MIN_KEY:
        raise BadSetting(f"{path} does not hold a key. Put the right one back; without it nothing old can be read.")
    return Keyring((key,))


def _first_key(path: Path) -> str:
    """Write a new key to `path` unless another process just did; returns what the file holds."""
    own = path.with_name(f".{path.name}.{os.getpid()}")
    own.unlink(missing_ok=True)  # of a start that was killed
    handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(new_master_key())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(own, path)  # fails if it exists: whoever was first wins, and the file is never half written
    except FileExistsError:
        pass
    finally:
        own.unlink()
    return path.read_text().strip()
