"""Chat templates of eight model families, written by us from their public documentation, on tiny tokenizers.

None is the file of its maker: they are what the makers' pages describe, in our own words, down to the control tokens,
where tools go, how a call is spelt and what is refused. The tokenizers are trained on a few sentences, the weights of
`random_model` are random: what is tested with them is which tokens are served and learnt, never what a model says.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from training.demo_model.tokenizer import train_tokenizer

LLAMA_3 = """
{{- bos_token }}
{%- if not date_string is defined %}{% set date_string = strftime_now("%d %b %Y") %}{% endif %}
{%- set system = "" %}
{%- if messages[0].role == "system" %}
  {%- set system = messages[0].content | trim %}{%- set messages = messages[1:] %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{%- if tools is not none %}{{- "Environment: ipython\n" }}{% endif %}
{{- "Cutting Knowledge Date: December 2023\nToday Date: " + date_string + "\n\n" + system + "<|eot_id|>" }}
{%- if tools is not none %}
  {{- "<|start_header_id|>user<|end_header_id|>\n\nRespond with JSON for a function call.\n\n" }}
  {%- for tool in tools %}{{- tool | tojson(indent=4) + "\n\n" }}{% endfor %}
  {{- messages[0].content | trim + "<|eot_id|>" }}{%- set messages = messages[1:] %}
{%- endif %}
{%- for message in messages %}
  {%- if "tool_calls" in message %}
    {%- if message.tool_calls | length != 1 %}
      {{- raise_exception("This model only supports single tool-calls at once!") }}
    {%- endif %}
    {%- set call = message.tool_calls[0].function %}
    {{- "<|start_header_id|>assistant<|end_header_id|>\n\n" }}
    {{- '{"name": "' + call.name + '", "parameters": ' }}{{- call.arguments | tojson }}{{- "}<|eot_id|>" }}
  {%- elif message.role == "tool" %}
    {{- "<|start_header_id|>ipython<|end_header_id|>\n\n" + message.content | tojson + "<|eot_id|>" }}
  {%- else %}
    {{- "<|start_header_id|>" + message.role + "<|end_header_id|>\n\n" + message.content | trim + "<|eot_id|>" }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|start_header_id|>assistant<|end_header_id|>\n\n" }}{% endif %}
"""

HERMES_TOOLS = """
{%- if tools %}
  {{- "<|im_start|>system\n" }}
  {%- if messages[0].role == "system" %}{{- messages[0].content + "\n\n" }}{% endif %}
  {{- "# Tools\n\nYou may call functions:\n<tools>" }}
  {%- for tool in tools %}{{- "\n" }}{{- tool | tojson }}{% endfor %}
  {{- "\n</tools>\n\nReturn each call as JSON within <tool_call></tool_call>.<|im_end|>\n" }}
"""

CALLS = """
      {%- for call in message.tool_calls %}
        {{- "\n" if content or not loop.first }}
        {{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
        {{- ARGUMENTS }}
        {{- "}\n</tool_call>" }}
      {%- endfor %}
"""

RESULTS = """
  {%- elif message.role == "tool" %}
    {%- if loop.first or messages[loop.index0 - 1].role != "tool" %}{{- "<|im_start|>user" }}{% endif %}
    {{- "\n<tool_response>\n" + message.content + "\n</tool_response>" }}
    {%- if loop.last or messages[loop.index0 + 1].role != "tool" %}{{- "<|im_end|>\n" }}{% endif %}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|im_start|>assistant\n" }}{% endif %}
"""

QWEN_25 = (
    HERMES_TOOLS
    + """
{%- elif messages[0].role == "system" %}
  {{- "<|im_start|>system\n" + messages[0].content + "<|im_end|>\n" }}
{%- else %}
  {{- "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n" }}
{%- endif %}
{%- for message in messages %}
  {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
    {{- "<|im_start|>" + message.role + "\n" + message.content + "<|im_end|>\n" }}
  {%- elif message.role == "assistant" %}
    {%- set content = message.content %}
    {{- "<|im_start|>assistant\n" + content }}
"""
    + CALLS.replace("ARGUMENTS", "call.function.arguments | tojson")
    + """
    {{- "<|im_end|>\n" }}
"""
    + RESULTS
)

QWEN_3 = (
    HERMES_TOOLS
    + """
{%- elif messages[0].role == "system" %}
  {{- "<|im_start|>system\n" + messages[0].content + "<|im_end|>\n" }}
{%- endif %}
{%- set ns = namespace(last=-1) %}
{%- for message in messages %}{% if message.role == "user" %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- for message in messages %}
  {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
    {{- "<|im_start|>" + message.role + "\n" + message.content + "<|im_end|>\n" }}
  {%- elif message.role == "assistant" %}
    {%- set thought = message.reasoning_content or "" %}
    {%- set content = message.content %}
    {{- "<|im_start|>assistant\n" }}
    {%- if loop.index0 > ns.last and (loop.last or thought) %}
      {{- "<think>\n" + thought.strip("\n") + "\n</think>\n\n" + content.lstrip("\n") }}
    {%- else %}{{- content }}{% endif %}
"""
    + CALLS.replace(
        "ARGUMENTS",
        "call.function.arguments if call.function.arguments is string else call.function.arguments | tojson",
    )
    + """
    {{- "<|im_end|>\n" }}
"""
    + RESULTS
)

GEMMA_2 = """
{{- bos_token }}
{%- if messages[0].role == "system" %}{{- raise_exception("System role not supported") }}{% endif %}
{%- for message in messages %}
  {%- if (message.role == "user") != (loop.index0 % 2 == 0) %}
    {{- raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
  {%- endif %}
  {%- set role = "model" if message.role == "assistant" else message.role %}
  {{- "<start_of_turn>" + role + "\n" + message.content | trim + "<end_of_turn>\n" }}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<start_of_turn>model\n" }}{% endif %}
"""

MISTRAL_V3 = """
{%- set system = "" %}
{%- if messages[0].role == "system" %}
  {%- set system = messages[0].content + "\n\n" %}{%- set messages = messages[1:] %}
{%- endif %}
{%- set ns = namespace(index=0, last=-1) %}
{%- for message in messages %}
  {%- if message.role == "user" %}{%- set ns.last = loop.index0 %}{% endif %}
  {%- if message.role == "user" or (message.role == "assistant" and message.tool_calls is not defined) %}
    {%- if (message.role == "user") != (ns.index % 2 == 0) %}
      {{- raise_exception("After the optional system message, roles must alternate user/assistant/...") }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
  {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in messages %}
  {%- if message.role == "user" %}
    {%- if tools is not none and loop.index0 == ns.last %}
      {{- "[AVAILABLE_TOOLS] " }}{{- tools | tojson }}{{- "[/AVAILABLE_TOOLS]" }}
    {%- endif %}
    {{- "[INST] " + (system if loop.index0 == ns.last else "") + message.content + "[/INST]" }}
  {%- elif message.tool_calls is defined %}
    {{- "[TOOL_CALLS] [" }}
    {%- for call in message.tool_calls %}
      {%- set written = call.function | tojson %}
      {{- written[:-1] }}
      {%- if call.id | length != 9 %}
        {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
      {%- endif %}
      {{- ', "id": "' + call.id + '"}' }}{{- ", " if not loop.last else "]" + eos_token }}
    {%- endfor %}
  {%- elif message.role == "assistant" %}
    {{- " " + message.content | trim + eos_token }}
  {%- elif message.role == "tool" %}
    {{- '[TOOL_RESULTS] {"content": ' }}{{- message.content | tojson }}
    {{- ', "call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
  {%- endif %}
{%- endfor %}
"""

PHI_35 = """
{%- for message in messages %}
  {%- if message.role == "system" and message.content %}{{- "<|system|>\n" + message.content + "<|end|>\n" }}
  {%- elif message.role == "user" %}{{- "<|user|>\n" + message.content + "<|end|>\n" }}
  {%- elif message.role == "assistant" %}{{- "<|assistant|>\n" + message.content + "<|end|>\n" }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|assistant|>\n" }}{% else %}{{- eos_token }}{% endif %}
"""

SMOLLM2 = """
{%- for message in messages %}
  {%- if loop.first and message.role != "system" %}
    {{- "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" }}
  {%- endif %}
  {{- "<|im_start|>" + message.role + "\n" + message.content + "<|im_end|>\n" }}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|im_start|>assistant\n" }}{% endif %}
"""

DEEPSEEK_V3 = """
{{- bos_token }}
{%- for message in messages %}{% if message.role == "system" %}{{- message.content }}{% endif %}{% endfor %}
{%- for tool in tools or [] %}
  {{- "\n\n" + tool.function.name + ": " + tool.function.description + " " }}{{- tool.function.parameters | tojson }}
{%- endfor %}
{%- for message in messages %}
  {%- if message.role == "user" %}{{- "<｜User｜>" + message.content }}
  {%- elif message.role == "assistant" %}
    {{- "<｜Assistant｜>" + message.content }}
    {%- for call in message.tool_calls %}
      {{- "<｜tool▁calls▁begin｜>" if loop.first else "\n" }}
      {{- "<｜tool▁call▁begin｜>" + call.type + "<｜tool▁sep｜>" + call.function.name + "\n```json\n" }}
      {{- call.function.arguments + "\n```<｜tool▁call▁end｜>" }}{{- "<｜tool▁calls▁end｜>" if loop.last }}
    {%- endfor %}
    {{- eos_token }}
  {%- elif message.role == "tool" %}
    {{- "<｜tool▁output▁begin｜>" + message.content + "<｜tool▁output▁end｜>" }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<｜Assistant｜>" }}{% endif %}
"""

DEEPSEEK_R1 = """
{{- bos_token }}
{%- for message in messages %}
  {%- if message.role == "user" %}{{- "<｜User｜>" + message.content }}
  {%- elif message.role == "assistant" %}
    {{- "<｜Assistant｜>" + message.content.split("</think>")[-1] + eos_token }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<｜Assistant｜><think>\n" }}{% endif %}
"""

MARKED = """
{%- for message in messages %}
  {%- if message.role == "assistant" %}
    {{- "<|im_start|>assistant\n" }}{% generation %}{{- message.content }}{% endgeneration %}{{- "<|im_end|>\n" }}
  {%- else %}{{- "<|im_start|>" + message.role + "\n" + message.content + "<|im_end|>\n" }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|im_start|>assistant\n" }}{% endif %}
"""

CHATML = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
HERMES = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]


@dataclass(frozen=True)
class Family:
    """`special` are its control tokens, `added` those that are no special tokens of the tokenizer."""

    template: str
    eos: str
    special: list[str]
    added: list[str] = field(default_factory=list)
    bos: str | None = None


FAMILIES = {
    "Llama 3": Family(
        LLAMA_3,
        "<|eot_id|>",
        ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        bos="<|begin_of_text|>",
    ),
    "Qwen 2.5": Family(QWEN_25, "<|im_end|>", CHATML, HERMES),
    "Qwen 3": Family(QWEN_3, "<|im_end|>", CHATML, [*HERMES, "<think>", "</think>"]),
    "Gemma": Family(GEMMA_2, "<eos>", ["<start_of_turn>", "<end_of_turn>"], bos="<bos>"),
    "Mistral": Family(
        MISTRAL_V3,
        "</s>",
        [
            "[INST]",
            "[/INST]",
            "[TOOL_CALLS]",
            "[AVAILABLE_TOOLS]",
            "[/AVAILABLE_TOOLS]",
            "[TOOL_RESULTS]",
            "[/TOOL_RESULTS]",
        ],
        bos="<s>",
    ),
    "Phi": Family(PHI_35, "<|endoftext|>", ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]),
    "SmolLM2": Family(SMOLLM2, "<|im_end|>", CHATML),
    "DeepSeek": Family(
        DEEPSEEK_V3,
        "<｜end▁of▁sentence｜>",
        ["<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>"]
        + ["<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"],
        bos="<｜begin▁of▁sentence｜>",
    ),
}
OTHERS = {
    "DeepSeek R1": Family(
        DEEPSEEK_R1,
        "<｜end▁of▁sentence｜>",
        ["<｜User｜>", "<｜Assistant｜>"],
        ["<think>", "</think>"],
        "<s>",
    ),
    "marked": Family(MARKED, "<|im_end|>", CHATML),
}
SENTENCES = [
    "You answer for the harbour. Who keeps the tide book? The pilot keeps it. And when is it bound? On Friday.",
    'What is the weather in Oslo? {"name": "weather", "arguments": {"city": "Oslo"}} sunny, it is sunny there.',
]


def tokenizer_of(name: str) -> PreTrainedTokenizerBase:
    """A tiny tokenizer with the family's control tokens and its chat template."""
    family = (FAMILIES | OTHERS)[name]
    tokenizer = train_tokenizer(SENTENCES, for_tools=False)
    tokenizer.add_special_tokens({"eos_token": family.eos, "additional_special_tokens": family.special})
    if family.bos:
        tokenizer.add_special_tokens({"bos_token": family.bos})
    tokenizer.add_tokens(family.added)
    tokenizer.chat_template = family.template
    return tokenizer


def random_model(name: str, folder: Path) -> Path:
    """A base of that family in a folder: its tokenizer, its architecture where that is small, random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kinds = {"Qwen 2.5": "qwen2", "Qwen 3": "qwen3", "Gemma": "gemma2", "Mistral": "mistral", "Phi": "phi3"}
    tokenizer = tokenizer_of(name)
    sizes: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 2048,
        "pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
    }  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kinds.get(name, "llama"), **sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
