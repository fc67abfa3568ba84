#include "model/text/tokenizer_json/read_bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "model/bad_file.h"
#include "model/text/byte_alphabet.h"

namespace yoke::model::text {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// Nothing for anything but "left right" or ["left", "right"].
std::optional<Pair> read_pair(const boost::json::value& merge) {
  if (merge.is_array()) {
    const auto& pair = merge.get_array();
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) return std::nullopt;
    return Pair(pair[0].get_string(), pair[1].get_string());
  }
  if (!merge.is_string()) return std::nullopt;
  const std::string_view text = merge.get_string();
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) return std::nullopt;
  return Pair(text.substr(0, space), text.substr(space + 1));
}

TokenId id_in_merge(const Entry& merges, size_t rank, std::string_view token, const Vocabulary& vocabulary) {
  const TokenId id = vocabulary.index.find(token);
  if (id == kNoToken) {
    merges.item(rank).inconsistent(fmt::format("it needs the token {}, which is not in the vocabulary", printable(token)));
  }
  return id;
}

std::vector<Merges::Merge> read_merges(const Entry& merges, std::string_view prefix, const Vocabulary& vocabulary) {
  std::vector<Merges::Merge> list;
  list.reserve(merges.size());
  std::string whole;
  const auto& array = merges.array();
  for (size_t rank = 0; rank < array.size(); ++rank) {
    if (rank == 0 && array[0].is_string() && std::string_view(array[0].get_string()).starts_with("#version")) continue;
    const auto pair = read_pair(array[rank]);
    if (!pair) merges.item(rank).refuse("two tokens, as an array or with a space between");
    const auto& [left, right] = *pair;
    if (right.size() < prefix.size()) merges.item(rank).inconsistent("its second token is shorter than the prefix");
    whole.assign(left).append(right.substr(prefix.size()));
    list.push_back({id_in_merge(merges, rank, left, vocabulary), id_in_merge(merges, rank, right, vocabulary),
                    id_in_merge(merges, rank, whole, vocabulary)});
  }
  return list;
}

// The entries by the bytes that they write. Those with characters outside the alphabet are in no word.
TokenIndex index_bytes(const Vocabulary& vocabulary) {
  TokenIndex index;
  index.reserve(vocabulary.entries.size(), vocabulary.entries.size() * 8);
  for (const auto& [text, id] : vocabulary.entries) {
    if (const auto bytes = bytes_of_entry(text)) index.add(*bytes, id);
  }
  return index;
}

std::array<int32_t, 256> byte_ids(const Vocabulary& vocabulary, Alphabet alphabet) {
  std::array<int32_t, 256> ids;
  for (int byte = 0; byte < 256; ++byte) {
    ids[byte] = vocabulary.index.find(alphabet == Alphabet::bytes ? byte_alphabet()[byte] : fmt::format("<0x{:02X}>", byte));
  }
  return ids;
}

// An unknown token that is not there is never needed where every byte can be written.
int32_t read_unknown(const Entry& model, const Vocabulary& vocabulary, const BpeParts& parts) {
  const auto entry = model.find("unk_token");
  if (!entry) return kNoToken;
  const TokenId id = vocabulary.index.find(entry->string());
  const bool by_bytes = parts.alphabet == Alphabet::bytes || parts.byte_fallback;
  const bool writes_all = by_bytes && std::ranges::find(parts.byte_ids, kNoToken) == parts.byte_ids.end();
  if (id == kNoToken && !entry->string().empty() && !writes_all) entry->inconsistent("this token is not in the vocabulary");
  return id;
}

}  // namespace

bool may_read_bytes(const Entry& model) {
  return model.find("merges") && !model.boolean_or("byte_fallback", false) && model.string_or("continuing_subword_prefix", "").empty() &&
         model.string_or("end_of_word_suffix", "").empty();
}

std::unique_ptr<const Subword> read_bpe(const Entry& model, const Vocabulary& vocabulary, bool words_are_bytes) {
  BpeParts parts{.alphabet = words_are_bytes ? Alphabet::bytes : Alphabet::characters,
                 .tokens = words_are_bytes ? index_bytes(vocabulary) : vocabulary.index,
                 .byte_ids = {},
                 .fuse_unknown = model.boolean_or("fuse_unk", false),
                 .byte_fallback = model.boolean_or("byte_fallback", false),
                 .whole_words_first = model.boolean_or("ignore_merges", false),
                 .continuing_prefix = model.string_or("continuing_subword_prefix", ""),
                 .end_suffix = model.string_or("end_of_word_suffix", "")};
  parts.byte_ids = byte_ids(vocabulary, parts.alphabet);
  parts.merges = Merges(read_merges(model.at("merges"), parts.continuing_prefix, vocabulary), Merges::Repeated::last_counts);
  parts.unknown = read_unknown(model, vocabulary, parts);
  return std::make_unique<Bpe>(std::move(parts));
}

}  // namespace yoke::model::text
