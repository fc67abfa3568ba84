// From the body of a chat request to the pieces that a tokenizer encodes. Bodies are validated and bounded here, and messages
// are normalised as transformers' apply_chat_template does it and as servers people know go on where templates fail:
// - keys whose value is null are dropped; reasoning_content, thinking and reasoning are copied into one another;
// - content that is a list of text parts stays one where the template goes through parts (TemplateHabits), and is joined by
//   line ends elsewhere;
// - where a rendering fails for want of a value or for a wrong type, it is tried again with missing content as "", then with
//   tool calls' arguments as objects, then as strings. A template's own refusal (raise_exception) stands.
// Pure; any thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <vector>

#include "model/text/chat_template.h"
#include "model/text/model_text.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

// Beyond what any context holds; the body's bytes are the caller's to limit.
inline constexpr size_t kMaxMessages = 65'536, kMaxTools = 4096, kMaxDocuments = 65'536, kMaxTemplateKwargs = 256;

struct Conversation {
  boost::json::array messages;          // objects; "role" is a string, "content" a string, a list of parts, a number, or missing
  boost::json::value tools, documents;  // arrays of objects, or null where there are none
  boost::json::object kwargs;           // chat_template_kwargs, and reasoning_effort where the body has it
  bool add_generation_prompt = true;
};

// Reads messages, tools, documents, chat_template_kwargs, add_generation_prompt and reasoning_effort; leaves every other field
// of the body alone. Error{invalid_argument} with the path ("messages[2].content") for a wrong type, no message or one too
// many, and for kwargs that would replace what the body has fields for; Error{unsupported} for parts that are no text.
Conversation read_conversation(const boost::json::object& body);

// The one of a model's templates, by name, that a conversation takes: as in transformers "tool_use" for tools where the model has
// one of that name, by the same rule "rag" for documents, else "default". The map's end where there is none.
template <typename TemplatesByName>
auto find_template(const TemplatesByName& templates, const Conversation& conversation) {
  const bool has_tools = !conversation.tools.is_null(), has_documents = !conversation.documents.is_null();
  const auto found = templates.find(has_tools ? "tool_use" : has_documents ? "rag" : kDefaultTemplate);
  return found != templates.end() ? found : templates.find(kDefaultTemplate);
}

// Where the reference's text is not what a model should see, and no error says so.
enum class Manner {
  reference,  // as apply_chat_template, character for character
  served,     // as servers do it: a call's arguments that a client of OpenAI's kind sent as a string reach a template that
              // would quote them as an object (TemplateHabits::escapes_arguments), and a developer's message that it would
              // drop without a word is a system's (drops_developer)
};

struct ConversationOptions {
  Manner manner = Manner::reference;
  RenderLimits limits;
};

// Variables besides the conversation's are the special tokens that `tokenizer` has. Error{invalid_argument}, param "messages",
// with the template's own words for raise_exception; with the line for what fails; when a limit is passed.
std::vector<Piece> render(const ChatTemplate& chat_template, const Conversation& conversation, const Tokenizer& tokenizer,
                          const ConversationOptions& options = {});
// The same with the special tokens given by name ("bos_token").
std::vector<Piece> render(const ChatTemplate& chat_template, const Conversation& conversation,
                          const boost::json::object& special_tokens, const ConversationOptions& options = {});

}  // namespace yoke::model::text
