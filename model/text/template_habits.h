// What a chat template can be given, found by trying it once when it is loaded: a template's source does not say, and a wrong
// guess prints a list in Python's way into the prompt, or loses a message without a word.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace yoke::model::text {

class ChatTemplate;

struct TemplateHabits {
  std::set<std::string, std::less<>> takes_parts;  // roles whose content may be a list of parts; of the others it is joined
  bool needs_parts = false;     // a user's string would be lost: content must always be a list of parts
  bool drops_developer = false;  // says nothing of a developer's message, and renders a system's
  bool escapes_arguments = false;  // a tool call's arguments given as a string come out quoted, given as an object they do not
};

// Renders some one-message conversations, each within a small budget. What fails counts as a no.
TemplateHabits find_habits(const ChatTemplate& chat_template);

}  // namespace yoke::model::text
