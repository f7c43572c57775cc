"""`python -m training.engine MANIFEST.json`: run or resume one fine-tuning. Exit codes: see `errors.py`."""

import argparse
from pathlib import Path

from training.engine.errors import EngineError, leave


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.engine", description="Fine-tune one run folder.")
    parser.add_argument("manifest", type=Path)
    options = parser.parse_args()
    from training.engine.finetune import finetune  # after the arguments: torch takes seconds to load

    try:
        finetune(options.manifest)
    except EngineError as error:
        leave(error)


if __name__ == "__main__":
    main()
