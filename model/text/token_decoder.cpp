#include "model/text/token_decoder.h"

namespace yoke::model::text {

std::string TokenDecoder::decode(std::vector<std::string> tokens) const {
  for (const auto& step : steps_) step->apply(tokens);
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

std::string TokenDecoder::piece(std::string_view token) const {
  std::string text(token);
  for (const auto& step : steps_) {
    text = step->piece(std::move(text));
    if (step->joins()) break;
  }
  return text;
}

bool TokenDecoder::drops_first_space() const {
  bool joined = false, drops = false;
  for (const auto& step : steps_) {
    drops = drops || step->drops_first_space(joined);
    joined = joined || step->joins();
  }
  return drops;
}

}  // namespace yoke::model::text
