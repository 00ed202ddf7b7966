"""Checks answers of the action server without compiling the schema anew on every turn.

Rasa's `RemoteAction` calls `jsonschema.validate` each time, which first checks the schema itself: measured as
half of a turn. Rasa 3.6.21 is the last of its kind and pinned, so this one method can be replaced safely.
"""

from __future__ import annotations

from typing import Any, Dict

from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction

_SCHEMA = RemoteAction.action_response_format_spec()
_VALIDATOR = validator_for(_SCHEMA)(_SCHEMA)


def _validate(self: RemoteAction, result: Dict[str, Any]) -> bool:
    _VALIDATOR.validate(result)
    return True


def install() -> None:
    """Use the compiled schema from now on."""
    RemoteAction._validate_action_result = _validate
