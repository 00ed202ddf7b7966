"""One key per conversation, wrapped by the master keys; a blind index finds an address without storing it."""

from __future__ import annotations

import multiprocessing
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from helpline import conversations
from helpline.database import Sessions, transaction
from helpline.keys import Keyring, keyring, new_master_key
from helpline.models import Conversation, Secret
from helpline.settings import BadSetting, Settings, load

OLD, NEW = "old-" + "o" * 40, "new-" + "n" * 40
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)
RING = Keyring((OLD,))
SEAL = RING.seal(RING.new_wrapped())


@given(JSON)
def test_what_is_sealed_opens_as_it_was(value: Any) -> None:
    assert SEAL.open(SEAL.close(value)) == value


def test_sealed_bytes_show_nothing_and_differ_each_time() -> None:
    first, second = SEAL.close("+48600100200"), SEAL.close("+48600100200")
    assert first != second
    assert b"48600100200" not in first + second


def test_another_conversations_key_opens_nothing() -> None:
    with pytest.raises(InvalidToken):
        RING.seal(RING.new_wrapped()).open(SEAL.close("secret"))


@pytest.mark.parametrize("position", [0, 10, 40, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealed = bytearray(SEAL.close("secret"))
    sealed[position] ^= 1
    with pytest.raises(InvalidToken):
        SEAL.open(bytes(sealed))


def test_a_wrong_master_key_is_named_as_the_setting_that_is_wrong() -> None:
    with pytest.raises(BadSetting, match="WAYLINE_MASTER_KEYS") as caught:
        Keyring((NEW,)).seal(RING.new_wrapped())
    assert NEW not in str(caught.value)
    assert OLD not in str(caught.value)


def test_a_wrong_master_key_on_an_old_database_is_refused_at_the_first_look(make: Sessions) -> None:
    with transaction(make) as session:
        Keyring((OLD,)).index(session, "sms", "+1")
    with make() as session, pytest.raises(BadSetting):
        Keyring((NEW,)).index(session, "sms", "+1")


def test_after_rotation_old_keys_open_and_only_the_new_one_wraps() -> None:
    rotated = Keyring((NEW, OLD))
    wrapped_before = RING.new_wrapped()
    sealed = RING.seal(wrapped_before).close("kept")
    assert rotated.seal(wrapped_before).open(sealed) == "kept"
    wrapped_after = rotated.new_wrapped()
    Keyring((NEW,)).seal(wrapped_after)
    with pytest.raises(BadSetting):
        RING.seal(wrapped_after)


def test_no_keys_at_all_is_refused() -> None:
    with pytest.raises(BadSetting):
        Keyring(())


def test_new_master_keys_pass_the_settings_own_check() -> None:
    key = new_master_key()
    assert load({"WAYLINE_DEMO": "1", "WAYLINE_MASTER_KEYS": key}).master_keys == (key,)
    assert key != new_master_key()


def test_the_blind_index_is_steady_and_differs_by_channel_and_address(make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        mine = keys.index(session, "sms", "+48600100200")
        assert mine == keys.index(session, "sms", "+48600100200")
        others = {
            keys.index(session, *one)
            for one in (
                ("whatsapp", "+48600100200"),
                ("sms", "+48600100201"),
                ("sms+4860010020", "0"),
                ("sm", "s+48600100200"),
                ("sms", ""),
            )
        }
        assert mine not in others
        assert len(others) == 5
        assert len(mine) == 32


def test_the_blind_index_differs_between_installations_with_the_same_master_key(make: Sessions) -> None:
    with transaction(make) as session:
        before = Keyring((OLD,)).index(session, "sms", "+1")
        session.execute(delete(Secret))
    with transaction(make) as session:
        assert Keyring((OLD,)).index(session, "sms", "+1") != before


def test_processes_that_start_together_share_one_secret(make: Sessions, settings: Settings) -> None:
    master = keyring(settings)
    found: list[bytes] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        ring = keyring(settings)
        barrier.wait()
        with transaction(make) as session:
            found.append(ring.index(session, "sms", "+1"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with make() as session:
        assert set(found) == {master.index(session, "sms", "+1")}
    assert len(found) == 8


def test_a_rolled_back_first_transaction_leaves_no_secret_that_only_one_process_knows(
    make: Sessions, settings: Settings
) -> None:
    """A keyring that keeps the secret of a rolled-back INSERT writes rows that nobody else ever finds again."""
    ring = keyring(settings)
    with make() as session:
        ring.index(session, "sms", "+48600100200")
        session.rollback()
    with transaction(make) as session:
        conversations.find_or_create(session, ring, "sms", "+48600100200", language="en")
    with transaction(make) as session:
        assert conversations.find(session, keyring(settings), "sms", "+48600100200") is not None


def _start(folder: str, barrier: Any, out: Any) -> None:
    barrier.wait()
    keyring(load({"WAYLINE_DEMO": "1", "WAYLINE_VAR": folder}))
    out.put(Path(folder, "master.key").read_text())


def test_a_demo_key_is_made_once_by_processes_that_race_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    folder, barrier, out = tmp_path / "deep" / "var", fork.Barrier(8), fork.Queue()
    processes = [fork.Process(target=_start, args=(str(folder), barrier, out)) for _ in range(8)]
    for process in processes:
        process.start()
    keys = {out.get(timeout=30) for _ in processes}
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * 8
    assert len(keys) == 1
    assert len(keys.pop()) == 43
    assert [file.name for file in folder.iterdir()] == ["master.key"]
    assert stat.S_IMODE((folder / "master.key").stat().st_mode) == 0o600


def test_a_demo_key_is_the_same_after_a_restart(settings: Settings, make: Sessions) -> None:
    wrapped = keyring(settings).new_wrapped()
    keyring(settings).seal(wrapped)


def test_keys_of_the_settings_come_before_a_demo_key_file(settings: Settings) -> None:
    keyring(settings)
    given = replace(settings, master_keys=(OLD,))
    Keyring((OLD,)).seal(keyring(given).new_wrapped())


def test_outside_a_demo_no_key_is_ever_made_up(tmp_path: Path) -> None:
    made = load({"WAYLINE_DEMO": "1", "WAYLINE_VAR": str(tmp_path)})
    with pytest.raises(BadSetting):
        keyring(replace(made, demo=False))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_key_file_is_refused(tmp_path: Path) -> None:
    """A full disk or a careless `touch`: the key derived from nothing is known to everybody."""
    (tmp_path / "master.key").write_text("\n")
    with pytest.raises(BadSetting):
        keyring(load({"WAYLINE_DEMO": "1", "WAYLINE_VAR": str(tmp_path)}))


def test_a_leftover_of_a_killed_start_does_not_stop_the_next(tmp_path: Path) -> None:
    """Process ids repeat, in a container at once: everything is number 1 or 7 there."""
    (tmp_path / f".master.key.{os.getpid()}").write_text("half")
    keyring(load({"WAYLINE_DEMO": "1", "WAYLINE_VAR": str(tmp_path)}))
    assert len((tmp_path / "master.key").read_text()) == 43


def test_a_conversations_key_is_not_stored_in_clear(make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", "+48600100200", language="en")
        wrapped, sealed = made.key_wrapped, made.address_sealed
    assert wrapped is not None
    assert sealed is not None
    assert keys.seal(wrapped).open(sealed) == "+48600100200"
    with make() as session:
        row = session.execute(select(Conversation)).scalar_one()
        assert b"48600100200" not in (row.address_sealed or b"") + (row.address_index or b"") + (row.key_wrapped or b"")
