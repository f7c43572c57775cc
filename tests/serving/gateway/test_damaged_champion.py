"""A champion whose adapter is damaged on disk: readiness, metrics and the engineer's home say so, not only a header."""

import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def adapter_of(release):
    return Path(settings.CFT_VAR) / "runs" / str(release.run.folder) / "adapter"


def flip(release):
    """Change one byte of the weights; sizes stay."""
    file = adapter_of(release) / "adapter_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def cut(release):
    file = adapter_of(release) / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:5])


def garble(release):
    (adapter_of(release) / "adapter_config.json").write_text("[]")


def remove(release):
    shutil.rmtree(adapter_of(release))


def readiness():
    return Client().get("/readyz").json()["champion"]


def home():
    client = Client()
    client.force_login(person("edda", "engineer"))
    return client.get("/").content.decode()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip, "v2: its adapter has changed on disk"),
        (cut, "v2: its adapter cannot be read"),
        (garble, "v2: its adapter cannot be read"),
        (remove, "v2: its adapter cannot be read"),
    ],
)
def test_it_is_said_everywhere_and_no_longer_once_it_is_mended(releases, tmp_path, damage, words):
    champion = releases[2]
    kept = shutil.copytree(adapter_of(champion), tmp_path / "kept")
    assert readiness() == "ok" and "champion is damaged" not in home()
    damage(champion)
    answer = Client().get("/readyz")
    assert answer.status_code == 503 and answer.json()["champion"].startswith(words)
    assert "champion is damaged" in home()
    assert "cft_champion_usable 0.0" in Client().get("/metrics").content.decode()
    shutil.copytree(kept, adapter_of(champion), dirs_exist_ok=True)
    assert readiness() == "ok" and "champion is damaged" not in home()
    assert "cft_champion_usable 1.0" in Client().get("/metrics").content.decode()


def test_a_damaged_release_that_does_not_answer_is_no_alarm(releases):
    flip(releases[1])
    assert readiness() == "ok"
