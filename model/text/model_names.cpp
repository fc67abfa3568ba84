#include "model/text/model_names.h"

#include <algorithm>

namespace yoke::model::text {
namespace {

// A model may stop with any of these that it has.
constexpr std::string_view kEndNames[] = {"<|im_end|>",      "<|eot_id|>",    "<|eom_id|>",    "<|eot|>",    "<|eom|>",
                                          "<|end_of_text|>", "<|endoftext|>", "<end_of_turn>", "<|return|>", "<|call|>",
                                          "<|END_OF_TURN_TOKEN|>"};
constexpr std::string_view kEndOfMessage = "<|end|>";

}  // namespace

std::vector<TokenId> end_tokens(std::vector<TokenId> given, const std::function<TokenId(std::string_view)>& find) {
  for (const std::string_view name : kEndNames) given.push_back(find(name));
  // Phi's answers end with it; harmony's have several messages, each with this end, and <|return|> behind the last.
  if (find("<|return|>") < 0) given.push_back(find(kEndOfMessage));
  std::erase_if(given, [](TokenId id) { return id < 0; });
  std::ranges::sort(given);
  given.erase(std::unique(given.begin(), given.end()), given.end());
  return given;
}

}  // namespace yoke::model::text
