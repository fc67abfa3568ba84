#include "tests/model/made_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

uint64_t ggml_bytes(const MadeGgufTensor& tensor) {
  uint64_t elements = 1;
  for (const uint64_t size : tensor.dimensions) elements *= size;
  switch (tensor.type) {
    case kGgmlF16:
    case kGgmlBf16:
      return elements * 2;
    case kGgmlQ8_0:
      return elements / 32 * 34;
    case kGgmlQ4_0:
      return elements / 32 * 18;
    case kGgmlQ4_1:
      return elements / 32 * 20;
    case kGgmlNvfp4:
      return elements / 64 * 36;
    default:
      return elements * 4;
  }
}

uint64_t aligned(uint64_t bytes, uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

int64_t dtype_bytes(const std::string& dtype) {
  if (dtype == "I64") return 8;
  if (dtype == "BF16" || dtype == "F16") return 2;
  return dtype == "U8" || dtype.starts_with("F8_") ? 1 : 4;
}

}  // namespace

MadeFolder::MadeFolder() {
  std::string name = (fs::temp_directory_path() / "yoke-model-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder can be made");
  path_ = name;
}

MadeFolder::~MadeFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path MadeFolder::write(std::string_view name, std::string_view bytes) const {
  const fs::path path = path_ / name;
  // In place or anew: some file systems flush a file to the disk that is cut to nothing and written again.
  std::error_code absent;
  const bool in_place = fs::file_size(path, absent) == bytes.size() && !absent;
  if (!in_place) fs::remove(path);
  std::ofstream file(path, in_place ? std::ios::binary | std::ios::in | std::ios::out : std::ios::binary | std::ios::out);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
  return path;
}

MadeGguf& MadeGguf::set(std::string_view key, std::string typed_value) {
  for (auto& [name, value] : keys) {
    if (name == key) {
      value = std::move(typed_value);
      return *this;
    }
  }
  return add(key, std::move(typed_value));
}

MadeGguf& MadeGguf::add(std::string_view key, std::string typed_value) {
  keys.emplace_back(key, std::move(typed_value));
  return *this;
}

MadeGguf& MadeGguf::remove(std::string_view key) {
  std::erase_if(keys, [&](const auto& pair) { return pair.first == key; });
  return *this;
}

MadeGgufTensor& MadeGguf::tensor(std::string_view name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const MadeGgufTensor& t) { return t.name == name; });
  if (found == tensors.end()) throw std::runtime_error("no such tensor in the made file");
  return *found;
}

std::string MadeGguf::header() const {
  std::string out = magic + bytes_of(version) + bytes_of<uint64_t>(tensor_count.value_or(tensors.size())) +
                    bytes_of<uint64_t>(key_count.value_or(keys.size()));
  for (const auto& [key, value] : keys) out += gguf_string(key) + value;
  uint64_t next = 0;
  for (const MadeGgufTensor& tensor : tensors) {
    out += gguf_string(tensor.name) + bytes_of<uint32_t>(static_cast<uint32_t>(tensor.dimensions.size()));
    for (const uint64_t size : tensor.dimensions) out += bytes_of(size);
    const uint64_t offset = tensor.offset.value_or(next);
    out += bytes_of(tensor.type) + bytes_of(offset);
    next = aligned(offset + (tensor.bytes ? tensor.bytes : ggml_bytes(tensor)), alignment);
  }
  out.resize(aligned(out.size(), alignment));
  return out;
}

std::string MadeGguf::bytes() const {
  uint64_t data = 0;
  for (const MadeGgufTensor& tensor : tensors) {
    const uint64_t begin = tensor.offset.value_or(aligned(data, alignment));
    data = std::max(data, begin + (tensor.bytes ? tensor.bytes : ggml_bytes(tensor)));
  }
  std::string out = header();
  out.resize(out.size() + data);
  return out;
}

std::string gguf_string(std::string_view text) {
  return bytes_of<uint64_t>(text.size()) + std::string(text);
}
std::string typed(GgufKind kind, std::string_view bytes) {
  return bytes_of<uint32_t>(kind) + std::string(bytes);
}
std::string text_value(std::string_view text) {
  return typed(kString, gguf_string(text));
}
std::string u32_value(uint32_t number) {
  return typed(kU32, bytes_of(number));
}
std::string f32_value(float number) {
  return typed(kF32, bytes_of(number));
}
std::string bool_value(bool truth) {
  return typed(kBool, bytes_of<uint8_t>(truth));
}

std::string text_array(const std::vector<std::string>& texts) {
  std::string out = typed(kArray, bytes_of<uint32_t>(kString) + bytes_of<uint64_t>(texts.size()));
  for (const std::string& text : texts) out += gguf_string(text);
  return out;
}

std::string i32_array(const std::vector<int32_t>& numbers) {
  std::string out = typed(kArray, bytes_of<uint32_t>(kI32) + bytes_of<uint64_t>(numbers.size()));
  for (const int32_t number : numbers) out += bytes_of(number);
  return out;
}

MadeGguf made_llama_gguf() {
  MadeGguf made;
  made.set("general.architecture", text_value("llama"))
      .set("general.name", text_value("Made Llama"))
      .set("llama.block_count", u32_value(1))
      .set("llama.context_length", u32_value(256))
      .set("llama.embedding_length", u32_value(64))
      .set("llama.feed_forward_length", u32_value(96))
      .set("llama.attention.head_count", u32_value(2))
      .set("llama.attention.head_count_kv", u32_value(1))
      .set("llama.attention.layer_norm_rms_epsilon", f32_value(1e-5f))
      .set("llama.rope.freq_base", f32_value(10000.0f))
      .set("llama.rope.dimension_count", u32_value(32))
      .set("tokenizer.ggml.model", text_value("gpt2"))
      .set("tokenizer.ggml.pre", text_value("smollm"))
      .set("tokenizer.ggml.tokens", text_array({"<s>", "</s>", "a", "b", "c", "ab", "bc", "abc"}))
      .set("tokenizer.ggml.token_type", i32_array({3, 3, 1, 1, 1, 1, 1, 1}))
      .set("tokenizer.ggml.merges", text_array({"a b", "b c", "ab c"}))
      .set("tokenizer.ggml.bos_token_id", u32_value(0))
      .set("tokenizer.ggml.eos_token_id", u32_value(1))
      .set("tokenizer.ggml.add_bos_token", bool_value(true));
  made.tensors = {
      {"token_embd.weight", {64, 8}, kGgmlQ8_0},
      {"blk.0.attn_norm.weight", {64}},
      {"blk.0.attn_q.weight", {64, 64}, kGgmlQ8_0},
      {"blk.0.attn_k.weight", {64, 32}, kGgmlQ4_0},
      {"blk.0.attn_v.weight", {64, 32}, kGgmlQ4_1},
      {"blk.0.attn_output.weight", {64, 64}, kGgmlQ8_0},
      {"blk.0.ffn_norm.weight", {64}},
      {"blk.0.ffn_gate.weight", {64, 96}, kGgmlF16},
      {"blk.0.ffn_up.weight", {64, 96}, kGgmlBf16},
      {"blk.0.ffn_down.weight", {96, 64}, kGgmlF32},
      {"output_norm.weight", {64}},
      {"output.weight", {64, 8}, kGgmlQ8_0},
  };
  return made;
}

std::string safetensors_with_header(std::string_view json, std::string_view data) {
  return bytes_of<uint64_t>(json.size()) + std::string(json) + std::string(data);
}

std::string made_safetensors(const std::vector<MadeTensor>& tensors) {
  std::string json, data;
  for (const MadeTensor& tensor : tensors) {
    json += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json.empty() ? "{" : ",",
                        tensor.name, tensor.dtype, fmt::join(tensor.shape, ","), data.size(),
                        data.size() + tensor.bytes.size());
    data += tensor.bytes;
  }
  return safetensors_with_header((json.empty() ? "{" : json) + "}", data);
}

MadeTensor zeros(const std::string& name, const std::string& dtype, const std::vector<int64_t>& shape) {
  int64_t bytes = dtype_bytes(dtype);
  for (const int64_t size : shape) bytes *= size;
  return {name, dtype, shape, std::string(static_cast<size_t>(bytes), '\0')};
}

std::vector<MadeTensor> made_llama_tensors() {
  const std::string layer = "model.layers.0.";
  return {
      zeros("model.embed_tokens.weight", "BF16", {8, 64}),
      zeros(layer + "input_layernorm.weight", "BF16", {64}),
      zeros(layer + "self_attn.q_proj.weight", "BF16", {64, 64}),
      zeros(layer + "self_attn.k_proj.weight", "BF16", {32, 64}),
      zeros(layer + "self_attn.v_proj.weight", "BF16", {32, 64}),
      zeros(layer + "self_attn.o_proj.weight", "BF16", {64, 64}),
      zeros(layer + "post_attention_layernorm.weight", "F32", {64}),
      zeros(layer + "mlp.gate_proj.weight", "BF16", {96, 64}),
      zeros(layer + "mlp.up_proj.weight", "F16", {96, 64}),
      zeros(layer + "mlp.down_proj.weight", "F32", {64, 96}),
      zeros("model.norm.weight", "BF16", {64}),
  };
}

std::string made_llama_config(std::string_view more) {
  return fmt::format(
      R"({{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":64,"num_hidden_layers":1,
"num_attention_heads":2,"num_key_value_heads":1,"intermediate_size":96,"vocab_size":8,"max_position_embeddings":256,
"rms_norm_eps":1e-05,"tie_word_embeddings":true{}}})",
      more);
}

void expect_error(Code code, const std::vector<std::string>& parts, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(name(error.code()), name(code)) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "'" << part << "' is missing in: " << error.what();
    }
  }
}

}  // namespace yoke::model
