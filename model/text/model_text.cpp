#include "model/text/model_text.h"

#include "core/error.h"

namespace yoke::model::text {

ModelText open_text(const std::filesystem::path& model) { return open_text(open_checkpoint(model)); }

ModelText open_text(const Checkpoint& checkpoint) {
  ModelText text;
  if (!checkpoint.tokenizer) {
    text.why_no_tokenizer = "its files have none";
    return text;
  }
  const TokenizerAssets& assets = *checkpoint.tokenizer;
  try {
    text.tokenizer = make_tokenizer(assets);
  } catch (const Error& error) {
    if (error.code() != Code::unsupported) throw;
    text.why_no_tokenizer = error.what();
  }
  if (!assets.chat_template.empty()) text.templates.emplace("default", assets.chat_template);
  return text;
}

}  // namespace yoke::model::text
