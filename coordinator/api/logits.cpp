#include "coordinator/api/logits.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>

#include <algorithm>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/float_bytes.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/random_id.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using openai::integer_of;

const json::array& array_of(const json::object& body, const char* name) {
  const json::value* value = body.if_contains(name);
  if (value != nullptr && value->is_array() && !value->get_array().empty()) return value->get_array();
  throw Error(Code::invalid_argument, fmt::format("{} must be an array of integers that is not empty", name), name);
}

int64_t integer_or(const json::object& body, const char* name, int64_t low, int64_t high, int64_t absent) {
  const json::value* value = body.if_contains(name);
  return value == nullptr || value->is_null() ? absent : integer_of(*value, name, low, high);
}

// How many there are of them is the front desk's business.
std::vector<int32_t> read_token_types(const json::object& body, const model::Encoder& encoder) {
  if (!encoder.is) throw Error(Code::unsupported, "this model has no token types; leave token_types out", "token_types");
  std::vector<int32_t> types;
  for (const json::value& type : array_of(body, "token_types")) {
    const std::string path = fmt::format("token_types[{}]", types.size());
    types.push_back(static_cast<int32_t>(integer_of(type, path, 0, std::max<int64_t>(1, encoder.token_types) - 1)));
  }
  return types;
}

LogitsRequest read_request(const json::object& body, const ServedModel& model) {
  for (const auto& member : body) {
    const std::string_view name = member.key();
    if (name == "tokens" || name == "rows" || name == "prefill" || name == "chunk" || name == "token_types") continue;
    throw Error(Code::unsupported, fmt::format("the field {} is not known here", printable(name)), printable(name));
  }
  LogitsRequest request{.id = random_id("logits-"), .tokens = {}, .token_types = {}, .rows = {}};
  const json::array& tokens = array_of(body, "tokens");
  if (static_cast<int64_t>(tokens.size()) > model.config.context_length) {
    throw Error(Code::context_exceeded,
                fmt::format("tokens holds {}; this model's maximum context length is {}", tokens.size(), model.config.context_length),
                "tokens");
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    request.tokens.push_back(openai::token_of(tokens[i], fmt::format("tokens[{}]", i), model.config.vocab));
  }
  const auto count = static_cast<int64_t>(tokens.size());
  int64_t next = 0;  // rows ascend, each at most once
  for (const json::value& row : array_of(body, "rows")) {
    if (next == count) throw Error(Code::invalid_argument, "rows must ascend and name positions of tokens", "rows");
    request.rows.push_back(integer_of(row, fmt::format("rows[{}]", request.rows.size()), next, count - 1));
    next = request.rows.back() + 1;
  }
  if (const json::value* types = body.if_contains("token_types"); types != nullptr && !types->is_null()) {
    request.token_types = read_token_types(body, model.config.encoder);
  }
  request.prefill = integer_or(body, "prefill", 1, count, count);
  request.chunk = integer_or(body, "chunk", 0, count, 0);
  return request;
}

class LogitsAnswer : public http::Answer {
 public:
  LogitsAnswer(std::vector<int64_t> rows, const model::ModelConfig& config, std::shared_ptr<Stream> stream)
      : rows_(std::move(rows)), vocab_(config.vocab), width_(config.output_width()), stream_(std::move(stream)) {}
  ~LogitsAnswer() override { stream_->cancel(); }

  void advance(http::Turn turn, http::Responder& out) override {
    if (turn == http::Turn::stopping) return fail(Error(Code::unavailable, "the server is shutting down"), out);
    for (const Event& event : stream_->take()) {
      if (const auto* row = std::get_if<LogitsEvent>(&event)) {
        if (!send(*row, out)) return fail(Error(Code::internal, "the engines sent rows that were not asked for"), out);
      } else if (const auto* end = std::get_if<FinishEvent>(&event)) {
        return finish(*end, out);
      }
    }
  }

 private:
  bool send(const LogitsEvent& event, http::Responder& out) {
    if (sent_ == rows_.size() || event.position != rows_[sent_] || static_cast<int64_t>(event.row.size()) != width_) return false;
    if (sent_ == 0) {
      out.begin_stream({.content_type = "application/octet-stream",
                        .headers = {{"x-yoke-vocab", std::to_string(vocab_)}, {"x-yoke-width", std::to_string(width_)}},
                        .body = {}});
    }
    ++sent_;
    std::string bytes;
    append_little_endian(bytes, event.row);
    out.write(bytes);
    return true;
  }

  void finish(const FinishEvent& end, http::Responder& out) {
    if (end.reason == FinishReason::error || end.reason == FinishReason::cancelled) {
      return fail(end.error.value_or(Error(Code::aborted, "the request was cancelled by the server")), out);
    }
    if (sent_ < rows_.size()) {
      return fail(Error(Code::internal, fmt::format("{} of {} rows came", sent_, rows_.size())), out);
    }
    out.finish();
  }

  // Bytes of floats have no place for an error: a broken connection says it.
  void fail(const Error& error, http::Responder& out) {
    spdlog::warn("logits: {}", error.what());
    if (sent_ == 0) return out.respond(error_reply(error));
    out.abort();
  }

  const std::vector<int64_t> rows_;
  const int64_t vocab_;
  const int64_t width_;
  const std::shared_ptr<Stream> stream_;
  size_t sent_ = 0;
};

}  // namespace

std::unique_ptr<http::Answer> start_logits(const json::object& body, const ServedModel& model, Service& service,
                                           http::Waker wake) {
  LogitsRequest request = read_request(body, model);
  std::vector<int64_t> rows = request.rows;
  std::shared_ptr<Stream> stream = service.logits(std::move(request));
  auto answer = std::make_unique<LogitsAnswer>(std::move(rows), model.config, stream);
  stream->on_event(std::move(wake));
  return answer;
}

}  // namespace yoke::coordinator::api
