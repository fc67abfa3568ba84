// Server-sent events (WHATWG HTML, 9.2): "data: JSON\n\n"; a line that begins with a colon is a comment.
#include <boost/json.hpp>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/reply.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

class StreamedReply : public Reply {
 public:
  explicit StreamedReply(ReplyOptions options)
      : options_(std::move(options)), started_(static_cast<size_t>(options_.choices)) {}

  void delta(int index, Delta delta, http::Responder& out) override {
    begin(out);
    start_choice(index, out);
    const Shapes& shapes = options_.shapes;
    std::optional<std::string> reason;
    if (shapes.identity().chat) std::swap(reason, delta.finish_reason);  // a chat's comes in a chunk of its own
    if (!delta.reasoning.empty() && !(delta.text.empty() && delta.tokens.empty())) {
      Delta thought;
      std::swap(thought.reasoning, delta.reasoning);
      send(shapes.delta_chunk(index, thought), out);
    }
    if (!delta.empty()) send(with_prompt(index, shapes.delta_chunk(index, delta)), out);
    if (reason) send(shapes.finish_chunk(index, *reason), out);
  }

  void finish(const Usage& usage, http::Responder& out) override {
    begin(out);
    if (options_.include_usage) {
      json::object last = options_.shapes.chunk();
      last["usage"] = options_.shapes.usage(usage);
      out.write("data: " + json::serialize(last) + "\n\n");
    }
    out.write("data: [DONE]\n\n");
    out.finish();
  }

  // Neither a finish_reason nor [DONE] follows: nobody can take this for a whole answer.
  void fail(const Error& error, http::Responder& out) override {
    if (!begun_) return out.respond(error_reply(error));
    out.write("data: " + json::serialize(error_object(error)) + "\n\n");
    out.finish();
  }

  // The status is sent as late as possible, since an error before the first token can still be one; proxies and clients
  // that hear nothing for long hang up, though.
  void quiet(http::Responder& out) override {
    begin(out);
    out.write(": keep-alive\n\n");
  }

 private:
  void begin(http::Responder& out) {
    if (begun_) return;
    begun_ = true;
    out.begin_stream({.content_type = "text/event-stream; charset=utf-8",
                      .headers = {{"Cache-Control", "no-cache"},
                                  {"X-Accel-Buffering", "no"},
                                  {"x-request-id", options_.shapes.identity().id}},
                      .body = {}});
  }

  // A chat's choice begins with its role. prompt_token_ids stand in the first chunk of all, or of each completion's choice.
  void start_choice(int index, http::Responder& out) {
    if (started_[static_cast<size_t>(index)] || !options_.shapes.identity().chat) return;
    started_[static_cast<size_t>(index)] = true;
    json::object chunk = options_.shapes.role_chunk(index);
    if (!options_.prompts.empty() && !prompt_sent_) chunk["prompt_token_ids"] = json::value_from(options_.prompts[0]);
    prompt_sent_ = true;
    send(std::move(chunk), out);
  }

  json::object with_prompt(int index, json::object chunk) {
    if (options_.prompts.empty() || options_.shapes.identity().chat || started_[static_cast<size_t>(index)]) return chunk;
    started_[static_cast<size_t>(index)] = true;
    const auto prompt = static_cast<size_t>(index / options_.choices_per_prompt);
    chunk["choices"].get_array()[0].get_object()["prompt_token_ids"] = json::value_from(options_.prompts[prompt]);
    return chunk;
  }

  void send(json::object chunk, http::Responder& out) {
    if (options_.include_usage) chunk["usage"] = nullptr;
    out.write("data: " + json::serialize(chunk) + "\n\n");
  }

  const ReplyOptions options_;
  std::vector<bool> started_;
  bool begun_ = false;
  bool prompt_sent_ = false;
};

}  // namespace

std::unique_ptr<Reply> make_streamed_reply(ReplyOptions options) {
  return std::make_unique<StreamedReply>(std::move(options));
}

}  // namespace yoke::coordinator::api::openai
