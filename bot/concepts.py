"""The concept featurizer: which concepts a message has, and which of them stand together.

Sparse sentence features for any classifier behind it. The names of the concepts stay with the message, so that an
operator can be told why the model thought what it thought.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import coo_matrix

from bot.lexicon import Lexicon
from bot.tokenizer import clean

CONCEPTS = "concepts"
KNOWN = "known"
FOUND = "found"
"""A training example's concepts, kept from the first look at it to the second."""
PAIR_SEEN = 3
"""Pairs of concepts that stand together in at least this many examples are features of their own."""

Pairs = Dict[Tuple[int, int], int]


def frequent_pairs(found: List[FrozenSet[int]]) -> Pairs:
    together = Counter(pair for concepts in found for pair in combinations(sorted(concepts), 2))
    often = sorted(pair for pair, count in together.items() if count >= PAIR_SEEN)
    return {pair: number for number, pair in enumerate(often)}


def vector(concepts: FrozenSet[int], size: int, pairs: Pairs, weight: float) -> coo_matrix:
    """One row: `size` concepts, then the pairs; of length `weight`, or 0 where there are none."""
    numbers = (pairs.get(pair) for pair in combinations(sorted(concepts), 2))
    columns = [*concepts, *(size + number for number in numbers if number is not None)]
    values = np.full(len(columns), weight / np.sqrt(max(len(columns), 1)), dtype=np.float32)
    return coo_matrix((values, (np.zeros(len(columns), dtype=np.int32), columns)), shape=(1, size + len(pairs)))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class ConceptFeaturizer(SparseFeaturizer, GraphComponent):
    """Concepts and pairs of concepts as sparse sentence features."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {**SparseFeaturizer.get_default_config(), "weight": 1.0}

    def __init__(self, config: Dict[str, Any], storage: ModelStorage, resource: Resource, name: str) -> None:
        super().__init__(name, config)
        self.config, self._storage, self._resource = config, storage, resource
        self.lexicon: Optional[Lexicon] = None
        self.pairs: Pairs = {}

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ConceptFeaturizer:
        return cls(config, model_storage, resource, execution_context.node_name)

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Nothing to check: the weight is a number."""

    def train(self, training_data: TrainingData) -> Resource:
        self.lexicon = Lexicon.load()
        typed = [message for message in training_data.training_examples if message.get(TEXT)]
        for message in typed:
            message.set(FOUND, self.lexicon.concepts(clean(message.get(TEXT))))
        self.pairs = frequent_pairs([message.get(FOUND) for message in typed])
        with self._storage.write_to(self._resource) as folder:
            joblib.dump((self.lexicon.entries, self.pairs), folder / "concepts.joblib")
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> ConceptFeaturizer:
        made = cls(config, model_storage, resource, execution_context.node_name)
        with model_storage.read_from(resource) as folder:
            entries, made.pairs = joblib.load(folder / "concepts.joblib")
        made.lexicon = Lexicon(entries)
        return made

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        assert self.lexicon is not None
        for message in messages:
            if message.get(TEXT) is None:
                continue
            text = clean(message.get(TEXT))
            found = message.data.pop(FOUND, None)
            if found is None:
                found = self.lexicon.concepts(text)
            row = vector(found, len(self.lexicon.names), self.pairs, self.config["weight"])
            message.add_features(Features(row, FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
            message.set(CONCEPTS, [self.lexicon.names[number] for number in sorted(found)], add_to_output=True)
            message.set(KNOWN, self.lexicon.share_known(text))
        return messages
