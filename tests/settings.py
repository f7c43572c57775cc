"""The settings of the tests: the real ones, as the owner of embedded services in a folder of this process alone.

Nothing starts here: `tests/conftest.py` starts PostgreSQL and Redis when the first test needs them. Each worker of
pytest-xdist is a process, so it has its own.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from cftapp.local.embedded import owner_environment
from tests.support.template import Template, place

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "TZ")

var = Path(tempfile.mkdtemp(prefix="cft-test-"))
(var / "static").mkdir()
main_process = os.getpid()


def remove() -> None:
    if os.getpid() == main_process:
        shutil.rmtree(var, ignore_errors=True)


atexit.register(remove)
Template(place()).give_secrets(var)
given = {name: os.environ[name] for name in KEPT if name in os.environ}
for name in [name for name in os.environ if name.startswith("CFT_") and not name.startswith("CFT_TEST_")]:
    del os.environ[name]
os.environ.update(owner_environment({**given, "CFT_VAR": str(var), "OMP_NUM_THREADS": "1"}))
os.environ["CFT_LOG_FORMAT"] = "console"
os.environ["CFT_EMBEDDING_MODEL"] = "off"  # a test of meaning asks for it

from cftapp.settings import *  # noqa: E402, F403
from cftapp.settings import STORAGES  # noqa: E402

STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
