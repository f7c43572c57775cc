"""Every rule of a sheet can be met, every sheet is small, and a page links the sheets of what it shows."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from django.template.loader import render_to_string

ROOT = Path(__file__).resolve().parents[3]
STATIC, TEMPLATES = ROOT / "cftapp/static/cft", ROOT / "templates"
APPS = ("audit", "cftapp", "curation", "evaluation", "feedback", "serving", "training")
SHEETS = [sheet for sheet in sorted(STATIC.rglob("*.css")) if sheet.name != "admin.css"]  # which is for Django's pages
PAGE_SHEETS = sorted(sheet.stem for sheet in (STATIC / "pages").glob("*.css"))
DJANGOS = {"errorlist", "nonfield", "htmx-request", "info", "warning"}  # by Django's forms and messages, and by htmx
CLASS = re.compile(r"\.(-?[a-z][\w-]*)")
PARTS = {  # what these tags put in
    "gauge": "parts/gauge.html",
    "scale": "parts/scale.html",
    "line_chart": "parts/chart.html",
    "gate_cards": "evaluation/gates/cards.html",
}


def classes_of(sheet: Path) -> set[str]:
    """The classes that a sheet's selectors name."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    selectors = [head for head in re.findall(r"([^{};]+)\{", text) if not head.strip().startswith("@")]
    return {name for head in selectors for name in CLASS.findall(head)}


@cache
def sources() -> str:
    """All that can put a class on a page: templates, Python, modules."""
    files = [*TEMPLATES.rglob("*.html"), *STATIC.rglob("*.js")]
    files += [file for app in APPS for file in (ROOT / app).rglob("*.py")]
    return "\n".join(file.read_text() for file in files)


@cache
def shown_by(template: str) -> str:
    """The text of a template with all that it includes, but for the templates that it extends."""
    text = (TEMPLATES / template).read_text()
    included = re.findall(r'\{% include "([^"]+)"', text)
    included += [PARTS[tag] for tag in re.findall(r"\{% (\w+)", text) if tag in PARTS]
    return "\n".join([text, *(shown_by(name) for name in included if name != template)])


def pages() -> list[str]:
    names = [str(file.relative_to(TEMPLATES)) for file in sorted(TEMPLATES.rglob("*.html"))]
    return [name for name in names if '{% extends "base.html" %}' in (TEMPLATES / name).read_text()]


def sheets_for(template: str) -> set[str]:
    """The page sheets of which the template shows a class that no other sheet knows."""
    values = re.findall(r'class="((?:\{%.*?%\}|[^"])*)"', shown_by(template))
    shown = {name for value in values for name in value.split()}
    known = Counter(name for sheet in SHEETS for name in classes_of(sheet))
    return {
        name for name in PAGE_SHEETS if any(known[one] == 1 for one in shown & classes_of(STATIC / f"pages/{name}.css"))
    }


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_sheet_is_short(sheet: Path) -> None:
    assert len(sheet.read_text().splitlines()) <= 400


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_no_rule_is_dead(sheet: Path) -> None:
    words = set(re.findall(r"-?[a-zA-Z][\w-]*", sources())) | DJANGOS
    kinds = {f"k-{kind}" for kind in ("bug", "taste", "correction")}
    assert classes_of(sheet) - words - kinds == set()


@pytest.mark.parametrize("template", pages())
def test_a_page_links_the_sheets_of_what_it_shows(template: str) -> None:
    linked = set(re.findall(r'\{% sheet "(\w+)" %\}', (TEMPLATES / template).read_text()))
    assert sheets_for(template) <= linked, "a class would be without its rules"
    assert linked <= set(PAGE_SHEETS)


def test_without_collected_files_a_page_links_the_sheets_of_style_css_in_order() -> None:
    """In production they are one file (tests/cftapp/operations/test_static_files.py)."""
    links = re.findall(r'<link rel="stylesheet" href="/static/cft/([^"]+)"', render_to_string("400.html"))
    assert links == re.findall(r'@import "([^"]+)"', (STATIC / "style.css").read_text())
    assert len(links) >= 8
