// GGUF version 3: magic, version, counts, metadata, tensor descriptions, then the tensors' bytes at an alignment. The
// format: docs/gguf.md of ggml-org/ggml. Only the header is read here.
#pragma once

#include <filesystem>

#include "model/checkpoint.h"
#include "model/gguf_metadata.h"

namespace yoke::model {

// Fills files, file_bytes, file_modified_ns, tensors, config (all but its name) and tokenizer. `path` may be any part
// of a split model: the others lie beside it. Errors as open_checkpoint's.
void read_gguf(const std::filesystem::path& path, Checkpoint& checkpoint);

// The tokenizer alone, whatever the architecture and whether the tensors are there. Of a split model, the first part has it.
std::optional<TokenizerAssets> read_gguf_tokenizer(const std::filesystem::path& path);

// Keys general.* and ARCHITECTURE.*. What the tensors say (tied, biases, the vocabulary where no key does) is left to
// the caller.
ModelConfig config_from_gguf(const GgufMetadata& metadata);

// Keys tokenizer.*; nothing where the file has no vocabulary.
std::optional<TokenizerAssets> tokenizer_from_gguf(const GgufMetadata& metadata);

}  // namespace yoke::model
