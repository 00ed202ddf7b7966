"""Understands what a person means: one linear model for all languages, which knows when it does not know.

Three decisions over the same features (word and character n-grams, and what the featurizers before it found):
which intent (a linear SVM), how likely that is right, and whether the message belongs to the danger group (a
detector of its own, tuned for recall). All three are calibrated on held-out folds of the training examples.
Why a linear SVM: docs/understanding.md has the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

import joblib
import numpy as np
from joblib import Parallel, delayed
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix, hstack, spmatrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from bot.concepts import CONCEPTS, KNOWN
from bot.tokenizer import clean

DANGER = (
    "danger_now", "self_harm", "being_watched", "is_minor", "disclose_labour", "disclose_sexual", "disclose_marriage",
    "disclose_violence", "disclose_crime", "worried_about_someone",
)  # fmt: skip
"""The danger group: never missed (docs/intents.md)."""
ACTED = DANGER[:4]
"""Those that call a person or change how we write, and so need to be surer."""
UNSURE = "nlu_fallback"
"""Rasa's name for a message that was not understood; data/rules.yml says what follows."""
OUTSIDE = "out_of_scope"
RANKED = 10
FOLDS = 3
TOLERANCE = 1e-3
"""Ten times liblinear's own: no difference on the development sets, and training is faster (221 s against 354 s, both
while other work ran)."""
THREADS = 2


class Ngrams:
    """Words and pairs of words, and pieces of words: two to five letters."""

    def __init__(self, char_features: int) -> None:
        self.words = TfidfVectorizer(token_pattern=r"[\w']+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        self.chars = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), max_features=char_features, sublinear_tf=True
        )

    def fit(self, texts: List[str]) -> csr_matrix:
        return hstack([self.words.fit_transform(texts), self.chars.fit_transform(texts)], format="csr")

    def knows(self, text: str) -> bool:
        """Whether a single word of `text` stands in the examples. Keys pressed at random are no message."""
        return bool(self.words.transform([text]).nnz)

    def transform(self, texts: List[str]) -> csr_matrix:
        return hstack([self.words.transform(texts), self.chars.transform(texts)], format="csr")


def softmax(margins: np.ndarray, scale: float) -> np.ndarray:
    raised = np.exp(scale * (margins - margins.max(axis=1, keepdims=True)))
    return raised / raised.sum(axis=1, keepdims=True)


def best_scale(margins: np.ndarray, right: np.ndarray) -> float:
    """The scale under which held-out examples are least surprising (log loss)."""
    rows = np.arange(len(right))
    scales = np.geomspace(0.5, 20, 40)
    losses = [-np.log(softmax(margins, scale)[rows, right] + 1e-12).mean() for scale in scales]
    return float(scales[int(np.argmin(losses))])


@dataclass
class Linear:
    """Weights of one linear model: `features @ weights + offsets`.

    Transposed and contiguous: a message touches a few hundred rows of it instead of copying the matrix.
    """

    weights: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, svm: LinearSVC) -> Linear:
        return cls(np.ascontiguousarray(svm.coef_.T, dtype=np.float32), svm.intercept_.astype(np.float32))

    def margins(self, matrix: csr_matrix) -> np.ndarray:
        return np.asarray(matrix @ self.weights + self.offsets, dtype=np.float64)


@dataclass
class Model:
    """What is kept of training, and how a message is judged with it."""

    intents: List[str]
    choose: Linear
    alarm: Linear
    scale: float
    right: LogisticRegression
    danger: LogisticRegression

    @classmethod
    def fit(cls, matrix: csr_matrix, labels: np.ndarray, known: np.ndarray, sizes: np.ndarray, c: float) -> Model:
        """`matrix`: one row an example; `known`, `sizes`: share of known words and number of words of each."""
        group = np.isin(labels, DANGER)
        intents = sorted(set(labels))
        numbers = np.searchsorted(intents, labels)
        margins, alarms = np.zeros((len(labels), len(intents))), np.zeros((len(labels), 1))

        def fold(rest: np.ndarray, held: np.ndarray) -> None:
            margins[held] = cls._choose(matrix[rest], labels[rest], c).margins(matrix[held])
            alarms[held] = cls._alarm(matrix[rest], group[rest], c).margins(matrix[held])

        whole: Dict[str, Linear] = {}

        def learn(name: str, fit: Callable[..., Linear], targets: np.ndarray) -> None:
            whole[name] = fit(matrix, targets, c)

        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(matrix, labels)
        tasks = [delayed(learn)("choose", cls._choose, labels), delayed(learn)("alarm", cls._alarm, group)]
        tasks.extend(delayed(fold)(rest, held) for rest, held in folds)
        Parallel(n_jobs=THREADS, prefer="threads")(tasks)
        scale = best_scale(margins, numbers)
        made = cls(intents, whole["choose"], whole["alarm"], scale, None, None)
        chances = softmax(margins, scale)
        made.right = LogisticRegression(C=1.0).fit(signs(chances, known, sizes), chances.argmax(axis=1) == numbers)
        made.danger = LogisticRegression(C=1.0).fit(made._alarming(chances, alarms), group)
        return made

    @staticmethod
    def _choose(matrix: csr_matrix, labels: np.ndarray, c: float) -> Linear:
        return Linear.of(LinearSVC(C=c, tol=TOLERANCE, class_weight="balanced", random_state=0).fit(matrix, labels))

    @staticmethod
    def _alarm(matrix: csr_matrix, group: np.ndarray, c: float) -> Linear:
        return Linear.of(LinearSVC(C=c, tol=TOLERANCE, class_weight="balanced", random_state=0).fit(matrix, group))

    def _alarming(self, chances: np.ndarray, alarms: np.ndarray) -> np.ndarray:
        members = [number for number, intent in enumerate(self.intents) if intent in DANGER]
        own = chances[:, members]
        return np.c_[alarms, np.log(own.sum(axis=1) + 1e-4), np.log(own.max(axis=1) + 1e-4)]

    def judge(
        self, matrix: csr_matrix, known: np.ndarray, sizes: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each row: chances of every intent, the chance that the first is right, the chance of danger."""
        chances = softmax(self.choose.margins(matrix), self.scale)
        right = self.right.predict_proba(signs(chances, known, sizes))[:, 1]
        danger = self.danger.predict_proba(self._alarming(chances, self.alarm.margins(matrix)))[:, 1]
        return chances, right, danger


def signs(chances: np.ndarray, known: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """What tells a good guess from a bad one: how far the first is ahead, how much of the message is known."""
    ordered = -np.sort(-chances, axis=1)
    spread = -(chances * np.log(chances + 1e-9)).sum(axis=1)
    first, second = ordered[:, 0], ordered[:, 1]
    return np.c_[first, np.log(first + 1e-6), np.log(second + 1e-6), first - second, spread, known, np.log1p(sizes)]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class JointClassifier(GraphComponent, IntentClassifier):
    """Intent, or `nlu_fallback` where asking is better than guessing. The ranking keeps all guesses.

    `ask_below`: chance of being right below which it asks; `ask_below_disclosed`, `ask_below_danger`: the same where
    the answer would be to somebody who tells of harm, or would call a person at once. `danger_from`: chance of
    danger from which a message is never answered as an ordinary topic.
    """

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {
            "C": 0.5,
            "char_features": 30000,
            "ask_below": 0.2,
            "ask_below_disclosed": 0.3,
            "ask_below_danger": 0.7,
            "danger_from": 0.12,
            "dense_weight": 2.0,
        }

    def __init__(self, config: Dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self.config, self._storage, self._resource = config, storage, resource
        self.ngrams: Optional[Ngrams] = None
        self.model: Optional[Model] = None

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> JointClassifier:
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        labels = np.array([m.get(INTENT) for m in examples])
        texts = [clean(m.get(TEXT)) for m in examples]
        self.ngrams = Ngrams(self.config["char_features"])
        matrix = hstack([self.ngrams.fit(texts), self._found(examples)], format="csr", dtype=np.float32)
        self.model = Model.fit(matrix, labels, *described(examples), self.config["C"])
        with self._storage.write_to(self._resource) as folder:
            joblib.dump((self.ngrams, self.model), folder / "classifier.joblib", compress=3)
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> JointClassifier:
        made = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            made.ngrams, made.model = joblib.load(folder / "classifier.joblib")
        return made

    def _found(self, messages: List[Message]) -> csr_matrix:
        """What the featurizers before us found in each whole message, sparse and dense."""
        sparse = [message.get_sparse_features(TEXT)[1] for message in messages]
        dense = [message.get_dense_features(TEXT)[1] for message in messages]
        parts = []
        if sparse and sparse[0] is not None:
            parts.append(stacked([one.features for one in sparse]))
        if dense and dense[0] is not None:
            rows = np.vstack([one.features for one in dense])
            parts.append(csr_matrix(normalize(rows) * self.config["dense_weight"]))
        return hstack(parts, format="csr") if parts else csr_matrix((len(messages), 0))

    def process(self, messages: List[Message]) -> List[Message]:
        typed = [message for message in messages if message.get(TEXT)]
        if typed:
            assert self.ngrams is not None
            assert self.model is not None
            texts = [clean(message.get(TEXT)) for message in typed]
            matrix = hstack([self.ngrams.transform(texts), self._found(typed)], format="csr", dtype=np.float32)
            for place, judged in enumerate(zip(*self.model.judge(matrix, *described(typed)), strict=True)):
                self._decide(typed[place], texts[place], *judged)
        for message in messages:
            if not message.get(TEXT):
                message.set(INTENT, {"name": None, "confidence": 0.0}, add_to_output=True)
                message.set(INTENT_RANKING_KEY, [], add_to_output=True)
        return messages

    def _decide(self, message: Message, text: str, chances: np.ndarray, right: float, danger: float) -> None:
        assert self.model is not None
        assert self.ngrams is not None
        order = np.argsort(-chances)
        ranking = [{"name": self.model.intents[i], "confidence": float(chances[i])} for i in order[:RANKED]]
        first = ranking[0]["name"]
        sensitive = first in DANGER
        kind = "ask_below_danger" if first in ACTED else "ask_below_disclosed" if sensitive else "ask_below"
        ask = right < self.config[kind] or not (message.get(CONCEPTS) or self.ngrams.knows(text))
        if danger >= self.config["danger_from"] and not sensitive:
            ask = True
            ranking = self._danger_first(chances, ranking)
        chosen = {"name": UNSURE, "confidence": float(1 - right)} if ask else {**ranking[0], "confidence": float(right)}
        message.set(INTENT, chosen, add_to_output=True)
        message.set(INTENT_RANKING_KEY, [chosen, *ranking[0 if ask else 1 :]], add_to_output=True)
        message.set("danger", float(danger), add_to_output=True)

    def _danger_first(self, chances: np.ndarray, ranking: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
        """The likeliest danger goes among the first two guesses, so that it is asked about."""
        assert self.model is not None
        likeliest = max((i for i, name in enumerate(self.model.intents) if name in DANGER), key=lambda i: chances[i])
        name = self.model.intents[likeliest]
        rest = [one for one in ranking if one["name"] != name]
        # As high as the second guess, so that no threshold for choices hides it.
        asked = {"name": name, "confidence": max(float(chances[likeliest]), rest[1]["confidence"])}
        return [rest[0], asked, *rest[1:]][:RANKED]


def stacked(rows: List[spmatrix]) -> csr_matrix:
    """One row matrices under each other; much faster than scipy's `vstack` for tens of thousands of them."""
    found = [row.tocoo() for row in rows]
    numbers = np.repeat(np.arange(len(found)), [row.nnz for row in found])
    columns = np.concatenate([row.col for row in found])
    values = np.concatenate([row.data for row in found])
    return csr_matrix((values, (numbers, columns)), shape=(len(found), found[0].shape[1]))


def described(messages: List[Message]) -> Tuple[np.ndarray, np.ndarray]:
    """Share of known words and number of words of each message."""
    known = [float(message.get(KNOWN) if message.get(KNOWN) is not None else 0.5) for message in messages]
    sizes = [len(str(message.get(TEXT)).split()) for message in messages]
    return np.array(known), np.array(sizes, dtype=float)
