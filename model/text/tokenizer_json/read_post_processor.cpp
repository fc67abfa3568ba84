#include <fmt/format.h>

#include <optional>

#include "model/text/tokenizer_json/components.h"

namespace yoke::model::text {
namespace {

using Parts = std::vector<FramePart>;
using PartKind = FramePart::Kind;
using Read = std::optional<Framing>;  // none: it leaves the ids alone

constexpr size_t kMostParts = 1024;

Read read(const Entry& entry, const Vocabulary& vocabulary);

// [text, id], as BERT's and RoBERTa's processors name their two tokens.
TokenId named_token(const Entry& entry, const Vocabulary& vocabulary) {
  if (entry.size() != 2) entry.refuse("a token and its id");
  const int64_t id = entry.item(1).integer(0, INT32_MAX);
  if (!vocabulary.holds(id)) entry.item(1).inconsistent(fmt::format("there is no token {}", id));
  return static_cast<TokenId>(id);
}

Read bert(const Entry& entry, const Vocabulary& vocabulary) {
  const TokenId sep = named_token(entry.at("sep"), vocabulary), cls = named_token(entry.at("cls"), vocabulary);
  Framing framing;
  framing.single = {{PartKind::token, 0, cls}, {PartKind::first_text, 0, 0}, {PartKind::token, 0, sep}};
  framing.pair = framing.single;
  framing.pair.insert(framing.pair.end(), {{PartKind::second_text, 1, 0}, {PartKind::token, 1, sep}});
  return framing;
}

Read roberta(const Entry& entry, const Vocabulary& vocabulary) {
  const TokenId sep = named_token(entry.at("sep"), vocabulary), cls = named_token(entry.at("cls"), vocabulary);
  Framing framing;
  framing.single = {{PartKind::token, 0, cls}, {PartKind::first_text, 0, 0}, {PartKind::token, 0, sep}};
  framing.pair = framing.single;
  framing.pair.insert(framing.pair.end(), {{PartKind::token, 0, sep}, {PartKind::second_text, 0, 0}, {PartKind::token, 0, sep}});
  return framing;
}

void add_tokens(const Entry& part, const Entry& special_tokens, int32_t type, const Vocabulary& vocabulary, Parts& parts) {
  const Entry ids = special_tokens.at(part.at("id").string()).at("ids");
  if (parts.size() + ids.size() > kMostParts) ids.refuse("at most 1024 parts in all");
  for (size_t i = 0; i < ids.size(); ++i) {
    const int64_t id = ids.item(i).integer(0, INT32_MAX);
    if (!vocabulary.holds(id)) ids.item(i).inconsistent(fmt::format("there is no token {}", id));
    parts.push_back({PartKind::token, type, static_cast<TokenId>(id)});
  }
}

Parts template_parts(const Entry& list, const Entry& special_tokens, const Vocabulary& vocabulary) {
  Parts parts;
  for (size_t i = 0; i < list.size(); ++i) {
    const Entry part = list.item(i);
    const auto text = part.find("Sequence"), token = part.find("SpecialToken");
    if (!text && !token) part.refuse("a Sequence or a SpecialToken");
    const auto type = static_cast<int32_t>((text ? text : token)->at("type_id").integer(0, INT32_MAX));
    if (token) {
      add_tokens(*token, special_tokens, type, vocabulary, parts);
      continue;
    }
    const Entry id = text->at("id");
    if (id.string() != "A" && id.string() != "B") id.refuse("A or B");
    if (parts.size() >= kMostParts) list.refuse("at most 1024 parts");
    parts.push_back({id.string() == "A" ? PartKind::first_text : PartKind::second_text, type, 0});
  }
  return parts;
}

Read by_template(const Entry& entry, const Vocabulary& vocabulary) {
  const Entry special_tokens = entry.at("special_tokens");
  Framing framing;
  framing.single = template_parts(entry.at("single"), special_tokens, vocabulary);
  if (const auto pair = entry.find("pair")) framing.pair = template_parts(*pair, special_tokens, vocabulary);
  return framing;
}

Read sequence(const Entry& entry, const Vocabulary& vocabulary) {
  const Entry list = entry.at("processors");
  Read framing;
  for (size_t i = 0; i < list.size(); ++i) {
    Read next = read(list.item(i), vocabulary);
    if (!next) continue;
    if (framing) list.item(i).at("type").unsupported("a second processor that adds tokens");
    framing = std::move(next);
  }
  return framing;
}

constexpr Kind<Read, const Vocabulary&> kKinds[] = {
    {"ByteLevel", [](const Entry&, const Vocabulary&) { return Read(); }},
    {"TemplateProcessing", by_template},
    {"RobertaProcessing", roberta},
    {"BertProcessing", bert},
    {"Sequence", sequence},
};

Read read(const Entry& entry, const Vocabulary& vocabulary) {
  return make_by_type<Read, const Vocabulary&>(entry, kKinds, vocabulary);
}

}  // namespace

Framing read_post_processor(const Entry& entry, const Vocabulary& vocabulary) {
  return read(entry, vocabulary).value_or(Framing{});
}

}  // namespace yoke::model::text
