"""Rules that supervisors change in the console."""

from __future__ import annotations

import pytest

from helpline import audit, desk_rules
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.models import Operator


def test_a_rule_that_nobody_changed_is_its_default(make: Sessions) -> None:
    with make() as session:
        for name, value in desk_rules.DEFAULTS.items():
            assert desk_rules.read(session, name) == value


def test_a_changed_rule_holds_keeps_the_rest_and_is_on_record(make: Sessions, operator: Operator) -> None:
    for danger in ([5, 10], [20, 40, 60]):
        with transaction(make) as session:
            desk_rules.write(session, "calling", {"danger": danger}, operator.id)
    with make() as session:
        assert desk_rules.read(session, "calling") == {"danger": [20, 40, 60], "other": [120, 300, 600]}
        assert desk_rules.DEFAULTS["calling"]["danger"] == [30, 60, 120]
        rows = session.query(AuditEntry).filter_by(act="rules_changed").all()
        assert [(row.act, row.operator_id, row.detail) for row in rows] == [
            ("rules_changed", operator.id, {"rule": "calling"})
        ] * 2


def test_there_are_no_other_rules(make: Sessions, operator: Operator) -> None:
    with make() as session:
        with pytest.raises(KeyError):
            desk_rules.read(session, "nothing")
        with pytest.raises(KeyError):
            desk_rules.write(session, "nothing", {}, operator.id)
        with pytest.raises(ValueError, match="danced"):
            audit.record(session, operator.id, "danced")


@pytest.mark.parametrize(
    ("times", "good"),
    [
        ([30, 60, 120], True),
        ([10], True),
        ([], False),
        ([60, 60], False),
        ([120, 60], False),
        ([0, 60], False),
        ([5], False),  # the worker looks every five seconds
        ([60, 24 * 3600 + 1], False),
        ([10, 20, 30, 40, 50, 60], False),
    ],
)
def test_times_rise_and_are_neither_too_many_nor_too_far_apart(times: list[int], good: bool) -> None:
    assert desk_rules.good_times(times) is good
