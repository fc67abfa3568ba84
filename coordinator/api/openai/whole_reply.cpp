#include <boost/json.hpp>

#include <iterator>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/reply.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

class WholeReply : public Reply {
 public:
  explicit WholeReply(ReplyOptions options) : options_(std::move(options)), choices_(static_cast<size_t>(options_.choices)) {}

  void delta(int index, Delta delta, http::Responder&) override {
    Delta& all = choices_[static_cast<size_t>(index)];
    all.reasoning += delta.reasoning;
    all.text += delta.text;
    append(all.tokens, std::move(delta.tokens));
    append(all.ids, std::move(delta.ids));
    if (delta.finish_reason) all.finish_reason = delta.finish_reason;
  }

  void finish(const Usage& usage, http::Responder& out) override {
    const Shapes& shapes = options_.shapes;
    json::array choices;
    for (size_t i = 0; i < choices_.size(); ++i) {
      choices.push_back(shapes.whole_choice(static_cast<int>(i), choices_[i], prompt_of(i)));
    }
    json::object body = shapes.whole();
    body["choices"] = std::move(choices);
    body["usage"] = shapes.usage(usage);
    if (shapes.identity().chat && !options_.prompts.empty()) body["prompt_token_ids"] = json::value_from(options_.prompts[0]);
    out.respond({.headers = {{"x-request-id", shapes.identity().id}}, .body = json::serialize(body)});
  }

  void fail(const Error& error, http::Responder& out) override { out.respond(error_reply(error)); }
  void quiet(http::Responder&) override {}

 private:
  const std::vector<TokenId>& prompt_of(size_t choice) const {
    static const std::vector<TokenId> kNone;
    const size_t prompt = choice / static_cast<size_t>(options_.choices_per_prompt);
    return prompt < options_.prompts.size() ? options_.prompts[prompt] : kNone;
  }

  const ReplyOptions options_;
  std::vector<Delta> choices_;
};

}  // namespace

std::unique_ptr<Reply> make_whole_reply(ReplyOptions options) { return std::make_unique<WholeReply>(std::move(options)); }

}  // namespace yoke::coordinator::api::openai
