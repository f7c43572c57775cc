"""What needs compiled code or a model: numbers in, numbers out. No Django, no queue, no database."""

import hashlib
import os
from pathlib import Path

# numba keeps compiled code beside the source; where that is read-only, with what else the program writes. A function is
# compiled together with those of other files that it calls, of whose changes numba knows nothing: so each state of all
# files has a folder of its own.
if "NUMBA_CACHE_DIR" not in os.environ:
    own = Path(__file__).parent
    sources = b"".join(path.read_bytes() for path in sorted(own.glob("*.py")))
    place = (
        own / "__pycache__" if os.access(own, os.W_OK) else Path(os.environ.get("CFT_VAR", "var")).absolute() / "numba"
    )
    os.environ["NUMBA_CACHE_DIR"] = str(place / f"numba-{hashlib.sha256(sources).hexdigest()[:16]}")
