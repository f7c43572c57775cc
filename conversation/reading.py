"""Reading a conversation that a stranger sent: what it may be, and the one spelling in which it is kept.

The form is that of OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat). What is refused is
refused with the path of the field and a remedy; nothing is guessed, reordered or cut. In the kept spelling a field that
is empty is left out, parts that are all text are one text, arguments are text, an image, a sound or a file is a
reference (what it is, its size, its SHA-256), and what the model thought aloud is `reasoning`, apart from what it said.

The limits below hold at every door: the API, the gateway and imports.
"""

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from conversation.shape import REFERENCE, Conversation, Message, canonical, functions_of

MOST_MESSAGES = 1_000
MOST_TOOLS = 128
LONGEST_TEXT = 200_000
"""Characters of one text: a content, a part, the arguments of a call."""
MOST_BYTES = 1_000_000
"""Of a conversation as RFC 8785 writes it; a reference counts with its own few bytes."""
LONGEST_NAME = 200

ROLES = ("system", "developer", "user", "assistant", "tool")
MESSAGE_FIELDS = {"role", "content", "name", "tool_calls", "tool_call_id", "reasoning", "reasoning_content", "refusal"}
REFERENCE_TEXTS = ("kind", "media_type", "name", "url", "sha256", "sha256_of_url", "sha256_of_id")
NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*?;base64,(?P<data>.*)", re.S)


class NotAConversation(ValueError):
    """What was sent is none. `path` names the field, `remedy` what would be accepted."""

    def __init__(self, path: str, message: str, remedy: str) -> None:
        super().__init__(f"{path}: {message} {remedy}")
        self.path, self.message, self.remedy = path, message, remedy


def read(messages: Any, tools: Any = None, *, lenient: bool = False) -> Conversation:
    """The conversation in the kept spelling. Raises NotAConversation.

    `lenient`: fields, parts and kinds of tools that are not known here are no reason to refuse, because somebody else
    answers them; unknown fields are left out, unknown parts become references.
    """
    if not isinstance(messages, list) or not 0 < len(messages) <= MOST_MESSAGES:
        raise NotAConversation("messages", "It is no list of messages.", f"Send a list of 1 to {MOST_MESSAGES}.")
    kept = [_message(value, f"messages[{index}]", lenient) for index, value in enumerate(messages)]
    if not any(message["role"] == "user" for message in kept):
        raise NotAConversation("messages", "No message is of the role user.", "Send what the user asked as well.")
    _check_results(kept)
    conversation = Conversation(kept, _tools(tools, lenient))
    _check_size(conversation)
    return conversation


def read_answer(
    value: Any, path: str = "answer", tools: Any = None, *, lenient: bool = False, checks_calls: bool = True
) -> Message:
    """An answer in the kept spelling: one message of the assistant. Raises NotAConversation.

    Calls must be right: JSON objects as arguments, and functions of `tools` where that names any. Unless `lenient`, or
    not `checks_calls`: a model may call what there is not, and that is what it said.
    """
    if isinstance(value, str):
        value = {"role": "assistant", "content": value}
    if isinstance(value, dict) and "role" not in value:
        value = {"role": "assistant", **value}
    answer = _message(value, path, lenient)
    if answer["role"] != "assistant":
        raise NotAConversation(f"{path}.role", f"It is {answer['role']!r}.", "An answer is the assistant's.")
    if checks_calls and not lenient:
        for index, call in enumerate(answer.get("tool_calls", ())):
            _check_call(call["function"], f"{path}.tool_calls[{index}].function", tools)
    return answer


def _message(value: Any, path: str, lenient: bool) -> Message:
    if not isinstance(value, dict):
        raise NotAConversation(path, "It is no message.", 'Send an object such as {"role": "user", "content": "…"}.')
    role = value.get("role")
    if role not in ROLES:
        raise NotAConversation(f"{path}.role", "It is no role.", f"Send one of {', '.join(ROLES)}.")
    if not lenient:
        _refuse_unknown(value, path)
    kept: Message = {"role": role}
    kept |= _present("name", _optional(value, "name", path, LONGEST_NAME))
    if role == "assistant":
        kept |= _present("reasoning", _reasoning(value, path))
        kept |= _present("tool_calls", _calls(value.get("tool_calls"), f"{path}.tool_calls"))
    if role == "tool":
        kept["tool_call_id"] = _text(value.get("tool_call_id"), f"{path}.tool_call_id", LONGEST_NAME)
    return kept | _present("content", _content_of(value, role, bool(kept.get("tool_calls")), path, lenient), None)


def _refuse_unknown(value: dict[str, Any], path: str) -> None:
    allowed = MESSAGE_FIELDS - {"assistant": {"tool_call_id"}, "tool": {"tool_calls"}}.get(
        value["role"], {"tool_calls", "tool_call_id", "reasoning", "reasoning_content", "refusal"}
    )
    for name, given in value.items():
        if name not in allowed and given not in (None, [], ""):
            remedy = f"A message of the role {value['role']} holds {', '.join(sorted(allowed))}."
            raise NotAConversation(f"{path}.{name[:60]}", "There is no such field.", remedy)


def _present(name: str, value: Any, *absent: Any) -> Message:
    return {} if value in (absent or ("", [], None)) else {name: value}


def _optional(value: dict[str, Any], name: str, path: str, longest: int) -> str:
    return "" if value.get(name) in (None, "") else _text(value[name], f"{path}.{name}", longest)


def _reasoning(value: dict[str, Any], path: str) -> str:
    name = "reasoning_content" if value.get("reasoning_content") else "reasoning"
    return _optional(value, name, path, LONGEST_TEXT)


def _text(value: Any, path: str, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str) or not value:
        raise NotAConversation(path, "It is no text, or an empty one.", f"Send 1 to {longest} characters.")
    return _storable(value, path, longest)


def _storable(value: str, path: str, longest: int = LONGEST_TEXT) -> str:
    if len(value) > longest:
        raise NotAConversation(path, f"It has {len(value)} characters.", f"Send at most {longest}.")
    if found := NOT_STORABLE.search(value):
        message = f"Character {found.start()} is a NUL or half a surrogate pair."
        raise NotAConversation(path, message, "Send text that can be stored as UTF-8.")
    return value


# --- content ---
def _content_of(value: dict[str, Any], role: str, has_calls: bool, path: str, lenient: bool) -> Any:
    """The content: None where the assistant calls instead of speaking."""
    content = value.get("content")
    if role == "assistant" and content in (None, "", []):
        refusal = _optional(value, "refusal", path, LONGEST_TEXT)
        if content is None and not refusal and not has_calls:
            raise NotAConversation(f"{path}.content", "It is missing.", "Send what the assistant said, or its calls.")
        return refusal or (None if has_calls else "")
    kept = _content(content, f"{path}.content", lenient)
    if role == "user" and not (kept.strip() if isinstance(kept, str) else kept):
        raise NotAConversation(f"{path}.content", "It is empty.", "Leave the message out, or send what the user said.")
    return kept


def _content(content: Any, path: str, lenient: bool) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return _storable(content, path)
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise NotAConversation(path, "It is neither a text nor a list of parts.", "Send a text.")
    parts = [_part(part, f"{path}[{index}]", lenient) for index, part in enumerate(content)]
    if all(part["type"] == "text" for part in parts):
        return _storable("".join(part["text"] for part in parts), path)
    return parts


def _part(part: dict[str, Any], path: str, lenient: bool) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "text":
        if not isinstance(part.get("text"), str):
            raise NotAConversation(f"{path}.text", "It is no text.", "Send the part's text.")
        return {"type": "text", "text": _storable(part["text"], f"{path}.text")}
    if kind == REFERENCE:
        return _kept_reference(part, path)
    if kind == "image_url":
        image = part.get("image_url")
        return _media("image", image.get("url") if isinstance(image, dict) else image, f"{path}.image_url.url")
    if kind == "input_audio" and isinstance(sound := part.get("input_audio"), dict):
        form = _optional(sound, "format", f"{path}.input_audio", LONGEST_NAME) or "wav"
        return _bytes("audio", f"audio/{form}", sound.get("data"), f"{path}.input_audio.data")
    if kind == "file" and isinstance(file := part.get("file"), dict):
        return _file(file, f"{path}.file")
    if lenient and isinstance(kind, str) and kind:
        return _reference(_storable(kind, f"{path}.type")[:40], "", json.dumps(part, sort_keys=True).encode())
    raise NotAConversation(f"{path}.type", "It is no part.", "Send text, image_url, input_audio or file.")


def _file(file: dict[str, Any], path: str) -> dict[str, Any]:
    name = _present("name", _optional(file, "filename", path, LONGEST_NAME))
    if file.get("file_data") is not None:
        return _media("file", file["file_data"], f"{path}.file_data") | name
    identity = _text(file.get("file_id"), f"{path}.file_id", LONGEST_NAME)
    return {"type": REFERENCE, "kind": "file", "sha256_of_id": hashlib.sha256(identity.encode()).hexdigest()} | name


def _media(kind: str, url: Any, path: str) -> dict[str, Any]:
    """A data URL's bytes, or an address: kept without its query, which may hold a key, and with the whole's SHA-256."""
    if not isinstance(url, str) or not url:
        raise NotAConversation(path, "It is no address.", "Send a data: URL in base64, or an https: address.")
    if url.startswith("data:"):
        found = DATA_URL.fullmatch(url)
        if found is None:
            raise NotAConversation(path, "It is no data URL in base64.", "Send data:image/png;base64,…")
        return _bytes(kind, found["type"] or "", found["data"], path)
    parts = _split(_storable(url, path, 2_000))
    if parts is None or parts.scheme not in ("http", "https"):
        raise NotAConversation(path, "It is no address.", "Send a data: URL in base64, or an https: address.")
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return {"type": REFERENCE, "kind": kind, "url": bare, "sha256_of_url": hashlib.sha256(url.encode()).hexdigest()}


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # such as a bracket that is not closed
        return None


def _bytes(kind: str, media_type: str, data: Any, path: str) -> dict[str, Any]:
    try:
        return _reference(kind, media_type, base64.b64decode(data, validate=True))
    except (binascii.Error, TypeError, ValueError) as problem:
        raise NotAConversation(path, "It is not base64.", "Send the bytes in base64.") from problem


def _reference(kind: str, media_type: str, data: bytes) -> dict[str, Any]:
    sized = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"type": REFERENCE, "kind": kind} | _present("media_type", media_type[:100]) | sized


def _kept_reference(part: dict[str, Any], path: str) -> dict[str, Any]:
    """A reference that was kept before, such as one of an export."""
    kept = {name: part[name] for name in REFERENCE_TEXTS if name in part}
    for name, value in kept.items():
        _text(value, f"{path}.{name}", 2_000)
    size = part.get("bytes")
    if "kind" not in kept or not (size is None or (type(size) is int and 0 <= size < 2**53)):
        raise NotAConversation(path, "It is no reference.", "Send its kind, bytes and sha256, or the part itself.")
    whole: dict[str, Any] = {"type": REFERENCE, **kept}
    return whole if size is None else whole | {"bytes": size}


# --- calls and tools ---
def _calls(calls: Any, path: str) -> list[dict[str, Any]]:
    if calls in (None, []):
        return []
    if not isinstance(calls, list) or len(calls) > MOST_TOOLS:
        raise NotAConversation(path, "It is no list of calls.", f"Send at most {MOST_TOOLS} calls of functions.")
    kept = [_call(call, f"{path}[{index}]") for index, call in enumerate(calls)]
    if len({call["id"] for call in kept}) < len(kept):
        raise NotAConversation(path, "Two calls have one id.", "Give each call an id of its own.")
    return kept


def _call(call: Any, path: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or call.get("type", "function") != "function" or not isinstance(function, dict):
        remedy = 'Send {"id": "…", "type": "function", "function": {"name": "…", "arguments": "{…}"}}.'
        raise NotAConversation(path, "It is no call of a function.", remedy)
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    if not isinstance(arguments, str):
        raise NotAConversation(f"{path}.function.arguments", "They are no text.", "Send them as JSON text.")
    return {
        "id": _text(call.get("id"), f"{path}.id", LONGEST_NAME),
        "type": "function",
        "function": {
            "name": _text(function.get("name"), f"{path}.function.name", LONGEST_NAME),
            "arguments": _storable(arguments, f"{path}.function.arguments"),
        },
    }


def _check_call(function: dict[str, Any], path: str, tools: Any) -> None:
    """A call that is to be learnt: of a function that there is, with arguments that can be read."""
    try:
        is_object = isinstance(json.loads(function["arguments"]), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise NotAConversation(f"{path}.arguments", "They are no JSON object.", 'Send JSON text such as {"city": "…"}.')
    names = functions_of(tools or ())
    if names and function["name"] not in names:
        raise NotAConversation(f"{path}.name", "No tool has this name.", f"Call one of {', '.join(names[:10])}.")


def _check_results(messages: list[Message]) -> None:
    """Each result of a tool follows the call that it answers."""
    called: set[str] = set()
    for index, message in enumerate(messages):
        called |= {call["id"] for call in message.get("tool_calls", ())}
        if message["role"] != "tool":
            continue
        if message["tool_call_id"] not in called:
            remedy = "Send the assistant's message with that call before it."
            raise NotAConversation(f"messages[{index}].tool_call_id", "No call before it has this id.", remedy)
        called.discard(message["tool_call_id"])


def _tools(tools: Any, lenient: bool) -> list[dict[str, Any]]:
    if tools in (None, []):
        return []
    if not isinstance(tools, list) or len(tools) > MOST_TOOLS:
        raise NotAConversation("tools", "It is no list of tools.", f"Send at most {MOST_TOOLS}.")
    names = [name for index, tool in enumerate(tools) for name in _tool_name(tool, f"tools[{index}]", lenient)]
    if len(set(names)) < len(names):
        raise NotAConversation("tools", "Two functions have one name.", "Give each a name of its own.")
    return tools


def _tool_name(tool: Any, path: str, lenient: bool) -> Iterator[str]:
    function = tool.get("function") if isinstance(tool, dict) else None
    if isinstance(tool, dict) and tool.get("type") == "function" and isinstance(function, dict):
        if not isinstance(function.get("parameters", {}), dict | None):
            raise NotAConversation(f"{path}.function.parameters", "They are no JSON schema.", "Send an object.")
        yield _text(function.get("name"), f"{path}.function.name", LONGEST_NAME)
    elif not lenient or not isinstance(tool, dict):
        remedy = 'Send {"type": "function", "function": {"name": "…", "parameters": {…}}}.'
        raise NotAConversation(path, "It is no function.", remedy)


def _check_size(conversation: Conversation) -> None:
    try:
        for index, tool in enumerate(conversation.tools):
            _check_value(tool, f"tools[{index}]")
        size = len(canonical({"messages": conversation.messages, "tools": conversation.tools}).encode())
    except RecursionError as problem:
        raise NotAConversation("tools", "They are nested too deeply.", "Send a flatter schema.") from problem
    if size > MOST_BYTES:
        raise NotAConversation("messages", f"They have {size} bytes.", f"Send at most {MOST_BYTES}, in fewer turns.")


def _check_value(value: Any, path: str) -> None:
    if isinstance(value, str):
        _storable(value, path)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotAConversation(path, "It is no number of JSON.", "Send plain JSON.")
    for name, inner in value.items() if isinstance(value, dict) else ():
        _storable(name, path)
        _check_value(inner, f"{path}.{name}")
    for index, inner in enumerate(value if isinstance(value, list) else ()):
        _check_value(inner, f"{path}[{index}]")
