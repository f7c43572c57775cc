"""Contrast of the tokens, computed from the stylesheet itself: WCAG 2.2 1.4.3 (text) and 1.4.11 (controls)."""

import math
import re

import pytest
from django.contrib.staticfiles import finders

TOKEN = re.compile(r"--([a-z-]+): light-dark\(oklch\(([^)]+)\), oklch\(([^)]+)\)\)")
TEXT = ["ink", "soft", "accent", "stop", "warn", "bug", "taste"]
GROUNDS = ["paper", "card", "sunk"]


def read_tokens() -> dict[str, tuple[float, float]]:
    """Relative luminance of every token in the light and the dark scheme."""
    with open(str(finders.find("cft/style/tokens.css"))) as file:
        found = TOKEN.findall(file.read())
    return {name: (luminance(light), luminance(dark)) for name, light, dark in found}


def luminance(colour: str) -> float:
    """WCAG relative luminance of an oklch() colour, clipped to sRGB (Björn Ottosson's matrices)."""
    lightness, chroma, hue = (float(part.rstrip("%")) for part in colour.split())
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    l3 = (lightness / 100 + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m3 = (lightness / 100 - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s3 = (lightness / 100 - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3
    green = -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3
    blue = -0.0041960863 * l3 - 0.7034186147 * m3 + 1.7076147010 * s3
    return sum(
        share * min(1.0, max(0.0, part))
        for share, part in zip((0.2126, 0.7152, 0.0722), (red, green, blue), strict=True)
    )


def contrast(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21_to_1() -> None:
    assert contrast(luminance("100% 0 0"), luminance("0% 0 0")) == pytest.approx(21, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", TEXT)
def test_text_has_4_5_to_1(name: str, ground: str, scheme: int) -> None:
    tokens = read_tokens()
    assert contrast(tokens[name][scheme], tokens[ground][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_the_edge_of_a_control_has_3_to_1(ground: str, scheme: int) -> None:
    tokens = read_tokens()
    assert contrast(tokens["edge"][scheme], tokens[ground][scheme]) >= 3


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["accent", "stop"])
def test_a_filled_button_is_readable(name: str, scheme: int) -> None:
    tokens = read_tokens()
    assert contrast(tokens[f"on-{name}"][scheme], tokens[name][scheme]) >= 4.5
