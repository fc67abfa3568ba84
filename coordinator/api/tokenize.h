// POST /tokenize and /detokenize: what text is in the model's tokens, in the words of vLLM's API and of llama.cpp's server.
// Nothing is generated.
#pragma once

#include <boost/json/object.hpp>

#include "coordinator/api/openai/fields.h"
#include "coordinator/http/message.h"

namespace yoke::coordinator::api {

// The text of a detokenized list is at most so long: some tokens are, and a body may name one a million times.
inline constexpr size_t kMostDetokenizedBytes = 16 << 20;

// {"prompt"} (vLLM), {"content"} (llama.cpp), or the body of a chat request. Error as of the requests that generate.
http::Response tokenize(boost::json::object body, const openai::FieldContext& context);
// {"tokens"}; the text comes back under the names of both.
http::Response detokenize(const boost::json::object& body, const openai::FieldContext& context);

}  // namespace yoke::coordinator::api
