// A checkpoint on disk, opened: its tensors by name, its configuration, its tokenizer where the file carries one. Nothing of
// the weights is read here, only headers. Const after opening; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/weight_format.h"
#include "model/config.h"
#include "model/quantisation.h"

namespace yoke::model {

struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape;  // row-major, slowest first: a weight is [out, in]. GGUF's order is turned round on reading
  size_t file = 0;             // index into Checkpoint::files
  uint64_t offset = 0;         // bytes from the file's start
  uint64_t bytes = 0;

  int64_t rows() const { return shape.size() > 1 ? shape[0] : 1; }
  int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
};

// What a GGUF says about its tokenizer (keys tokenizer.ggml.*), unchecked beyond its types: model/text makes sense of it.
struct TokenizerAssets {
  std::string model;  // "gpt2": byte-level BPE, "llama": SentencePiece's BPE, "t5": its unigram, "bert": WordPiece
  std::string pre;    // "smollm", "llama-bpe", "qwen2", "gpt-2", ...
  std::vector<std::string> tokens;
  std::vector<int32_t> token_types;  // 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; may be empty
  std::vector<float> scores;         // one for each token; may be empty
  std::vector<std::string> merges;   // "left right"
  std::optional<int32_t> bos, eos, unk, pad, cls, sep;
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;
  bool remove_extra_whitespaces = false;
  std::string charsmap;       // precompiled_charsmap: model/text/charsmap.h
  std::string chat_template;  // Jinja; empty where there is none
};

struct Checkpoint {
  std::filesystem::path path;                // as the user gave it
  std::vector<std::filesystem::path> files;  // with the tensors' bytes
  std::vector<uint64_t> file_bytes;
  std::vector<int64_t> file_modified_ns;  // since 1970, when the header was read
  std::map<std::string, TensorInfo> tensors;
  ModelConfig config;
  Quantisation quantisation;  // of Hugging Face's files; GGUF's tensors say it all
  std::optional<TokenizerAssets> tokenizer;
  std::optional<WeightFormat> made;  // of a known model without files: what its weights would be in

  // SHA-256 (hex) over every file's name, size and modification time and every tensor's place: two processes that open the
  // same files get the same identity, a changed file another.
  std::string identity;
};

// `path` is a .gguf file (any one of a split model's), a .safetensors file beside a config.json, or a folder with config.json and
// either model.safetensors or model.safetensors.index.json, or a folder with exactly one GGUF model.
// Error{not_found} where nothing is, Error{bad_file} with file, offset, found and expected, Error{unsupported} for an
// architecture or a tensor type that this build does not know, by its name.
// "known:NAME:FORMAT:LAYERS" is no path: so many layers of a known model, alone and without files (model/known/layers.h).
Checkpoint open_checkpoint(const std::filesystem::path& path);

}  // namespace yoke::model
