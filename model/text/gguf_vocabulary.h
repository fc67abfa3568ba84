// What the kinds of tokenizers in GGUF files have in common: tokens with types, special ids, control tokens. Error{bad_file}
// with the entry for what is not consistent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/text/pipeline.h"
#include "model/text/token_index.h"

namespace yoke::model::text {

// Types in tokenizer.ggml.token_type.
enum class GgufType : int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

void check_gguf_types(const TokenizerAssets& assets);
GgufType gguf_type(const TokenizerAssets& assets, size_t id);  // normal where the file has no types; after the check

void check_gguf_id(const TokenizerAssets& assets, std::string_view which, std::optional<int32_t> id);

TokenIndex index_gguf_tokens(const TokenizerAssets& assets);  // of equal ones the first counts

// Control and user-defined tokens: what is found whole in a text. Only control tokens are special.
std::vector<AddedToken> gguf_added_tokens(const TokenizerAssets& assets);

// BOS, the ends of a generation, the texts of special tokens, and the framing by BOS.
void fill_gguf_names(const TokenizerAssets& assets, const TokenIndex& tokens, PipelineParts& parts);

[[noreturn]] void refuse_gguf_tokenizer(const std::string& what);

}  // namespace yoke::model::text
