// The model that is served, as the API sees it. Const after opening; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/pooling.h"
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
  std::optional<Pooling> pooling;                          // of an encoder; none where this build does not know its folder's way
  int64_t created = 0;                                     // unix seconds
};

// Names: the model's own, then each alias once. A tokenizer or template of a kind that this build does not know is left out,
// with a line in the log; one that is broken is Error{bad_file}.
ServedModel make_served_model(const model::Checkpoint& checkpoint, const std::vector<std::string>& aliases);

}  // namespace yoke::coordinator
