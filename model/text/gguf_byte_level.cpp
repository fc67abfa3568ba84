#include "model/text/gguf_byte_level.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/text/bpe.h"
#include "model/text/byte_alphabet.h"
#include "model/text/gguf_vocabulary.h"
#include "model/text/normalizers.h"
#include "model/text/pretokenizer.h"

namespace yoke::model::text {
namespace {

class RowCut : public PreTokenizer {
 public:
  explicit RowCut(const PretokenizerRow& row) : pretokenizer_(row) {}
  void split(std::string_view text, bool, Words& words) const override {
    for (const std::string_view word : pretokenizer_.split(text)) words.add(word);
  }

 private:
  Pretokenizer pretokenizer_;
};

TokenId id_in_merge(const TokenIndex& tokens, std::string_view token, size_t rank, std::string_view entry) {
  const TokenId id = tokens.find(token);
  if (id == kNoToken) refuse_gguf_tokenizer(fmt::format("merge {} ('{}') needs the token '{}', which is not there", rank, entry, token));
  return id;
}

Merges read_merges(const TokenizerAssets& assets, const TokenIndex& tokens) {
  std::vector<Merges::Merge> merges;
  merges.reserve(assets.merges.size());
  for (size_t rank = 0; rank < assets.merges.size(); ++rank) {
    const std::string_view entry = assets.merges[rank];
    const size_t space = entry.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == entry.size() ||
        entry.find(' ', space + 1) != std::string_view::npos) {
      refuse_gguf_tokenizer(fmt::format("merge {} is '{}', expected two tokens with a space between", rank, entry));
    }
    const std::string_view left = entry.substr(0, space), right = entry.substr(space + 1);
    merges.push_back({id_in_merge(tokens, left, rank, entry), id_in_merge(tokens, right, rank, entry),
                      id_in_merge(tokens, std::string(left).append(right), rank, entry)});
  }
  return Merges(merges, Merges::Repeated::first_counts);
}

// The bytes of ordinary tokens; control and user-defined ones are written as they are.
std::optional<std::string> bytes_of(const TokenizerAssets& assets, size_t id) {
  const GgufType type = gguf_type(assets, id);
  if (type != GgufType::normal && type != GgufType::byte) return std::nullopt;
  return bytes_of_entry(assets.tokens[id]);
}

TokenTable read_pieces(const TokenizerAssets& assets) {
  TokenTable table;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    const GgufType type = gguf_type(assets, id);
    table.add(bytes_of(assets, id).value_or(assets.tokens[id]), type == GgufType::control || type == GgufType::unknown);
  }
  return table;
}

TokenIndex index_words(const TokenizerAssets& assets) {
  TokenIndex words;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    if (gguf_type(assets, id) != GgufType::normal) continue;
    if (const auto bytes = bytes_of_entry(assets.tokens[id])) words.add(*bytes, static_cast<TokenId>(id));
  }
  return words;
}

std::unique_ptr<const Subword> make_bpe(const TokenizerAssets& assets, const TokenIndex& tokens, bool whole_words_first) {
  BpeParts parts;
  if (whole_words_first) parts.tokens = index_words(assets);
  parts.whole_words_first = whole_words_first;
  for (int byte = 0; byte < 256; ++byte) parts.byte_ids[byte] = tokens.find(byte_alphabet()[byte]);
  parts.merges = read_merges(assets, tokens);
  return std::make_unique<Bpe>(std::move(parts));
}

}  // namespace

std::unique_ptr<Tokenizer> make_gguf_byte_level(const TokenizerAssets& assets) {
  if (assets.add_space_prefix) {
    throw Error{Code::unsupported, "tokenizer: add_space_prefix with byte-level BPE is not supported by this build"};
  }
  const PretokenizerRow& row = find_pretokenizer(assets.pre.empty() ? "default" : assets.pre);
  check_gguf_types(assets);
  const TokenIndex tokens = index_gguf_tokens(assets);
  PipelineParts parts;
  if (row.normal_form) parts.normalizer = make_normal_form(*row.normal_form);
  parts.pre_tokenizer = std::make_unique<RowCut>(row);
  parts.subword = make_bpe(assets, tokens, row.whole_words_first);
  parts.added = AddedVocabulary(gguf_added_tokens(assets), nullptr);
  parts.ill_formed = IllFormed::as_bytes;
  parts.pieces = read_pieces(assets);
  fill_gguf_names(assets, tokens, parts);
  return std::make_unique<PipelineTokenizer>(std::move(parts));
}

}  // namespace yoke::model::text
