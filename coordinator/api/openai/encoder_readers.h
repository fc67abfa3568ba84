// What the fields of an encoder's endpoints have in common. Each function checks everything it reads and names what is wrong.
#pragma once

#include <boost/json/object.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/api/openai/encoder_text.h"

namespace yoke::coordinator::api::openai {

// Null where it is absent or null.
const boost::json::value* find(const boost::json::object& body, std::string_view name);
const boost::json::value& required(const boost::json::object& body, std::string_view name);

// Error{unsupported} for a field that is none of `known`.
void check_known(const boost::json::object& body, std::initializer_list<std::string_view> known);

// An array of 1 to kMaxInputs elements; `of` says of what.
const boost::json::array& list_of(const boost::json::value& value, const std::string& path, std::string_view of);

// An array of token ids that is not empty.
std::vector<TokenId> ids_of(const boost::json::value& value, const std::string& path, const ServedModel& model);

// Of token ids, which are taken as they are.
void check_length(size_t tokens, const std::string& path, const ServedModel& model);

// `truncate` (TEI's and Jina's boolean, Cohere's "NONE", "START" or "END") and `truncate_prompt_tokens` (vLLM's, -1: to the model's
// length). None of them: what is too long is refused.
Fit fit_of(const boost::json::object& body, const ServedModel& model);

}  // namespace yoke::coordinator::api::openai
