#include "model/text/model_text.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/gguf.h"
#include "model/text/sentencepiece/sentencepiece_tokenizer.h"
#include "model/text/text_folder.h"
#include "model/text/tokenizer_json/tokenizer_json.h"

namespace yoke::model::text {
namespace {

namespace fs = std::filesystem;

// What this build does not know leaves a model without text, not without service.
template <typename Make>
void give_tokenizer(ModelText& text, Make make) {
  try {
    text.tokenizer = make();
  } catch (const Error& error) {
    if (error.code() != Code::unsupported) throw;
    text.why_no_tokenizer = error.what();
  }
}

ModelText from_assets(const TokenizerAssets& assets) {
  ModelText text;
  give_tokenizer(text, [&] { return make_tokenizer(assets); });
  if (!assets.chat_template.empty()) text.templates.emplace("default", assets.chat_template);
  return text;
}

// The files that a folder's tokenizer may be in; the first one that is there counts.
struct TokenizerFormat {
  const char* file;
  uint64_t most_bytes;
  std::unique_ptr<Tokenizer> (*read)(std::string_view bytes, const std::string& file, const ModelNames& names);
};
constexpr TokenizerFormat kFormats[] = {{"tokenizer.json", kMostTokenizerBytes, read_tokenizer_json},
                                        {"tokenizer.model", kMostSentencePieceBytes, open_sentencepiece}};

// Nothing where the folder has no file of a tokenizer.
std::optional<ModelText> from_folder(const fs::path& folder) {
  for (const TokenizerFormat& format : kFormats) {
    const auto source = read_folder_file(folder, format.file, format.most_bytes);
    if (!source) continue;
    ModelText text;
    const ModelNames names = read_names(folder);
    give_tokenizer(text, [&] { return format.read(*source, (folder / format.file).string(), names); });
    text.templates = read_templates(folder);
    return text;
  }
  return std::nullopt;
}

ModelText without(std::string why) {
  ModelText text;
  text.why_no_tokenizer = std::move(why);
  return text;
}

}  // namespace

ModelText open_text(const fs::path& model) {
  std::error_code error;
  if (fs::is_directory(model, error)) {
    if (auto text = from_folder(model)) return std::move(*text);
    return open_text(open_checkpoint(model));
  }
  if (model.extension() != ".gguf") return open_text(open_checkpoint(model));
  if (const auto assets = read_gguf_tokenizer(model)) return from_assets(*assets);
  return without(fmt::format("{} has no tokenizer", model.string()));
}

ModelText open_text(const Checkpoint& checkpoint) {
  if (checkpoint.tokenizer) return from_assets(*checkpoint.tokenizer);
  std::error_code error;
  const fs::path& path = checkpoint.path;
  const fs::path folder = fs::is_directory(path, error) ? path : path.parent_path();
  if (checkpoint.made || !fs::is_directory(folder, error)) return without("it has no files");
  if (auto text = from_folder(folder)) return std::move(*text);
  return without(fmt::format("{} has no tokenizer.json or tokenizer.model", folder.string()));
}

}  // namespace yoke::model::text
