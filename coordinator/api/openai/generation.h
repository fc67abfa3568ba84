// One request of /v1/chat/completions or /v1/completions in progress: n choices of one or several prompts, each a Stream of
// the scheduler's, joined into one reply.
#pragma once

#include <boost/json/object.hpp>

#include <memory>

#include "coordinator/api/openai/fields.h"
#include "coordinator/http/server.h"
#include "coordinator/service.h"

namespace yoke::coordinator::api::openai {

struct GenerationContext {
  const ServedModel& model;
  Service& service;
  int max_choices = 1;
  bool allow_request_templates = false;
};

FieldContext fields_of(const GenerationContext& context);

// Choices of one request over all its prompts; each is a sequence in the scheduler's queue.
inline constexpr int kMaxSequences = 128;

// Reads the body, submits its sequences, and returns what answers it. Throws the Error of whatever is wrong before that.
std::unique_ptr<http::Answer> start_chat(const boost::json::object& body, const GenerationContext& context, http::Waker wake);
std::unique_ptr<http::Answer> start_completion(const boost::json::object& body, const GenerationContext& context,
                                               http::Waker wake);

}  // namespace yoke::coordinator::api::openai
