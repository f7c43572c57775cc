"""Eight families' chat templates: what is served, which tokens carry loss, and what each refuses.

The templates are written by us from their documentation, the tokenizers are tiny and the weights random: see
`tests/support/chat_templates.py`.
"""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation import Conversation
from tests.support.chat_templates import FAMILIES, random_model, tokenizer_of
from tests.support.runs import lines, write_run
from training.engine.encoding import Encoded, Unencodable, encode, prompt_ids
from training.engine.errors import EngineError
from training.engine.finetune import finetune
from training.engine.loading import choose_device, load_model
from training.engine.tokenizer import load_counter

tokenizer = cache(tokenizer_of)
SYSTEM = {"role": "system", "content": "You answer for the harbour."}
ASKED = {"role": "user", "content": "Who keeps the tide book?"}
SAID = {"role": "assistant", "content": "The pilot keeps it."}
THEN = {"role": "user", "content": "And when is it bound?"}
NO_SYSTEM = {"Gemma", "DeepSeek R1"}

SERVED = {
    "Llama 3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
    "Today Date: 26 Jul 2024\n\nYou answer for the harbour.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
    "Who keeps the tide book?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nThe pilot keeps it.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nAnd when is it bound?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    **dict.fromkeys(
        ["Qwen 2.5", "Qwen 3", "SmolLM2", "marked"],
        "<|im_start|>system\nYou answer for the harbour.<|im_end|>\n"
        + "<|im_start|>user\nWho keeps the tide book?<|im_end|>\n"
        + "<|im_start|>assistant\nThe pilot keeps it.<|im_end|>\n"
        + "<|im_start|>user\nAnd when is it bound?<|im_end|>\n"
        + "<|im_start|>assistant\n",
    ),
    "Gemma": "<bos><start_of_turn>user\nWho keeps the tide book?<end_of_turn>\n<start_of_turn>model\n"
    "The pilot keeps it.<end_of_turn>\n<start_of_turn>user\nAnd when is it bound?<end_of_turn>\n<start_of_turn>model\n",
    "Mistral": "<s>[INST] Who keeps the tide book?[/INST] The pilot keeps it.</s>"
    "[INST] You answer for the harbour.\n\nAnd when is it bound?[/INST]",
    "Phi": "<|system|>\nYou answer for the harbour.<|end|>\n<|user|>\nWho keeps the tide book?<|end|>\n<|assistant|>\n"
    "The pilot keeps it.<|end|>\n<|user|>\nAnd when is it bound?<|end|>\n<|assistant|>\n",
    "DeepSeek": "<｜begin▁of▁sentence｜>You answer for the harbour.<｜User｜>Who keeps the tide book?<｜Assistant｜>"
    "The pilot keeps it.<｜end▁of▁sentence｜><｜User｜>And when is it bound?<｜Assistant｜>",
}
CLOSED = {
    "Llama 3": "{}<|eot_id|>",
    "Qwen 2.5": "{}<|im_end|>\n",
    "Qwen 3": "<think>\n\n</think>\n\n{}<|im_end|>\n",
    "Gemma": "{}<end_of_turn>\n",
    "Mistral": " {}</s>",
    "Phi": "{}<|end|>\n",
    "SmolLM2": "{}<|im_end|>\n",
    "DeepSeek": "{}<｜end▁of▁sentence｜>",
    "marked": "{}<|im_end|>\n",
}
ENDED = {"Gemma": "<eos>", "Phi": "<|endoftext|>"}
"""What stands behind the last turn only."""


def dialogue(name: str) -> Conversation:
    return Conversation([*([] if name in NO_SYSTEM else [SYSTEM]), ASKED, SAID, THEN])


def learnt(name: str, row: Encoded) -> list[str]:
    """The text of each span that carries loss."""
    return [tokenizer(name).decode(row.ids[start:end]) for start, end in row.learnt]


@pytest.mark.parametrize("name", SERVED)
def test_the_prompt_is_written_as_the_family_documents_it(name: str) -> None:
    ids = prompt_ids(tokenizer(name), dialogue(name).messages)
    assert tokenizer(name).decode(ids) == SERVED[name]
    assert ids == tokenizer(name)(SERVED[name], add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", SERVED)
def test_loss_is_on_the_answer_and_what_closes_it(name: str) -> None:
    row = encode(tokenizer(name), dialogue(name), "On Friday.")
    assert tokenizer(name).decode(row.prompt) == SERVED[name]
    assert learnt(name, row) == [CLOSED[name].format("On Friday.") + ENDED.get(name, "")]


@pytest.mark.parametrize("name", [*CLOSED])
def test_loss_is_on_every_turn_of_the_assistant_where_asked(name: str) -> None:
    turns = Conversation([ASKED, SAID, THEN])
    if name == "Qwen 3":  # without thoughts in the history: what was learnt of them would never be served
        with pytest.raises(Unencodable, match="earlier answer differently") as refused:
            encode(tokenizer(name), turns, "On Friday.", "assistant")
        assert refused.value.field == "messages[1]" and "loss: answer" in refused.value.remedy
        return
    row, ordinary = (encode(tokenizer(name), turns, "On Friday.", loss) for loss in ("assistant", "answer"))
    assert row.ids == ordinary.ids
    said = [CLOSED[name].format(text) for text in ("The pilot keeps it.", "On Friday.")]
    assert learnt(name, row) == [said[0], said[1] + ENDED.get(name, "")]


def test_a_template_that_moves_the_system_prompt_cannot_be_learnt_turn_by_turn() -> None:
    """Mistral's puts it before the last question: the beginning of the whole is not what was served then."""
    with pytest.raises(Unencodable, match="earlier answer differently"):
        encode(tokenizer("Mistral"), dialogue("Mistral"), "On Friday.", "assistant")


def test_a_greeting_before_any_question_is_not_learnt() -> None:
    greeted = Conversation([{"role": "assistant", "content": "Hello."}, ASKED, SAID, THEN])
    for name in ("Qwen 2.5", "marked", "DeepSeek"):
        row = encode(tokenizer(name), greeted, "On Friday.", "assistant")
        assert learnt(name, row) == [CLOSED[name].format(text) for text in ("The pilot keeps it.", "On Friday.")]


PIECES = [*"ab \n\té€\U000f0000<|>", "<|im_end|>", "</s>", "[INST]", "<tool_call>", "</think>", "<eos>", "Who "]
WORDS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(name=st.sampled_from(sorted(CLOSED)), system=WORDS, turns=st.lists(WORDS, min_size=0, max_size=4), answer=WORDS)
@settings(max_examples=150, deadline=None)
def test_what_is_served_is_the_exact_beginning_of_what_is_trained(
    name: str, system: str, turns: list[str], answer: str
) -> None:
    asked = [SYSTEM | {"content": system}] if system and name not in NO_SYSTEM else []
    for number, text in enumerate(turns[: len(turns) - 1 + len(turns) % 2] or ["Who?"]):
        asked.append({"role": "assistant" if number % 2 else "user", "content": text})
    row = encode(tokenizer(name), Conversation(asked), answer)
    served = prompt_ids(tokenizer(name), asked)
    assert row.ids[: len(served)] == served == row.prompt
    assert tokenizer(name).eos_token_id in row.answer
    assert all(len(served) <= start <= end <= len(row) for start, end in row.learnt)
    assert row.learnt[-1][1] == len(row)


def test_an_order_of_roles_that_a_template_refuses_is_named() -> None:
    with pytest.raises(Unencodable, match="no place for a system prompt") as refused:
        prompt_ids(tokenizer("Gemma"), [SYSTEM, ASKED])
    assert refused.value.field == "messages[0]"
    for name in ("Gemma", "Mistral"):
        with pytest.raises(Unencodable, match=r"\(user, user\): .*must alternate") as refused:
            encode(tokenizer(name), Conversation([ASKED, THEN]), "On Friday.")
        assert refused.value.field == "messages" and "leave the row out" in refused.value.remedy


def test_a_developer_is_written_as_the_system() -> None:
    developer = {"role": "developer", "content": SYSTEM["content"]}
    assert prompt_ids(tokenizer("Phi"), [developer, ASKED]) == prompt_ids(tokenizer("Phi"), [SYSTEM, ASKED])


def test_reasoning_is_learnt_where_the_template_has_a_place_for_it() -> None:
    answer = {"role": "assistant", "reasoning": "Books are bound late.", "content": "On Friday."}
    row = encode(tokenizer("Qwen 3"), dialogue("Qwen 3"), answer)
    assert learnt("Qwen 3", row) == ["<think>\nBooks are bound late.\n</think>\n\nOn Friday.<|im_end|>\n"]
    with pytest.raises(Unencodable, match="no place for the reasoning of an answer") as refused:
        encode(tokenizer("Llama 3"), dialogue("Llama 3"), answer)
    assert refused.value.field == "answer.reasoning"


def test_reasoning_of_earlier_turns_is_left_to_the_template() -> None:
    """What is served then is what is learnt then: Qwen 3 leaves out what was thought before the last question."""
    thought = Conversation([ASKED, SAID | {"reasoning": "It was the pilot."}, THEN])
    assert encode(tokenizer("Qwen 3"), thought, "On Friday.").prompt == prompt_ids(
        tokenizer("Qwen 3"), [ASKED, SAID, THEN]
    )


def test_a_template_that_opens_a_thought_for_the_model_cannot_be_read() -> None:
    with pytest.raises(EngineError, match="differently from an open one") as refused:
        encode(tokenizer("DeepSeek R1"), dialogue("DeepSeek R1"), "On Friday.")
    assert refused.value.field == "base_model"


def test_an_image_is_refused_with_its_path() -> None:
    part = {"type": "reference", "kind": "image", "media_type": "image/png", "bytes": 8, "sha256": "0" * 64}
    with pytest.raises(Unencodable, match="no place for an image") as refused:
        prompt_ids(tokenizer("Phi"), [ASKED | {"content": [{"type": "text", "text": "What is it?"}, part]}])
    assert refused.value.field == "messages[0].content"


@pytest.mark.heavy
@pytest.mark.parametrize("name", FAMILIES)
def test_a_conversation_is_learnt_by_a_model_of_the_family(tmp_path, name: str) -> None:
    """Random weights: the loss on a dialogue falls, counted on the tokens of its answer alone."""
    base = random_model(name, tmp_path / "base")
    messages, answer = dialogue(name).messages, {"role": "assistant", "content": "On Friday."}
    rows = [{"kind": "pair", "messages": messages, "answer": answer}]
    recipe = {"min_steps": 12, "lr": 0.03, "rank": 4, "batch_size": 1, "kl_weight": 0, "warmup_steps": 0}
    finetune(write_run(tmp_path, base=base, rows=rows, recipe=recipe))
    steps = lines(tmp_path / "metrics.jsonl")
    assert steps[-1]["ce"] < steps[0]["ce"]
    assert encode(load_counter(base), dialogue(name), "On Friday.").prompt == prompt_ids(tokenizer(name), messages)
    assert load_model(base, choose_device("cpu"), "float32").config.vocab_size == len(tokenizer(name))
