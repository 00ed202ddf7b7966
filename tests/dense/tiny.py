"""The pipeline of config.dense.yml with a language model of our own, so small that it is made in a second.

`tiny.py FOLDER`, in the dialogue model's Python: one process makes the weights, trains and writes down what it
understood; a second one loads the model file and must understand the same. The weights are random: what is shown is
that the parts fit, not how well they understand. Nothing reaches the network: connecting raises.
"""

# mypy: ignore-errors
# Rasa and transformers are not in the Python that checks types. For the same reason our own modules are not imported
# by name here: the check would follow.

import asyncio
import json
import socket
import sys
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import tensorflow
import yaml
from rasa.core.agent import Agent
from rasa.model_training import train_nlu
from rasa.shared.nlu.constants import TEXT
from transformers import BertConfig, BertTokenizer, TFBertModel

classifier = import_module("bot.classifier")
clean = import_module("bot.tokenizer").clean

ROOT = Path(__file__).parent.parent.parent
WIDTH = 32
FEATURIZER = "LanguageModelFeaturizer"
NOTED = "understood.json"

EXAMPLES = {
    "ask_housing": """
        i need a place to sleep
        where can we sleep tonight
        we have no place to stay
        is there a shelter here
        my family needs a room
        help with a room please
        where is the shelter
        мені потрібне житло
        де можна переночувати
        нам ніде жити
        потрібна кімната для сім'ї
        допоможіть з житлом
        أحتاج مكان للنوم
        أين يمكننا أن ننام
        أين المأوى
    """,
    "ask_documents": """
        i lost my passport
        where do i get new papers
        my documents are gone
        how do i renew my passport
        help with papers please
        i have no documents here
        where is the passport office
        я загубив паспорт
        де отримати документи
        мої документи зникли
        потрібен новий паспорт
        допоможіть з документами
        فقدت جواز سفري
        أين أحصل على أوراق جديدة
        أحتاج وثائق
    """,
    "ask_medical": """
        i need a doctor
        where is a hospital here
        my child has a fever
        i need medicine please
        my family needs a doctor
        where can we see a doctor tonight
        help with medicine please
        мені потрібен лікар
        де тут лікарня
        у дитини температура
        потрібні ліки
        допоможіть з лікарем
        أحتاج إلى طبيب
        أين المستشفى
        طفلي مريض
    """,
    "danger_now": """
        he is here and wants to kill me
        help me now please
        they are beating me
        he locked me in a room
        i am in danger right now
        they took my passport and locked me in
        he is at the door with a knife
        він мене вб'є
        мене б'ють допоможіть
        мене замкнули в кімнаті
        я в небезпеці зараз
        вони забрали мій паспорт
        سيقتلني
        أنا في خطر الآن
        إنهم يضربونني
    """,
}
"""Some are alike on purpose: confidence is learnt from held-out examples that were understood and that were not."""

SAID = ("where can my family sleep", "де новий паспорт", "أحتاج طبيب الآن", "👍", "…", "\x07", "zzzz " * 400)
"""Messages in three languages; a sign, a mark and a control character that are no word; more than BERT can read."""


def refuse(self, address, *_):
    raise OSError(f"something connects to {address}")


def weights(folder: Path) -> None:
    """A tokenizer that knows every letter of the examples, and a one-layer BERT with random weights."""
    folder.mkdir()
    letters = sorted({letter for block in EXAMPLES.values() for letter in clean(block) if not letter.isspace()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    tensorflow.random.set_seed(0)
    model = TFBertModel(
        BertConfig(
            vocab_size=len(pieces),
            hidden_size=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=2 * WIDTH,
        )
    )
    model(model.dummy_inputs)
    model.save_pretrained(folder)


def project(folder: Path) -> None:
    """config.yml: that of config.dense.yml but for where the weights are. nlu.yml: the examples."""
    config = yaml.safe_load((ROOT / "config.dense.yml").read_text(encoding="utf-8"))
    (featurizer,) = (part for part in config["pipeline"] if part["name"] == FEATURIZER)
    featurizer.update(model_weights=str(folder / "weights"), cache_dir=str(folder / "cache"))
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    blocks = [
        {"intent": intent, "examples": "".join(f"- {line.strip()}\n" for line in block.strip().splitlines())}
        for intent, block in EXAMPLES.items()
    ]
    data = {"version": "3.1", "nlu": blocks}
    (folder / "nlu.yml").write_text(yaml.safe_dump(data, allow_unicode=True, width=1000), encoding="utf-8")


def understood(archive: Path) -> list:
    """What the model file makes of every message. Asserts that the classifier sees and weighs the dense features."""
    seen = []

    class Watched(classifier.JointClassifier):
        def _found(self, messages):
            matrix = super()._found(messages)
            for row, message in zip(matrix, messages, strict=True):
                _, sparse = message.get_sparse_features(TEXT)
                _, dense = message.get_dense_features(TEXT)
                assert dense.features.shape == (1, WIDTH), dense.features.shape
                known = sparse.features.shape[1]
                assert row.shape == (1, known + WIDTH), row.shape
                length = (row[:, known:].power(2).sum()) ** 0.5
                assert abs(length - self.config["dense_weight"]) < 1e-4, length
                learnt = self.model.choose.weights
                assert len(learnt) == self.ngrams.transform([""]).shape[1] + row.shape[1], learnt.shape
                assert abs(learnt[-WIDTH:]).max() > 0.01, "the classifier learnt nothing from the dense features"
                seen.append(message.get(TEXT))
            return matrix

    plain, classifier.JointClassifier = classifier.JointClassifier, Watched
    try:
        agent = Agent.load(str(archive))
        parsed = [asyncio.run(agent.parse_message(text)) for text in SAID]
    finally:
        classifier.JointClassifier = plain
    assert len(seen) == len(SAID), seen
    assert {one["name"] for one in parsed[0]["intent_ranking"]} >= EXAMPLES.keys(), parsed[0]
    return [[one["intent"], one["danger"]] for one in parsed]


def train(folder: Path) -> None:
    weights(folder / "weights")
    project(folder)
    made = train_nlu(str(folder / "config.yml"), str(folder / "nlu.yml"), str(folder), fixed_model_name="tiny")
    assert made == str(folder / "tiny.tar.gz"), made
    (folder / NOTED).write_text(json.dumps(understood(Path(made))), encoding="utf-8")


def load(folder: Path) -> None:
    before = json.loads((folder / NOTED).read_text(encoding="utf-8"))
    for (intent, danger), (then, danger_then) in zip(understood(folder / "tiny.tar.gz"), before, strict=True):
        assert intent["name"] == then["name"], (intent, then)
        assert abs(intent["confidence"] - then["confidence"]) < 1e-4, (intent, then)
        assert abs(danger - danger_then) < 1e-4, (danger, danger_then)


def main(folder: Path) -> int:
    socket.socket.connect = socket.socket.connect_ex = refuse
    for step in (train, load):
        # A child of a process that has imported libraries and done nothing else: as fresh as a new one, but
        # TensorFlow, which takes longer to import than all the rest takes, is imported once.
        child = get_context("fork").Process(target=step, args=(folder,))
        child.start()
        child.join()
        if child.exitcode:
            return 1
    print("OK")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
