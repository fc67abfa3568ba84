// The input is a chat request's body. It is refused by its field, or rendered by templates of different ways.
#include <boost/json.hpp>

#include "core/error.h"
#include "model/text/conversation.h"

namespace {

using namespace yoke;
using namespace yoke::model::text;

constexpr const char* kTemplates[] = {
    // Any role, strings only.
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|a|>{% endif %}",
    // Parts, tools and documents, everything as JSON.
    "{{ tools|tojson(indent=2) }}{% for m in messages %}{{ m.role }}{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
    "{{ c.function.arguments|tojson }}{% endfor %}{% endfor %}{% for d in documents or [] %}{{ d.title|string|trim }}{{ d }}{% endfor %}",
    // Few roles, in turn; arguments are gone through.
    "{% for m in messages %}{% if m.role not in ['user', 'assistant', 'tool'] %}{{ raise_exception('only user and assistant') }}{% endif %}"
    "{{ m.reasoning_content }}{{ m.content.split('</think>')[-1] }}{% for c in m.tool_calls %}"
    "{% for k, v in c.function.arguments.items() %}{{ k }}={{ v }}{% endfor %}{% endfor %}{% endfor %}",
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<ChatTemplate> templates(std::begin(kTemplates), std::end(kTemplates));
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse({reinterpret_cast<const char*>(data), size}, error);
  if (error || !body.is_object()) return 0;
  for (const ChatTemplate& chat_template : templates) {
    for (const Manner manner : {Manner::reference, Manner::served}) {
      try {
        render(chat_template, read_conversation(body.get_object()), boost::json::object{{"bos_token", "<s>"}},
               {.manner = manner, .limits = {}});
      } catch (const Error& refused) {
        YOKE_ASSERT(refused.code() == Code::invalid_argument || refused.code() == Code::unsupported);
      }
    }
  }
  return 0;
}
