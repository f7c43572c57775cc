"""Thresholds by keyboard, with and without a script: what is moved is measured, in the address, and saved."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from curation.models import RegistryEpoch, ScreeningPolicy
from tests.support.people import person, signed_in
from tests.support.policy_world import label

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "vault"])]


@pytest.fixture
def opened(browser, live_server):
    """Opens the page as an engineer, in a context of its own."""
    RegistryEpoch.objects.create(number=1, sha256="0" * 64, items=3, normaliser="strong-1")
    label()
    session = signed_in(person("erin", "engineer")).cookies["sessionid"].value
    contexts = []

    def page(**options):
        contexts.append(browser.new_context(base_url=live_server.url, **options))
        contexts[-1].add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        shown = contexts[-1].new_page()
        shown.goto("/curation/thresholds/")
        return shown

    yield page
    for context in contexts:
        context.close()


def test_arrow_keys_move_a_slider_and_what_it_finds(opened):
    page = opened()
    page.focus("#slide-containment_limit")
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("text=10 leaks of the labelled set")
    assert page.input_value("#containment_limit") == "0.4" and "containment_limit=0.4" in page.url
    assert page.evaluate("document.activeElement.id") == "slide-containment_limit"
    page.wait_for_function("document.querySelector('#live').textContent.includes('Mean recall 90.0 percent')")


def test_the_number_moves_the_slider_and_a_typed_reason_stays(opened):
    page = opened()
    page.fill("#containment_limit", "0.4")
    page.wait_for_selector("#policy-note")
    assert page.input_value("#slide-containment_limit") == "0.4"
    page.fill("#policy-note", "Fewer alarms")
    page.fill("#containment_limit", "0.36")
    page.wait_for_url("**containment_limit=0.36**")
    assert page.input_value("#policy-note") == "Fewer alarms"
    page.check("#policy-confirmed")
    page.click("text=Save as version 1")
    page.wait_for_selector("text=Version 1 is being adopted")
    assert ScreeningPolicy.objects.get().values["containment_limit"] == 0.36


def test_without_a_script_a_button_measures_and_saves(opened):
    page = opened(java_script_enabled=False)
    page.fill("#containment_limit", "0.4")
    page.click("text=Update")
    assert "containment_limit=0.4" in page.url and page.is_hidden("#slide-containment_limit")
    page.fill("#policy-note", "Without a script")
    page.check("#policy-confirmed")
    page.click("text=Save as version 1")
    assert ScreeningPolicy.objects.get().note == "Without a script"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_stands_in_anybodys_way(opened, scheme, width):
    page = opened(color_scheme=scheme, viewport={"width": width, "height": 900})
    page.goto("/curation/thresholds/?containment_limit=0.7")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
