#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, corpus/TARGET/NAME: small files that are right, and a few that are wrong in known ways.

All numbers are made here. Run it again after a new format or architecture: `python3 tests/fuzz/make_corpus.py`.
"""

import json
import math
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"

HIDDEN, INTERMEDIATE, VOCAB, HEADS, KV_HEADS, HEAD_DIM = 64, 96, 8, 2, 1, 32
KV = KV_HEADS * HEAD_DIM
LINEARS = {  # [out, in]
    "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (KV, HIDDEN), "self_attn.v_proj": (KV, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN), "mlp.gate_proj": (INTERMEDIATE, HIDDEN),
    "mlp.up_proj": (INTERMEDIATE, HIDDEN), "mlp.down_proj": (HIDDEN, INTERMEDIATE),
}
ELEMENT_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1,
                 "F8_E5M2": 1, "F8_E8M0": 1}


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


# --- safetensors


def header_of(tensors):
    """tensors: {name: (dtype, shape)} -> (the header's JSON, bytes of data)."""
    header, offset = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = offset + math.prod(shape) * ELEMENT_BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    return json.dumps(header, separators=(",", ":")), offset


def safetensors(tensors, padding=0, zeros=True):
    text, data = header_of(tensors)
    text += " " * padding
    return struct.pack("<Q", len(text)) + text.encode() + bytes(data if zeros else 0)


def llama_tensors(linears=None):
    """A llama of one layer; `linears` gives the tensors of a linear layer in the quantised form, by default BF16."""
    tensors = {"model.embed_tokens.weight": ("BF16", (VOCAB, HIDDEN))}
    layer = "model.layers.0."
    for norm in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"{layer}{norm}.weight"] = ("BF16", (HIDDEN,))
    for name, (rows, cols) in LINEARS.items():
        for part, tensor in (linears(rows, cols) if linears else {"weight": ("BF16", (rows, cols))}).items():
            tensors[f"{layer}{name}.{part}"] = tensor
    tensors["model.norm.weight"] = ("BF16", (HIDDEN,))
    tensors["lm_head.weight"] = ("BF16", (VOCAB, HIDDEN))
    return tensors


def safetensors_seeds():
    tied = {name: tensor for name, tensor in llama_tensors().items() if name != "lm_head.weight"}
    write("safetensors", "llama", safetensors(tied, zeros=False))  # safetensors.cpp puts the zeros behind it
    every = {f"t.{dtype}": (dtype, (2, 3)) for dtype in ELEMENT_BYTES}
    write("safetensors", "every_type", safetensors(every))
    write("safetensors", "read_types", safetensors({"a": ("F32", (2,)), "b": ("I64", ()), "c": ("U8", (0, 3)), "d": ("I32", (1,))}))
    write("safetensors", "padded", safetensors({"a": ("F32", (1,))}, padding=11))
    meta = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    write("safetensors", "metadata", struct.pack("<Q", len(meta)) + meta + b"x")
    for name, text in {
        "overlap": '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        "twice": '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        "overflow": '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}',
        "nested": '{"a":' + "[" * 40 + "]" * 40 + "}",
    }.items():
        write("safetensors", name, struct.pack("<Q", len(text)) + text.encode() + bytes(8))


# --- model.safetensors.index.json: the shards are those that index.cpp writes


def index_seeds():
    names = list(llama_tensors())
    names.remove("lm_head.weight")
    first = ["model.embed_tokens.weight"] + [f"model.layers.0.{n}.weight" for n in
                                             ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj")]

    def index(**changed):
        shard_of = {n: f"model-0000{1 if n in first else 2}-of-00002.safetensors" for n in names}
        return json.dumps({"metadata": {"total_size": 12345}, "weight_map": shard_of | changed})

    write("index", "right", index())
    for name, file in {"above": "../x.safetensors", "absolute": "/x.safetensors", "below": "a/b.safetensors",
                       "nul": "a\0.safetensors", "absent": "absent.safetensors", "device": "/dev/zero"}.items():
        write("index", name, index(more=file))
    write("index", "empty", '{"weight_map":{}}')


# --- config.json

COMMON = {"hidden_size": HIDDEN, "num_hidden_layers": 1, "num_attention_heads": HEADS, "intermediate_size": INTERMEDIATE,
          "vocab_size": VOCAB, "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "bfloat16"}
DECODER = COMMON | {"num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM, "rms_norm_eps": 1e-5, "rope_theta": 20000.0,
                    "hidden_act": "silu", "tie_word_embeddings": True}
ENCODER = COMMON | {"hidden_act": "gelu", "layer_norm_eps": 1e-9, "type_vocab_size": 2, "pad_token_id": 0}
MOE = {"num_experts_per_tok": 2, "num_local_experts": 3}
YARN = {"rope_type": "yarn", "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0, "original_max_position_embeddings": 64,
        "truncate": False}

CONFIGS = {
    "llama": ("LlamaForCausalLM", "llama", DECODER),
    "llama3": ("LlamaForCausalLM", "llama", DECODER | {"rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}}),
    "llama_linear": ("LlamaForCausalLM", "llama", DECODER | {
        "attention_bias": False, "mlp_bias": False, "head_dim": None,
        "rope_parameters": {"rope_theta": 20000.0, "rope_type": "linear", "factor": 2.0}}),
    "mistral": ("MistralForCausalLM", "mistral", DECODER | {"sliding_window": 16}),
    "mixtral": ("MixtralForCausalLM", "mixtral", DECODER | MOE | {"sliding_window": None}),
    "cohere": ("CohereForCausalLM", "cohere", DECODER | {"layer_norm_eps": 1e-5, "logit_scale": 0.75, "use_qk_norm": True}),
    "qwen2": ("Qwen2ForCausalLM", "qwen2", DECODER | {"sliding_window": 16, "use_sliding_window": True,
                                                     "max_window_layers": 1}),
    "qwen3": ("Qwen3ForCausalLM", "qwen3", DECODER | {"rope_scaling": YARN}),
    "qwen3_moe": ("Qwen3MoeForCausalLM", "qwen3_moe", DECODER | {
        "num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "decoder_sparse_step": 1,
        "mlp_only_layers": [0], "norm_topk_prob": True}),
    "gpt_oss": ("GptOssForCausalLM", "gpt_oss", DECODER | MOE | {
        "attention_bias": True, "sliding_window": 16, "layer_types": ["sliding_attention"], "swiglu_limit": 7.0,
        "rope_scaling": YARN}),
    "glm4_moe": ("Glm4MoeForCausalLM", "glm4_moe", DECODER | {
        "attention_bias": True, "first_k_dense_replace": 1, "moe_intermediate_size": 32, "n_group": 1,
        "n_routed_experts": 3, "n_shared_experts": 1, "num_experts_per_tok": 2, "norm_topk_prob": True,
        "partial_rotary_factor": 0.5, "routed_scaling_factor": 1.5, "topk_group": 1, "use_qk_norm": True}),
    "minimax_m2": ("MiniMaxM2ForCausalLM", "minimax_m2", DECODER | MOE | {
        "rotary_dim": 16, "scoring_func": "sigmoid", "use_qk_norm": True, "qk_norm_type": "per_layer",
        "use_routing_bias": True}),
    "deepseek_v3": ("DeepseekV3ForCausalLM", "deepseek_v3", DECODER | {
        "first_k_dense_replace": 1, "kv_lora_rank": 16, "q_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8,
        "v_head_dim": 24, "moe_intermediate_size": 32, "n_group": 2, "n_routed_experts": 4, "n_shared_experts": 1,
        "norm_topk_prob": True, "num_experts_per_tok": 2, "routed_scaling_factor": 1.5, "scoring_func": "sigmoid",
        "topk_group": 1, "topk_method": "noaux_tc", "rope_interleave": True,
        "rope_scaling": {"type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 1.0,
                         "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0}}),
    "bert": ("BertModel", "bert", ENCODER),
    "xlm_roberta": ("XLMRobertaForSequenceClassification", "xlm-roberta", ENCODER | {
        "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}, "type_vocab_size": 1, "pad_token_id": 1}),
    "text_tower": ("Mistral3ForConditionalGeneration", "mistral3", {
        "text_config": {"model_type": "mistral"} | DECODER, "vision_config": {"hidden_size": 32}}),
}


def config_of(name, **more):
    architecture, model_type, fields = CONFIGS[name]
    return json.dumps({"architectures": [architecture], "model_type": model_type} | fields | more, indent=1)


def config_seeds():
    for name in CONFIGS:
        write("config", name, config_of(name))


# --- quantisation: the parts that quantisation.cpp takes apart


def compressed(weights, form):
    return {"quant_method": "compressed-tensors", "format": form, "ignore": ["lm_head"], "quantization_status": "compressed",
            "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": None, "weights": weights}}}


def packed_int4(symmetric):
    def parts(rows, cols):
        tensors = {"weight_packed": ("I32", (rows, cols // 8)), "weight_scale": ("BF16", (rows, cols // 32)),
                   "weight_shape": ("I64", (2,))}
        return tensors if symmetric else tensors | {"weight_zero_point": ("I32", (rows // 8, cols // 32))}
    return parts


def quantised(name, config, linears, hf_quant="", quantize="", quant="", tensors=None):
    header, _ = header_of(tensors or llama_tensors(linears))
    parts = [config_of("llama", tie_word_embeddings=False, **config) if isinstance(config, dict) else config]
    parts += [json.dumps(p, indent=1) if p else "" for p in (hf_quant, quantize, quant)] + [header]
    write("quantisation", name, "\n----\n".join(parts))


def quantisation_seeds():
    def q(config):
        return {"quantization_config": config}

    def nvfp4(rows, cols, scale="weight_scale"):
        return {scale: ("F8_E4M3", (rows, cols // 16))}

    awq = {"bits": 4, "group_size": 32, "quant_method": "awq", "version": "gemm", "zero_point": True}
    quantised("awq", q(awq), lambda r, c: {"qweight": ("I32", (c, r // 8)), "qzeros": ("I32", (c // 32, r // 8)),
                                           "scales": ("F16", (c // 32, r))}, quant=awq)
    gptq = {"bits": 4, "group_size": 32, "desc_act": True, "sym": True, "checkpoint_format": "gptq", "lm_head": False}
    quantised("gptq", q(gptq | {"quant_method": "gptq"}),
              lambda r, c: {"qweight": ("I32", (c // 8, r)), "qzeros": ("I32", (c // 32, r // 8)),
                            "scales": ("F16", (c // 32, r)), "g_idx": ("I32", (c,))}, quantize=gptq)
    modelopt = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"],
                "config_groups": {"group_0": {"targets": ["Linear"], "weights": {
                    "num_bits": 4, "type": "float", "group_size": 16, "dynamic": False}}}}
    quantised("modelopt_nvfp4", q(modelopt),
              lambda r, c: nvfp4(r, c) | {"weight": ("U8", (r, c // 2)), "weight_scale_2": ("F32", ()), "input_scale": ("F32", ())},
              hf_quant={"producer": {"name": "modelopt"}, "quantization": {
                  "quant_algo": "NVFP4", "kv_cache_quant_algo": None, "group_size": 16, "exclude_modules": ["lm_head"]}})
    quantised("ct_nvfp4", q(compressed({"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16,
                                        "symmetric": True}, "nvfp4-pack-quantized")),
              lambda r, c: nvfp4(r, c) | {"weight_packed": ("U8", (r, c // 2)), "weight_global_scale": ("F32", (1,)),
                                          "input_global_scale": ("F32", (1,))})
    quantised("ct_fp8", q(compressed({"num_bits": 8, "type": "float", "strategy": "channel", "group_size": None,
                                      "symmetric": True}, "float-quantized")),
              lambda r, c: {"weight": ("F8_E4M3", (r, c)), "weight_scale": ("BF16", (r, 1))})
    for symmetric in (True, False):
        quantised("ct_int4" if symmetric else "ct_int4_asymmetric",
                  q(compressed({"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32,
                                "symmetric": symmetric, "actorder": None}, "pack-quantized")), packed_int4(symmetric))
    quantised("fp8_block", q({"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
                              "weight_block_size": [128, 128]}),
              lambda r, c: {"weight": ("F8_E4M3", (r, c)), "weight_scale_inv": ("F32", (-(-r // 128), -(-c // 128)))})
    mxfp4 = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
    quantised("gpt_oss_mxfp4", config_of("gpt_oss", tie_word_embeddings=False, **q(mxfp4)), None, tensors=gpt_oss_tensors())
    quantised("unknown", q({"quant_method": "made", "bits": 3}), None)


def gpt_oss_tensors():
    layer, experts = "model.layers.0.", 3
    tensors = {k: v for k, v in llama_tensors().items() if ".mlp." not in k}
    for name in ("q", "k", "v", "o"):
        tensors[f"{layer}self_attn.{name}_proj.bias"] = ("BF16", (LINEARS[f"self_attn.{name}_proj"][0],))
    tensors |= {layer + "self_attn.sinks": ("BF16", (HEADS,)), layer + "mlp.router.weight": ("BF16", (experts, HIDDEN)),
                layer + "mlp.router.bias": ("BF16", (experts,))}
    for name, rows, cols in (("gate_up_proj", 2 * INTERMEDIATE, HIDDEN), ("down_proj", HIDDEN, INTERMEDIATE)):
        part = f"{layer}mlp.experts.{name}_"
        tensors |= {part + "blocks": ("U8", (experts, rows, cols // 32, 16)), part + "scales": ("U8", (experts, rows, cols // 32)),
                    part + "bias": ("BF16", (experts, rows))}
    return tensors


# --- MODEL.yoke.json: its checksums are those of no file


def manifest_seeds():
    tied = [name for name in llama_tensors() if name != "lm_head.weight"]
    manifest = {"yoke_manifest": 1, "hash": "xxh3-64",
                "files": [{"name": "model.safetensors", "bytes": 65536, "header_bytes": 1024, "header_hash": "0123456789abcdef"}],
                "chunk_hashes": {name: "AAECAwQFBgc=" for name in tied}}
    write("manifest", "whole", json.dumps(manifest, indent=0))
    write("manifest", "padded", json.dumps(manifest | {"chunk_hashes": {"a": "====", "b": "", "c": "AAECAwQFBgcICQ=="}}))
    write("manifest", "empty", json.dumps(manifest | {"files": [], "chunk_hashes": {}}))


# --- GGUF: headers only; gguf.cpp puts zeros behind them

KINDS = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f"),
         "bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"), "f64": (12, "d")}
# Name: number, elements and bytes of a block.
GGML = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24),
        "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176),
        "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18), "IQ4_XS": (23, 256, 136), "BF16": (30, 1, 2), "MXFP4": (39, 32, 17)}


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(kind, content):
    """kind: a key of KINDS, "str", or one of them in brackets for an array."""
    if kind.startswith("["):
        inner = kind[1:-1]
        number, code = (8, None) if inner == "str" else KINDS[inner]
        items = b"".join(string(x) if inner == "str" else struct.pack("<" + code, x) for x in content)
        return struct.pack("<IIQ", 9, number, len(content)) + items
    if kind == "str":
        return struct.pack("<I", 8) + string(content)
    number, code = KINDS[kind]
    return struct.pack("<I", number) + struct.pack("<" + code, content)


def gguf(keys, tensors, alignment=32):
    """tensors: [(name, (type, shape))], shape slowest first."""
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    for key, (kind, content) in keys.items():
        out += string(key) + value(kind, content)
    offset = 0
    for name, (kind, shape) in tensors:
        number, elements, block = GGML[kind]
        out += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        out += struct.pack("<IQ", number, offset)
        offset += -(-(math.prod(shape) // elements * block) // alignment) * alignment
    return out + bytes(-len(out) % alignment)


def gguf_keys(arch, width, **more):
    return {"general.architecture": ("str", arch), "general.name": ("str", "made"), f"{arch}.block_count": ("u32", 1),
            f"{arch}.context_length": ("u32", 64), f"{arch}.embedding_length": ("u32", width),
            f"{arch}.feed_forward_length": ("u32", width), f"{arch}.attention.head_count": ("u32", HEADS),
            f"{arch}.attention.head_count_kv": ("u32", KV_HEADS), f"{arch}.attention.layer_norm_rms_epsilon": ("f32", 1e-5),
            f"{arch}.rope.freq_base": ("f32", 20000.0)} | {k.replace("__", "."): v for k, v in more.items()}


BPE = {"tokenizer.ggml.model": ("str", "gpt2"), "tokenizer.ggml.pre": ("str", "smollm"),
       "tokenizer.ggml.tokens": ("[str]", ["<s>", "</s>", "a", "b", "c", "ab", "bc", "abc"]),
       "tokenizer.ggml.token_type": ("[i32]", [3, 3, 1, 1, 1, 1, 1, 1]), "tokenizer.ggml.merges": ("[str]", ["a b", "b c", "ab c"]),
       "tokenizer.ggml.bos_token_id": ("u32", 0), "tokenizer.ggml.eos_token_id": ("u32", 1),
       "tokenizer.ggml.add_bos_token": ("bool", True), "tokenizer.chat_template": ("str", "{{ messages[0].content }}")}
SPM = {"tokenizer.ggml.model": ("str", "llama"), "tokenizer.ggml.tokens": ("[str]", ["<unk>", "<s>", "</s>", "\u2581a", "b", "c", "d", "e"]),
       "tokenizer.ggml.scores": ("[f32]", [0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0]),
       "tokenizer.ggml.token_type": ("[i32]", [2, 3, 3, 1, 1, 1, 1, 1]), "tokenizer.ggml.unknown_token_id": ("u32", 0),
       "tokenizer.ggml.add_space_prefix": ("bool", True)}


def gguf_tensors(width, types, experts=0, qk_norm=False, biases=False):
    """`types` are taken in turn for the matrices."""
    head = width // HEADS
    shapes = {"token_embd": (VOCAB, width), "blk.0.attn_q": (width, width), "blk.0.attn_k": (head, width),
              "blk.0.attn_v": (head, width), "blk.0.attn_output": (width, width)}
    if experts:
        shapes["blk.0.ffn_gate_inp"] = (experts, width)
    for name in ("ffn_gate", "ffn_up", "ffn_down"):
        shapes[f"blk.0.{name}_exps" if experts else f"blk.0.{name}"] = (experts,) * bool(experts) + (width, width)
    shapes["output"] = (VOCAB, width)
    tensors = {f"{name}.weight": ("F32" if "gate_inp" in name else types[i % len(types)], shape)
               for i, (name, shape) in enumerate(shapes.items())}
    tensors |= {f"{name}.weight": ("F32", (width,)) for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")}
    if qk_norm:
        tensors |= {f"blk.0.attn_{x}_norm.weight": ("F32", (head,)) for x in "qk"}
    if biases:
        tensors |= {f"blk.0.attn_{x}.bias": ("F32", (width if x == "q" else head,)) for x in "qkv"}
    return list(tensors.items())


def gguf_seeds():
    write("gguf", "llama", gguf(gguf_keys("llama", 64) | BPE, gguf_tensors(64, ["Q8_0", "Q4_0", "Q4_1", "F16", "BF16", "F32"])))
    write("gguf", "llama_small_blocks", gguf(gguf_keys("llama", 64) | SPM, gguf_tensors(64, ["Q5_0", "Q5_1", "IQ4_NL", "MXFP4"])))
    write("gguf", "llama_super_blocks", gguf(gguf_keys("llama", 256),
                                             gguf_tensors(256, ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"])))
    write("gguf", "qwen2", gguf(gguf_keys("qwen2", 64), gguf_tensors(64, ["Q8_0"], biases=True)))
    write("gguf", "qwen3", gguf(gguf_keys("qwen3", 64, qwen3__attention__key_length=("u32", 32),
                                          qwen3__attention__value_length=("u32", 32)), gguf_tensors(64, ["Q4_0"], qk_norm=True)))
    write("gguf", "mixtral", gguf(gguf_keys("llama", 64, llama__expert_count=("u32", 3), llama__expert_used_count=("u32", 2)),
                                  gguf_tensors(64, ["Q4_0"], experts=3)))
    write("gguf", "split", gguf(gguf_keys("llama", 64) | {"split.no": ("u16", 0), "split.count": ("u16", 1),
                                                          "split.tensors.count": ("i32", 12)}, gguf_tensors(64, ["F16"])))
    aligned = gguf_keys("llama", 64, general__alignment=("u32", 64))
    write("gguf", "aligned", gguf(aligned, gguf_tensors(64, ["F32"]), alignment=64))
    kinds = {f"made.{kind}": (kind, 1) for kind in KINDS} | {f"made.{kind}s": (f"[{kind}]", [0, 1]) for kind in KINDS}
    write("gguf", "kinds", gguf({"general.architecture": ("str", "llama")} | kinds, []))
    write("gguf", "twice", gguf(gguf_keys("llama", 64), [("a", ("F32", (8,))), ("a", ("F32", (8,)))]))
    write("gguf", "overflow", gguf(gguf_keys("llama", 64), [("a", ("F32", (1 << 40, 1 << 40)))]))


# --- chat templates and conversations


def chat_template_seeds():
    rows = json.loads((pathlib.Path(__file__).parent.parent / "golden/text/jinja.json").read_text())["rows"]
    statements = [row["template"] for row in rows if "{%" in row["template"]]
    expressions = [row["template"] for row in rows if "{%" not in row["template"]]
    for number in range(0, len(statements), 4):
        write("chat_template", f"statements_{number}", "\n".join(statements[number:number + 4]))
    for number in range(0, len(expressions), 24):
        write("chat_template", f"expressions_{number}", "\n".join(expressions[number:number + 24]))
    write("chat_template", "loops", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
    write("chat_template", "chatml", "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m['content']|string + "
          "'<|im_end|>\\n' }}{% endfor %}{{ strftime_now('%d %b %Y') }}")


def conversation_seeds():
    call = {"id": "abcdef123", "type": "function", "function": {"name": "f", "arguments": '{"a": [1, null]}'}}
    bodies = {
        "plain": {"messages": [{"role": "user", "content": "Hi"}]},
        "parts": {"messages": [{"role": "system", "content": [{"type": "text", "text": "a"}, "b"]},
                               {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "calls": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [call]},
                               {"role": "tool", "tool_call_id": "abcdef123", "content": {"t": 21.5}}],
                  "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        "reasoning": {"messages": [{"role": "assistant", "content": "4", "reasoning": "2+2"}], "reasoning_effort": "high",
                      "add_generation_prompt": False},
        "documents": {"messages": [{"role": "developer", "content": 5}], "documents": [{"title": "T", "text": None}],
                      "chat_template_kwargs": {"enable_thinking": False, "bos_token": "x"}},
        "empty": {"messages": []},
    }
    for name, body in bodies.items():
        write("conversation", name, json.dumps(body))


TEXT = "It's 2024,  ok?\n\n x\u4e00\u00e9\U0001f600 'LL \u017f\u3000\u0301aB\r\n"


def regex_seeds():
    patterns = {
        "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        "classes": r"[[:alpha:]&&[^a-c]]+|[]\w\-.]|[^\x{4E00}-\u9FA5\b]|[\p{Script=Han}\p{^Lu}]",
        "groups": r"(a|b)*?(?<n>c)(?>d+)(?i)e|(?=f)(?!g)(?<=h|ij)(?<!k+)l|(?x: m n # o",
        "quantifiers": r"a{1,3}+|b{3,1}|c{,2}?|d{2}?|e**|f?+|g{|(?:hi){2,}",
        "borders": r"^a$|\A\b.\B\z|\Z|\R|\N\O\h",
        "backtracking": r"(a+)+$|(?:a|aa)*b|\s*[\r\n]+",
        "refused": r"(a)\1\k<n>",
    }
    for name, pattern in patterns.items():
        write("regex", name, pattern + "\n" + TEXT)
    write("regex", "runs", r"\s+$|x?a*b" + "\n" + " " * 2000 + "x" + "a" * 2000)


def sentencepiece_seeds():
    """The smaller models that the unit tests have."""
    for model in sorted((CORPUS.parents[1] / "golden" / "text" / "sentencepiece").glob("*.model")):
        if model.stat().st_size <= 6000:
            write("sentencepiece", model.stem, model.read_bytes())


def main():
    safetensors_seeds()
    index_seeds()
    config_seeds()
    quantisation_seeds()
    manifest_seeds()
    gguf_seeds()
    chat_template_seeds()
    conversation_seeds()
    regex_seeds()
    sentencepiece_seeds()
    files = [f for f in CORPUS.rglob("*") if f.is_file()]
    print(f"{len(files)} seeds, {sum(f.stat().st_size for f in files)} bytes")


if __name__ == "__main__":
    main()
