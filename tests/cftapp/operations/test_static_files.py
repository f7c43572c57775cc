"""What collectstatic leaves for production: every name that a sheet or a module mentions is there, under its hash."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.template.loader import render_to_string
from django.test import AsyncClient, Client, override_settings

HASHED = re.compile(r"\.[0-9a-f]{12}\.(css|js)$")
MENTIONED = re.compile(r"""(?:\bfrom\s*(?=["'])|^import\s*|\burl\(|^@import\s*)["']?([^"')\s]+)["')]""", re.MULTILINE)
HASHED_FILES = {"staticfiles": {"BACKEND": "cftapp.operations.static_files.HashedFilesStorage"}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a fresh collectstatic, and its storage in force."""
    folder = tmp_path_factory.mktemp("static")
    with override_settings(STORAGES=HASHED_FILES, STATIC_ROOT=str(folder)):
        call_command("collectstatic", interactive=False, verbosity=0)
        yield folder


def hashed(root: Path, pattern: str) -> list[Path]:
    return [file for file in (root / "cft").rglob(pattern) if HASHED.search(file.name)]


def mentioned(file: Path) -> list[str]:
    return [name for name in MENTIONED.findall(file.read_text()) if not name.startswith("data:")]


def test_production_has_this_storage() -> None:
    source = Path("cftapp/settings.py").read_text()
    assert HASHED_FILES["staticfiles"]["BACKEND"] in source


def test_every_import_of_a_module_leads_to_a_hashed_file(root: Path) -> None:
    modules = hashed(root, "*.js")
    imports = [(module, name) for module in modules for name in mentioned(module)]
    assert len(modules) >= 8 and len(imports) >= 8
    for module, name in imports:
        assert HASHED.search(name) and (module.parent / name).is_file(), f"{module.name} imports {name}"


def test_the_sheets_of_every_page_are_one_file(root: Path) -> None:
    source = Path(str(finders.find("cft/style.css")))
    sheets = mentioned(source)
    (whole,) = hashed(root, "style.*.css")
    assert len(sheets) >= 8 and not mentioned(whole)
    text = whole.read_text()
    places = [text.find((source.parent / sheet).read_text()) for sheet in sheets]
    assert places == sorted(places) and places[0] > 0


def test_every_file_that_a_sheet_names_is_there(root: Path) -> None:
    sheets = hashed(root, "*.css")
    assert len(sheets) >= 8
    for sheet in sheets:
        for name in mentioned(sheet):
            assert HASHED.search(name) and (sheet.parent / name).is_file(), f"{sheet.name} names {name}"


def test_a_module_is_named_by_pages_as_other_modules_name_it(root: Path) -> None:
    """Otherwise a browser would load and run it twice."""
    by_pages = Path(staticfiles_storage.url("cft/script/page.js")).name
    importing = [file for file in hashed(root, "*.js") if "/page." in file.read_text()]
    assert importing
    assert all(f'/{by_pages}"' in file.read_text() for file in importing)


def test_a_page_names_only_hashed_files_that_are_there(root: Path) -> None:
    page = render_to_string("400.html")
    names = re.findall(r'(?:href|src)="/static/([^"]+\.(?:css|js))"', page)
    assert len(names) >= 6
    for name in names:
        assert HASHED.search(name) and (root / name).is_file(), name


def test_a_file_is_answered_alike_on_the_event_loop_and_in_a_thread(root: Path) -> None:
    (style,) = hashed(root, "style.*.css")
    address = f"/static/{style.relative_to(root)}"
    later, at_once = asyncio.run(AsyncClient().get(address)), Client().get(address)  # type: ignore[arg-type]
    for response in (later, at_once):
        assert response.status_code == 200 and "immutable" in response["Cache-Control"]
    assert asyncio.run(whole(later)) == b"".join(at_once) == style.read_bytes()  # type: ignore[call-overload]


def test_head_and_ranges_are_answered_alike_on_the_event_loop_and_in_a_thread(root: Path) -> None:
    (style,) = hashed(root, "style.*.css")
    address, part = f"/static/{style.relative_to(root)}", {"Range": "bytes=2-5"}
    later, at_once = asyncio.run(AsyncClient().head(address)), Client().head(address)  # type: ignore[arg-type]
    for response in (later, at_once):
        assert response.status_code == 200 and response["Content-Length"] == str(style.stat().st_size)
    assert asyncio.run(whole(later)) == b"".join(at_once) == b""  # type: ignore[call-overload]
    later = asyncio.run(AsyncClient().get(address, headers=part))  # type: ignore[arg-type]
    at_once = Client().get(address, headers=part)
    for response in (later, at_once):
        assert response.status_code == 206
        assert response["Content-Range"] == f"bytes 2-5/{style.stat().st_size}"
    assert asyncio.run(whole(later)) == b"".join(at_once) == style.read_bytes()[2:6]  # type: ignore[call-overload]


def test_a_file_that_is_not_there_is_not_found_on_either_way(root: Path) -> None:
    address = "/static/cft/nothing.css"
    later, at_once = asyncio.run(AsyncClient().get(address)), Client().get(address)  # type: ignore[arg-type]
    assert later.status_code == at_once.status_code == 404


async def whole(response: Any) -> bytes:
    return b"".join([part async for part in response])
