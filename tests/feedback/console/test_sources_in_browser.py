"""Sources, their tenants and keys, and the API's page, in a browser: accessible, fit for a phone, without scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from feedback.actions import issue_api_key, register_source
from feedback.models import ApiKey, Source
from tests.support.live import look
from tests.support.people import person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_admin_issues_a_key_for_one_tenant(open_live: Callable[..., Any], shop: Source, scripts: bool) -> None:
    brand = register_source("acme-desk", "Acme desk", tenant="acme", by="process:test")
    issue_api_key(brand, "Acme's application", tenant="acme", by="process:test")
    page = open_live(person("ada", "admin"), java_script_enabled=scripts)
    page.goto("/feedback/sources/")
    assert page.locator("input[name=tenant]").count() == 2  # of the shop's key, and of a new source
    form = page.locator(f"form[action$='/{shop.pk}/keys/']")
    form.locator("input[name=label]").fill("Checkout")
    form.locator("input[name=tenant]").fill("bolt")
    form.locator("button").click()
    page.wait_for_selector("text=Copy it now")
    assert ApiKey.objects.get(source=shop).tenant == "bolt"
    if scripts:
        assert look(page) == []


def test_the_api_page_shows_a_conversation(open_live: Callable[..., Any]) -> None:
    page = open_live()
    page.goto("/feedback/api/")
    assert page.locator("#conversation").is_visible()
    assert look(page) == []
