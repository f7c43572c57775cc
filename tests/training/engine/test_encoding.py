"""Rows become tokens: only answers are learnt, and the prompt is the one used when serving."""

import subprocess
import sys

import pytest
from transformers import AutoTokenizer

from tests.support.runs import BASE, ROOT
from training.demo_model.tokenizer import render, render_answer
from training.engine.context import context_length, context_of
from training.engine.encoding import encode, rendered
from training.engine.errors import EngineError
from training.engine.tensors import IGNORED, collate
from training.engine.tokenizer import FALLBACK_TEMPLATE, load_counter, load_tokenizer


@pytest.fixture
def tokenizer():
    return load_tokenizer(BASE)


def test_the_template_writes_what_pretraining_wrote(tokenizer):
    asked = [{"role": "user", "content": "What is 1 + 2?"}]
    answered = [*asked, {"role": "assistant", "content": "3"}]
    assert rendered(tokenizer, asked, open_ended=True) == render("What is 1 + 2?")
    assert tokenizer.apply_chat_template(answered, tokenize=False) == render("What is 1 + 2?") + render_answer("3")


def test_the_template_marks_the_answer(tokenizer):
    turns = [{"role": "user", "content": "What is 1 + 2?"}, {"role": "assistant", "content": "3"}]
    marked = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    learnt = [i for i, m in zip(marked["input_ids"], marked["assistant_masks"], strict=True) if m]
    assert learnt == encode(tokenizer, "What is 1 + 2?", "3").answer


def test_only_answer_tokens_are_learnt(tokenizer):
    rows = [encode(tokenizer, "Reverse: a b c", "c b a"), encode(tokenizer, "Hi", "Hello there, how are you?")]
    ids, attention, labels = collate(rows, tokenizer.pad_token_id)
    for i, row in enumerate(rows):
        learnt = labels[i] != IGNORED
        assert labels[i][learnt].tolist() == row.answer
        assert ids[i][learnt].tolist() == row.answer
        assert int(attention[i].sum()) == len(row.prompt) + len(row.answer)
        assert not learnt[: len(row.prompt)].any()


def test_the_answer_ends_with_the_end_token(tokenizer):
    assert encode(tokenizer, "Hi", "Hello").answer[-1] == tokenizer.eos_token_id


def test_a_template_without_an_end_token_gets_one(tokenizer):
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    encoded = encode(tokenizer, "Hi", "Hello")
    assert tokenizer.decode(encoded.prompt) == "user: Hi\nassistant:"
    assert encoded.answer[-1] == tokenizer.eos_token_id


def test_a_template_that_rewrites_the_question_is_refused(tokenizer):
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}?!{% endif %}"
    )
    with pytest.raises(EngineError) as refused:
        encode(tokenizer, "Hi", "Hello")
    assert refused.value.field == "base_model"


def test_a_model_without_a_template_gets_the_documented_one(tmp_path):
    plain = AutoTokenizer.from_pretrained(BASE)
    plain.chat_template = None
    plain.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.chat_template == FALLBACK_TEMPLATE
    assert rendered(tokenizer, [{"role": "user", "content": "Hi"}], open_ended=True) == "User: Hi\nAssistant:"
    assert tokenizer.decode(encode(tokenizer, "Hi", "Hello").answer).startswith(" Hello")


def test_who_only_counts_gets_the_same_tokens_and_no_torch(tokenizer):
    counter = load_counter(BASE)
    for row in [("What is 1 + 2?", "3"), ("Sort: b  a\n", "a<|end|>"), ("", "")]:
        assert encode(counter, *row) == encode(tokenizer, *row)
    code = (
        "import sys; from training.engine.encoding import encode; from training.engine.tokenizer import load_counter\n"
        f"encode(load_counter({str(BASE)!r}), 'Hi', 'There'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ({"max_position_embeddings": 8192}, 8192),
        ({"n_positions": 1024, "n_ctx": 512}, 1024),
        ({"max_seq_len": 2048}, 2048),
        ({"model_type": "gemma3", "text_config": {"max_position_embeddings": 32768}}, 32768),
        ({"model_type": "bloom"}, None),
    ],
)
def test_the_context_is_what_the_configuration_says(config, context):
    assert context_length(config) == context


def test_the_demo_model_takes_512_tokens():
    assert context_of(BASE) == 512
