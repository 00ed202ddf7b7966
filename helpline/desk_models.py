"""Tables of the desk: what operators write, decide and look up. Sealed columns as in helpline.models."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from helpline.models import Base, Case, Operator


class Note(Base):
    """What operators tell each other about a case. The person never sees it; sealed with the conversation's key."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    body_sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    operator: Mapped[Operator | None] = relationship()


class Mention(Base):
    """An operator whom a note calls. It lets them read the case until it closes."""

    __tablename__ = "mentions"
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id", ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[datetime | None]

    __table_args__ = (Index("mentions_unseen", "operator_id", postgresql_where=text("seen_at IS NULL")),)


class Presence(Base):
    """Who has the page of a case open. A supervisor who reads along is seen by the operator through this."""

    __tablename__ = "presences"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id", ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AuditEntry(Base):
    """What an operator did that others must be able to look up: `act` and `detail` are codes, never words of people.

    Outlives the case: the row names it by its code alone.
    """

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    act: Mapped[str]
    case_code: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    operator: Mapped[Operator | None] = relationship()

    __table_args__ = (Index("audit_case", "case_code"), Index("audit_at", "at"))


class Override(Base):
    """Leave to answer although a safety rule forbids it: asked with a reason, given by a supervisor, for a while."""

    __tablename__ = "overrides"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    rule: Mapped[str]
    reason_sealed: Mapped[bytes]
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime | None]
    granted: Mapped[bool | None]
    until: Mapped[datetime | None]


class CannedReply(Base):
    """Words that operators send often, in every language of the helpline; `shortcut` is what they type for it."""

    __tablename__ = "canned_replies"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    shortcut: Mapped[str] = mapped_column(unique=True)
    texts: Mapped[dict[str, Any]]  # language -> text
    reviewed: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))  # languages that a native speaker read
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Service(Base):
    """Somebody who helps: what, where, for whom and when (docs/domain.md 5). `texts`: language -> description."""

    __tablename__ = "services"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    category: Mapped[str]
    country: Mapped[str] = mapped_column(String(2))
    town: Mapped[str | None]
    address: Mapped[str | None]  # never of a confidential shelter
    phone: Mapped[str | None]
    web: Mapped[str | None]
    hours: Mapped[str | None]  # OpenStreetMap syntax
    languages: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    serves: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))  # men, children, no_papers...
    asks: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))  # papers, status, police
    free: Mapped[bool] = mapped_column(server_default=text("true"))
    texts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    checked_on: Mapped[date]
    expires_on: Mapped[date]
    sample: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (Index("services_found", "country", "category"),)


class Referral(Base):
    """A service that an operator named to a person. `state`: named, agreed, made, reached, declined, withdrawn."""

    __tablename__ = "referrals"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    service_id: Mapped[int | None] = mapped_column(ForeignKey("services.id", ondelete="SET NULL"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(server_default="named")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())

    service: Mapped[Service | None] = relationship()


class Review(Base):
    """What a supervisor thought of a closed case: `marks` are question -> yes | no | na; one review each."""

    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), unique=True)
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    marks: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    note_sealed: Mapped[bytes | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]

    case: Mapped[Case] = relationship()


class DeskRule(Base):
    """A rule of the desk that supervisors set in the console; what is not here is the installation's setting."""

    __tablename__ = "desk_rules"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
