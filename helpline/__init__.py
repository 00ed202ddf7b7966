"""The core of the helpline: conversations, turns, delivery, danger, the desk, keys."""
