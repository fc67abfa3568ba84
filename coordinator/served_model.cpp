#include "coordinator/served_model.h"

#include <algorithm>
#include <filesystem>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"

namespace yoke::coordinator {
namespace {

// A kind of tokenizer or a template that this build does not know leaves a model that still answers token ids.
template <typename Make>
auto unless_unsupported(const char* what, const Make& make) -> decltype(make()) {
  try {
    return make();
  } catch (const Error& error) {
    if (error.code() != Code::unsupported) throw;
    spdlog::warn("no {}: {}", what, error.what());
    return nullptr;
  }
}

// As unless_unsupported: such an encoder still ranks.
std::optional<Pooling> pooling_of(const model::Checkpoint& checkpoint) {
  if (!checkpoint.config.encoder.is) return std::nullopt;
  const std::filesystem::path& path = checkpoint.path;
  try {
    return read_pooling(std::filesystem::is_directory(path) ? path : path.parent_path());
  } catch (const Error& error) {
    if (error.code() != Code::unsupported) throw;
    spdlog::warn("no embeddings: {}", error.what());
    return std::nullopt;
  }
}

}  // namespace

ServedModel make_served_model(const model::Checkpoint& checkpoint, const std::vector<std::string>& aliases) {
  ServedModel served{.names = {checkpoint.config.name}, .config = checkpoint.config, .identity = checkpoint.identity};
  for (const std::string& alias : aliases) {
    if (alias.empty()) throw Error{Code::invalid_argument, "an alias cannot be empty", "alias"};
    if (std::ranges::find(served.names, alias) == served.names.end()) served.names.push_back(alias);
  }
  served.pooling = pooling_of(checkpoint);
  served.created = system_clock().unix_seconds();
  if (!checkpoint.tokenizer) return served;
  served.tokenizer = unless_unsupported("text", [&] { return model::text::make_tokenizer(*checkpoint.tokenizer); });
  const std::string& source = checkpoint.tokenizer->chat_template;
  if (served.tokenizer && !source.empty()) {
    served.chat_template = unless_unsupported("chat", [&] { return std::make_unique<model::text::ChatTemplate>(source); });
  }
  return served;
}

}  // namespace yoke::coordinator
