"""Tools that are no functions of chat completions, with the names by which they are called: the gateway takes all."""

from typing import Any

TOOLS_OF_OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"type": "function", "name": "tides", "parameters": {"type": "object"}}, "tides"),  # as the Responses API has it
    ({"type": "custom", "custom": {"name": "query", "description": "SQL"}}, "query"),
    ({"type": "custom", "name": "query"}, "query"),
    ({"type": "custom", "name": ""}, ""),
    ({"type": "custom", "name": None, "description": None}, ""),
    ({"type": "custom", "name": {"de": "x"}}, ""),
    ({"type": "custom", "function": "x"}, ""),
    ({"type": "custom", "function": {}}, ""),
    ({"type": "function"}, ""),
    ({"type": "function", "function": None}, ""),
    ({"type": "function", "function": ["x"]}, ""),
    ({"type": "web_search"}, ""),
    ({"type": ""}, ""),
    ({"type": ["x"]}, ""),
    ({}, ""),
]
