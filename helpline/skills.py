"""What an operator may be trained in, and which case needs it."""

from __future__ import annotations

SKILLS = ("child", "legal", "psychosocial", "health", "lgbtiq")
BY_TOPIC = {
    "ask_children": "child", "is_minor": "child",
    "ask_legal_aid": "legal", "ask_detention": "legal", "ask_deportation": "legal", "ask_victim_rights": "legal",
    "ask_mental_health": "psychosocial", "self_harm": "psychosocial", "disclose_sexual": "psychosocial",
    "ask_medical": "health", "ask_lgbtiq": "lgbtiq",
}  # fmt: skip


def needed(priority: str, topic: str | None) -> str | None:
    """The skill for a case; `None`: anybody's. A child always wants somebody trained with children."""
    return "child" if priority == "child" else BY_TOPIC.get(topic or "")
