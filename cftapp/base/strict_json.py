"""Reading JSON that strangers send (RFC 8259, and RFC 7493 in what must be readable by everybody).

Python's own reader goes further than JSON: it takes NaN and Infinity, makes an infinity of 1e999, lets half a surrogate
pair through, and runs out of stack at some thousand brackets. Each would fail later, where it is written again.
"""

import json
import math
import re
from typing import Any

DEEPEST = 100  # lists and objects within one another
LONGEST_NUMBER = 300  # digits: a double ends at 1.8e308
HALF_A_PAIR = re.compile("[\ud800-\udfff]")
MAY_HOLD_ONE = re.compile(r"\\u[dD][89a-fA-F]")

Place = tuple["Place", str] | None
"""Where a value stands: the place of what holds it, and its name in there."""


class NotJson(ValueError):
    """This is no JSON. The message is a sentence; `path` names the field, where it is about one."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


def read(raw: bytes | str, *, checks_texts: bool = True) -> Any:
    """The value that `raw` (UTF-8) holds. NotJson says what is wrong with it.

    `checks_texts=False`: halves of surrogate pairs are refused in names only, because a validator names their field.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        value = json.loads(text, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except UnicodeDecodeError as problem:
        raise NotJson(f"The body is not UTF-8: byte {problem.start}.") from problem
    except RecursionError as problem:
        raise NotJson(f"This is nested more than {DEEPEST} levels deep.") from problem
    except json.JSONDecodeError as problem:
        raise NotJson(f"This is not JSON: {problem}.") from problem
    if text.count("[") + text.count("{") > DEEPEST or MAY_HOLD_ONE.search(text):
        check(value, checks_texts)
    return value


def _constant(name: str) -> None:
    raise NotJson(f"This is not JSON: {name} is no number.")


def _float(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise NotJson(f"This is not JSON that everybody reads: {digits[:20]} is beyond a 64-bit number.")
    return number


def _int(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise NotJson(f"This is not JSON that everybody reads: a number has {len(digits)} digits.")
    return int(digits)


def check(value: Any, checks_texts: bool = True) -> None:
    """Refuse what is nested too deeply, and halves of surrogate pairs. Without recursion, whatever the depth."""
    waiting: list[tuple[Any, Place, int]] = [(value, None, 0)]
    while waiting:
        each, place, depth = waiting.pop()
        if isinstance(each, str):
            if checks_texts and HALF_A_PAIR.search(each):
                raise _half_a_pair(place)
            continue
        if not isinstance(each, dict | list):
            continue
        if depth == DEEPEST:
            raise NotJson(f"This is nested more than {DEEPEST} levels deep.", path_of(place))
        for name, inner in each.items() if isinstance(each, dict) else enumerate(each):
            here = (place, str(name))
            if isinstance(name, str) and HALF_A_PAIR.search(name):
                raise _half_a_pair(here)
            waiting.append((inner, here, depth + 1))


def _half_a_pair(place: Place) -> NotJson:
    return NotJson("This is not well-formed Unicode: a surrogate (U+D800 to U+DFFF) lacks its partner.", path_of(place))


def path_of(place: Place) -> str:
    """The path, such as `messages.0.content`: readable, and writable whatever the names are."""
    names: list[str] = []
    while place is not None:
        place, name = place
        names.append(name[:60].encode("ascii", "backslashreplace").decode())
    return ".".join(reversed(names))[:300]
