"""How well the trained model understands: `make evaluate`, or `make evaluate FILE=path.tsv`.

A file has lines of `intent<TAB>style<TAB>text`; its name is the language. Without `FILE`, the sets of tests/nlu are
used, which were written apart from the training examples. Prints a table, writes JSON and a picture of the confusions.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from evaluation.sets import ROOT, SETS, read

OUT = ROOT / "var" / "evaluation"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make evaluate", description=__doc__.splitlines()[0])
    parser.add_argument(
        "files", nargs="*", type=Path, help="intent<TAB>style<TAB>text; the file's name is the language"
    )
    parser.add_argument("--wrong", action="store_true", help="list every message that was not understood at once")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the JSON and the picture")
    chosen = parser.parse_args(arguments)
    try:
        said = read(chosen.files or sorted(SETS.glob("*.tsv")))
    except (OSError, ValueError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    if not said:
        print("evaluate: these files have no messages", file=sys.stderr)
        return 2

    import structlog  # this and rasa take ten seconds: who named a wrong file need not wait for them

    from evaluation.report import report, understanding
    from helpline import model

    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        understand = understanding(model.path())
    except FileNotFoundError:
        print("evaluate: there is no model of today's data; run `make train`", file=sys.stderr)
        return 2
    report(said, understand, chosen.out, chosen.wrong)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
