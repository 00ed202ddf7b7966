"""What the rehearsed helpline has on record of a person. Read from its own throwaway database."""

from __future__ import annotations

from sqlalchemy import Engine, func, select, update

from helpline import conversations, database, emergency, operators, words
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Screening
from helpline.settings import Settings
from rehearsal.people import Person


class Records:
    """The database of the rehearsal."""

    def __init__(self, settings: Settings, engine: Engine, keys: Keyring) -> None:
        self.settings = settings
        self.make = database.sessions(engine)
        self.keys = keys

    def invitation(self) -> str:
        """A one-time token for an operator of this rehearsal, who may see everything."""
        with database.transaction(self.make) as session:
            made = operators.add(session, "rehearsal", alias="Sam", roles=("operator", "supervisor"))
            return operators.invite(session, made)


class Record:
    """One person's. Remembers which conversation was theirs, also when it was erased."""

    def __init__(self, records: Records, person: Person) -> None:
        self._records, self._person = records, person
        self._id: int | None = None

    def conversation(self) -> Conversation | None:
        with self._records.make() as session:
            channel, address = self._person.who.channel, self._person.address
            found = conversations.find(session, self._records.keys, channel, address) if address else None
            if found is None and self._id is not None:
                found = session.get(Conversation, self._id)
            self._id = found.id if found is not None else None
            return found

    def is_settled(self) -> bool:
        """Whether nothing is due: every message was handled and every answer sent."""
        row = self.conversation()
        return row is None or (row.turn_due_at is None and row.send_due_at is None)

    def case(self) -> Case | None:
        """The latest case."""
        row = self.conversation()
        if row is None:
            return None
        with self._records.make() as session:
            query = select(Case).where(Case.conversation_id == row.id).order_by(Case.id.desc()).limit(1)
            return session.execute(query).scalar_one_or_none()

    def screening(self) -> Screening | None:
        """The latest questions."""
        row = self.conversation()
        if row is None:
            return None
        with self._records.make() as session:
            query = select(Screening).where(Screening.conversation_id == row.id)
            return session.execute(query.order_by(Screening.id.desc()).limit(1)).scalar_one_or_none()

    def emergency_number(self, language: str) -> str:
        """The number as a text names it, for what the helpline knows of the person's country."""
        row = self.conversation()
        country = row.country if row is not None else self._records.settings.country
        body = {"response": words.ANYWHERE}
        return emergency.number(country) or words.line(body, language).text

    def is_closed(self) -> bool:
        """Whether the person's words are gone and the conversation waits only for its key to be destroyed."""
        row = self.conversation()
        return row is not None and row.holder == "closed" and self._messages(row.id, "person") == 0

    def forget_now(self) -> None:
        """Do not wait the two minutes that a farewell has: destroy the key with the next round."""
        if self._id is not None:
            with database.transaction(self._records.make) as session:
                session.execute(
                    update(Conversation)
                    .where(Conversation.id == self._id, Conversation.erase_at.is_not(None))
                    .values(erase_at=func.now())
                )

    def is_erased(self) -> bool:
        """Whether nothing can be read any more: no key, no address, no message."""
        row = self.conversation()
        if row is None:
            return False
        gone = row.key_wrapped is None and row.address_sealed is None and row.address_index is None
        return gone and self._messages(row.id) == 0

    def _messages(self, conversation_id: int, author: str = "") -> int:
        which = [Message.conversation_id == conversation_id, *([Message.author == author] if author else [])]
        with self._records.make() as session:
            return session.execute(select(func.count()).select_from(Message).where(*which)).scalar_one()
