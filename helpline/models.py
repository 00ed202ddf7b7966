"""Tables. Columns named `*_sealed` are encrypted with the key of their conversation (helpline.keys)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
        bytes: LargeBinary,
        str: Text,
    }


class Secret(Base):
    """Random secrets of this installation (blind index, session signing), wrapped by the master keys."""

    __tablename__ = "secrets"
    name: Mapped[str] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes]


class Conversation(Base):
    """One person on one channel.

    `turn_*` and `send_*` are the two queues: a row is due when `*_due_at` has passed and no lease holds it.
    `holder`: bot, waiting (for an operator), operator, closed (erased).
    `language_source`: default, hint (the phone's or browser's), detected, chosen.
    """

    __tablename__ = "conversations"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # what operators and the bot call it; random
    channel: Mapped[str]
    address_index: Mapped[bytes | None]
    address_sealed: Mapped[bytes | None]
    key_wrapped: Mapped[bytes | None]
    language: Mapped[str]
    language_source: Mapped[str] = mapped_column(server_default="default")
    country: Mapped[str | None] = mapped_column(String(2))
    entry: Mapped[str | None]
    holder: Mapped[str] = mapped_column(server_default="bot")
    state_sealed: Mapped[bytes | None]
    contact_safety: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    consent: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    opted_out_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_inbound_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]  # last "a person will read this" while waiting
    fallback_at: Mapped[datetime | None]  # the bot was away and the person was told so
    erase_at: Mapped[datetime | None]  # the key is destroyed then
    danger_at: Mapped[datetime | None]  # last danger reply
    flooded_at: Mapped[datetime | None]  # last "you write faster than we answer"
    typing_at: Mapped[datetime | None]  # the person was typing, where their channel tells
    operator_typing_at: Mapped[datetime | None]
    asked_back_at: Mapped[datetime | None]  # last template that asked them to write, outside the channel's window
    turn_due_at: Mapped[datetime | None]
    turn_lease_until: Mapped[datetime | None]
    turn_owner: Mapped[str | None]
    send_due_at: Mapped[datetime | None]
    send_lease_until: Mapped[datetime | None]
    send_owner: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("channel", "address_index"),
        Index("conversations_turn_due", "turn_due_at", postgresql_where=text("turn_due_at IS NOT NULL")),
        Index("conversations_send_due", "send_due_at", postgresql_where=text("send_due_at IS NOT NULL")),
    )


class Message(Base):
    """Something said. Bodies are sealed JSON: {"text"}, {"choice"}, {"media"} from people and operators,
    {"response", "args", "choices"} from the bot.

    `author`: person, bot, operator, system. `state` of a person's message: pending, handled, set_aside;
    of ours: queued, held (outside the channel's window, until they write), sent, failed, uncertain, opted_out, expired.
    """

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id", ondelete="SET NULL"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    author: Mapped[str]
    channel: Mapped[str]
    provider_id: Mapped[str | None]  # theirs for a person's message, "" never
    body_sealed: Mapped[bytes]
    understood: Mapped[str | None]  # intent name
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    settled_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]  # when a held one was let go; it grows old from here on

    parts: Mapped[list[Part]] = relationship(
        order_by="Part.position", cascade="all, delete-orphan", passive_deletes=True
    )

    __table_args__ = (
        UniqueConstraint("channel", "provider_id"),
        Index("messages_conversation", "conversation_id", "id"),
        Index("messages_open", "conversation_id", "id", postgresql_where=text("state IN ('pending', 'queued')")),
        Index("messages_held", "conversation_id", postgresql_where=text("state = 'held'")),
        Index("messages_set_aside", "id", postgresql_where=text("state = 'set_aside'")),
    )


class Part(Base):
    """One provider message of ours. `state`: queued, sending, checking, sent, delivered, read, failed, uncertain,
    opted_out.

    `claimed_at`: when it was last handed to the provider. checking: perhaps it was taken, and we look it up there;
    `looked_up`: how often so far. Its `id` names it in status reports.
    """

    __tablename__ = "parts"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    channel: Mapped[str]
    position: Mapped[int]
    body_sealed: Mapped[bytes]
    provider_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    attempts: Mapped[int] = mapped_column(server_default="0")
    claimed_at: Mapped[datetime | None]
    looked_up: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("message_id", "position"),
        Index("parts_provider", "channel", "provider_id"),  # not unique: Telegram counts messages per chat
    )


class Attachment(Base):
    """A picture, voice note or document of a message, sealed with the key of its conversation.

    What a person sent is fetched from the provider only once a case is open. `state`: waiting (nobody needs it yet),
    wanted (due at `due_at`), stored, refused (`reason`: type, large, empty, host), gone (the provider has it no more).
    """

    __tablename__ = "attachments"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str]
    content_type: Mapped[str | None]  # as we found it to be, once stored
    size: Mapped[int | None]
    content_sealed: Mapped[bytes | None] = mapped_column(deferred=True)
    state: Mapped[str] = mapped_column(server_default="waiting")
    reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime | None]
    link: Mapped[bytes | None] = mapped_column(unique=True)  # SHA-256 of a token with which the provider may fetch it
    link_until: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("message_id", "position"),
        Index("attachments_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )


class SetAside(Base):
    """An authentic request that broke us: how often, and from the fifth time on what it said, sealed, to try again."""

    __tablename__ = "set_aside"
    digest: Mapped[bytes] = mapped_column(primary_key=True)  # keyed hash of the request
    channel: Mapped[str]
    tries: Mapped[int] = mapped_column(server_default="1")
    error: Mapped[str]
    body_sealed: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    set_aside_at: Mapped[datetime | None]


class Alert(Base):
    """Something that the helpline's people must see until it is over. No person is named in it."""

    __tablename__ = "alerts"
    key: Mapped[str] = mapped_column(primary_key=True)  # what and where: "provider telegram", "set aside sms"
    kind: Mapped[str]
    channel: Mapped[str | None]
    detail: Mapped[str | None]  # a provider's error code, or the class of an exception
    count: Mapped[int] = mapped_column(server_default="1")
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    last_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Template(Base):
    """A message that WhatsApp keeps for us, found by what it says (`digest`)."""

    __tablename__ = "templates"
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    response: Mapped[str]
    language: Mapped[str]
    provider_id: Mapped[str] = mapped_column(unique=True)
    approval: Mapped[str | None]  # of WhatsApp, where it was asked for: received, pending, approved, rejected…
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProviderCopy(Base):
    """A message of an erased conversation that the provider still keeps and shall delete."""

    __tablename__ = "provider_copies"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    channel: Mapped[str]
    provider_id: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class EarlyReport(Base):
    """A delivery report that came before the COMMIT that stored the provider's id of its part."""

    __tablename__ = "early_reports"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    channel: Mapped[str]
    provider_id: Mapped[str]
    status: Mapped[str]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __table_args__ = (UniqueConstraint("channel", "provider_id", "status"),)


class Tombstone(Base):
    """Keyed hash of a provider's message id whose row was purged: a replay of it stays a no-op."""

    __tablename__ = "tombstones"
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Case(Base):
    """A conversation that a person must look at. `state`: waiting, claimed, paused (the person is gone for now, the
    operator keeps the case), closed.

    `skill`: what an operator should be trained in (helpline.skills). `for_operator_id`: whom it is offered to alone
    until `for_until` (handed on to one person, or they had it yesterday). `announced`: how often it was called out;
    `announce_at`: when it is next. `wrap_up`: coded ending (helpline.wrapping).

    `priority`: 0 danger, 1 child, 2 high, 3 normal. `consent`: shared, confidential, anonymous, or none
    where nothing was asked yet (danger, bot away). `rating`: what the person said afterwards. `untold`: they do not
    know who has the case, because nothing could be said when it was taken (`desk.introduce`). A complaint is a case of
    its own beside the ordinary one, so that neither changes who may see the other.
    """

    __tablename__ = "cases"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    priority: Mapped[int]
    reason: Mapped[str]
    topic: Mapped[str | None]
    language: Mapped[str]
    skill: Mapped[str | None]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
    for_operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    for_until: Mapped[datetime | None]
    second_reader_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id", ondelete="SET NULL"))
    announced: Mapped[int] = mapped_column(server_default="0")
    announce_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    paused_at: Mapped[datetime | None]
    wrap_up: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    consent: Mapped[str] = mapped_column(server_default="none")
    outcome: Mapped[str | None]
    rating: Mapped[str | None]
    untold: Mapped[bool] = mapped_column(server_default=text("false"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    claimed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    conversation: Mapped[Conversation] = relationship()
    operator: Mapped[Operator | None] = relationship(foreign_keys=[operator_id])

    __table_args__ = (
        Index(
            "cases_one_open",
            "conversation_id",
            unique=True,
            postgresql_where=text("state <> 'closed' AND reason <> 'complaint'"),
        ),
        Index("cases_waiting", "priority", "opened_at", postgresql_where=text("state = 'waiting'")),
        Index("cases_held", "operator_id", postgresql_where=text("state IN ('claimed', 'paused')")),
        Index("cases_announce", "announce_at", postgresql_where=text("state = 'waiting'")),
        Index("cases_closed", "closed_at", postgresql_where=text("state = 'closed'")),
        Index("cases_promised", "operator_id", postgresql_where=text("wrap_up ->> 'follow_up' = 'agreed'")),
    )


class Screening(Base):
    """Answers to one path of questions, coded (data/screening.yml); no words of the person."""

    __tablename__ = "screenings"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    path: Mapped[str]
    answers: Mapped[dict[str, Any]]  # question -> yes | no | skip
    matched: Mapped[list[str]]
    complete: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Role(Base):
    """What an operator may do; names are fixed in console.roles."""

    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    permissions: Mapped[list[str] | None]


class OperatorRole(Base):
    __tablename__ = "operators_roles"
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)


class Operator(Base):
    """Somebody who works at the desk. People see the alias, never the name.

    `languages`: that they can write in; their own is always one. `most_cases`: open ones at once, 0 for no limit.
    `seen_at`: their console asked for news; `active_at`: they did something themselves.
    """

    __tablename__ = "operators"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(unique=True)  # Flask-Security's identity; a login name without a mailbox is fine
    alias: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    invitation: Mapped[bytes | None]  # SHA-256 of a one-time sign-in token
    invitation_until: Mapped[datetime | None]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
    languages: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    skills: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    most_cases: Mapped[int] = mapped_column(server_default="5")
    seen_at: Mapped[datetime | None]
    active_at: Mapped[datetime | None]
    available: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    team: Mapped[Team | None] = relationship()
    roles: Mapped[list[Role]] = relationship(secondary="operators_roles")


class Team(Base):
    """Operators who see each other's closed cases in the search."""

    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
