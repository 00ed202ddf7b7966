"""Splits what people type into words, with signs such as a thumbs-up kept as words of their own."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.training_data.message import Message

_ARABIC = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "گ": "ك", "ـ": ""}
)
_WORD = re.compile(r"[\w']+|[^\w\s.,!?;:()\"«»„“”—–-]")
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")
MAX_CHARACTERS = 1000
"""More than anybody types in one message; a pasted newspaper must not cost seconds."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class PhoneTokenizer(Tokenizer):
    """Words as people type them on a phone: one script form, no accents or invisible marks, emoji kept."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {"intent_tokenization_flag": False, "intent_split_symbol": "_", "token_pattern": None}

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> PhoneTokenizer:
        return cls(config)

    def tokenize(self, message: Message, attribute: str) -> List[Token]:
        text = clean(str(message.get(attribute)))
        tokens = [Token(match.group(), match.start()) for match in _WORD.finditer(text)]
        return tokens or [Token("__empty__", 0)]


def clean(text: str) -> str:
    """`normalise` for what a person typed, as far as anybody reads on."""
    return normalise(text[:MAX_CHARACTERS])


def normalise(text: str) -> str:
    """NFKC, lower case, without accents, invisible characters and skin tones; Arabic letters unified."""
    text = unicodedata.normalize("NFKC", _SKIN_TONES.sub("", text)).translate(_ARABIC).casefold()
    return "".join(
        char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) not in ("Mn", "Me", "Cf")
    ).translate(_ARABIC)
