#include "coordinator/api/openai/field_readers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

[[noreturn]] void wrong(const std::string& path, const std::string& expected, const json::value& got) {
  throw Error(Code::invalid_argument, fmt::format("{} must be {}, not {}", path, expected, kind_name(got)), path);
}

}  // namespace

double number_of(const json::value& value, const std::string& path, double low, double high) {
  if (!value.is_number()) wrong(path, "a number", value);
  const double number = value.to_number<double>();
  if (std::isfinite(number) && number >= low && number <= high) return number;
  throw Error(Code::invalid_argument, fmt::format("{} must be between {} and {}, got {}", path, low, high, number), path);
}

int64_t integer_of(const json::value& value, const std::string& path, int64_t low, int64_t high) {
  if (!value.is_number()) wrong(path, "an integer", value);
  if (value.is_double()) {
    throw Error(Code::invalid_argument, fmt::format("{} must be an integer, got {}", path, value.get_double()), path);
  }
  json::error_code ec;
  const int64_t number = value.to_number<int64_t>(ec);
  if (!ec && number >= low && number <= high) return number;
  throw Error(Code::invalid_argument,
              fmt::format("{} must be between {} and {}, got {}", path, low, high, json::serialize(value)), path);
}

bool flag_of(const json::value& value, const std::string& path) {
  if (!value.is_bool()) wrong(path, "a boolean", value);
  return value.get_bool();
}

std::string text_of(const json::value& value, const std::string& path) {
  if (!value.is_string()) wrong(path, "a string", value);
  return std::string(std::string_view(value.get_string()));
}

TokenId token_of(const json::value& value, const std::string& path, int64_t vocab) {
  return static_cast<TokenId>(integer_of(value, path, 0, vocab - 1));
}

std::string model_of(const json::value& value, const ServedModel& model) {
  std::string name = text_of(value, "model");
  if (std::find(model.names.begin(), model.names.end(), name) != model.names.end()) return name;
  throw Error(Code::not_found,
              fmt::format("the model {} is not served here; served: {}", printable(name), fmt::join(model.names, ", ")), "model");
}

void read_model(Draft& draft, const json::value& value, const FieldContext& context) { draft.model = model_of(value, context.model); }

void read_choices(Draft& draft, const json::value& value, const FieldContext& context) {
  draft.choices = static_cast<int>(integer_of(value, "n", 1, context.max_choices));
}

// Any 64 bits: signed as OpenAI's, or unsigned.
void read_seed(Draft& draft, const json::value& value, const FieldContext&) {
  if (value.is_uint64()) {
    draft.seed = value.get_uint64();
  } else {
    draft.seed = static_cast<uint64_t>(integer_of(value, "seed", INT64_MIN, INT64_MAX));
  }
}

void read_stop(Draft& draft, const json::value& value, const FieldContext&) {
  const auto add = [&](const json::value& item, const std::string& path) {
    std::string stop = text_of(item, path);
    if (stop.empty() || stop.size() > kMaxStopBytes) {
      throw Error(Code::invalid_argument,
                  fmt::format("{} must have 1 to {} bytes, got {}", path, kMaxStopBytes, stop.size()), path);
    }
    draft.stop.push_back(std::move(stop));
  };
  if (value.is_string()) return add(value, "stop");
  if (!value.is_array()) wrong("stop", "a string or an array of strings", value);
  const json::array& items = value.get_array();
  if (items.size() > kMaxStops) {
    throw Error(Code::invalid_argument, fmt::format("stop may hold {} strings, got {}", kMaxStops, items.size()), "stop");
  }
  for (size_t i = 0; i < items.size(); ++i) add(items[i], fmt::format("stop[{}]", i));
}

void read_stream_options(Draft& draft, const json::value& value, const FieldContext&) {
  if (!value.is_object()) wrong("stream_options", "an object", value);
  draft.has_stream_options = true;
  for (const auto& member : value.get_object()) {
    const std::string path = "stream_options." + printable(member.key());
    if (member.value().is_null()) continue;
    const bool wanted = flag_of(member.value(), path);
    if (member.key() == "include_usage") {
      draft.include_usage = wanted;
    } else if (wanted || member.key() != "include_obfuscation") {
      throw Error(Code::unsupported, fmt::format("{} is not supported by this server; leave it out", path), path);
    }
  }
}

void read_reasoning_format(Draft& draft, const json::value& value, const FieldContext&) {
  const std::string format = text_of(value, "reasoning_format");
  if (format == "auto" || format == "deepseek") return;
  if (format != "none") {
    throw Error(Code::invalid_argument, fmt::format("reasoning_format must be auto, deepseek or none, not {}", printable(format)),
                "reasoning_format");
  }
  // Who asks for the tags and drops what stands between them gets neither: dropping it is the stronger wish.
  if (draft.reasoning == ReasoningShown::apart) draft.reasoning = ReasoningShown::in_content;
}

void read_logit_bias(Draft& draft, const json::value& value, const FieldContext& context) {
  if (!value.is_object()) wrong("logit_bias", "an object of token ids to numbers", value);
  const json::object& biases = value.get_object();
  if (biases.size() > kMaxBiases) {
    throw Error(Code::invalid_argument, fmt::format("logit_bias may hold {} tokens, got {}", kMaxBiases, biases.size()),
                "logit_bias");
  }
  const int64_t vocab = context.model.config.vocab;
  for (const auto& member : biases) {
    const std::string_view key = member.key();
    const std::string path = "logit_bias." + printable(key);
    TokenId token = -1;
    const auto [end, ec] = std::from_chars(key.data(), key.data() + key.size(), token);
    const bool whole = ec == std::errc() && end == key.data() + key.size() && std::to_string(token) == key;
    if (!whole || token < 0 || token >= vocab) {
      throw Error(Code::invalid_argument, fmt::format("{}: the key must be a token id between 0 and {}", path, vocab - 1), path);
    }
    draft.sampling.logit_bias.emplace_back(token, static_cast<float>(number_of(member.value(), path, -100, 100)));
  }
}

}  // namespace yoke::coordinator::api::openai
