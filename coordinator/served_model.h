// The model that is served, as the API sees it. Const after opening; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "model/text/chat_template.h"
#include "model/text/tokenizer.h"

namespace yoke::coordinator {

struct ServedModel {
  std::vector<std::string> names;                          // the first is the model's own; aliases follow
  model::ModelConfig config;
  std::string identity;
  std::unique_ptr<model::text::Tokenizer> tokenizer;       // null: token ids only
  std::unique_ptr<model::text::ChatTemplate> chat_template;  // null: no chat
  int64_t created = 0;                                     // unix seconds
};

}  // namespace yoke::coordinator
