// What the tests of api/ stand on instead of a scheduler, a model and a socket.
#pragma once

#include <boost/json.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "coordinator/http/server.h"
#include "coordinator/served_model.h"
#include "coordinator/service.h"

namespace yoke::coordinator::api::fakes {

// Token n < 256 is the byte n, so that a test can cut a character in two; then come <s>, <|im_start|> and <|im_end|>.
class ByteTokenizer : public model::text::Tokenizer {
 public:
  static constexpr TokenId kBos = 256, kStart = 257, kEnd = 258;

  std::vector<TokenId> encode(std::string_view text, model::text::AddedTokens match) const override;
  std::string_view token_bytes(TokenId id) const override;
  bool is_special(TokenId id) const override { return id >= 256; }
  int64_t vocab_size() const override { return 259; }
  std::optional<TokenId> bos() const override { return kBos; }
  bool adds_bos() const override { return add_bos; }
  const std::vector<TokenId>& end_of_generation() const override { return ends_; }
  std::string special_text(std::string_view variable) const override;

  bool add_bos = false;

 private:
  const std::vector<TokenId> ends_ = {kEnd};
};

// A model called "tiny" or "tiny-alias" with a ChatML template, 259 tokens and a context of 200.
ServedModel make_model();

class ScriptedStream : public Stream {
 public:
  std::vector<Event> take() override;
  void on_event(std::function<void()> notify) override;
  void cancel() override;

  // As the scheduler would: appends and notifies. False, and nothing appended, while kMaxPending events wait.
  bool push(Event event);
  void say(std::string_view bytes);  // a token a byte
  void end(FinishReason reason = FinishReason::stop);
  void fail(Error error);
  bool cancelled() const;
  // False after ten seconds without it.
  bool wait_until_cancelled();
  // Until fewer than kMaxPending events wait, or it is cancelled.
  void wait_for_room();

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::function<void()> notify_;
  bool cancelled_ = false;
};

class ScriptedService : public Service {
 public:
  std::shared_ptr<Stream> generate(GenerateRequest request) override;
  std::shared_ptr<Stream> logits(LogitsRequest request) override;
  ServiceStatus status() const override;

  // Called for each new stream; a test that leaves it out pushes by hand through `streams`.
  std::function<void(const GenerateRequest&, ScriptedStream&)> on_generate;
  std::function<void(const LogitsRequest&, ScriptedStream&)> on_logits;
  // The first stream that was opened; null after ten seconds without one.
  std::shared_ptr<ScriptedStream> wait_for_stream();
  std::optional<Error> refuse_with;
  size_t refuse_from = 0;  // the first so many requests are taken
  ServiceStatus now{.ready = true, .reason = {}, .layout = "tp2pp1", .math = "exact", .device = "cpu", .ranks = {}};

  std::vector<GenerateRequest> requests;
  std::vector<LogitsRequest> logits_requests;
  std::vector<std::shared_ptr<ScriptedStream>> streams;
  mutable std::mutex mutex;
  std::condition_variable opened;
};

// What an answer wrote.
struct Recorder : http::Responder {
  void respond(http::Response response) override;
  void begin_stream(http::Response head) override;
  void write(std::string_view bytes) override { body += bytes; }
  void finish() override { finished = true; }
  void abort() override { aborted = true; }

  int status = 0;
  http::Response head;
  std::string body;
  bool streaming = false;
  bool finished = false;
  bool aborted = false;

  boost::json::value json() const { return boost::json::parse(body); }
  // The `data:` lines of an event stream.
  std::vector<std::string> events() const;
};

// {"error": {...}} of a response; fails the test where it has another shape.
boost::json::object error_of(const boost::json::value& body);

}  // namespace yoke::coordinator::api::fakes
