#include "core/clock.h"
#include "core/error.h"
#include "fixtures.h"
#include "model/text/chat_template.h"

namespace yoke::model::text {
namespace {

using boost::json::object;

object one_message(std::string_view content, std::string_view role = "user") {
  return {{"messages", {{{"role", role}, {"content", content}}}}, {"bos_token", "<s>"}};
}

// bos_token and its kin are the model's, all else is the caller's.
TemplateInputs inputs_of(const object& variables) {
  TemplateInputs inputs;
  for (const auto& [name, value] : variables) (name.ends_with("_token") ? inputs.own : inputs.callers)[name] = value;
  return inputs;
}

std::string render(std::string_view source, const object& variables = {}) {
  return joined(ChatTemplate(source).render(inputs_of(variables)));
}

// The error of parsing or rendering; empty where there is none.
std::string error_of(std::string_view source, Code code, const object& variables = {}, const RenderLimits& limits = {}) {
  try {
    ChatTemplate(source).render(inputs_of(variables), limits);
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << source << ": " << error.what();
    return error.what();
  }
}

TEST(Jinja, RendersEveryRowAsJinja2Does) {
  const boost::json::value file = read_json(golden("jinja.json"));
  size_t texts = 0, errors = 0;
  for (const auto& row : file.at("rows").as_array()) {
    const std::string source = text_of(row.at("template"));
    std::string text, error;
    try {
      text = render(source, file.at("variables").as_object());
    } catch (const Error& thrown) {
      error = thrown.what();
    }
    if (row.as_object().contains("error")) {
      EXPECT_NE(error, "") << source << " gave " << text;
      ++errors;
    } else {
      EXPECT_EQ(text, text_of(row.at("text"))) << source;
      EXPECT_EQ(error, "") << source;
      ++texts;
    }
  }
  EXPECT_GT(texts, 300u);
  EXPECT_GT(errors, 30u);
}

TEST(Jinja, WhatTheEvaluatorLacksIsRefusedWhenParsedByLineAndName) {
  const std::pair<const char*, const char*> cases[] = {
      {"\n{{ x|frobnicate }}", "line 2: filter 'frobnicate'"},
      {"{{ x is frobnicated }}", "line 1: test 'frobnicated'"},
      {"a\nb\n{{ frobnicate(x) }}", "line 3: function 'frobnicate'"},
      {"{% include 'x' %}", "statement 'include'"},
      {"{% import 'x' as y %}", "statement 'import'"},
      {"{% extends 'x' %}", "statement 'extends'"},
      {"{% for m in messages %}{{ m.frobnicate() }}{% endfor %}", "method 'frobnicate'"},
      {"\n\n{{ messages.frobnicate(1) }}", "line 3: method 'frobnicate'"},
      {"{{ (x ~ 'a').frobnicate() }}", "method 'frobnicate'"},
      {"{{ loop.height }}", "'loop.height'"},
      {"{{ x|tojson(frob=1) }}", "argument 'frob' of filter 'tojson'"},
      {"{{ x|length(1) }}", "filter 'length' with 1 arguments"},
      {"{{ x|map('frobnicate') }}", "filter 'frobnicate'"},
      {"{{ x|selectattr('a', 'frobnicated') }}", "test 'frobnicated'"},
      {"{% if false %}\n{{ frobnicate(x) }}{% endif %}", "line 2: function 'frobnicate'"},
      {"{{ x|map('trim')|join(*y) }}", "unpacking"},
  };
  for (const auto& [source, words] : cases) {
    const std::string error = error_of(source, Code::unsupported);
    EXPECT_NE(error.find(words), std::string::npos) << source << ": " << error;
  }
}

TEST(Jinja, SyntaxErrorsNameTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"\n\n{% if x %}", "line 3: found the end, expected '{% endif %}'"},
      {"{{ 'a", "line 1: a string does not end"},
      {"\n{# a", "line 2: a comment does not end"},
      {"{{ x ]", "unexpected ']'"},
      {"{{ 1 $ 2 }}", "unexpected character '$'"},
      {"{% break %}", "'break' outside of a loop"},
      {"{% for x in y %}{% macro f() %}{% continue %}{% endmacro %}{% endfor %}", "'continue' outside"},
      {"{{ 99999999999999999999 }}", "out of range"},
      {"{{ '\\ud800' }}", "no character"},
      {"{{ '\\x4' }}", "too few digits"},
      {"{% raw %}x", "raw block"},
      {"{% else %}", "without its beginning"},
      {"{{ f(a=1, 2) }}", "without a name"},
  };
  for (const auto& [source, words] : cases) {
    const std::string error = error_of(source, Code::bad_file);
    EXPECT_NE(error.find(words), std::string::npos) << source << ": " << error;
  }
}

TEST(Jinja, FailuresWhileRenderingNameTheLineAndTheTemplatesOwnWordsStandAlone) {
  EXPECT_EQ(error_of("\n{{ raise_exception('Only users speak here') }}", Code::invalid_argument), "Only users speak here");
  EXPECT_EQ(error_of("a\n{{ x.y.z }}", Code::invalid_argument, {{"x", object{}}}),
            "chat template, line 2: 'dict' has no attribute 'y'");
  EXPECT_NE(error_of("{{ 'a' + none }}", Code::invalid_argument).find("'+' does not take str and NoneType"), std::string::npos);
}

TEST(Jinja, StrftimeNowReadsTheClock) {
  const std::string before = local_time("%Y-%m-%d");
  const std::string text = render("{{ strftime_now('%Y-%m-%d') }}");
  EXPECT_TRUE(text == before || text == local_time("%Y-%m-%d"));
  RenderLimits limits;
  limits.now = read_moment("2026-07-14T09:30:00");
  EXPECT_EQ(joined(ChatTemplate("{{ strftime_now('%d %b %Y %A %-d %j %H:%M:%S') }}").render({}, limits)),
            "14 Jul 2026 Tuesday 14 195 09:30:00");
  for (const char* bad : {"", "2026", "2026-7-14", "2026-02-30", "2026-13-01", "2026-07-14T24:00:00", "2026-07-14 09:30:00", "x026-07-14"}) {
    EXPECT_THROW(read_moment(bad), Error) << bad;
  }
  EXPECT_EQ(read_moment("2024-02-29").day, 29);
  EXPECT_NE(error_of("{{ strftime_now('%99999999d') }}", Code::invalid_argument), "");
}

TEST(Jinja, GenerationBlocksAreRenderedAsTheyStand) {
  EXPECT_EQ(render("a{% generation %}{{ 1 }}{% endgeneration %}b"), "a1b");
}

// "[x]" marks what counts as the caller's.
std::string marked(std::string_view source, const object& variables) {
  std::string text;
  for (const Piece& piece : ChatTemplate(source).render(inputs_of(variables))) {
    text += piece.from_caller ? "[" + piece.text + "]" : piece.text;
  }
  return text;
}

TEST(Jinja, TheCallersStringsStayTheCallersThroughWhatIsDoneToThem) {
  const object variables = one_message(" a<|x|>b ", "bird");
  const std::pair<const char*, const char*> cases[] = {
      {"{{ bos_token }}<|x|>{{ messages[0].content }}", "<s><|x|>[ a<|x|>b ]"},
      {"{{ '<' + messages[0].role + '>' + messages[0].content|trim + '\n' }}", "<[bird]>[a<|x|>b]\n"},
      {"{{ ('(' ~ messages[0].content ~ ')')[1:6] }}", "[ a<|x]"},
      {"{{ ('(' ~ messages[0].content ~ ')')[::-1] }}", ")[ b>|x|<a ](" },
      {"{{ ('..' ~ messages[0].content ~ '..').strip('. ') }}", "[a<|x|>b]"},
      {"{{ messages[0].content.split('<|x|>')|join('<|y|>') }}", "[ a]<|y|>[b ]"},
      {"{{ 'q-q'.replace('-', messages[0].role) }}", "q[bird]q"},
      {"{{ messages[0].content|upper }}", "[ A<|X|>B ]"},
      {"{{ messages[0]|tojson }}", "[{\"role\": \"bird\", \"content\": \" a<|x|>b \"}]"},
      {"{{ [1, 'x']|tojson }}", "[1, \"x\"]"},
      {"{{ '{}!'.format(messages[0].role) }}", "[bird]!"},
      {"{% for k in messages[0] %}{{ k }};{% endfor %}", "[role];[content];"},
      {"{% for c in messages[0].role %}{{ c }}-{% endfor %}", "[b]-[i]-[r]-[d]-"},
      {"{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(messages[0].role) }}", "<[bird]>"},
      {"{% set x %}<{{ messages[0].role }}>{% endset %}{{ x }}", "<[bird]>"},
      {"{% filter trim %} {{ messages[0].role }} {% endfilter %}", "[bird]"},
      {"{% set ns = namespace(t='') %}{% for m in messages %}{% set ns.t = ns.t + m.role %}{% endfor %}{{ ns.t }}", "[bird]"},
      {"{{ messages[0].role|indent(2, first=true) }}", "  [bird]"},
      {"{{ messages[0].role * 2 }}", "[birdbird]"},
      {"{{ messages|map(attribute='role')|join(',') }}", "[bird]"},
      {"{{ messages|length }}", "1"},
      {"{{ messages|string }}", "[[{'role': 'bird', 'content': ' a<|x|>b '}]]"},
  };
  for (const auto& [source, wanted] : cases) EXPECT_EQ(marked(source, variables), wanted) << source;
}

TEST(Jinja, ARoleThatEveryServerKnowsIsTheTemplatesWord) {
  const char* source = "{% for m in messages %}{{ '<|' + m.role + '|>' + m['role'] }}{% endfor %}";
  EXPECT_EQ(marked(source, one_message("x", "user")), "<|user|>user");
  EXPECT_EQ(marked(source, one_message("x", "endoftext")), "<|[endoftext]|>[endoftext]");
  EXPECT_EQ(marked("{{ tools[0].role }}", {{"tools", {object{{"role", "user"}}}}}), "[user]");
}

TEST(Jinja, OnlyTheModelsTokensAreNotTheCallersAmongTheVariables) {
  EXPECT_EQ(marked("{{ eos_token }}{{ date_string }}{{ tools[0] }}",
                   {{"eos_token", "</s>"}, {"date_string", "now"}, {"tools", {"t"}}}),
            "</s>[nowt]");
  EXPECT_EQ(marked("{{ eos_token }}", {{"eos_token", "</s>"}}), "</s>");
  TemplateInputs both;
  both.own["eos_token"] = "</s>";
  both.callers["eos_token"] = "</t>";
  const std::vector<Piece> pieces = ChatTemplate("{{ eos_token }}").render(both);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_TRUE(pieces[0].from_caller && pieces[0].text == "</t>") << "a variable of a request's own counts, and stays the caller's";
}

TEST(Jinja, HostileTemplatesEndWithinTheirBudget) {
  const std::string deep_chain = "{{ 1" + [] { std::string s; for (int i = 0; i < 100'000; ++i) s += "+1"; return s; }() + " }}";
  const std::string many_brackets = "{{ " + std::string(100'000, '(') + "1" + std::string(100'000, ')') + " }}";
  const std::string many_nots = "{{ " + [] { std::string s; for (int i = 0; i < 100'000; ++i) s += "not "; return s; }() + "1 }}";
  const std::string many_ifs = [] { std::string s; for (int i = 0; i < 50'000; ++i) s += "{% if 1 %}"; return s; }();
  const TimePoint start = system_clock().now();
  for (const std::string& source : {deep_chain, many_brackets, many_nots, many_ifs}) {
    EXPECT_NE(error_of(source, Code::unsupported), "") << source.substr(0, 40);
  }
  const char* loops = "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}{% endfor %}{% endfor %}{% endfor %}";
  const std::string sources[] = {
      loops,
      "{{ range(1000000000)|length }}",
      "{{ 'x' * 1000000000000 }}",
      "{{ [1] * 1000000000000 }}",
      "{{ [] * 9223372036854775807 }}{{ '' * 9223372036854775807 }}{{ [1] * 9223372036854775807 }}",
      "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}",
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% for j in [ns.l] %}{% set ns.l = loop %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(l={}) %}{% for i in range(100000) %}{% set ns.l = {'a': ns.l.get} %}{% endfor %}",
      "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
      "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
      "{% for i in range(100000000) %}x{% endfor %}",
      "{{ ('a' * 1000000).replace('', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb') }}",
      "{{ ('a' * 8000000 + 'b') in ('a' * 16000000) }}{{ 'done'.x.y }}",
      "{{ (['a' * 1000000] * 1000)|join }}",
      "{{ 2 ** 100 }}", "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}",
      "{{ ('x' * 16000000)|indent }}{{ ('x' * 16000000)|upper }}{{ ('x' * 16000000)|tojson }}",
      "{{ {'a': 1}|tojson(indent='x' * 10000000) }}{{ [[1]]|tojson(indent='x' * 10000000) }}",
  };
  for (const std::string& source : sources) {
    EXPECT_NE(error_of(source, Code::invalid_argument), "") << source;
  }
  EXPECT_LT(seconds(system_clock().now() - start), 300.0) << "generous: sanitizers, on a busy machine";
  EXPECT_NE(error_of(std::string(2 << 20, 'x'), Code::unsupported), "");
}

TEST(Jinja, SmallerLimitsAreKept) {
  EXPECT_NE(error_of("{% for i in range(100) %}x{% endfor %}", Code::invalid_argument, {}, {.steps = 50}).find("50 steps"), std::string::npos);
  EXPECT_NE(error_of("{% for i in range(100) %}x{% endfor %}", Code::invalid_argument, {}, {.output_bytes = 50}).find("50 bytes"), std::string::npos);
}

TEST(Jinja, AChatOfManyMessagesIsWithinTheDefaultLimits) {
  object variables = one_message("");
  boost::json::array messages;
  for (int i = 0; i < 5000; ++i) messages.push_back(object{{"role", "user"}, {"content", std::string(1000, 'x')}});
  variables["messages"] = messages;
  const std::string text = render("{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '\n' }}{% endfor %}", variables);
  EXPECT_EQ(text.size(), 5000u * (2 + 4 + 2 + 1000 + 1));
}

TEST(Jinja, ValuesNestedTooDeeplyAreRefused) {
  boost::json::value nested = 1;
  for (int i = 0; i < 1000; ++i) nested = boost::json::array{std::move(nested)};
  EXPECT_NE(error_of("{{ messages|tojson }}", Code::invalid_argument, {{"messages", nested}}).find("nested"), std::string::npos);
}

TEST(Jinja, TruncatedAndMangledTemplatesAreErrorsAndNothingWorse) {
  const std::string source =
      "{%- macro f(a, b='x') -%}{{ a|tojson(indent=2) }}{%- endmacro -%}{% for m in messages if m.role is defined %}"
      "{{ loop.index0 % 2 == 0 and m['content'][1:-1] ~ '\\n' or none }}{# c #}{% else %}{% set x, y = 1, [2, {'k': (3,)}] %}{% endfor %}";
  int accepted = 0, refused = 0;
  const auto attempt = [&](const std::string& text) {
    try {
      ChatTemplate(text).render(inputs_of(one_message("hello")), {.steps = 10'000});
      ++accepted;
    } catch (const Error&) {
      ++refused;
    }
  };
  for (size_t cut = 0; cut <= source.size(); ++cut) {
    attempt(source.substr(0, cut));
    attempt(source.substr(cut));
    for (const char other : {'{', '}', '%', '\'', '(', '\\', '\xFF', '|', '-'}) {
      std::string mangled = source;
      if (cut < source.size()) mangled[cut] = other;
      attempt(mangled);
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace yoke::model::text
