// Builds a tokenizer from what a GGUF says, and refuses what is not consistent.
#include "model/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "model/text/byte_alphabet.h"
#include "model/text/byte_level_bpe.h"
#include "model/text/detokenizer.h"

namespace yoke::model::text {
namespace {

// Types in tokenizer.ggml.token_type.
constexpr int32_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kByte = 6;  // 5: unused

// Names by which vocabularies call a token that ends a turn or a document; a model may stop with any that it has.
constexpr std::string_view kEndNames[] = {"<|im_end|>", "<|eot_id|>",    "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>",
                                          "<|end|>",    "<end_of_turn>", "<|return|>", "<|call|>"};

[[noreturn]] void refuse(const std::string& what) { throw Error{Code::bad_file, "tokenizer: " + what}; }

using Ids = std::unordered_map<std::string_view, TokenId>;

Ids number(const TokenizerAssets& assets) {
  Ids ids;
  ids.reserve(assets.tokens.size());
  for (size_t id = 0; id < assets.tokens.size(); ++id) ids.emplace(assets.tokens[id], static_cast<TokenId>(id));
  return ids;
}

void check_types(const TokenizerAssets& assets) {
  if (assets.tokens.empty()) refuse("the vocabulary (tokenizer.ggml.tokens) is empty");
  if (assets.token_types.empty()) return;
  if (assets.token_types.size() != assets.tokens.size()) {
    refuse(fmt::format("tokenizer.ggml.token_type has {} entries, expected {}, one for each token",
                       assets.token_types.size(), assets.tokens.size()));
  }
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    const int32_t type = assets.token_types[id];
    if (type < kNormal || type > kByte) refuse(fmt::format("token {} has type {}, expected 1 to 6", id, type));
    if ((type == kControl || type == kUserDefined) && assets.tokens[id].size() > SpecialTokens::kMaxBytes) {
      refuse(fmt::format("special token {} has {} bytes, at most {} are expected", id, assets.tokens[id].size(),
                         SpecialTokens::kMaxBytes));
    }
  }
}

void check_id(const TokenizerAssets& assets, std::string_view which, std::optional<int32_t> id) {
  if (!id || (*id >= 0 && static_cast<size_t>(*id) < assets.tokens.size())) return;
  refuse(fmt::format("{} is token {}, but the vocabulary has {} tokens", which, *id, assets.tokens.size()));
}

TokenId id_in_merge(const Ids& ids, std::string_view token, size_t rank, std::string_view entry) {
  const auto found = ids.find(token);
  if (found == ids.end()) refuse(fmt::format("merge {} ('{}') needs the token '{}', which is not there", rank, entry, token));
  return found->second;
}

std::vector<Merges::Merge> read_merges(const TokenizerAssets& assets, const Ids& ids) {
  std::vector<Merges::Merge> merges;
  merges.reserve(assets.merges.size());
  for (size_t rank = 0; rank < assets.merges.size(); ++rank) {
    const std::string_view entry = assets.merges[rank];
    const size_t space = entry.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == entry.size() ||
        entry.find(' ', space + 1) != std::string_view::npos) {
      refuse(fmt::format("merge {} is '{}', expected two tokens with a space between", rank, entry));
    }
    const std::string_view left = entry.substr(0, space), right = entry.substr(space + 1);
    merges.push_back({id_in_merge(ids, left, rank, entry), id_in_merge(ids, right, rank, entry),
                      id_in_merge(ids, std::string(left).append(right), rank, entry)});
  }
  return merges;
}

int32_t type_of(const TokenizerAssets& assets, size_t id) {
  return assets.token_types.empty() ? kNormal : assets.token_types[id];
}

TokenTable read_tokens(const TokenizerAssets& assets) {
  TokenTable table;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    const int32_t type = type_of(assets, id);
    std::optional<std::string> bytes;
    if (type == kNormal || type == kByte) bytes = bytes_of_entry(assets.tokens[id]);
    table.add(bytes ? *bytes : assets.tokens[id], type == kControl || type == kUnknown);
  }
  return table;
}

SpecialTokens find_whole_tokens(const TokenizerAssets& assets) {
  std::vector<std::pair<std::string_view, TokenId>> whole;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    const int32_t type = type_of(assets, id);
    if ((type == kControl || type == kUserDefined) && !assets.tokens[id].empty()) {
      whole.emplace_back(assets.tokens[id], static_cast<TokenId>(id));
    }
  }
  return SpecialTokens(whole);
}

std::unordered_map<std::string, TokenId> find_words(const TokenizerAssets& assets) {
  std::unordered_map<std::string, TokenId> words;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    if (type_of(assets, id) != kNormal) continue;
    if (auto bytes = bytes_of_entry(assets.tokens[id])) words.emplace(std::move(*bytes), static_cast<TokenId>(id));
  }
  return words;
}

std::array<TokenId, 256> find_byte_ids(const Ids& ids) {
  std::array<TokenId, 256> byte_ids;
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(byte_alphabet()[byte]);
    byte_ids[byte] = found == ids.end() ? kNoToken : found->second;
  }
  return byte_ids;
}

SpecialIds read_special_ids(const TokenizerAssets& assets, const Ids& ids) {
  check_id(assets, "bos", assets.bos);
  check_id(assets, "eos", assets.eos);
  check_id(assets, "unk", assets.unk);
  check_id(assets, "pad", assets.pad);
  SpecialIds special{assets.bos, assets.eos, assets.unk, assets.pad, assets.add_bos && assets.bos.has_value(), {}};
  if (assets.eos) special.ends.push_back(*assets.eos);
  for (const std::string_view name : kEndNames) {
    const auto found = ids.find(name);
    if (found != ids.end()) special.ends.push_back(found->second);
  }
  std::sort(special.ends.begin(), special.ends.end());
  special.ends.erase(std::unique(special.ends.begin(), special.ends.end()), special.ends.end());
  return special;
}

}  // namespace

std::vector<TokenId> Tokenizer::encode_pieces(const std::vector<Piece>& pieces) const {
  std::vector<TokenId> ids;
  for (const Piece& piece : pieces) {
    const std::vector<TokenId> part = encode(piece.text, piece.from_caller ? AddedTokens::none : AddedTokens::all);
    ids.insert(ids.end(), part.begin(), part.end());
  }
  return ids;
}

Framed Tokenizer::frame(const std::vector<TokenId>& text) const {
  Framed framed;
  if (adds_bos()) framed.ids.push_back(*bos());
  framed.ids.insert(framed.ids.end(), text.begin(), text.end());
  framed.types.assign(framed.ids.size(), 0);
  return framed;
}

Framed Tokenizer::frame_pair(const std::vector<TokenId>&, const std::vector<TokenId>&) const {
  throw Error{Code::unsupported, "this model's tokenizer does not say how two texts stand beside each other"};
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  Detokenizer detokenizer(*this, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerAssets& assets) {
  if (assets.model != "gpt2") {
    throw Error{Code::unsupported, fmt::format("tokenizer model '{}' is not known to this build; it knows 'gpt2', the "
                                               "byte-level BPE", assets.model)};
  }
  if (assets.add_space_prefix) {
    throw Error{Code::unsupported, "tokenizer: add_space_prefix with byte-level BPE is not supported by this build"};
  }
  const PretokenizerRow& row = find_pretokenizer(assets.pre.empty() ? "default" : assets.pre);
  check_types(assets);
  const Ids ids = number(assets);
  Vocabulary vocabulary{.tokens = read_tokens(assets),
                        .whole = find_whole_tokens(assets),
                        .byte_ids = find_byte_ids(ids),
                        .merges = Merges(read_merges(assets, ids)),
                        .special = read_special_ids(assets, ids)};
  if (row.whole_words_first) vocabulary.words = find_words(assets);
  return std::make_unique<ByteLevelBpe>(row, std::move(vocabulary));
}

}  // namespace yoke::model::text
