// `continue_final_message`: the prompt ends in the last message instead of behind it, as transformers' apply_chat_template does
// it. The message is given a mark, which the template carries to where the message ends; there the prompt is cut. Pure.
#pragma once

#include <boost/json/array.hpp>

#include <vector>

#include "model/text/piece.h"

namespace yoke::coordinator::api::openai {

// Appends the mark to the last message's text. Error{invalid_argument}, param "continue_final_message", where it has none.
void mark_final_message(boost::json::array& messages);

// What stands before the last mark; a template that trims messages has the white space before it trimmed too.
// Error{invalid_argument} where the template left the mark out.
void cut_at_mark(std::vector<model::text::Piece>& pieces);

}  // namespace yoke::coordinator::api::openai
