"""`python -m evaluation.engine JOB.json`: score one model. Exit codes: see `training/engine/errors.py`."""

import argparse
from pathlib import Path

from training.engine.errors import EngineError, leave


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.engine", description="Score one model.")
    parser.add_argument("job", type=Path)
    options = parser.parse_args()
    from evaluation.engine.evaluate import evaluate  # after the arguments: torch takes seconds to load

    try:
        evaluate(options.job)
    except EngineError as error:
        leave(error)


if __name__ == "__main__":
    main()
