"""`make demo`: the loop without a browser, on the sample data, to a verdict. Fails if an invariant does not hold.

Starts a stack of its own under `var/demo`, real in every part; this process does what the people would do.
"""

import os
import sys
import time

from cftapp.local.demo.stack import Broken, owner, start
from cftapp.local.embedded import Unusable, default_var


def main() -> int:
    """Run it; 0 if every stage and every invariant held."""
    var = default_var(os.environ) / "demo"
    started = time.monotonic()
    os.environ.setdefault("CFT_LABELLED_ITEMS", "10")  # nobody tunes thresholds here, and 100 cost a minute or two
    stack = start(var)
    print(f"A stack of its own under {var}; what its processes say: {var / 'logs'}", flush=True)
    try:
        os.environ.update(
            owner(var, stack, report=lambda stage: print(f"  {stage}", flush=True))
            | {"DJANGO_SETTINGS_MODULE": "cftapp.settings"}
        )
        import django

        django.setup()
        from cftapp.local.demo.walk import walk

        walk(f"http://127.0.0.1:{os.environ['CFT_PORT']}")
    except (Broken, Unusable) as problem:
        print(
            f"\nThe demo failed: {problem}\nIts start: {var}.log; the logs of its processes: {var / 'logs'}",
            file=sys.stderr,
        )
        return 1
    finally:
        stack.terminate()
        stack.wait(60)
    print(f"\nThe loop is closed, every invariant held: {time.monotonic() - started:.0f} s in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
