// Every field of both endpoints with what it must refuse. The table api/openai/fields.h is walked, so a new row without a case
// here fails.
#include <gtest/gtest.h>

#include <set>

#include "tests/coordinator/api_endpoint.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/openai/fields.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using fakes::Endpoint;
using openai::kBoth;
using openai::kChat;
using openai::kText;

struct Bad {
  unsigned endpoints;
  const char* fields;  // beside model and messages or prompt
  const char* param;
};

const Bad kBad[] = {
    {kBoth, R"("temperature":"hot")", "temperature"},
    {kBoth, R"("temperature":-0.1)", "temperature"},
    {kBoth, R"("temperature":2.01)", "temperature"},
    {kBoth, R"("temperature":1e400)", "temperature"},
    {kBoth, R"("temperature":NaN)", "temperature"},
    {kBoth, R"("temperature":-Infinity)", "temperature"},
    {kBoth, R"("temperature":true)", "temperature"},
    {kBoth, R"("temperature":[1])", "temperature"},
    {kBoth, R"("top_p":-0.1)", "top_p"},
    {kBoth, R"("top_p":1.1)", "top_p"},
    {kBoth, R"("top_p":{})", "top_p"},
    {kBoth, R"("min_p":-1)", "min_p"},
    {kBoth, R"("min_p":2)", "min_p"},
    {kBoth, R"("min_p":"0")", "min_p"},
    {kBoth, R"("top_k":-2)", "top_k"},
    {kBoth, R"("top_k":1.5)", "top_k"},
    {kBoth, R"("top_k":4294967296)", "top_k"},
    {kBoth, R"("presence_penalty":2.1)", "presence_penalty"},
    {kBoth, R"("presence_penalty":"no")", "presence_penalty"},
    {kBoth, R"("frequency_penalty":-2.1)", "frequency_penalty"},
    {kBoth, R"("frequency_penalty":false)", "frequency_penalty"},
    {kBoth, R"("repetition_penalty":0)", "repetition_penalty"},
    {kBoth, R"("repetition_penalty":-1)", "repetition_penalty"},
    {kBoth, R"("repetition_penalty":1e308)", "repetition_penalty"},
    {kBoth, R"("logit_bias":[])", "logit_bias"},
    {kBoth, R"("logit_bias":{"1":101})", "logit_bias.1"},
    {kBoth, R"("logit_bias":{"1":"x"})", "logit_bias.1"},
    {kBoth, R"("logit_bias":{"259":1})", "logit_bias.259"},
    {kBoth, R"("logit_bias":{"-1":1})", "logit_bias.-1"},
    {kBoth, R"("logit_bias":{"x":1})", "logit_bias.x"},
    {kBoth, R"("logit_bias":{"01":1})", "logit_bias.01"},
    {kBoth, R"("logit_bias":{"99999999999999999999":1})", "logit_bias.99999999999999999999"},
    {kBoth, R"("seed":1.5)", "seed"},
    {kBoth, R"("seed":"7")", "seed"},
    {kBoth, R"("seed":18446744073709551616)", "seed"},
    {kBoth, R"("n":0)", "n"},
    {kBoth, R"("n":-1)", "n"},
    {kBoth, R"("n":9)", "n"},
    {kBoth, R"("n":1.5)", "n"},
    {kBoth, R"("n":"2")", "n"},
    {kBoth, R"("max_tokens":-1)", "max_tokens"},
    {kBoth, R"("max_tokens":0)", "max_tokens"},
    {kBoth, R"("max_tokens":1.5)", "max_tokens"},
    {kBoth, R"("max_tokens":1e400)", "max_tokens"},
    {kBoth, R"("max_tokens":"many")", "max_tokens"},
    {kBoth, R"("max_tokens":18446744073709551615)", "max_tokens"},
    {kChat, R"("max_completion_tokens":0)", "max_completion_tokens"},
    {kChat, R"("max_completion_tokens":-5)", "max_completion_tokens"},
    {kChat, R"("max_completion_tokens":[])", "max_completion_tokens"},
    {kChat, R"("max_completion_tokens":5,"max_tokens":6)", "max_completion_tokens"},
    {kBoth, R"("stop":7)", "stop"},
    {kBoth, R"("stop":"")", "stop"},
    {kBoth, R"("stop":["a",""])", "stop[1]"},
    {kBoth, R"("stop":["a",7])", "stop[1]"},
    {kBoth, R"("stop":["a","b","c","d","e"])", "stop"},
    {kBoth, R"("ignore_eos":1)", "ignore_eos"},
    {kBoth, R"("stream":"yes")", "stream"},
    {kBoth, R"("stream":1)", "stream"},
    {kBoth, R"("stream_options":{"include_usage":true})", "stream_options"},
    {kBoth, R"("stream":false,"stream_options":{})", "stream_options"},
    {kBoth, R"("stream":true,"stream_options":7)", "stream_options"},
    {kBoth, R"("stream":true,"stream_options":{"include_usage":"x"})", "stream_options.include_usage"},
    {kBoth, R"("stream":true,"stream_options":{"other":true})", "stream_options.other"},
    {kBoth, R"("return_token_ids":"x")", "return_token_ids"},
    {kText, R"("echo":"x")", "echo"},
    {kChat, R"("echo":true)", "echo"},
    {kChat, R"("logprobs":3)", "logprobs"},
    {kChat, R"("top_logprobs":3)", "top_logprobs"},
    {kChat, R"("logprobs":true,"top_logprobs":21)", "top_logprobs"},
    {kChat, R"("logprobs":true,"top_logprobs":-1)", "top_logprobs"},
    {kChat, R"("logprobs":true,"top_logprobs":1.5)", "top_logprobs"},
    {kText, R"("logprobs":true)", "logprobs"},
    {kText, R"("logprobs":21)", "logprobs"},
    {kText, R"("logprobs":-1)", "logprobs"},
    {kText, R"("top_logprobs":1)", "top_logprobs"},
    {kBoth, R"("user":7)", "user"},
    {kBoth, R"("metadata":"x")", "metadata"},
    {kBoth, R"("service_tier":1)", "service_tier"},
    {kBoth, R"("safety_identifier":1)", "safety_identifier"},
    {kBoth, R"("prompt_cache_key":1)", "prompt_cache_key"},
    {kChat, R"("parallel_tool_calls":"x")", "parallel_tool_calls"},
    {kChat, R"("include_reasoning":"no")", "include_reasoning"},
    {kChat, R"("reasoning_format":"purple")", "reasoning_format"},
    {kChat, R"("reasoning_format":7)", "reasoning_format"},
    {kChat, R"("store":true)", "store"},
    {kChat, R"("tools":{})", "tools"},
    {kChat, R"("tools":[7])", "tools[0]"},
    {kChat, R"("tools":[{"function":{"name":"f"}}])", "tools[0].type"},
    {kChat, R"("tools":[{"type":"web_search"}])", "tools[0].type"},
    {kChat, R"("tools":[{"type":"function","name":"f"}])", "tools[0].function"},
    {kChat, R"("tools":[{"type":"function","function":{}}])", "tools[0].function.name"},
    {kChat, R"("tools":[{"type":"function","function":{"name":7}}])", "tools[0].function.name"},
    {kChat, R"("tools":[{"type":"function","function":{"name":"f"}}])", "tools"},  // whose template does not read them
    {kChat, R"("parallel_tool_calls":false,"tools":[{"type":"function","function":{"name":"f"}}])", "parallel_tool_calls"},
    {kChat, R"("tool_choice":"required")", "tool_choice"},
    {kChat, R"("tool_choice":"sometimes")", "tool_choice"},
    {kChat, R"("tool_choice":7)", "tool_choice"},
    {kChat, R"("tool_choice":{"type":"function","function":{"name":"f"}})", "tool_choice"},
    {kChat, R"("documents":"x")", "documents"},
    {kChat, R"("documents":[7])", "documents[0]"},
    {kChat, R"("documents":[{"text":"x"}])", "documents"},  // whose template does not read them
    {kChat, R"("chat_template_kwargs":[])", "chat_template_kwargs"},
    {kChat, R"("chat_template_kwargs":{"messages":[]})", "chat_template_kwargs.messages"},
    {kChat, R"("chat_template":"{{ 1 }}")", "chat_template"},
    {kChat, R"("chat_template":7)", "chat_template"},
    {kChat, R"("add_generation_prompt":"x")", "add_generation_prompt"},
    {kChat, R"("continue_final_message":1)", "continue_final_message"},
    {kChat, R"("continue_final_message":true,"add_generation_prompt":true)", "continue_final_message"},
    {kBoth, R"("add_special_tokens":"x")", "add_special_tokens"},
    {kChat, R"("functions":[{}])", "functions"},
    {kChat, R"("function_call":{"name":"f"})", "function_call"},
    {kBoth, R"("response_format":{"type":"json_object"})", "response_format"},
    {kChat, R"("modalities":["text","audio"])", "modalities"},
    {kChat, R"("audio":{"voice":"x"})", "audio"},
    {kChat, R"("prediction":{})", "prediction"},
    {kChat, R"("reasoning_effort":"huge")", "reasoning_effort"},
    {kChat, R"("reasoning_effort":3)", "reasoning_effort"},
    {kChat, R"("verbosity":"low")", "verbosity"},
    {kChat, R"("web_search_options":{})", "web_search_options"},
    {kText, R"("suffix":"end")", "suffix"},
    {kText, R"("best_of":2)", "best_of"},
    {kBoth, R"("temprature":1)", "temprature"},
    {kBoth, R"("temperature":1,"temperature":1)", "temperature"},
    {kBoth, R"("logit_bias":{"1":1,"1":2})", "logit_bias.1"},
    {kBoth, "\"user\":\"\xff\"", "user"},
    {kBoth, "\"user\":\"\xc3\"", "user"},
    {kBoth, R"("user":"\ud800")", "user"},
    {kBoth, R"("seed":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]])", "seed[0][0][0][0]"},
};

struct BadInput {
  const char* value;
  const char* param;
};

const BadInput kBadMessages[] = {
    {"null", "messages"},
    {"\"Hi\"", "messages"},
    {"[]", "messages"},
    {"{}", "messages"},
    {"[7]", "messages[0]"},
    {"[{}]", "messages[0].role"},
    {R"([{"role":"user"}])", "messages[0].content"},
    {R"([{"role":"user","content":null}])", "messages[0].content"},
    {R"([{"role":"user","content":7}])", "messages[0].content"},
    {R"([{"role":7,"content":"x"}])", "messages[0].role"},
    {R"([{"role":"wizard","content":"x"}])", "messages[0].role"},
    {R"([{"role":"tool"}])", "messages[0].content"},
    {R"([{"role":"user","content":{"text":"x"}}])", "messages[0].content"},
    {R"([{"role":"user","content":"x"},{"role":"user","content":["x"]}])", "messages[1].content[0]"},
    {R"([{"role":"user","content":[{"text":"x"}]}])", "messages[0].content[0].type"},
    {R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text"},
    {R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])", "messages[0].content[0].type"},
    {R"([{"role":"user","content":[{"type":"text","text":"x","cache":1}]}])", "messages[0].content[0].cache"},
    {R"([{"role":"assistant","content":"x","tool_calls":{}}])", "messages[0].tool_calls"},
    {R"([{"role":"assistant","content":"x","tool_calls":[{}]}])", "messages[0].tool_calls[0].function"},
    {R"([{"role":"assistant","content":"x","tool_calls":[{"type":"custom","function":{"name":"f"}}]}])", "messages[0].tool_calls[0].type"},
    {R"([{"role":"assistant","content":"x","tool_calls":[{"function":{"name":7}}]}])", "messages[0].tool_calls[0].function.name"},
    {R"([{"role":"assistant","content":"x","tool_calls":[{"function":{"name":"f","arguments":7}}]}])",
     "messages[0].tool_calls[0].function.arguments"},
    {R"([{"role":"assistant","content":"x","reasoning_content":7}])", "messages[0].reasoning_content"},
    {R"([{"role":"assistant","content":"x","audio":{"id":"x"}}])", "messages[0].audio"},
    {R"([{"role":"assistant","content":"x","prefix":true}])", "messages[0].prefix"},
    {R"([{"role":"tool","content":"x","tool_call_id":7}])", "messages[0].tool_call_id"},
    {R"([{"role":"user","content":"x","name":7}])", "messages[0].name"},
    {R"([{"role":"user","content":"x","role":"user"}])", "messages[0].role"},
};

const BadInput kBadPrompts[] = {
    {"null", "prompt"},
    {"7", "prompt"},
    {"{}", "prompt"},
    {"[]", "prompt"},
    {"[[]]", "prompt"},
    {"[null]", "prompt[0]"},
    {"[1,\"x\"]", "prompt[1]"},
    {"[\"x\",1]", "prompt[1]"},
    {"[[1],\"x\"]", "prompt[1]"},
    {"[[1],[2,\"x\"]]", "prompt[1][1]"},
    {"[259]", "prompt[0]"},
    {"[-1]", "prompt[0]"},
    {"[1.5]", "prompt[0]"},
    {"[1e400]", "prompt[0]"},
};

void expect_refused(const Endpoint& endpoint, const std::string& param, const std::string& what) {
  EXPECT_EQ(endpoint.out.status, 400) << what << "\n" << endpoint.out.body;
  const json::object error = fakes::error_of(endpoint.out.json());
  ASSERT_TRUE(error.at("param").is_string()) << what;
  const std::string got(error.at("param").as_string());
  EXPECT_TRUE(got == param || (param.ends_with("[0]") && got.starts_with(param))) << what << ": " << got;
  EXPECT_EQ(error.at("type"), "invalid_request_error");
}

TEST(ApiFields, EveryBadValueIsRefusedByTheNameOfItsField) {
  Endpoint endpoint;
  for (const Bad& bad : kBad) {
    if (bad.endpoints & kChat) {
      endpoint.chat(bad.fields);
      expect_refused(endpoint, bad.param, bad.fields);
    }
    if (bad.endpoints & kText) {
      endpoint.complete(bad.fields);
      expect_refused(endpoint, bad.param, bad.fields);
    }
  }
  EXPECT_TRUE(endpoint.service.requests.empty()) << "nothing wrong may reach the scheduler";
}

TEST(ApiFields, EveryRowOfTheTableHasABadCase) {
  std::set<std::string> tried = {"model", "messages", "prompt"};
  for (const Bad& bad : kBad) tried.insert(std::string(bad.param).substr(0, std::string(bad.param).find_first_of(".[")));
  for (const openai::Field& field : openai::fields()) EXPECT_TRUE(tried.contains(std::string(field.name))) << field.name;
}

TEST(ApiFields, BadMessagesAreRefusedByPath) {
  Endpoint endpoint;
  for (const BadInput& bad : kBadMessages) {
    endpoint.chat("", bad.value);
    expect_refused(endpoint, bad.param, bad.value);
  }
}

TEST(ApiFields, BadPromptsAreRefusedByPath) {
  Endpoint endpoint;
  for (const BadInput& bad : kBadPrompts) {
    endpoint.complete("", bad.value);
    expect_refused(endpoint, bad.param, bad.value);
  }
}

TEST(ApiFields, ABodyThatIsNoJsonObjectIsRefused) {
  Endpoint endpoint;
  for (const char* body : {"", "{", "[]", "7", "null", "{}{}", "{} x", "{'a':1}", "{\"a\" 1}", "\xff", "{\"model\":\"tiny\",}"}) {
    for (const char* path : {"/v1/chat/completions", "/v1/completions"}) {
      endpoint.send("POST", path, body);
      EXPECT_EQ(endpoint.out.status, 400) << body;
      EXPECT_TRUE(fakes::error_of(endpoint.out.json()).at("param").is_string()) << body;
    }
  }
}

TEST(ApiFields, DeepNestingIsRefusedWithoutRecursion) {
  Endpoint endpoint;
  endpoint.chat("\"user\":" + std::string(1'000'000, '['));
  endpoint.await_worker();
  EXPECT_EQ(endpoint.out.status, 400);
}

TEST(ApiFields, AMissingModelOrInputIsNamed) {
  Endpoint endpoint;
  endpoint.send("POST", "/v1/chat/completions", R"({"messages":[{"role":"user","content":"x"}]})");
  expect_refused(endpoint, "model", "no model");
  endpoint.send("POST", "/v1/chat/completions", R"({"model":"tiny"})");
  expect_refused(endpoint, "messages", "no messages");
  endpoint.send("POST", "/v1/completions", R"({"model":"tiny"})");
  expect_refused(endpoint, "prompt", "no prompt");
  endpoint.send("POST", "/v1/completions", R"({"model":7,"prompt":"x"})");
  expect_refused(endpoint, "model", "model of the wrong type");
}

TEST(ApiFields, AnUnknownModelIsA404ThatListsTheNames) {
  Endpoint endpoint;
  endpoint.send("POST", "/v1/completions", R"({"model":"gpt-4","prompt":"x"})");
  EXPECT_EQ(endpoint.out.status, 404);
  const json::object error = fakes::error_of(endpoint.out.json());
  EXPECT_EQ(error.at("param"), "model");
  EXPECT_EQ(error.at("code"), "model_not_found");
  const std::string message(error.at("message").as_string());
  EXPECT_NE(message.find("gpt-4"), std::string::npos);
  EXPECT_NE(message.find("tiny, tiny-alias"), std::string::npos);
}

TEST(ApiFields, NullAndHarmlessFieldsAreAccepted) {
  Endpoint endpoint;
  endpoint.always_say("ok");
  endpoint.chat(R"("temperature":null,"n":null,"stop":null,"tools":null,"tools":null)");
  EXPECT_EQ(endpoint.out.status, 400) << "a duplicate, even of null";
  endpoint.chat(
      R"("temperature":null,"n":null,"stop":null,"logit_bias":null,"seed":null,"stream_options":null,"audio":null,)"
      R"("user":"me","metadata":{"a":"b"},"store":false,"service_tier":"auto","parallel_tool_calls":true,"tools":[],)"
      R"("tool_choice":"none","response_format":{"type":"text"},"modalities":["text"],"safety_identifier":"x",)"
      R"("prompt_cache_key":"y")");
  EXPECT_EQ(endpoint.out.status, 200) << endpoint.out.body;
  endpoint.complete(R"("suffix":null,"best_of":1,"logprobs":null,"echo":false,"user":"me")");
  EXPECT_EQ(endpoint.out.status, 200) << endpoint.out.body;
}

TEST(ApiFields, WhatWeAnsweredMayComeBackAsAMessage) {
  Endpoint endpoint;
  endpoint.always_say("ok");
  endpoint.chat("", R"([{"role":"user","content":"x"},{"role":"assistant","content":"y","refusal":null,"annotations":null,)"
                    R"("audio":null,"function_call":null,"tool_calls":null},{"role":"user","content":"z","name":"me"}])");
  EXPECT_EQ(endpoint.out.status, 200) << endpoint.out.body;
}

TEST(ApiFields, EveryFieldArrivesWhereItBelongs) {
  Endpoint endpoint;
  endpoint.chat(R"("temperature":0.5,"top_p":0.9,"min_p":0.1,"top_k":-1,"presence_penalty":1,"frequency_penalty":-1,)"
                R"("repetition_penalty":1.5,"logit_bias":{"7":-100,"258":2.5},"seed":-3,"max_tokens":17,"max_completion_tokens":17,)"
                R"("logprobs":true,"top_logprobs":4)");
  ASSERT_EQ(endpoint.service.requests.size(), 1u) << endpoint.out.body;
  const GenerateRequest& request = endpoint.service.requests[0];
  EXPECT_FLOAT_EQ(request.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(request.sampling.top_p, 0.9f);
  EXPECT_FLOAT_EQ(request.sampling.min_p, 0.1f);
  EXPECT_EQ(request.sampling.top_k, 0);
  EXPECT_FLOAT_EQ(request.sampling.presence_penalty, 1);
  EXPECT_FLOAT_EQ(request.sampling.frequency_penalty, -1);
  EXPECT_FLOAT_EQ(request.sampling.repetition_penalty, 1.5f);
  EXPECT_EQ(request.sampling.logit_bias, (std::vector<std::pair<TokenId, float>>{{7, -100.f}, {258, 2.5f}}));
  EXPECT_EQ(request.sampling.seed, static_cast<uint64_t>(-3));
  EXPECT_EQ(request.sampling.logprobs, 4);
  EXPECT_EQ(request.max_tokens, 17);
  EXPECT_EQ(request.end_tokens, std::vector<TokenId>{fakes::ByteTokenizer::kEnd});
  EXPECT_EQ(request.prompt_logprobs, -1);
}

TEST(ApiFields, DefaultsAreTheRestOfTheContextAndADrawnSeed) {
  Endpoint endpoint;
  endpoint.complete(R"("ignore_eos":true,"seed":18446744073709551615)", "[1,2,3]");
  endpoint.complete("", "[1,2,3]");
  endpoint.complete("", "[1,2,3]");
  ASSERT_EQ(endpoint.service.requests.size(), 3u);
  EXPECT_EQ(endpoint.service.requests[0].max_tokens, 197);
  EXPECT_TRUE(endpoint.service.requests[0].end_tokens.empty());
  EXPECT_EQ(endpoint.service.requests[0].sampling.seed, UINT64_MAX);
  EXPECT_NE(endpoint.service.requests[1].sampling.seed, endpoint.service.requests[2].sampling.seed);
  EXPECT_EQ(endpoint.service.requests[1].sampling.logprobs, -1);
}

TEST(ApiFields, AContextTooSmallIsA400WithTheNumbers) {
  Endpoint endpoint;
  endpoint.complete("", "\"" + std::string(200, 'x') + "\"");
  expect_refused(endpoint, "prompt", "a prompt of the whole context");
  const json::object error = fakes::error_of(endpoint.out.json());
  EXPECT_EQ(error.at("code"), "context_length_exceeded");
  EXPECT_NE(std::string(error.at("message").as_string()).find("maximum context length is 200"), std::string::npos);
  EXPECT_NE(std::string(error.at("message").as_string()).find("the prompt has 200"), std::string::npos);
  endpoint.complete(R"("max_tokens":0,"echo":true)", "\"" + std::string(201, 'x') + "\"");
  expect_refused(endpoint, "prompt", "a prompt longer than the context, only to be scored");
  EXPECT_TRUE(endpoint.service.requests.empty());
}

TEST(ApiFields, MaxTokensBeyondTheContextIsTheRestOfTheContext) {
  Endpoint endpoint;
  for (const char* most : {"32000", "198", "9223372036854775807"}) {
    endpoint.complete(R"("max_tokens":)" + std::string(most), "[1,2,3]");
    ASSERT_FALSE(endpoint.service.requests.empty()) << endpoint.out.body;
    EXPECT_EQ(endpoint.service.requests.back().max_tokens, 197) << most;
  }
  endpoint.complete(R"("max_tokens":196)", "[1,2,3]");
  EXPECT_EQ(endpoint.service.requests.back().max_tokens, 196);
}

TEST(ApiFields, TheNumberOfSequencesOfOneRequestIsBounded) {
  Endpoint endpoint;
  std::string prompts = "[\"a\"";
  for (size_t i = 1; i < openai::kMaxPrompts; ++i) prompts += ",\"a\"";
  endpoint.complete(R"("n":3)", prompts + "]");
  expect_refused(endpoint, "prompt", "too many sequences");
  endpoint.complete("", prompts + ",\"a\"]");
  expect_refused(endpoint, "prompt", "too many prompts");
  endpoint.complete(R"("n":2)", prompts + "]");
  EXPECT_EQ(endpoint.service.requests.size(), 2 * openai::kMaxPrompts);
}

}  // namespace
}  // namespace yoke::coordinator::api
