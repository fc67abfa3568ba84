#!/usr/bin/python3
"""Writes a Llama of random bytes in BF16 or ModelOpt NVFP4, for timing loads: what it says means nothing.

  bench/made_up_model.py --format bf16|nvfp4 [--layers 2] [--hidden 4096] OUT_FOLDER

Two layers of Llama 3.1 8B's width are 1.0 GB in BF16 and 0.4 GB in NVFP4, embedding and head included. Standard library only.
"""
import argparse, json, os, pathlib, struct


def tensors(c, layers, nvfp4):
    """Name, safetensors' element type, shape."""
    hidden, inner, kv, vocab = c["hidden_size"], c["intermediate_size"], c["num_key_value_heads"] * c["head_dim"], c["vocab_size"]

    def linear(name, rows, cols):
        if not nvfp4:
            yield name + ".weight", "BF16", [rows, cols]
            return
        yield name + ".weight", "U8", [rows, cols // 2]
        yield name + ".weight_scale", "F8_E4M3", [rows, cols // 16]
        yield name + ".weight_scale_2", "F32", []
        yield name + ".input_scale", "F32", []

    yield "model.embed_tokens.weight", "BF16", [vocab, hidden]
    for layer in range(layers):
        p = f"model.layers.{layer}."
        yield p + "input_layernorm.weight", "BF16", [hidden]
        for name, rows in (("q", hidden), ("k", kv), ("v", kv)):
            yield from linear(p + f"self_attn.{name}_proj", rows, hidden)
        yield from linear(p + "self_attn.o_proj", hidden, hidden)
        yield p + "post_attention_layernorm.weight", "BF16", [hidden]
        for name in ("gate", "up"):
            yield from linear(p + f"mlp.{name}_proj", inner, hidden)
        yield from linear(p + "mlp.down_proj", hidden, inner)
    yield "model.norm.weight", "BF16", [hidden]
    yield "lm_head.weight", "BF16", [vocab, hidden]


WIDTH = {"BF16": 2, "U8": 1, "F8_E4M3": 1, "F32": 4}


def config(hidden, layers, nvfp4):
    c = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "num_hidden_layers": layers,
         "num_attention_heads": hidden // 128, "num_key_value_heads": max(1, hidden // 512), "head_dim": 128, "intermediate_size": hidden * 7 // 2,
         "vocab_size": 32000, "rms_norm_eps": 1e-5, "hidden_act": "silu", "max_position_embeddings": 8192,
         "tie_word_embeddings": False, "rope_theta": 500000.0, "torch_dtype": "bfloat16"}
    if nvfp4:
        group = {"dynamic": False, "num_bits": 4, "type": "float", "group_size": 16}
        c["quantization_config"] = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"],
                                    "config_groups": {"group_0": {"weights": group, "input_activations": group, "targets": ["Linear"]}}}
    return c


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=["bf16", "nvfp4"], required=True)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=4096, help="a multiple of 512")
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    c = config(args.hidden, args.layers, args.format == "nvfp4")
    (args.folder / "config.json").write_text(json.dumps(c, indent=1))
    header, end = {}, 0
    for name, kind, shape in tensors(c, args.layers, args.format == "nvfp4"):
        size = WIDTH[kind]
        for n in shape:
            size *= n
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(args.folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while end > 0:
            file.write(os.urandom(min(end, 4 << 20)))
            end -= min(end, 4 << 20)
    print(f"{file.name}: {os.path.getsize(file.name) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
