#include "coordinator/api/openai/encoder_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/text/unicode/transforms.h"

namespace yoke::coordinator::api::openai {
namespace {

// What is left for texts between special tokens.
size_t room_of(const Fit& fit, size_t special, const std::string& path) {
  if (fit.most >= static_cast<int64_t>(special)) return static_cast<size_t>(fit.most) - special;
  throw Error(Code::invalid_argument,
              fmt::format("{}: {} tokens have no room for the {} special ones around a text", path, fit.most, special), path);
}

[[noreturn]] void refuse_length(const Fit& fit, size_t tokens, const std::string& path) {
  throw Error(Code::context_exceeded,
              fmt::format("this model's maximum context length is {} tokens; {} needs {}; shorten it, or ask for \"truncate\": true",
                          fit.most, path, tokens),
              path);
}

}  // namespace

int64_t most_tokens(const ServedModel& model) {
  const int64_t context = model.config.context_length;
  return model.pooling && model.pooling->max_tokens > 0 ? std::min(context, model.pooling->max_tokens) : context;
}

const model::text::Tokenizer& tokenizer_of(const ServedModel& model, const std::string& path) {
  if (model.tokenizer) return *model.tokenizer;
  throw Error(Code::unsupported,
              fmt::format("{} is text, and this model came without a tokenizer ({}); send token ids", path, model.why_no_tokenizer), path);
}

std::vector<TokenId> text_tokens(const ServedModel& model, const std::string& prompt, const std::string& text, const Fit& fit,
                                 const std::string& path) {
  const model::text::Tokenizer& tokenizer = tokenizer_of(model, path);
  const bool lower = model.pooling && model.pooling->lower_case;
  const auto cased = [&](const std::string& written) { return lower ? model::text::unicode::lower(written) : written; };
  std::vector<TokenId> tokens = prompt.empty() ? tokenizer.encode(cased(text), model::text::AddedTokens::none)
                                               : tokenizer.encode_pieces({{.text = cased(prompt), .from_caller = false},
                                                                          {.text = cased(text), .from_caller = true}});
  const size_t room = room_of(fit, tokenizer.frame({}).ids.size(), path);
  if (tokens.size() > room && fit.cut == Cut::refused) refuse_length(fit, tokens.size() + static_cast<size_t>(fit.most) - room, path);
  keep(tokens, room, fit.cut);
  tokens = tokenizer.frame(tokens).ids;
  if (tokens.empty()) throw Error(Code::invalid_argument, fmt::format("{} has no tokens", path), path);
  return tokens;
}

// A text of at most half the room stays whole. Of an odd room between two longer ones, the longer takes the odd token, and of equally
// long ones the second.
PairLengths pair_lengths(const ServedModel& model, const PairLengths& given, const Fit& fit, const std::string& path) {
  const size_t room = room_of(fit, tokenizer_of(model, path).frame_pair({}, {}).ids.size(), path);
  const size_t tokens = given.query + given.document;
  if (tokens <= room) return given;
  if (fit.cut == Cut::refused) refuse_length(fit, tokens + static_cast<size_t>(fit.most) - room, path);
  const size_t shorter = std::min({given.query, given.document, room / 2});
  return given.query > given.document ? PairLengths{room - shorter, shorter} : PairLengths{shorter, room - shorter};
}

model::text::Framed framed_pair(const ServedModel& model, std::vector<TokenId> query, std::vector<TokenId> document, const Fit& fit,
                                const std::string& path) {
  const PairLengths lengths = pair_lengths(model, {query.size(), document.size()}, fit, path);
  keep(query, lengths.query, fit.cut);
  keep(document, lengths.document, fit.cut);
  model::text::Framed framed = model.tokenizer->frame_pair(query, document);
  if (model.config.encoder.token_types < 2) framed.types.clear();
  return framed;
}

void keep(std::vector<TokenId>& tokens, size_t most, Cut cut) {
  if (tokens.size() <= most) return;
  if (cut == Cut::start) tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(most));
  else tokens.resize(most);
}

}  // namespace yoke::coordinator::api::openai
