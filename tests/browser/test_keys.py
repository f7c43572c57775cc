"""Keys are a convenience that never surprises: they can be listed and switched off, and they wait."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PRESSED = "window.pressed = 0; document.querySelector('main').insertAdjacentHTML('beforeend', %s)"
BUTTON = '\'<button data-key="z" type="button">Zap <kbd>z</kbd></button><input id="words">\''


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    """A page with one more button, under Z, and a text field."""
    opened = open_page("reviewer", bypass_csp=False)
    opened.goto("/")
    opened.evaluate(PRESSED % BUTTON)
    opened.evaluate("document.querySelector('[data-key=z]').addEventListener('click', () => window.pressed++)")
    return opened


def pressed(page: Any) -> int:
    return page.evaluate("window.pressed")


def test_a_key_presses_its_button(page: Any) -> None:
    page.keyboard.press("z")
    page.keyboard.press("Z")
    assert pressed(page) == 2


def test_typing_presses_nothing(page: Any) -> None:
    page.focus("#words")
    page.keyboard.type("zigzag")
    assert pressed(page) == 0


@pytest.mark.parametrize("chord", ["Control+z", "Alt+z", "Meta+z"])
def test_a_chord_is_the_browsers(page: Any, chord: str) -> None:
    page.keyboard.press(chord)
    assert pressed(page) == 0


def test_a_held_key_counts_once(page: Any) -> None:
    page.keyboard.down("z")
    page.keyboard.down("z")
    page.keyboard.down("z")
    page.keyboard.up("z")
    assert pressed(page) == 1


def test_nothing_is_pressed_while_a_request_is_in_flight(page: Any) -> None:
    page.evaluate("htmx.trigger(document.querySelector('main'), 'htmx:beforeRequest', {elt: document.body})")
    page.keyboard.press("z")
    assert pressed(page) == 0
    page.evaluate("htmx.trigger(document.querySelector('main'), 'htmx:afterRequest', {elt: document.body})")
    page.keyboard.press("z")
    assert pressed(page) == 1


def test_a_disabled_or_hidden_button_is_not_pressed(page: Any) -> None:
    page.evaluate("document.querySelector('[data-key=z]').disabled = true")
    page.keyboard.press("z")
    page.evaluate("const b = document.querySelector('[data-key=z]'); b.disabled = false; b.hidden = true")
    page.keyboard.press("z")
    assert pressed(page) == 0


def test_the_list_names_every_key_and_shields_the_page(page: Any) -> None:
    page.keyboard.press("?")
    assert "Zap" in page.inner_text("#keys dl")
    page.keyboard.press("z")
    assert pressed(page) == 0
    page.keyboard.press("Escape")
    assert not page.evaluate("document.querySelector('#keys').open")


def test_single_keys_can_be_switched_off_for_good(page: Any) -> None:
    page.keyboard.press("?")
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("z")
    assert pressed(page) == 0
    assert page.evaluate("localStorage.getItem('cft-keys-off')") == "1"
