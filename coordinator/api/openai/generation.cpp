#include "coordinator/api/openai/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "coordinator/api/openai/choice_text.h"
#include "coordinator/api/openai/prompt.h"
#include "coordinator/api/openai/reply.h"
#include "coordinator/api/random_id.h"
#include "core/clock.h"
#include "core/version.h"

namespace yoke::coordinator::api::openai {
namespace {

struct Choice {
  ChoiceText text;
  const Prompt* prompt = nullptr;
  std::shared_ptr<Stream> stream;  // null once it has ended
};

class Generation : public http::Answer {
 public:
  Generation(Draft draft, bool chat, std::vector<Prompt> prompts, const GenerationContext& context);
  ~Generation() override { cancel(); }

  // Submits every choice. An Error leaves none of them behind.
  void submit(const http::Waker& wake);
  void advance(http::Turn turn, http::Responder& out) override;

 private:
  GenerateRequest request_for(const Prompt& prompt, int choice, uint64_t seed) const;
  std::vector<TokenId> end_tokens() const;
  void begin(http::Responder& out);
  bool drain(int index, http::Responder& out);
  void on(int index, const PromptEvent& event, http::Responder& out);
  void on(int index, const TokenEvent& event, http::Responder& out);
  void on(int index, const FinishEvent& event, http::Responder& out);
  void on(int, const LogitsEvent&, http::Responder&) {}
  void send(int index, Delta delta, http::Responder& out);
  Usage usage() const;
  void cancel();

  const Draft draft_;
  const bool chat_;
  const GenerationContext context_;
  const std::vector<Prompt> prompts_;
  const std::string id_;
  std::unique_ptr<Reply> reply_;
  std::vector<Choice> choices_;
  bool begun_ = false;
};

std::vector<std::vector<TokenId>> ids_of(const std::vector<Prompt>& prompts) {
  std::vector<std::vector<TokenId>> ids;
  for (const Prompt& prompt : prompts) ids.push_back(prompt.tokens);
  return ids;
}

// A model that does not think has nothing to be undivided.
ReasoningShown reasoning_shown(const Draft& draft, const Prompt& prompt) {
  return model::text::reasoning::thinks(prompt.reasoning) ? draft.reasoning : ReasoningShown::apart;
}

std::string fingerprint(const ServiceStatus& status) {
  return fmt::format("yoke-{}-{}-{}", kVersion, status.layout, status.math);
}

Generation::Generation(Draft draft, bool chat, std::vector<Prompt> prompts, const GenerationContext& context)
    : draft_(std::move(draft)),
      chat_(chat),
      context_(context),
      prompts_(std::move(prompts)),
      id_(random_id(chat ? "chatcmpl-" : "cmpl-")) {
  const auto* tokenizer = context.model.tokenizer.get();
  for (const Prompt& prompt : prompts_) {
    for (int i = 0; i < draft_.choices; ++i) {
      const ChoiceText::Options options{.stop = draft_.stop,
                                        .end_tokens = end_tokens(),
                                        .logprobs = draft_.sampling.logprobs >= 0,
                                        .token_ids = draft_.return_token_ids,
                                        .reasoning = reasoning_shown(draft_, prompt)};
      choices_.push_back({.text = ChoiceText(tokenizer, prompt.reasoning, options), .prompt = &prompt, .stream = nullptr});
    }
  }
  const Identity identity{.chat = chat,
                          .id = id_,
                          .created = system_clock().unix_seconds(),
                          .model = draft_.model,
                          .fingerprint = fingerprint(context.service.status())};
  const bool undivided = reasoning_shown(draft_, prompts_.front()) == ReasoningShown::in_content;
  const Shown shown{.logprobs = draft_.sampling.logprobs >= 0, .token_ids = draft_.return_token_ids, .special_bytes = undivided};
  ReplyOptions options{.shapes = Shapes(identity, shown, tokenizer),
                       .choices = static_cast<int>(choices_.size()),
                       .prompts = draft_.return_token_ids ? ids_of(prompts_) : std::vector<std::vector<TokenId>>(),
                       .choices_per_prompt = draft_.choices,
                       .include_usage = draft_.include_usage};
  reply_ = draft_.stream ? make_streamed_reply(std::move(options)) : make_whole_reply(std::move(options));
}

std::vector<TokenId> Generation::end_tokens() const {
  if (draft_.ignore_eos || !context_.model.tokenizer) return {};
  return context_.model.tokenizer->end_of_generation();
}

GenerateRequest Generation::request_for(const Prompt& prompt, int choice, uint64_t seed) const {
  GenerateRequest request{.id = choices_.size() == 1 ? id_ : fmt::format("{}/{}", id_, choice),
                          .prompt = prompt.tokens,
                          .sampling = draft_.sampling,
                          .max_tokens = tokens_to_generate(draft_, prompt, context_.model, chat_ ? "messages" : "prompt"),
                          .end_tokens = end_tokens()};
  request.sampling.seed = seed;
  request.sampling.choice = choice % draft_.choices;
  const bool wants_prompt = draft_.echo && draft_.sampling.logprobs >= 0;
  if (wants_prompt) request.prompt_logprobs = draft_.sampling.logprobs;
  if (request.max_tokens == 0 && !wants_prompt) request.prompt_logprobs = 0;  // what makes a request without tokens whole
  return request;
}

void Generation::submit(const http::Waker& wake) {
  const uint64_t seed = draft_.seed.value_or(random_seed());
  for (size_t i = 0; i < choices_.size(); ++i) {
    choices_[i].stream = context_.service.generate(request_for(*choices_[i].prompt, static_cast<int>(i), seed));
  }
  for (const Choice& choice : choices_) choice.stream->on_event(wake);
}

void Generation::advance(http::Turn turn, http::Responder& out) {
  if (turn == http::Turn::stopping) {
    cancel();
    return reply_->fail(Error(Code::unavailable, "the server is shutting down"), out);
  }
  for (int i = 0; i < static_cast<int>(choices_.size()); ++i) {
    if (!drain(i, out)) return;
  }
  const bool done = std::all_of(choices_.begin(), choices_.end(), [](const Choice& choice) { return !choice.stream; });
  if (done) return reply_->finish(usage(), out);
  if (turn == http::Turn::quiet) reply_->quiet(out);
}

// False where the whole answer has failed.
bool Generation::drain(int index, http::Responder& out) {
  Choice& choice = choices_[static_cast<size_t>(index)];
  if (!choice.stream) return true;
  try {
    for (const Event& event : choice.stream->take()) {
      begin(out);
      std::visit([&](const auto& what) { on(index, what, out); }, event);
      if (!choice.stream) break;
    }
    return true;
  } catch (const Error& error) {
    cancel();
    reply_->fail(error, out);
    return false;
  }
}

// With the first event of any choice; `echo` without logprobs needs nothing that a stream brings.
void Generation::begin(http::Responder& out) {
  if (std::exchange(begun_, true) || !draft_.echo || draft_.sampling.logprobs >= 0) return;
  for (size_t i = 0; i < choices_.size(); ++i) {
    send(static_cast<int>(i), choices_[i].text.begin_with(choices_[i].prompt->text, {}), out);
  }
}

void Generation::on(int index, const PromptEvent& event, http::Responder& out) {
  if (!draft_.echo || draft_.sampling.logprobs < 0) return;
  Choice& choice = choices_[static_cast<size_t>(index)];
  const Prompt& prompt = *choice.prompt;
  std::vector<ShownToken> shown;
  int64_t offset = 0;
  for (size_t i = 0; i < prompt.tokens.size(); ++i) {
    ShownToken token{.token = prompt.tokens[i], .logprob = {}, .top = {}, .text_offset = offset};
    if (i > 0 && i <= event.logprobs.size()) {
      token.logprob = event.logprobs[i - 1].logprob;
      token.top = event.logprobs[i - 1].top;
    }
    const bool own_bos = i == 0 && prompt.begins_with_bos;
    token.first = !own_bos && offset == 0;
    if (context_.model.tokenizer && !own_bos) offset += shown_characters(*context_.model.tokenizer, token);
    shown.push_back(std::move(token));
  }
  send(index, choice.text.begin_with(prompt.text, std::move(shown)), out);
}

void Generation::on(int index, const TokenEvent& event, http::Responder& out) {
  Choice& choice = choices_[static_cast<size_t>(index)];
  send(index, choice.text.push(event), out);
  if (!choice.text.finished()) return;
  choice.stream->cancel();  // a stop string: what the scheduler makes beyond it is nobody's
  choice.stream = nullptr;
}

void Generation::on(int index, const FinishEvent& event, http::Responder& out) {
  switch (event.reason) {
    case FinishReason::stop:
    case FinishReason::length: break;
    case FinishReason::cancelled: throw event.error.value_or(Error(Code::aborted, "the request was cancelled by the server"));
    case FinishReason::error: throw event.error.value_or(Error(Code::internal, "the generation failed"));
  }
  Choice& choice = choices_[static_cast<size_t>(index)];
  send(index, choice.text.finish(event.reason), out);
  choice.stream = nullptr;
}

void Generation::send(int index, Delta delta, http::Responder& out) {
  if (!delta.empty()) reply_->delta(index, std::move(delta), out);
}

Usage Generation::usage() const {
  Usage usage;
  for (const Prompt& prompt : prompts_) usage.prompt_tokens += static_cast<int64_t>(prompt.tokens.size());
  for (size_t i = 0; i < choices_.size(); ++i) {
    usage.completion_tokens += choices_[i].text.tokens();
    const Prompt& prompt = *choices_[i].prompt;
    if (!model::text::reasoning::thinks(prompt.reasoning) || draft_.reasoning == ReasoningShown::in_content) continue;
    usage.reasoning_tokens = usage.reasoning_tokens.value_or(0) + choices_[i].text.reasoning_tokens();
  }
  return usage;
}

void Generation::cancel() {
  for (Choice& choice : choices_) {
    if (choice.stream) choice.stream->cancel();
    choice.stream = nullptr;
  }
}

std::unique_ptr<http::Answer> start(Draft draft, bool chat, std::vector<Prompt> prompts, const GenerationContext& context,
                                    const http::Waker& wake) {
  auto generation = std::make_unique<Generation>(std::move(draft), chat, std::move(prompts), context);
  generation->submit(wake);
  return generation;
}

void refuse_encoder(const ServedModel& model) {
  if (model.config.encoder.is) throw Error(Code::unsupported, "this model is an encoder; use /v1/embeddings", "model");
}

}  // namespace

FieldContext fields_of(const GenerationContext& context) {
  return {.model = context.model, .max_choices = context.max_choices, .allow_request_templates = context.allow_request_templates};
}

std::unique_ptr<http::Answer> start_chat(const boost::json::object& body, const GenerationContext& context, http::Waker wake) {
  Draft draft = read_chat(body, fields_of(context));
  refuse_encoder(context.model);
  std::vector<Prompt> prompts;
  prompts.push_back(chat_prompt(draft, context.model));
  return start(std::move(draft), true, std::move(prompts), context, wake);
}

std::unique_ptr<http::Answer> start_completion(const boost::json::object& body, const GenerationContext& context,
                                               http::Waker wake) {
  Draft draft = read_completion(body, fields_of(context));
  refuse_encoder(context.model);
  const auto sequences = static_cast<int64_t>(draft.prompts.size()) * draft.choices;
  if (sequences > kMaxSequences) {
    throw Error(Code::invalid_argument,
                fmt::format("{} prompts with n = {} are {} sequences; one request may have {}", draft.prompts.size(),
                            draft.choices, sequences, kMaxSequences),
                "prompt");
  }
  std::vector<Prompt> prompts;
  for (size_t i = 0; i < draft.prompts.size(); ++i) prompts.push_back(text_prompt(draft, i, context.model));
  return start(std::move(draft), false, std::move(prompts), context, wake);
}

}  // namespace yoke::coordinator::api::openai
