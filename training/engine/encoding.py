"""Conversations to tokens: as the chat template writes them, and nothing that a person wrote as a command.

The one place where messages become tokens: training, evaluation, serving and the count at screening all come here, so
what is trained is, token for token, what is served. A control token of the base in somebody's text (`<|end|>`,
`<|im_start|>`), in an argument, a result or a tool's description is text like any other: only what the chat template
itself writes opens or ends a turn. No torch.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal

from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import mark_control_tokens

from conversation import Conversation, Message
from training.engine.errors import EngineError
from training.engine.templates import Places, Span, Tools, places_of, render, template_of

Loss = Literal["answer", "assistant"]
"""What is learnt of a row: the answer, or every turn of the assistant."""

TEMPLATE_REMEDY = "Use a base whose chat template does, or leave the row out."


class Unencodable(EngineError):
    """A row that the base's tokenizer or chat template cannot write; `field` is the path in it."""


@dataclass(frozen=True)
class Encoded:
    """`prompt` as it is served, `answer` as it is to be written, and the spans of both together that carry loss."""

    prompt: list[int]
    answer: list[int]
    learnt: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)

    @property
    def ids(self) -> list[int]:
        return self.prompt + self.answer


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], tools: Tools = ()) -> list[int]:
    """The tokens up to where the model's answer begins. Raises Unencodable."""
    return tokens(tokenizer, rendered(tokenizer, messages, tools, open_ended=True))


def encode(
    tokenizer: PreTrainedTokenizerBase, asked: str | Conversation, answered: str | Message, loss: Loss = "answer"
) -> Encoded:
    """One row. The answer's tokens end with the end-of-sequence token, so that the model learns to stop.

    Prompt and answer are tokenized apart: in use the prompt is tokenized alone, too. Raises EngineError where the
    template cannot be read, Unencodable where it or the tokenizer cannot write this row.
    """
    conversation = Conversation.of(asked) if isinstance(asked, str) else asked
    answer = {"role": "assistant", "content": answered} if isinstance(answered, str) else answered
    row = Row(tokenizer, conversation.messages, answer, conversation.tools)
    return Encoded(row.prompt, row.answer, (*(row.earlier() if loss == "assistant" else ()), *row.last()))


class Row:
    """A conversation and its answer, rendered and in tokens; characters are those of the rendered text."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], answer: Message, tools: Tools
    ) -> None:
        self.tokenizer, self.messages, self.tools = tokenizer, messages, tools
        self.before = self.text(messages, open_ended=True)
        refuse_without_place(tokenizer, [answer], tools, "answer")
        self.whole, self.marks = written(tokenizer, [*messages, answer], tools, open_ended=False, marks=True)
        if not self.whole.startswith(self.before):
            raise EngineError(
                "base_model",
                "Its chat template writes an answered question differently from an open one.",
                "Use a template where the open question is the beginning of the answered one.",
            )
        self.prompt = tokens(tokenizer, self.before)
        self.answer = tokens(tokenizer, self.whole[len(self.before) :])
        if tokenizer.eos_token_id not in self.answer:
            self.answer.append(tokenizer.eos_token_id)

    def text(self, messages: Sequence[Message], *, open_ended: bool) -> str:
        return rendered(self.tokenizer, messages, self.tools, open_ended=open_ended)

    def last(self) -> Iterator[Span]:
        """What is learnt of the answer: what the template marks, else all of it.

        What closes it is learnt where the marks leave it out, too, or the model would not stop.
        """
        start, whole = len(self.prompt), self.whole[len(self.before) :]
        spans = [(max(a - len(self.before), 0), b - len(self.before)) for a, b in self.marks if b > len(self.before)]
        spans = [*spans[:-1], (spans[-1][0], len(whole))] if spans else [(0, len(whole))]
        for begin, end in spans:
            until = len(self.answer) if end == len(whole) else self.position(whole, self.answer, end)
            yield start + self.position(whole, self.answer, begin), start + until

    def earlier(self) -> Iterator[Span]:
        """What is learnt of the turns before; a greeting that came before any question answers nobody."""
        for begin, end in self.marked_turns() if self.marks else self.turns_by_difference():
            yield self.position(self.before, self.prompt, begin), self.position(self.before, self.prompt, end)

    def marked_turns(self) -> Iterator[Span]:
        closing = self.whole[self.marks[-1][1] :]
        question = next((i for i, message in enumerate(self.messages) if message["role"] == "user"), 0)
        greeted = any(message["role"] == "assistant" for message in self.messages[:question])
        first = len(self.text(self.messages[: question + 1], open_ended=True)) if greeted else 0
        for begin, end in self.marks:
            if first <= begin < end <= len(self.before):
                yield begin, end + (len(closing) if self.whole.startswith(closing, end) else 0)

    def turns_by_difference(self) -> Iterator[Span]:
        """From where each was asked for to where it ended, if the whole begins with both. Raises Unencodable."""
        asked = False
        for index, message in enumerate(self.messages):
            asked = asked or message["role"] == "user"
            if message["role"] != "assistant" or not asked:
                continue
            begin = self.text(self.messages[:index], open_ended=True)
            end = self.text(self.messages[: index + 1], open_ended=False)
            if not self.whole.startswith(end):  # some end a conversation, not a turn, with this token
                end = end.removesuffix(str(self.tokenizer.eos_token))
            if not (self.whole.startswith(begin) and self.whole.startswith(end) and end.startswith(begin)):
                raise Unencodable(
                    f"messages[{index}]",
                    "The base's chat template writes an earlier answer differently from how it was given.",
                    "Learn the answer alone (loss: answer), or use a template with {% generation %} marks.",
                )
            yield len(begin), len(end)

    def position(self, text: str, ids: list[int], at: int) -> int:
        """How many of the text's tokens lie wholly before a character."""
        before = tokens(self.tokenizer, text[:at])
        return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(before, ids, strict=False)))


# --- rendering --------------------------------------------------------------------------------------------------------


def rendered(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], tools: Tools = (), *, open_ended: bool
) -> str:
    """The conversation as the chat template writes it, with every control token that somebody wrote marked as text.

    Raises Unencodable where the template has no place for a part of it, or refuses it.
    """
    refuse_without_place(tokenizer, messages, tools)
    return written(tokenizer, messages, tools, open_ended=open_ended)[0]


def written(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    tools: Tools,
    *,
    open_ended: bool,
    marks: bool = False,
) -> tuple[str, list[Span]]:
    control = control_tokens(tokenizer, tools)
    spelt = marked(list(as_template_reads(tokenizer, messages, tools)), control)
    try:
        return render(tokenizer, spelt, marked(list(tools), control), open_ended=open_ended, marks=marks)
    except Exception as cause:  # a template is a program: it refuses an order of roles with an error of its own
        roles = ", ".join(message["role"] for message in messages[:8]) + (", …" if len(messages) > 8 else "")
        said = str(cause).rstrip(".")
        message = f"The base's chat template refuses these roles in this order ({roles}): {said}."
        raise Unencodable("messages", message, TEMPLATE_REMEDY) from cause


def refuse_without_place(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], tools: Tools, answer: str = ""
) -> None:
    """Raise Unencodable for what the template would leave out without a word. `answer`: it is one, named so."""
    for path, what in without_place(tokenizer, messages, tools, answer):
        raise Unencodable(path, f"The base's chat template has no place for {what}.", TEMPLATE_REMEDY)


def without_place(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], tools: Tools, answer: str
) -> Iterator[tuple[str, str]]:
    if tools and not places_of(tokenizer, tools).tools:
        yield "tools", "tools"
    for index, message in enumerate(messages):
        path = answer or f"messages[{index}]"
        content = message.get("content")
        if isinstance(content, list) and any(part["type"] != "text" for part in content):
            yield f"{path}.content", "an image, a sound or a file here"
        if message["role"] in ("system", "developer") and not places_of(tokenizer, tools).system:
            yield path, "a system prompt"
        if message.get("tool_calls") and not places_of(tokenizer, tools).arguments:
            yield f"{path}.tool_calls", "calls of functions"
        if answer and message.get("tool_calls") and content and not places_of(tokenizer, tools).words_beside_calls:
            yield f"{path}.content", "words beside a call"
        if message["role"] == "tool" and not places_of(tokenizer, tools).results:
            yield path, "what a function returned"
        if answer and message.get("reasoning") and not places_of(tokenizer, tools).reasoning:
            yield f"{path}.reasoning", "the reasoning of an answer"


def as_template_reads(
    tokenizer: PreTrainedTokenizerBase, messages: Iterable[Message], tools: Tools
) -> Iterator[Message]:
    """Messages as templates know them: developers are the system, a call without words has empty ones."""
    for index, message in enumerate(messages):
        content = message.get("content") or ""
        if isinstance(content, list):
            content = "".join(part["text"] for part in content)
        role = "system" if message["role"] == "developer" else message["role"]
        spelt = {**message, "role": role, "content": content}
        if calls := message.get("tool_calls"):
            places, path = places_of(tokenizer, tools), f"messages[{index}].tool_calls"
            spelt["tool_calls"] = [spelt_call(call, places, f"{path}[{i}]") for i, call in enumerate(calls)]
        if role == "tool" and places_of(tokenizer, tools).short_ids:
            spelt["tool_call_id"] = short_id(message["tool_call_id"])
        yield spelt


def spelt_call(call: dict[str, Any], places: Places, path: str) -> dict[str, Any]:
    function = call["function"]
    arguments = function["arguments"]
    if places.arguments == "object":
        arguments = arguments_object(arguments, f"{path}.function.arguments")
    identity = short_id(call["id"]) if places.short_ids else call["id"]
    return {**call, "id": identity, "function": {**function, "arguments": arguments}}


def arguments_object(arguments: str, path: str) -> dict[str, Any]:
    """Arguments of a call as an object; none are an empty one. Raises Unencodable."""
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        message = "The base's chat template writes a call's arguments as a JSON object, and these are none."
        raise Unencodable(path, message, "Leave the row out, or correct them.")
    return value


def short_id(identity: str) -> str:
    """Nine letters and digits in place of an id, the same for the call and its result."""
    if re.fullmatch("[A-Za-z0-9]{9}", identity):
        return identity
    return hashlib.sha256(identity.encode()).hexdigest()[:9]


# --- control tokens ---------------------------------------------------------------------------------------------------


def marked(value: Any, control: re.Pattern[str]) -> Any:
    """The value with every control token in its texts, names of fields included, marked as text."""
    if isinstance(value, dict):
        return {mark_control_tokens(name, control): marked(inner, control) for name, inner in value.items()}
    if isinstance(value, list):
        return [marked(inner, control) for inner in value]
    return mark_control_tokens(value, control)


def tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The tokens of rendered text. Unencodable where the tokenizer cannot write a marked control token as text."""
    try:
        return list(tokenizer(text, add_special_tokens=False, sanitize_control_tokens=True)["input_ids"])
    except ValueError as cause:
        raise Unencodable(
            "text",
            "It holds a control token of the base model, whose tokenizer has no way to write it as text.",
            "Leave it out, or use a base whose tokenizer has one.",
        ) from cause


def control_tokens(tokenizer: PreTrainedTokenizerBase, tools: Tools = ()) -> re.Pattern[str]:
    """What only the chat template may write: special tokens, and those that it writes itself (`<tool_call>`).

    Other added tokens, such as runs of spaces, are how a model reads ordinary text.
    """
    added = tokenizer.added_tokens_decoder.values()
    template = template_of(tokenizer, tools)
    control = [token.content for token in added if token.special or is_written(token.content, template)]
    return re.compile("|".join(map(re.escape, sorted(control, key=len, reverse=True))) or "(?!)")


def is_written(token: str, template: str) -> bool:
    return not token.isspace() and token in template
