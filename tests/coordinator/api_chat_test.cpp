// What a chat's template gets to see of a request, and what it is not asked to see.
#include <gtest/gtest.h>

#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

using fakes::Endpoint;

// Writes all it is given, so that a prompt shows what came.
constexpr const char* kTelling =
    "{% for m in messages %}[{{ m.role }}{% if m.name %} {{ m.name }}{% endif %}:{{ m.content }}"
    "{% if m.reasoning_content %}|thought {{ m.reasoning_content }}{% endif %}"
    "{% for c in m.tool_calls or [] %}|calls {{ c.function.name }}({{ c.function.arguments | tojson }}){% endfor %}"
    "{% if m.tool_call_id %}|answers {{ m.tool_call_id }}{% endif %}]{% endfor %}"
    "{% if tools %}<tools {% for t in tools %}{{ t.function.name }} {% endfor %}>{% endif %}"
    "{% if documents %}<documents {{ documents | length }}>{% endif %}"
    "{% if enable_thinking is defined %}<thinking {{ enable_thinking }}>{% endif %}"
    "{% if reasoning_effort is defined %}<effort {{ reasoning_effort }}>{% endif %}"
    "{% if add_generation_prompt %}=>{% endif %}";

constexpr const char* kTool = R"({"type":"function","function":{"name":"weather","parameters":{"type":"object"}}})";

struct Site : Endpoint {
  explicit Site(const RestConfig& with = {}, const char* source = kTelling) : Endpoint(with) {
    model.chat_templates["default"] = make_template(source);
    model.config.context_length = 1000;
  }
  // The prompt that a request leads to; empty, and a failed test, where it is refused.
  std::string prompt(const std::string& fields, const std::string& messages = R"([{"role":"user","content":"Hi"}])") {
    service.requests.clear();
    chat(fields, messages);
    if (service.requests.size() != 1) {
      ADD_FAILURE() << out.body;
      return {};
    }
    std::string text;
    for (const TokenId token : service.requests[0].prompt) text += model.tokenizer->token_bytes(token);
    return text;
  }
  std::string refused(const std::string& fields, const std::string& messages = R"([{"role":"user","content":"Hi"}])") {
    chat(fields, messages);
    EXPECT_EQ(out.status, 400) << out.body;
    const auto error = fakes::error_of(out.json());
    return std::string(error.at("param").as_string()) + ": " + std::string(error.at("message").as_string());
  }
};

TEST(ApiChat, AToolsRoundTripReachesTheTemplate) {
  Site site;
  const std::string fields = std::string(R"("tools":[)") + kTool + R"(],"tool_choice":"auto","parallel_tool_calls":true)";
  const std::string prompt = site.prompt(
      fields, R"([{"role":"user","content":"Rain?"},)"
              R"({"role":"assistant","content":null,"reasoning_content":"Look.","refusal":null,"annotations":[],)"
              R"("tool_calls":[{"id":"a1","type":"function","function":{"name":"weather","arguments":"{\"in\": \"Rome\"}"}}]},)"
              R"({"role":"tool","tool_call_id":"a1","name":"weather","content":[{"type":"text","text":"dry"}]}])");
  EXPECT_NE(prompt.find("[user:Rain?]"), std::string::npos) << prompt;
  EXPECT_NE(prompt.find("|thought Look."), std::string::npos) << prompt;
  EXPECT_NE(prompt.find(R"(|calls weather({"in": "Rome"}))"), std::string::npos) << prompt;
  EXPECT_NE(prompt.find("[tool weather:dry|answers a1]<tools weather >=>"), std::string::npos) << prompt;
}

TEST(ApiChat, ToolChoiceNoneHidesTheTools) {
  Site site;
  EXPECT_EQ(site.prompt(std::string(R"("tool_choice":"none","tools":[)") + kTool + "]"), "[user:Hi]=>");
}

TEST(ApiChat, EmptyListsAreNone) {
  Site site;
  EXPECT_EQ(site.prompt(R"("tools":[],"documents":[])"), "[user:Hi]=>");
}

TEST(ApiChat, SwitchesAndDocumentsReachTheTemplate) {
  Site site;
  EXPECT_EQ(site.prompt(R"("documents":[{"title":"a","text":"b"}])"), "[user:Hi]<documents 1>=>");
  EXPECT_EQ(site.prompt(R"("chat_template_kwargs":{"enable_thinking":false})"), "[user:Hi]<thinking False>=>");
  EXPECT_EQ(site.prompt(R"("reasoning_effort":"low")"), "[user:Hi]<effort low>=>");
  EXPECT_EQ(site.prompt(R"("reasoning_effort":"none")"), "[user:Hi]<thinking False><effort none>=>");
  EXPECT_EQ(site.prompt(R"("reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":true})"),
            "[user:Hi]<thinking True><effort none>=>");
  EXPECT_EQ(site.prompt(R"("add_generation_prompt":false)"), "[user:Hi]");
}

TEST(ApiChat, SpecialTokensAroundATemplatesTextComeOnlyWhenAskedFor) {
  Site site;
  static_cast<fakes::ByteTokenizer&>(*site.model.tokenizer).add_bos = true;
  EXPECT_EQ(site.prompt(""), "[user:Hi]=>");
  EXPECT_EQ(site.prompt(R"("add_special_tokens":false)"), "[user:Hi]=>");
  EXPECT_EQ(site.prompt(R"("add_special_tokens":true)"), "<s>[user:Hi]=>");
}

TEST(ApiChat, AFinalMessageIsContinuedWhereItEnds) {
  Site site;
  const char* messages = R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"So I "}])";
  EXPECT_EQ(site.prompt(R"("continue_final_message":true)", messages), "[user:Hi][assistant:So I ");
  const char* parts = R"([{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])";
  EXPECT_EQ(site.prompt(R"("continue_final_message":true,"add_generation_prompt":false)", parts), "[assistant:a\nb");

  Site trimming({}, "{% for m in messages %}[{{ m.content | trim }}]{% endfor %}");
  EXPECT_EQ(trimming.prompt(R"("continue_final_message":true)", messages), "[Hi][So I");
  Site deaf({}, "{{ messages[0].content }}");
  EXPECT_EQ(deaf.refused(R"("continue_final_message":true)", messages).find("continue_final_message: "), 0u);
  const char* silent = R"([{"role":"assistant","content":null}])";
  EXPECT_EQ(deaf.refused(R"("continue_final_message":true)", silent).find("continue_final_message: "), 0u);
}

TEST(ApiChat, WhatATemplateDoesNotReadIsRefused) {
  Site site({}, "{% for m in messages %}{{ m.content }}{{ m.plan }}{% endfor %}");
  EXPECT_EQ(site.refused(std::string(R"("tools":[)") + kTool + "]").find("tools: "), 0u);
  EXPECT_EQ(site.refused(R"("documents":[{"text":"x"}])").find("documents: "), 0u);
  EXPECT_EQ(site.refused("", R"([{"role":"user","content":"x","mood":"good"}])").find("messages[0].mood: "), 0u);
  EXPECT_EQ(site.prompt("", R"([{"role":"user","content":"x","plan":"y"}])"), "xy");
}

TEST(ApiChat, TheTemplateIsChosenByWhatTheRequestHas) {
  Site site;
  site.model.chat_templates["tool_use"] = make_template("by tool_use{{ tools | length }}");
  site.model.chat_templates["rag"] = make_template("by rag{{ documents | length }}");
  EXPECT_EQ(site.prompt(""), "[user:Hi]=>");
  EXPECT_EQ(site.prompt(std::string(R"("tools":[)") + kTool + "]"), "by tool_use1");
  EXPECT_EQ(site.prompt(R"("documents":[{"text":"x"}])"), "by rag1");
}

TEST(ApiChat, ATemplateThatThisBuildLacksSomethingForSaysSo) {
  Site site;
  site.model.chat_templates["default"] = make_template("{% include 'other' %}");
  ASSERT_EQ(site.model.chat_templates["default"].program, nullptr);
  EXPECT_NE(site.refused("").find("include"), std::string::npos);
  site.model.chat_templates.clear();
  EXPECT_NE(site.refused("").find("--chat-template"), std::string::npos);
  site.model.why_no_tokenizer = "of the kind klingon";
  site.model.tokenizer.reset();
  EXPECT_NE(site.refused("").find("of the kind klingon"), std::string::npos);
}

TEST(ApiChat, ARequestsTemplateNeedsTheOperatorsLeave) {
  Site closed;
  const std::string why = closed.refused(R"("chat_template":"{{ messages[0].content }}")");
  EXPECT_NE(why.find("--allow-request-templates"), std::string::npos) << why;
}

// Those are rendered by the workers, so the answer comes with a wake.
struct OpenSite : Site {
  OpenSite() : Site(RestConfig{.allow_request_templates = true}) {}
  void ask(const std::string& source) {
    always_say("ok");
    chat(R"("chat_template":")" + source + "\"");
    await_worker();
  }
};

TEST(ApiChat, ARequestsTemplateWinsWhereItIsAllowed) {
  OpenSite site;
  site.ask("{{ messages[0].content }}!");
  ASSERT_EQ(site.service.requests.size(), 1u) << site.out.body;
  EXPECT_EQ(site.service.requests[0].prompt, (std::vector<TokenId>{'H', 'i', '!'}));
}

TEST(ApiChat, ARequestsBrokenTemplateIsA400WithItsLine) {
  OpenSite site;
  for (const char* source : {"{% for %}", "a\\n{{ x | nosuchfilter }}", "{% include 'x' %}"}) {
    site.ask(source);
    EXPECT_EQ(site.out.status, 400) << source;
    const auto error = fakes::error_of(site.out.json());
    EXPECT_EQ(error.at("param"), "chat_template") << source;
    EXPECT_NE(std::string(error.at("message").as_string()).find("line"), std::string::npos) << site.out.body;
  }
  EXPECT_TRUE(site.service.requests.empty());
}

TEST(ApiChat, AnEndlessTemplateIsA400ThatNamesTheLimit) {
  OpenSite site;
  site.ask("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}");
  EXPECT_EQ(site.out.status, 400);
  EXPECT_NE(site.out.body.find("rendering took"), std::string::npos) << site.out.body;
}

}  // namespace
}  // namespace yoke::coordinator::api
