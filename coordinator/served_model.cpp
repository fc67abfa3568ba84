#include "coordinator/served_model.h"

#include <algorithm>
#include <filesystem>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "model/text/model_text.h"

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
  model::text::ModelText text = model::text::open_text(checkpoint);
  served.tokenizer = std::move(text.tokenizer);
  if (!served.tokenizer && checkpoint.tokenizer) spdlog::warn("no text: {}", text.why_no_tokenizer);
  const auto source = text.templates.find("default");
  if (served.tokenizer && source != text.templates.end()) {
    served.chat_template = unless_unsupported("chat", [&] { return std::make_unique<model::text::ChatTemplate>(source->second); });
  }
  return served;
}

}  // namespace yoke::coordinator
