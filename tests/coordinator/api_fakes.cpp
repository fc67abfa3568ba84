#include "tests/coordinator/api_fakes.h"

#include <gtest/gtest.h>

#include "model/text/model_text.h"

namespace yoke::coordinator::api::fakes {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);  // for ever, to a test

struct Special {
  std::string_view text;
  TokenId id;
};
constexpr Special kSpecials[] = {
    {"<s>", ByteTokenizer::kBos}, {"<|im_start|>", ByteTokenizer::kStart}, {"<|im_end|>", ByteTokenizer::kEnd}};

constexpr const char* kTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

}  // namespace

std::vector<TokenId> ByteTokenizer::encode(std::string_view text, model::text::AddedTokens match) const {
  std::vector<TokenId> ids;
  while (!text.empty()) {
    size_t used = 0;
    for (const Special& special : kSpecials) {
      if (match != model::text::AddedTokens::all || !text.starts_with(special.text)) continue;
      ids.push_back(special.id);
      used = special.text.size();
    }
    if (used == 0) {
      ids.push_back(static_cast<unsigned char>(text[0]));
      used = 1;
    }
    text.remove_prefix(used);
  }
  return ids;
}

std::string_view ByteTokenizer::token_bytes(TokenId id) const {
  static const std::string kBytes = [] {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    return all;
  }();
  if (id >= 0 && id < 256) return std::string_view(kBytes).substr(static_cast<size_t>(id), 1);
  for (const Special& special : kSpecials) {
    if (special.id == id) return special.text;
  }
  return {};
}

std::string ByteTokenizer::special_text(std::string_view variable) const {
  if (variable == "bos_token") return "<s>";
  return variable == "eos_token" ? "<|im_end|>" : "";
}

ServedModel make_model() {
  ServedModel model;
  model.names = {"tiny", "tiny-alias"};
  model.config.vocab = 259;
  model.config.context_length = 200;
  model.created = 1700000000;
  model.tokenizer = std::make_unique<ByteTokenizer>();
  model.chat_templates.emplace(model::text::kDefaultTemplate, make_template(kTemplate));
  return model;
}

std::vector<Event> ScriptedStream::take() {
  std::lock_guard lock(mutex_);
  std::vector<Event> all(std::make_move_iterator(events_.begin()), std::make_move_iterator(events_.end()));
  events_.clear();
  changed_.notify_all();
  return all;
}

void ScriptedStream::on_event(std::function<void()> notify) {
  bool waiting = false;
  {
    std::lock_guard lock(mutex_);
    notify_ = notify;
    waiting = !events_.empty();
  }
  if (waiting) notify();
}

void ScriptedStream::cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

bool ScriptedStream::push(Event event) {
  std::function<void()> notify;
  {
    std::lock_guard lock(mutex_);
    if (events_.size() >= kMaxPending) return false;
    events_.push_back(std::move(event));
    notify = notify_;
  }
  if (notify) notify();
  return true;
}

void ScriptedStream::say(std::string_view bytes) {
  for (const char c : bytes) push(TokenEvent{.token = static_cast<unsigned char>(c), .logprob = -0.5f, .top = {}});
}

void ScriptedStream::end(FinishReason reason) { push(FinishEvent{reason, std::nullopt}); }
void ScriptedStream::fail(Error error) { push(FinishEvent{FinishReason::error, std::move(error)}); }

bool ScriptedStream::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

bool ScriptedStream::wait_until_cancelled() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return cancelled_; });
}

void ScriptedStream::wait_for_room() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return cancelled_ || events_.size() < kMaxPending; });
}

std::shared_ptr<Stream> ScriptedService::generate(GenerateRequest request) {
  auto stream = std::make_shared<ScriptedStream>();
  {
    std::lock_guard lock(mutex);
    if (refuse_with && requests.size() >= refuse_from) throw Error(*refuse_with);
    requests.push_back(request);
    streams.push_back(stream);
    opened.notify_all();
  }
  if (on_generate) on_generate(request, *stream);
  return stream;
}

std::shared_ptr<Stream> ScriptedService::logits(LogitsRequest request) {
  auto stream = std::make_shared<ScriptedStream>();
  if (refuse_with) throw Error(*refuse_with);
  {
    std::lock_guard lock(mutex);
    logits_requests.push_back(request);
    streams.push_back(stream);
  }
  if (on_logits) on_logits(request, *stream);
  return stream;
}

std::shared_ptr<ScriptedStream> ScriptedService::wait_for_stream() {
  std::unique_lock lock(mutex);
  if (!opened.wait_for(lock, kPatience, [&] { return !streams.empty(); })) return nullptr;
  return streams.front();
}

ServiceStatus ScriptedService::status() const {
  std::lock_guard lock(mutex);
  return now;
}

void Recorder::respond(http::Response response) {
  status = response.status;
  body = response.body;
  head = std::move(response);
  finished = true;
}

void Recorder::begin_stream(http::Response response) {
  EXPECT_FALSE(streaming) << "a stream begins once";
  status = response.status;
  head = std::move(response);
  streaming = true;
}

std::vector<std::string> Recorder::events() const {
  std::vector<std::string> all;
  size_t at = 0;
  while (true) {
    const size_t end = body.find("\n\n", at);
    if (end == std::string::npos) break;
    const std::string event = body.substr(at, end - at);
    if (event.starts_with("data: ")) all.push_back(event.substr(6));
    at = end + 2;
  }
  EXPECT_EQ(at, body.size()) << "an event is unfinished";
  return all;
}

boost::json::object error_of(const boost::json::value& body) {
  const boost::json::object* outer = body.if_object();
  const boost::json::value* error = outer == nullptr ? nullptr : outer->if_contains("error");
  if (error == nullptr || !error->is_object()) {
    ADD_FAILURE() << "no error in " << boost::json::serialize(body);
    return {};
  }
  const boost::json::object fields = error->get_object();
  for (const char* name : {"message", "type", "param", "code"}) EXPECT_TRUE(fields.contains(name)) << name;
  EXPECT_EQ(fields.size(), 4u);
  EXPECT_FALSE(fields.at("message").as_string().empty());
  return fields;
}

}  // namespace yoke::coordinator::api::fakes
