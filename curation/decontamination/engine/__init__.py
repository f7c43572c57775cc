"""What needs compiled code or a model: numbers in, numbers out. No Django, no queue, no database."""

import os
from pathlib import Path

# numba keeps compiled code beside the source; where that is read-only, with what else the program writes.
if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
    os.environ["NUMBA_CACHE_DIR"] = str(Path(os.environ.get("CFT_VAR", "var")).absolute() / "numba")
