"""Real servers for the gateway's tests, each started once a session."""

import shutil
import uuid
from pathlib import Path

import openai
import pytest
from django.conf import settings

from feedback.actions import issue_api_key
from serving.releases.actions import create_release, promote
from tests.support import servers, serving_rows
from tests.support.tool_server import ToolServer
from training.engine.digests import adapter_sha256


@pytest.fixture(scope="session")
def model_server(django_db_setup):
    server = servers.model_server().start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def web(model_server):
    server = servers.web_server(model_server.url).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def scripted_server():
    server = servers.ScriptedModelServer().start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def scripted_web(scripted_server, django_db_setup):
    server = servers.web_server(scripted_server.url).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def tool_server():
    server = ToolServer().start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def tool_web(tool_server, django_db_setup):
    server = servers.web_server(tool_server.url).start()
    yield server
    server.kill()


@pytest.fixture
def tool_client(tool_server, tool_web, transactional_db):
    """An OpenAI client of a gateway before a server with tools; all subjects are of the training lane."""
    serving_rows.base_release()
    tool_server.requests.clear()
    tool_server.message = None
    return connect(tool_web)


@pytest.fixture(scope="session")
def adapters():
    """Two adapters of the demo base model that make it say something else than it does, as training would save them."""
    import torch

    from training.engine.adapters import add_lora, save_adapter
    from training.engine.loading import load_model
    from training.engine.manifest import Recipe

    folders = []
    for seed in (1, 2):
        model = add_lora(load_model(servers.ROOT / "training" / "demo_model" / "base", "cpu", "auto"), Recipe(), seed)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=1.0)
        folder = Path(settings.CFT_VAR) / f"made-{seed}" / "adapter"
        folder.parent.mkdir(parents=True, exist_ok=True)
        save_adapter(model, folder, "base")
        folders.append(folder)
    return folders


@pytest.fixture
def releases(adapters, transactional_db):
    """v0, v1 and v2, promoted in this order, with their adapters in place."""
    champions = [serving_rows.base_release()]
    for adapter in adapters:
        folder = uuid.uuid4()
        path = Path(settings.CFT_VAR) / "runs" / str(folder) / "adapter"
        shutil.copytree(adapter, path)
        run = serving_rows.finished_run(adapter=adapter_sha256(path), folder=folder)
        release = create_release(run, by="process:curator")
        promote(release, serving_rows.judged_gate(run, champion_run=champions[-1].run), by="process:test")
        champions.append(release)
    return champions


@pytest.fixture
def client(web, transactional_db):
    """An OpenAI client with the key of a source whose subjects are all of the training lane."""
    return connect(web)


def connect(web, **source):
    key, token = issue_api_key(serving_rows.source(**source), "test", by="process:test")
    return closing(openai.OpenAI(base_url=f"{web.url}/v1", api_key=token, max_retries=0))


opened = []


def closing(client):
    """The client, which the end of the test closes."""
    opened.append(client)
    return client


@pytest.fixture(autouse=True)
def close_clients():
    yield
    while opened:
        opened.pop().close()
