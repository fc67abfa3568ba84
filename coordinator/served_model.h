// The model that is served, as the API sees it. Const after opening; any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/pooling.h"
#include "model/checkpoint.h"
#include "model/text/chat_template.h"
#include "model/text/tokenizer.h"

namespace yoke::coordinator {

struct ServedTemplate {
  std::shared_ptr<const model::text::ChatTemplate> program;  // null where this build lacks something that it needs: why_not
  std::string why_not;
};

struct ServedModel {
  std::vector<std::string> names;                          // the first is the model's own; aliases follow
  model::ModelConfig config;
  std::string identity;
  std::unique_ptr<model::text::Tokenizer> tokenizer;       // null: token ids only
  std::string why_no_tokenizer;                            // for people; empty where there is one
  std::map<std::string, ServedTemplate, std::less<>> chat_templates;  // by name, as ModelText's; none: no chat
  std::optional<Pooling> pooling;                          // of an encoder; none where this build does not know its folder's way
  int64_t created = 0;                                     // unix seconds
};

// Error{bad_file} for a syntax error; what this build lacks leaves `program` null.
ServedTemplate make_template(const std::string& source);

// Names: the model's own, then each alias once. A tokenizer or template of a kind that this build does not know is left out,
// with a line in the log; one that is broken is Error{bad_file}. `chat_template_file`, the operator's, stands for all of the
// model's own templates, unless it is empty; it is not left out but refused, with its line.
ServedModel make_served_model(const model::Checkpoint& checkpoint, const std::vector<std::string>& aliases,
                              const std::string& chat_template_file = {});

}  // namespace yoke::coordinator
