#include "coordinator/served_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "model/text/model_text.h"

namespace yoke::coordinator {
namespace {

// An encoder whose pooling this build does not know still ranks.
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

ServedTemplate operators_template(const std::string& file) {
  constexpr uintmax_t kMostBytes = 1 << 20;  // ChatTemplate's own bound
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(file, error);
  std::ifstream in(file, std::ios::binary);
  if (error || !in) throw Error{Code::not_found, fmt::format("--chat-template {}: cannot be read", file), "chat-template"};
  if (bytes > kMostBytes) {
    throw Error{Code::too_large, fmt::format("--chat-template {}: {} bytes; a template has at most {}", file, bytes, kMostBytes),
                "chat-template"};
  }
  const std::string source(std::istreambuf_iterator<char>(in), {});
  try {
    return {.program = std::make_shared<const model::text::ChatTemplate>(source), .why_not = {}};
  } catch (const Error& broken) {
    throw Error{broken.code(), fmt::format("--chat-template {}: {}", file, broken.what()), "chat-template"};
  }
}

ServedTemplate models_template(const std::string& name, const std::string& source) {
  try {
    return make_template(source);
  } catch (const Error& broken) {
    throw Error{broken.code(), fmt::format("the model's template {}: {}; --chat-template FILE would stand for it", name, broken.what())};
  }
}

void give_text(ServedModel& served, const model::Checkpoint& checkpoint, const std::string& chat_template_file) {
  model::text::ModelText text = model::text::open_text(checkpoint);
  served.tokenizer = std::move(text.tokenizer);
  served.why_no_tokenizer = std::move(text.why_no_tokenizer);
  if (!served.tokenizer) {
    if (!chat_template_file.empty()) {
      throw Error{Code::unsupported,
                  fmt::format("--chat-template needs the model's tokenizer, and there is none: {}", served.why_no_tokenizer),
                  "chat-template"};
    }
    spdlog::warn("no text, token ids only: {}", served.why_no_tokenizer);
    return;
  }
  if (!chat_template_file.empty()) {
    served.chat_templates.emplace(model::text::kDefaultTemplate, operators_template(chat_template_file));
    return;
  }
  for (const auto& [name, source] : text.templates) {
    ServedTemplate made = models_template(name, source);
    if (!made.program) spdlog::warn("no chat by the template {}: {}", name, made.why_not);
    served.chat_templates.emplace(name, std::move(made));
  }
}

}  // namespace

ServedTemplate make_template(const std::string& source) {
  try {
    return {.program = std::make_shared<const model::text::ChatTemplate>(source), .why_not = {}};
  } catch (const Error& error) {
    if (error.code() != Code::unsupported) throw;
    return {.program = nullptr, .why_not = error.what()};
  }
}

ServedModel make_served_model(const model::Checkpoint& checkpoint, const std::vector<std::string>& aliases,
                              const std::string& chat_template_file) {
  ServedModel served{.names = {checkpoint.config.name}, .config = checkpoint.config, .identity = checkpoint.identity};
  for (const std::string& alias : aliases) {
    if (alias.empty()) throw Error{Code::invalid_argument, "an alias cannot be empty", "alias"};
    if (std::ranges::find(served.names, alias) == served.names.end()) served.names.push_back(alias);
  }
  served.pooling = pooling_of(checkpoint);
  served.created = system_clock().unix_seconds();
  give_text(served, checkpoint, chat_template_file);
  return served;
}

}  // namespace yoke::coordinator
