"""The demo model's tokenizer: byte-level BPE of the demo world, marks for tools, and a chat template."""

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 1024  # and the marks for tools
CONTEXT = 512
PAD, END = "<|pad|>", "<|end|>"
SPECIAL = [PAD, END, "<|system|>", "<|user|>", "<|assistant|>"]
TOOL, CALL_MARKS = "<|tool|>", ["<tool_call>", "</tool_call>"]  # after the vocabulary: all other ids stay as they were

# Words with their leading space, single digits, single signs: sums stay digit by digit and words stay whole.
PIECES = r" ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]|\s+"

# Tools as Hermes writes them: a list in the system turn, calls between marks in the assistant's. Keys are sorted, so
# that tools read alike however their sender ordered them. `generation` marks the answer, so that
# `apply_chat_template` can return the mask of tokens to learn.
CHAT_TEMPLATE = (
    "{% set listed = ' <tools>' + (tools | tojson(sort_keys=true)) + '</tools>' if tools else '' %}"
    "{% set system_roles = ['system', 'developer'] %}"
    "{% if listed and messages[0]['role'] not in system_roles %}<|system|>{{ listed }}<|end|>{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|>{% generation %}"
    "{% if message['content'] or not message['tool_calls'] %} {{ message['content'] or '' }}{% endif %}"
    "{% for call in message['tool_calls'] or [] %}{% set arguments = call['function']['arguments'] %}"
    "<tool_call>{\"name\": {{ call['function']['name'] | tojson }}, \"arguments\": "
    "{{ arguments if arguments is string else arguments | tojson(sort_keys=true) }}}</tool_call>"
    "{% endfor %}<|end|>{% endgeneration %}"
    "{% elif message['role'] in system_roles %}"
    "<|system|> {{ message['content'] }}{{ listed if loop.first else '' }}<|end|>"
    "{% else %}<|{{ message['role'] }}|> {{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train_tokenizer(texts: Iterable[str], *, for_tools: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer learnt from the texts; the same texts give the same tokenizer. `for_tools`: with marks for them."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    if for_tools:
        bpe.add_special_tokens([TOOL])
        bpe.add_tokens([AddedToken(mark, special=False) for mark in CALL_MARKS])  # decoding keeps them, to be read
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def render(prompt: str, context: str = "") -> str:
    """The text before an answer, as the chat template writes it; `context` is that of earlier turns."""
    return f"{context}<|user|> {prompt}{END}<|assistant|>"


def render_answer(answer: str) -> str:
    return f" {answer}{END}"
