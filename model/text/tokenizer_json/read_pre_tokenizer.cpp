#include "model/text/bert_text.h"
#include "model/text/tokenizer_json/components.h"

namespace yoke::model::text {
namespace {

constexpr size_t kMostSteps = 256;

Delimiters delimiters(const Entry& entry) {
  constexpr std::pair<std::string_view, Delimiters> kNames[] = {{"Removed", Delimiters::removed},
                                                                {"Isolated", Delimiters::isolated},
                                                                {"MergedWithPrevious", Delimiters::merged_with_previous},
                                                                {"MergedWithNext", Delimiters::merged_with_next},
                                                                {"Contiguous", Delimiters::contiguous}};
  for (const auto& [name, behavior] : kNames) {
    if (entry.string() == name) return behavior;
  }
  entry.refuse("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

CutStep sequence(const Entry& entry, bool as_bytes) {
  const Entry list = entry.at("pretokenizers");
  if (list.size() > kMostSteps) list.refuse("at most 256 steps");
  std::vector<CutStep> steps;
  for (size_t i = 0; i < list.size(); ++i) {
    steps.push_back(read_pre_tokenizer(list.item(i), as_bytes && i + 1 == list.size()));
  }
  return make_cut_sequence(std::move(steps));
}

CutStep byte_level(const Entry& entry, bool as_bytes) {
  return make_byte_level_cut({.space_first = entry.at("add_prefix_space").boolean(),
                              .by_expression = entry.boolean_or("use_regex", true),
                              .as_bytes = as_bytes});
}

// Older files say add_prefix_space; where both are, they must agree.
CutStep metaspace(const Entry& entry, bool) {
  Prefix prefix = Prefix::always;
  if (const auto scheme = entry.find("prepend_scheme")) {
    const std::string_view name = scheme->string();
    if (name != "always" && name != "first" && name != "never") scheme->refuse("always, first or never");
    prefix = name == "always" ? Prefix::always : name == "first" ? Prefix::first : Prefix::never;
    if (!entry.boolean_or("add_prefix_space", true) && prefix != Prefix::never) scheme->refuse("never, as add_prefix_space is false");
  } else if (!entry.boolean_or("add_prefix_space", true)) {
    prefix = Prefix::never;
  }
  return make_metaspace(entry.at("replacement").character(), prefix, entry.boolean_or("split", true));
}

CutStep punctuation(const Entry& entry, bool) {
  const auto behavior = entry.find("behavior");
  return make_punctuation(behavior ? delimiters(*behavior) : Delimiters::isolated);
}

CutStep split(const Entry& entry, bool) {
  return make_split(read_finder(entry.at("pattern")), delimiters(entry.at("behavior")), entry.boolean_or("invert", false));
}

constexpr Kind<CutStep, bool> kKinds[] = {
    {"Sequence", sequence},
    {"Split", split},
    {"ByteLevel", byte_level},
    {"Metaspace", metaspace},
    {"Whitespace", [](const Entry&, bool) { return make_whitespace(); }},
    {"WhitespaceSplit", [](const Entry&, bool) { return make_whitespace_split(); }},
    {"Digits", [](const Entry& e, bool) { return make_digits(e.boolean_or("individual_digits", false)); }},
    {"Punctuation", punctuation},
    {"CharDelimiterSplit", [](const Entry& e, bool) { return make_character_split(e.at("delimiter").character()); }},
    {"FixedLength", [](const Entry& e, bool) {
       const auto length = e.find("length");
       return make_fixed_length(length ? static_cast<size_t>(length->integer(1, INT32_MAX)) : 5);
     }},
    {"BertPreTokenizer", [](const Entry&, bool) -> CutStep { return make_bert_pretokenizer(); }},
};

}  // namespace

bool ends_byte_level(const Entry& pre_tokenizer) {
  const std::string_view type = pre_tokenizer.at("type").string();
  if (type == "ByteLevel") return true;
  if (type != "Sequence") return false;
  const Entry list = pre_tokenizer.at("pretokenizers");
  return list.size() > 0 && ends_byte_level(list.item(list.size() - 1));
}

CutStep read_pre_tokenizer(const Entry& entry, bool as_bytes) {
  return make_by_type<CutStep, bool>(entry, kKinds, as_bytes);
}

}  // namespace yoke::model::text
