"""Writes a Llama of one wide layer and a small vocabulary, random but sane: for tests that need wide rows, not sense."""

import json
import struct

import numpy as np

VOCAB = 512


def write(folder, hidden=1024):
    """A folder as Hugging Face has it, in BF16; the same bytes every time."""
    random = np.random.default_rng(7)
    layer = "model.layers.0."
    shapes = {"model.embed_tokens.weight": (VOCAB, hidden), "model.norm.weight": (hidden,), "lm_head.weight": (VOCAB, hidden),
              layer + "input_layernorm.weight": (hidden,), layer + "post_attention_layernorm.weight": (hidden,)}
    for name, rows in (("self_attn.q", hidden), ("self_attn.k", hidden // 2), ("self_attn.v", hidden // 2), ("self_attn.o", hidden), ("mlp.gate", hidden),
                       ("mlp.up", hidden), ("mlp.down", hidden)):
        shapes[f"{layer}{name}_proj.weight"] = (rows, hidden)
    header, data = {}, bytearray()
    for name, shape in shapes.items():
        values = np.ones(shape, np.float32) if len(shape) == 1 else random.standard_normal(shape, np.float32) * 0.03
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [len(data), len(data) + 2 * values.size]}
        data += (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    text = json.dumps(header).encode()
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "num_hidden_layers": 1, "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 128, "head_dim": 64, "intermediate_size": hidden, "vocab_size": VOCAB, "rms_norm_eps": 1e-5,
        "hidden_act": "silu", "max_position_embeddings": 512, "tie_word_embeddings": False, "rope_theta": 10000.0, "torch_dtype": "bfloat16"}))
    return folder
