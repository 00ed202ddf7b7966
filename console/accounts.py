"""Operators as Flask-Security sees them: passphrases (argon2id) and who is signed in.

Its own pages stay off (no blueprint): signing in is `console.login`, and there is no registration, no
recovery by mail and no token that would live longer than a session.
"""

from __future__ import annotations

from typing import cast

import structlog
from flask import Flask, current_app
from flask_login import current_user
from flask_security import RoleMixin, Security, SQLAlchemySessionUserDatastore, UserMixin
from flask_security.utils import hash_password, verify_password
from sqlalchemy.orm import Mapped, relationship, scoped_session

from helpline.database import Sessions
from helpline.models import Operator, Role

log = structlog.get_logger()

PASSPHRASE_MIN = 14
PASSPHRASE_MAX = 256
"""Characters. The lower bound is the product's; the upper one fits what any password manager makes."""

ARGON2 = {"argon2__time_cost": 3, "argon2__memory_cost": 65536, "argon2__parallelism": 4}
"""RFC 9106, section 4, second recommended option: 64 MiB, 3 passes, 4 lanes."""


class ConsoleRole(RoleMixin, Role):
    """`helpline.models.Role` with what Flask-Security asks of one; the same rows of the same table."""


class ConsoleOperator(UserMixin, Operator):  # type: ignore[misc]  # its hints are plain types, ours are Mapped
    """`helpline.models.Operator` with what Flask-Security asks of a user; the same rows of the same table."""

    roles: Mapped[list[ConsoleRole]] = relationship(secondary="operators_roles", viewonly=True)  # type: ignore[assignment]


Accounts = SQLAlchemySessionUserDatastore


def install(app: Flask, make: Sessions, pepper: str) -> None:
    """Join Flask-Security to the database. `pepper` is in every hash: the table alone cannot be cracked."""
    session = scoped_session(make)
    app.config.update(
        SECURITY_PASSWORD_SALT=pepper,
        SECURITY_PASSWORD_HASH="argon2",
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH=False,
        SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS=ARGON2,
        SECURITY_USER_IDENTITY_ATTRIBUTES=[{"username": {"mapper": str}}],
        SECURITY_CLI_USERS_NAME=False,
        SECURITY_CLI_ROLES_NAME=False,
    )
    datastore = SQLAlchemySessionUserDatastore(session, ConsoleOperator, ConsoleRole)
    Security(app, datastore, register_blueprint=False)
    with app.app_context():
        # What a wrong login name is compared with, so that it costs what a wrong passphrase costs.
        app.extensions["nobody's passphrase"] = hash_password("nobody has this passphrase")

    @app.teardown_appcontext
    def _remove(_: BaseException | None) -> None:
        session.remove()


def by_uniquifier(uniquifier: str) -> ConsoleOperator:
    """The operator as the database has it now."""
    accounts().db.session.expire_all()
    return cast(ConsoleOperator, accounts().find_user(fs_uniquifier=uniquifier))


def accounts() -> Accounts:
    return cast(Accounts, current_app.extensions["security"].datastore)


def me() -> ConsoleOperator:
    """Who is signed in. Only behind the guard, which lets nobody else through."""
    return cast(ConsoleOperator, current_user)


def release() -> None:
    """Give the connection that loaded the operator back, before the page takes one for its own work."""
    accounts().db.session.commit()


def matching(username: str, passphrase: str) -> ConsoleOperator | None:
    """Whose passphrase this is. Unknown, disabled, without one: `None`, as slowly as a wrong one."""
    found = None if "\0" in username else accounts().find_user(username=username)
    operator = cast(ConsoleOperator | None, found)
    typed = normal(passphrase)
    if operator is None or not operator.password or not operator.active:
        verify_password(typed, current_app.extensions["nobody's passphrase"])
        log.warning("passphrase refused", operator=operator.id if operator else None)
        return None
    right = operator.verify_and_update_password(typed)
    release()  # and commit, where the hash was renewed
    if not right:
        log.warning("passphrase refused", operator=operator.id)
        return None
    return operator


def normal(passphrase: str) -> str:
    """The same passphrase from any keyboard: letters with accents are composed in one way (NFKD)."""
    return cast(str, current_app.extensions["security"].password_util.normalize(passphrase))


def hashed(passphrase: str) -> str:
    return hash_password(normal(passphrase))
