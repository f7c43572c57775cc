"""Parts of the look that need a little arithmetic: figures, states, hashes, numbers and times."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from cftapp.base import plots
from cftapp.operations.static_files import STYLE, sheets_of
from conversation.lines import line_of, place_name

register = template.Library()

KINDS = {"bug": "Bug", "taste": "Taste", "correction": "Correction", "comment": "Comment"}
GOOD = {"pass", "accepted", "finished", "promoted", "granted", "training", "champion", "verified", "published", "fixed"}
BAD = {"fail", "failed", "rejected", "withdrawn", "refused", "revoked", "broken"}
WARN = {"inconclusive", "undone", "stopped", "rolled_back", "expired", "overlapping", "open"}
LIVE = {"running", "checking", "taken"}


@register.simple_tag
def style() -> SafeString:
    """The stylesheet of every page: one file where files are collected, else its sheets, each with a link.

    A browser fetches imported sheets late, and axe cannot read them under our policy.
    """
    names = [STYLE] if hasattr(staticfiles_storage, "hashed_files") else sheets_of()
    return format_html_join("\n  ", '<link rel="stylesheet" href="{}">', ([static(name)] for name in names))


@register.simple_tag
def sheet(name: str) -> SafeString:
    """The stylesheet of a page, for its `head` block. What every page needs stands in base.html."""
    return format_html('<link rel="stylesheet" href="{}">', static(f"cft/pages/{name}.css"))


@register.simple_tag
def script(name: str) -> SafeString:
    """The module of a page, for its `head` block. It runs when the page has been read, after htmx."""
    return format_html('<script src="{}" type="module"></script>', static(f"cft/pages/{name}.js"))


@register.inclusion_tag("parts/gauge.html")
def gauge(value: float | None, limit: float | None = None, top: float = 1.0, state: str = "") -> dict[str, Any]:
    """A bar from 0 to `top` with a tick at `limit`; decorative, so the figure stands beside it in words."""
    axis = plots.Axis(0.0, max(top, value or 0.0, limit or 0.0) or 1.0)
    return {
        "value": axis.at(value or 0.0),
        "limit": None if limit is None else axis.at(limit),
        "state": state,
    }


@register.inclusion_tag("parts/scale.html")
def scale(
    lower: float, estimate: float, upper: float, limit: float, was: float | None = None, better: str = "higher"
) -> dict[str, Any]:
    """A 95 % interval against its floor (`better="higher"`) or ceiling (`better="lower"`)."""
    return {"plot": plots.interval(lower, estimate, upper, limit, was, above=better == "higher")}


@register.inclusion_tag("parts/chart.html")
def line_chart(
    series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], title: str, x: str = "step", rows: int = 20
) -> dict[str, Any]:
    """A figure of lines with direct labels, a readout and a table of `rows` rows. `series`: (name, class s1 to s4,
    points).
    """
    return {"chart": plots.line_chart(series, rows), "title": title, "x": x}


@register.simple_tag
def kind(name: str) -> SafeString:
    """A kind of feedback by shape, hue and word."""
    return format_html(
        '<span class="tag k-{}"><span class="glyph" aria-hidden="true"></span>{}</span>', name, KINDS[name]
    )


@register.simple_tag
def mark(state: str, label: str = "") -> SafeString:
    """A state or verdict by sign, hue and word, such as PASS, running, withdrawn."""
    word = label or (state if state.isupper() else state.replace("_", " "))
    return format_html('<span class="mark {}">{}</span>', tone(state), word)


@register.filter
def tone(state: str) -> str:
    """The class of a state: good, bad, warn, live or idle."""
    key = state.lower()
    for name, members in (("good", GOOD), ("bad", BAD), ("warn", WARN), ("live", LIVE)):
        if key in members:
            return name
    return "idle"


@register.simple_tag(name="hash")
def hash_(value: str | bytes | memoryview, whole: bool = False) -> SafeString:
    """A hash, shortened to both ends, with a button that copies all of it."""
    text = value if isinstance(value, str) else bytes(value).hex()
    if not text:
        return format_html('<span class="meta">{}</span>', "none")
    shown = text if whole or len(text) <= 16 else f"{text[:6]}…{text[-4:]}"
    return format_html(
        '<span class="hash"><code title="{0}">{1}</code>'
        '<button type="button" class="copy needs-script" data-copy="{0}" aria-label="Copy {1}"></button></span>',
        text,
        shown,
    )


@register.inclusion_tag("parts/answer_line.html")
def answer_line(text: str, stored: str = "", most: int = 70) -> dict[str, Any]:
    """An answer as a list shows it: its first words and its calls. `stored`: JSON, where it is more than a text."""
    return {"line": line_of(text, stored), "most": most}


@register.filter
def place(path: str) -> str:
    """Where in a row something stands: `messages[4].content` is message 5."""
    return place_name(path)


@register.filter
def number(value: float | None) -> str:
    """1204 → 1,204."""
    return "–" if value is None else f"{value:,}"


@register.filter
def percent(value: float | None, digits: int = 0) -> str:
    """.123 → 12 %."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


@register.filter
def decimals(value: float | None, digits: int = 3) -> str:
    """A figure with a fixed number of decimals and a real minus sign."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


@register.filter
def duration(seconds: float | None) -> str:
    """664 → 11 m 04 s."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} m"
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """A time today as 14:02, an earlier one as 3 Nov 14:02; the whole of it in the tooltip."""
    if moment is None:
        return "–"
    local = timezone.localtime(moment)
    same_day = local.date() == timezone.localtime().date()
    shown = f"{local:%H:%M}" if same_day else f"{local.day} {local:%b %H:%M}"
    full = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), full, shown)
