// How a generation's deltas reach the client: as one JSON object at the end, or as server-sent events while they come.
#pragma once

#include <memory>
#include <vector>

#include "coordinator/api/openai/shapes.h"
#include "coordinator/http/server.h"
#include "core/error.h"

namespace yoke::coordinator::api::openai {

class Reply {
 public:
  virtual ~Reply() = default;
  virtual void delta(int index, Delta delta, http::Responder& out) = 0;
  virtual void finish(const Usage& usage, http::Responder& out) = 0;
  // Before anything was sent the error becomes the response's status; in a stream it is the last event.
  virtual void fail(const Error& error, http::Responder& out) = 0;
  virtual void quiet(http::Responder& out) = 0;
};

struct ReplyOptions {
  Shapes shapes;
  int choices = 1;
  std::vector<std::vector<TokenId>> prompts;  // for prompt_token_ids; empty unless they are wanted
  int choices_per_prompt = 1;
  bool include_usage = false;
};

std::unique_ptr<Reply> make_whole_reply(ReplyOptions options);
std::unique_ptr<Reply> make_streamed_reply(ReplyOptions options);

}  // namespace yoke::coordinator::api::openai
