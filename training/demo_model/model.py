"""The demo model: a Llama of about a million parameters, small enough to train in minutes on a processor."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from training.demo_model.tokenizer import CONTEXT


def demo_config(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )


def demo_model(vocabulary: int, seed: int) -> LlamaForCausalLM:
    """An untrained demo model; the seed decides its weights."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(demo_config(vocabulary))
