#include "model/text/conversation.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/error.h"

namespace yoke::model::text {
namespace {

using boost::json::object;

object body_of(std::string_view json) { return boost::json::parse(json).as_object(); }

std::string shown(std::string_view source, std::string_view body, Manner manner = Manner::reference) {
  return joined(render(ChatTemplate(source), read_conversation(body_of(body)), object{{"bos_token", "<s>"}}, {.manner = manner, .limits = {}}));
}

std::string param_of(std::string_view body) {
  try {
    read_conversation(body_of(body));
    return "accepted";
  } catch (const Error& error) {
    return error.param();
  }
}

constexpr std::string_view kPlain = "{% for m in messages %}[{{ m.role }}:{{ m['content'] }}]{% endfor %}";
constexpr std::string_view kStrict = "{% for m in messages %}{{ '[' + m.role + ':' + m['content'] + ']' }}{% endfor %}";

TEST(Conversation, WrongBodiesAreRefusedByTheirField) {
  EXPECT_EQ(param_of("{}"), "messages");
  EXPECT_EQ(param_of(R"({"messages": []})"), "messages");
  EXPECT_EQ(param_of(R"({"messages": [5]})"), "messages[0]");
  EXPECT_EQ(param_of(R"({"messages": [{"content": "x"}]})"), "messages[0].role");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user", "content": {}}]})"), "messages[0].content");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})"), "messages[0].content[0]");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]})"), "messages[0].content[0].text");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "assistant", "tool_calls": [1]}]})"), "messages[0].tool_calls[0]");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user"}], "tools": {}})"), "tools");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user"}], "documents": [1]})"), "documents[0]");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user"}], "chat_template_kwargs": {"messages": []}})"), "chat_template_kwargs.messages");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user"}], "add_generation_prompt": 1})"), "add_generation_prompt");
  EXPECT_EQ(param_of(R"({"messages": [{"role": "user", "content": null}], "tools": null, "model": "x"})"), "accepted");
}

TEST(Conversation, NullAndMissingContentIsAnEmptyTextWhereATemplateFailsWithoutIt) {
  constexpr std::string_view kBody = R"({"messages": [{"role": "user", "content": null}, {"role": "assistant"}]})";
  EXPECT_EQ(shown(kPlain, kBody), "[user:][assistant:]");
  EXPECT_EQ(shown(kStrict, kBody), "[user:][assistant:]");
}

TEST(Conversation, PartsAreJoinedForTemplatesOfStringsAndStayForTemplatesOfParts) {
  constexpr std::string_view kBody = R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, "b", {"type": "input_text", "text": "c"}]}]})";
  constexpr std::string_view kParts =
      "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}";
  constexpr std::string_view kOnlyParts = "{% for m in messages %}{% for p in m.content %}{% if p.type == 'text' %}({{ p.text }}){% endif %}{% endfor %}{% endfor %}";
  EXPECT_EQ(shown(kPlain, kBody), "[user:a\nb\nc]");
  EXPECT_EQ(shown(kStrict, kBody), "[user:a\nb\nc]");
  EXPECT_EQ(shown(kParts, kBody), "abc");
  EXPECT_EQ(shown(kOnlyParts, kBody), "(a)(b)(c)");
  EXPECT_EQ(shown(kOnlyParts, R"({"messages": [{"role": "user", "content": "x"}]})"), "(x)") << "a string would be lost";
}

TEST(Conversation, ReasoningIsCopiedUnderItsOtherNames) {
  constexpr std::string_view kSource = "{% for m in messages %}{{ m.thinking }}|{{ m.reasoning_content }};{% endfor %}";
  EXPECT_EQ(shown(kSource, R"({"messages": [{"role": "assistant", "reasoning": "r"}, {"role": "assistant", "thinking": "t", "reasoning": "r"},
                                            {"role": "assistant", "reasoning_content": null, "thinking": "t"}]})"),
            "r|r;t|t;t|t;");
}

constexpr std::string_view kCall =
    R"({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"b\": 1, \"a\": [null]}"}}]}]})";

TEST(Conversation, ArgumentsAreGivenAsTheTemplateNeedsThem) {
  constexpr std::string_view kJson = "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.arguments|tojson }}{% endfor %}{% endfor %}";
  EXPECT_EQ(shown(kJson, kCall), R"("{\"b\": 1, \"a\": [null]}")") << "the reference's way";
  EXPECT_EQ(shown(kJson, kCall, Manner::served), R"({"b": 1, "a": [null]})") << "a server's way";
  constexpr std::string_view kItems = "{% for m in messages %}{% for c in m.tool_calls %}{% for k, v in c.function.arguments.items() %}{{ k }};{% endfor %}{% endfor %}{% endfor %}";
  EXPECT_EQ(shown(kItems, kCall), "b;a;") << "fails with a string, so an object is tried";
  constexpr std::string_view kStrings = "{% for m in messages %}{% for c in m.tool_calls %}{{ '<' + c.function.arguments + '>' }}{% endfor %}{% endfor %}";
  EXPECT_EQ(shown(kStrings, kCall), R"(<{"b": 1, "a": [null]}>)");
  EXPECT_EQ(shown(kStrings, R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"é": 1.5, "b": true}}}]}]})"),
            R"(<{"é": 1.5, "b": true}>)");
}

TEST(Conversation, ADevelopersMessageIsASystemsWhereItWouldBeDropped) {
  constexpr std::string_view kDrops = "{% for m in messages %}{% if m.role == 'system' %}S{{ m.content }}{% elif m.role == 'user' %}U{{ m.content }}{% endif %}{% endfor %}";
  constexpr std::string_view kBody = R"({"messages": [{"role": "developer", "content": "d"}, {"role": "user", "content": "u"}]})";
  EXPECT_EQ(shown(kDrops, kBody), "Uu");
  EXPECT_EQ(shown(kDrops, kBody, Manner::served), "SdUu");
  EXPECT_EQ(shown(kPlain, kBody, Manner::served), "[developer:d][user:u]");
}

TEST(Conversation, ATemplatesOwnRefusalStands) {
  constexpr std::string_view kSource = "{{ raise_exception('no') if messages[0].content is not defined else 'yes' }}";
  try {
    shown(kSource, R"({"messages": [{"role": "user", "content": null}]})");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no");
    EXPECT_EQ(error.param(), "messages");
  }
}

TEST(Conversation, ToolsTakeTheirOwnTemplateWhereThereIsOne) {
  const std::map<std::string, std::string> both = {{"default", "d"}, {"tool_use", "t"}};
  const Conversation plain = read_conversation(body_of(R"({"messages": [{"role": "user"}]})"));
  const Conversation tools = read_conversation(body_of(R"({"messages": [{"role": "user"}], "tools": [{}]})"));
  EXPECT_EQ(find_template(both, plain)->second, "d");
  EXPECT_EQ(find_template(both, tools)->second, "t");
  const std::map<std::string, std::string> none;
  EXPECT_EQ(find_template(none, plain), none.end());
}

TEST(Conversation, ALongConversationIsWithinTheBudgetOfATemplateThatWalksItForEachMessage) {
  boost::json::array messages;
  for (int i = 0; i < 300; ++i) messages.push_back(object{{"role", "user"}, {"content", std::string(1000, 'x')}});
  const Conversation conversation = read_conversation({{"messages", std::move(messages)}});
  const ChatTemplate chat_template(
      "{% for m in messages %}{% set ns = namespace(n=0) %}{% for o in messages %}{% if o.role == 'user' %}{% set ns.n = ns.n + 1 %}"
      "{% endif %}{% endfor %}{{ ns.n }};{% endfor %}");
  EXPECT_EQ(joined(render(chat_template, conversation, object{})).size(), 300u * 4);
}

}  // namespace
}  // namespace yoke::model::text
