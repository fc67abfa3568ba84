#include "coordinator/front_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/dtype.h"
#include "core/error.h"

namespace yoke::coordinator {
namespace {

void check_tokens(const std::vector<TokenId>& tokens, int64_t vocab, const char* param) {
  if (tokens.empty()) throw Error{Code::invalid_argument, "at least one token is needed", param};
  const auto bad = std::ranges::find_if(tokens, [&](TokenId token) { return token < 0 || token >= vocab; });
  if (bad != tokens.end()) {
    throw Error{Code::invalid_argument,
                fmt::format("token {} at index {} is not one of the model's {}", *bad, bad - tokens.begin(), vocab),
                param};
  }
}

// The context's end is the model's; the cache's is a matter of memory.
void check_positions(int64_t needed, int64_t context, int64_t kv_blocks, const char* param) {
  if (needed > context) {
    throw Error{Code::context_exceeded,
                fmt::format("{} positions are needed at least, the model's context has {}; shorten the prompt", needed,
                            context),
                param};
  }
  const int64_t cache = kv_blocks * kKvBlockTokens;
  if (needed > cache) {
    throw Error{
        Code::does_not_fit,
        fmt::format("{} positions are needed at least, the whole KV cache has {} ({} blocks of {}); shorten the "
                    "prompt, or serve with more --kv-tokens",
                    needed, cache, kv_blocks, kKvBlockTokens),
        param};
  }
}

void check_token_types(const LogitsRequest& request, const model::Encoder& encoder) {
  const std::vector<int32_t>& types = request.token_types;
  if (types.empty()) return;
  if (!encoder.is) throw Error{Code::unsupported, "this model has no token types; leave token_types out", "token_types"};
  if (types.size() != request.tokens.size()) {
    throw Error{Code::invalid_argument, fmt::format("{} token_types for {} tokens", types.size(), request.tokens.size()), "token_types"};
  }
  const int64_t known = std::max<int64_t>(1, encoder.token_types);
  const auto bad = std::ranges::find_if(types, [&](int32_t type) { return type < 0 || type >= known; });
  if (bad != types.end()) {
    throw Error{Code::invalid_argument,
                fmt::format("token type {} at index {} is not one of the model's {}", *bad, bad - types.begin(), known), "token_types"};
  }
}

}  // namespace

uint64_t FrontDesk::open(const GenerateRequest& request) {
  if (config_.encoder.is) throw Error{Code::unsupported, "this model is an encoder; use /v1/embeddings", "model"};
  if (config_.layers_alone) throw Error{Code::unsupported, "layers alone give no tokens; serve the whole model", "model"};
  check_tokens(request.prompt, config_.vocab, "prompt");
  for (const auto& [token, bias] : request.sampling.logit_bias) check_tokens({token}, config_.vocab, "logit_bias");
  std::lock_guard lock(mutex_);
  check_ready();
  // Room for the prompt and the first token; how long the answer becomes nobody knows.
  const int64_t needed = static_cast<int64_t>(request.prompt.size()) + (request.max_tokens > 0 ? 1 : 0);
  check_positions(needed, config_.context_length, status_.kv_blocks_total, "prompt");
  return take_number();
}

uint64_t FrontDesk::open(const LogitsRequest& request) {
  check_tokens(request.tokens, config_.vocab, "tokens");
  const auto size = static_cast<int64_t>(request.tokens.size());
  for (size_t i = 0; i < request.rows.size(); ++i) {
    if (request.rows[i] < (i == 0 ? 0 : request.rows[i - 1] + 1) || request.rows[i] >= size) {
      throw Error{Code::invalid_argument,
                  fmt::format("rows[{}] is {}: rows ascend and lie in [0, {})", i, request.rows[i], size), "rows"};
    }
  }
  if (request.prefill < 0 || request.prefill > size) {
    throw Error{Code::invalid_argument, fmt::format("prefill is {} of {} tokens", request.prefill, size), "prefill"};
  }
  if (request.chunk < 0) throw Error{Code::invalid_argument, fmt::format("chunk is {}", request.chunk), "chunk"};
  check_token_types(request, config_.encoder);
  std::lock_guard lock(mutex_);
  check_ready();
  check_positions(size, config_.context_length, status_.kv_blocks_total, "tokens");
  if (config_.encoder.is) check_whole(request);
  return take_number();
}

// A row of an encoder sees the rows behind it too, so they are computed together.
void FrontDesk::check_whole(const LogitsRequest& request) const {
  if (static_cast<int64_t>(request.tokens.size()) <= config_.max_rows) return;
  throw Error{Code::context_exceeded,
              fmt::format("{} tokens are more than the {} rows of one step, and an encoder reads a sequence in one step; shorten the "
                          "input, or serve with --max-rows {}",
                          request.tokens.size(), config_.max_rows, request.tokens.size()),
              "tokens"};
}

void FrontDesk::check_ready() const {
  if (!status_.ready)
    throw Error{Code::unavailable, fmt::format("not ready: {}", status_.reason.empty() ? "starting" : status_.reason)};
}

uint64_t FrontDesk::take_number() {
  if (open_ >= config_.max_sequences + config_.max_queue) {
    throw Error{Code::overloaded, fmt::format("{} requests are open, of which {} may run and {} may wait; try again later", open_,
                                              config_.max_sequences, config_.max_queue)};
  }
  ++open_;
  return ++newest_;
}

void FrontDesk::closed(int64_t requests) {
  std::lock_guard lock(mutex_);
  open_ -= requests;
}

int64_t FrontDesk::positions(int64_t kv_blocks) const { return std::min(config_.context_length, kv_blocks * kKvBlockTokens); }

void FrontDesk::show(ServiceStatus status) {
  std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

ServiceStatus FrontDesk::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace yoke::coordinator
