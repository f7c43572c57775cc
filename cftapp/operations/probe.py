"""`python -m cftapp.operations.probe URL`: a container's health check; exit 0 if the address answers with 200.

It asks under the name of CFT_URL, where that is set: the web process answers to the names that people type alone.
"""

import os
import sys
import urllib.request
from urllib.parse import urlsplit

SECONDS = 5.0


def main() -> int:
    host = urlsplit(os.environ.get("CFT_URL", "")).netloc
    request = urllib.request.Request(sys.argv[1], headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
