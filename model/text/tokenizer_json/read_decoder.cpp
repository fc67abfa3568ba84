#include <algorithm>
#include <iterator>

#include "model/text/decoder_steps.h"
#include "model/text/tokenizer_json/components.h"

namespace yoke::model::text {
namespace {

using Steps = std::vector<Step>;

constexpr size_t kMostSteps = 256;

Steps read_steps(const Entry& entry);

Steps one(Step step) {
  Steps steps;
  steps.push_back(std::move(step));
  return steps;
}

Steps sequence(const Entry& entry) {
  const Entry list = entry.at("decoders");
  Steps steps;
  for (size_t i = 0; i < list.size(); ++i) {
    Steps more = read_steps(list.item(i));
    std::ranges::move(more, std::back_inserter(steps));
    if (steps.size() > kMostSteps) list.refuse("at most 256 steps");
  }
  return steps;
}

Steps strip(const Entry& entry) {
  const auto count = [&](std::string_view key) { return static_cast<size_t>(entry.at(key).integer(0, INT32_MAX)); };
  return one(make_strip_decoder(entry.at("content").character(), count("start"), count("stop")));
}

Steps metaspace(const Entry& entry) {
  const bool prefixed = entry.boolean_or("add_prefix_space", true) && entry.string_or("prepend_scheme", "always") != "never";
  return one(make_metaspace_decoder(entry.at("replacement").character(), prefixed));
}

Steps ctc(const Entry& entry) {
  return one(make_ctc_decoder(std::string(entry.at("pad_token").string()), std::string(entry.at("word_delimiter_token").string()),
                              entry.boolean_or("cleanup", true)));
}

constexpr Kind<Steps> kKinds[] = {
    {"Sequence", sequence},
    {"ByteLevel", [](const Entry&) { return one(make_byte_level_decoder()); }},
    {"ByteFallback", [](const Entry&) { return one(make_byte_fallback_decoder()); }},
    {"Fuse", [](const Entry&) { return one(make_fuse_decoder()); }},
    {"Replace", [](const Entry& e) {
       return one(make_replace_decoder({read_finder(e.at("pattern")), std::string(e.at("content").string())}));
     }},
    {"Strip", strip},
    {"Metaspace", metaspace},
    {"WordPiece", [](const Entry& e) {
       return one(make_word_piece_decoder(e.string_or("prefix", "##"), e.boolean_or("cleanup", true)));
     }},
    {"BPEDecoder", [](const Entry& e) { return one(make_bpe_decoder(e.string_or("suffix", "</w>"))); }},
    {"CTC", ctc},
};

Steps read_steps(const Entry& entry) { return make_by_type<Steps>(entry, kKinds); }

}  // namespace

TokenDecoder read_decoder(const Entry& entry) {
  return TokenDecoder(entry.raw().is_null() ? one(make_space_decoder()) : read_steps(entry));
}

}  // namespace yoke::model::text
