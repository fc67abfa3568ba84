#include "model/text/pipeline.h"

#include <algorithm>

#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

constexpr std::string_view kLetter = "x";

bool begins_with(const Framing& framing, TokenId token) {
  const FramePart& first = framing.single.front();
  return first.kind == FramePart::Kind::token && first.id == token;
}

// The parts that lie in [begin, end), counted from `begin`.
CallerParts within(const CallerParts& caller, size_t begin, size_t end) {
  CallerParts inside;
  const auto ends_before = [](const std::pair<size_t, size_t>& part, size_t at) { return part.second <= at; };
  auto part = std::lower_bound(caller.begin(), caller.end(), begin, ends_before);
  for (; part != caller.end() && part->first < end; ++part) {
    inside.emplace_back(std::max(part->first, begin) - begin, std::min(part->second, end) - begin);
  }
  return inside;
}

}  // namespace

// One call of encode.
class PipelineTokenizer::Encoding {
 public:
  Encoding(const PipelineParts& parts, AddedTokens match) : parts_(parts), match_(match) {}

  std::vector<TokenId> encode(std::string_view text, const CallerParts& caller) {
    size_t done = 0;
    for (const auto& found : parts_.added.find(text, AddedVocabulary::Text::as_it_came, match_, caller)) {
      if (found.begin > done) add_stretch(text.substr(done, found.begin - done), done == 0, within(caller, done, found.begin));
      add_found(text, found);
      done = found.end;
    }
    if (done < text.size()) add_stretch(text.substr(done), done == 0, within(caller, done, text.size()));
    return std::move(ids_);
  }

 private:
  // A token, or a caller's text that looks like one.
  void add_found(std::string_view text, const AddedVocabulary::Found& found) {
    if (!found.as_text) {
      ids_.push_back(found.id);
    } else {
      add_words(goes_on(text.substr(found.begin, found.end - found.begin)), false);
    }
    goes_on_ = found.as_text;
  }

  // A stretch normalised. Behind a caller's text that looks like a token the text goes on: a normalizer that puts something before a
  // text must not do it there.
  std::string normalised(std::string_view stretch) const {
    if (!parts_.normalizer) return std::string(stretch);
    return goes_on_ ? goes_on(stretch) : parts_.normalizer->apply(std::string(stretch));
  }

  // As it is normalised behind a letter.
  std::string goes_on(std::string_view stretch) const {
    if (!parts_.normalizer) return std::string(stretch);
    const std::string letter = parts_.normalizer->apply(std::string(kLetter));
    std::string both = parts_.normalizer->apply(std::string(kLetter).append(stretch));
    return both.starts_with(letter) ? both.substr(letter.size()) : parts_.normalizer->apply(std::string(stretch));
  }

  // What lies between tokens that stand in the text as it came. `begins`: at the beginning of the whole.
  void add_stretch(std::string_view stretch, bool begins, const CallerParts& caller) {
    if (!parts_.normalizer) return add_normalised(stretch, begins, caller);
    const std::string text = normalised(stretch);
    CallerParts moved;
    if (!caller.empty() && parts_.added.any_in(AddedVocabulary::Text::normalised)) moved = follow(caller, stretch, text);
    add_normalised(text, begins, moved);
  }

  void add_normalised(std::string_view text, bool begins, const CallerParts& caller) {
    size_t done = 0;
    for (const auto& found : parts_.added.find(text, AddedVocabulary::Text::normalised, match_, caller)) {
      if (found.begin > done) add_words(text.substr(done, found.begin - done), begins && done == 0);
      if (found.as_text) {
        add_words(text.substr(found.begin, found.end - found.begin), false);
      } else {
        ids_.push_back(found.id);
      }
      done = found.end;
    }
    if (done < text.size()) add_words(text.substr(done), begins && done == 0);
  }

  void add_words(std::string_view text, bool begins) {
    if (parts_.ill_formed == IllFormed::replaced || is_well_formed(text)) return add_well_formed(text, begins);
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
      const Utf8Char c = read_char(text, at);
      if (c.state != Utf8Char::State::well_formed) {
        if (at > begin) add_well_formed(text.substr(begin, at - begin), begins && begin == 0);
        parts_.subword->encode({text.substr(at, c.bytes)}, ids_);
        begin = at + c.bytes;
      }
      at += c.bytes;
    }
    if (text.size() > begin) add_well_formed(text.substr(begin), begins && begin == 0);
  }

  void add_well_formed(std::string_view text, bool begins) {
    Words words;
    if (parts_.pre_tokenizer) {
      parts_.pre_tokenizer->split(text, begins, words);
    } else {
      words.add(text);
    }
    parts_.subword->encode(words.list, ids_);
  }

  // Where the caller's parts of a stretch are once it is normalised. Where the parts, normalised one by one, do not make up the whole
  // (a mark was composed with the letter before it, across a border), all of it counts as the caller's, so that nothing of his
  // becomes a token.
  CallerParts follow(const CallerParts& caller, std::string_view stretch, std::string_view whole) const {
    CallerParts moved;
    std::string made;
    const auto add = [&](size_t begin, size_t end) {
      if (begin == end) return;
      const std::string_view part = stretch.substr(begin, end - begin);
      made += begin == 0 ? normalised(part) : goes_on(part);
    };
    size_t done = 0;
    for (const auto& [begin, end] : caller) {
      add(done, begin);
      const size_t from = made.size();
      add(begin, end);
      if (made.size() > from) moved.emplace_back(from, made.size());
      done = end;
    }
    add(done, stretch.size());
    return made == whole ? moved : CallerParts{{0, whole.size()}};
  }

  const PipelineParts& parts_;
  const AddedTokens match_;
  bool goes_on_ = false;  // the last token found was a caller's text
  std::vector<TokenId> ids_;
};

PipelineTokenizer::PipelineTokenizer(PipelineParts parts)
    : parts_(std::move(parts)), adds_bos_(parts_.bos && begins_with(parts_.framing, *parts_.bos)) {}

std::vector<TokenId> PipelineTokenizer::encode(std::string_view text, AddedTokens match) const {
  if (parts_.ill_formed == IllFormed::as_bytes || is_well_formed(text)) return Encoding(parts_, match).encode(text, {});
  return Encoding(parts_, match).encode(well_formed(text), {});
}

std::vector<TokenId> PipelineTokenizer::encode_pieces(const std::vector<Piece>& pieces) const {
  std::string text;
  CallerParts caller;
  for (const Piece& piece : pieces) {
    const size_t begin = text.size();
    text += parts_.ill_formed == IllFormed::as_bytes ? piece.text : well_formed(piece.text);
    if (!piece.from_caller || text.size() == begin) continue;
    if (!caller.empty() && caller.back().second == begin) {
      caller.back().second = text.size();
    } else {
      caller.emplace_back(begin, text.size());
    }
  }
  return Encoding(parts_, AddedTokens::all).encode(text, caller);
}

std::string PipelineTokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  if (!parts_.decoder) return Tokenizer::decode(ids, skip_special);
  std::vector<std::string> tokens;
  for (const TokenId id : ids) {
    if (!parts_.texts->holds(id) || (skip_special && parts_.texts->is_special(id))) continue;
    tokens.emplace_back(parts_.texts->bytes(id));
  }
  return parts_.decoder->decode(std::move(tokens));
}

std::string PipelineTokenizer::special_text(std::string_view variable) const {
  const auto found = parts_.special_texts.find(variable);
  return found == parts_.special_texts.end() ? std::string() : found->second;
}

}  // namespace yoke::model::text
