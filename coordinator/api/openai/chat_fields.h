// The fields of a chat that its template sees: messages, tools and what stands around them. Each is checked against OpenAI's
// shape with the path of what is wrong; model/text/conversation.h makes sense of the whole.
#pragma once

#include <boost/json/object.hpp>

#include "coordinator/api/openai/fields.h"

namespace yoke::coordinator::api::openai {

void read_tool_choice(Draft& draft, const boost::json::value& value, const FieldContext& context);
// Error{unsupported} unless the operator allows it.
void read_chat_template(Draft& draft, const boost::json::value& value, const FieldContext& context);

// messages, tools, documents, chat_template_kwargs, reasoning_effort, add_generation_prompt; after all other fields.
void read_conversation(Draft& draft, const boost::json::object& body);

}  // namespace yoke::coordinator::api::openai
