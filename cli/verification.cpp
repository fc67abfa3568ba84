#include "cli/verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <numeric>

#include "cli/interrupt.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

static_assert(std::endian::native == std::endian::little, "rows are f32 little-endian on the wire and in the hash");

// The lowest id of the largest logit (docs/bits.md rule 7: ties go to the lowest id).
int32_t argmax(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

RowHash::RowHash() : hash_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr); }

void RowHash::add(std::span<const float> row) { EVP_DigestUpdate(hash_.get(), row.data(), row.size_bytes()); }

std::string RowHash::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(hash_.get(), digest, &size);
  std::string text;
  for (const unsigned char byte : std::span(digest, size)) text += fmt::format("{:02x}", byte);
  return text;
}

double difference(float a, float b) {
  const double difference = std::abs(static_cast<double>(a) - static_cast<double>(b));
  return std::isnan(difference) ? HUGE_VAL : difference;
}

Bound bound_of(const std::string& math, const std::string& kv) {
  if ((math == "exact" && kv != "f32") || math == "fp4") return {.margin = 1e9, .logits = 1};
  if (math == "exact") return {.margin = 0, .logits = 1e-5};
  if (math == "bf16") return {.margin = 0.25, .logits = 0.02, .turns = true, .beyond = 0.125};
  throw Error{Code::unsupported, fmt::format("no bound is documented for math mode '{}'", math), "math"};
}

Comparison::Comparison(const Golden& golden, Bound bound) : golden_(golden), bound_(bound) {
  verdict_.tokens = static_cast<int64_t>(golden.greedy_ids.size());
  range_ = golden_.range();
  if (bound_.turns) bound_.margin = std::max(bound_.margin, 2 * bound_.logits * range_);
}

void Comparison::row(std::span<const float> logits) {
  hash_.add(logits);
  const int64_t prompt = static_cast<int64_t>(golden_.input_ids.size());
  const int64_t row = rows_++;
  if (!golden_.logits.empty() && row >= golden_.first_row && row < prompt) {
    const float* expected = golden_.logits.data() + (row - golden_.first_row) * golden_.vocab;
    double worst = 0;
    for (int64_t i = 0; i < golden_.vocab; ++i) worst = std::max(worst, difference(logits[i], expected[i]));
    max_abs_diff_ = std::max(max_abs_diff_, worst);
    ++compared_rows_;
    if (!(worst <= bound_.logits * range_)) ++rows_beyond_;
  }
  const int64_t index = row - (prompt - 1);
  if (index < 0 || index >= verdict_.tokens) return;
  const int32_t expected = golden_.greedy_ids[index], got = argmax(logits);
  if (expected == got) {
    ++verdict_.agree;
    return;
  }
  const float margin = golden_.greedy_margin[index];
  if (!verdict_.first_mismatch) verdict_.first_mismatch = Mismatch{index, expected, got, margin};
  if (!(margin < bound_.margin)) ++tokens_beyond_;
}

Verdict Comparison::verdict() {
  const int64_t expected = static_cast<int64_t>(golden_.fed_tokens().size());
  if (rows_ != expected) {
    throw Error{Code::peer_lost, fmt::format("{}: {} rows of logits were expected, {} came", golden_.file, expected, rows_)};
  }
  verdict_.logits_hash = hash_.hex();
  if (!golden_.logits.empty()) verdict_.max_abs_diff = max_abs_diff_;
  const auto within = [this](int64_t beyond, int64_t of) { return static_cast<double>(beyond) <= bound_.beyond * static_cast<double>(of); };
  verdict_.ok = within(tokens_beyond_, verdict_.tokens) && within(rows_beyond_, compared_rows_);
  return verdict_;
}

void fetch_rows(RestClient& client, const json::object& body, int64_t width, const std::function<void(std::span<const float>)>& on_row) {
  std::vector<float> row(static_cast<size_t>(width));
  size_t filled = 0;  // bytes of `row`
  const auto on_data = [&](std::string_view data) {
    while (!data.empty()) {
      const size_t take = std::min(data.size(), row.size() * sizeof(float) - filled);
      std::memcpy(reinterpret_cast<char*>(row.data()) + filled, data.data(), take);
      filled += take;
      data.remove_prefix(take);
      if (filled == row.size() * sizeof(float)) on_row(row), filled = 0;
    }
    return !interrupted();
  };
  const HttpResponse response =
      client.stream({.method = "POST", .path = "/yoke/v1/logits", .body = json::serialize(body), .timeout = Duration::zero()}, on_data);
  if (interrupted()) throw Error{Code::aborted, "interrupted"};
  RestClient::check(response);
}

Verdict verify_golden(RestClient& client, const Golden& golden, Bound bound, const LogitsFetch& fetch) {
  if (golden.vocab != 0 && golden.vocab != fetch.vocab) {
    throw Error{Code::bad_file, fmt::format("{}: logits of {} tokens, but the model's vocabulary has {}", golden.file, golden.vocab, fetch.vocab)};
  }
  const std::vector<int32_t> tokens = golden.fed_tokens();
  std::vector<int64_t> rows(tokens.size());
  std::iota(rows.begin(), rows.end(), 0);
  const json::object body = {{"tokens", json::value_from(tokens)},
                             {"rows", json::value_from(rows)},
                             {"prefill", golden.input_ids.size()},
                             {"chunk", fetch.chunk}};
  Comparison comparison(golden, bound);
  fetch_rows(client, body, fetch.vocab, [&](std::span<const float> row) { comparison.row(row); });
  return comparison.verdict();
}

}  // namespace yoke::cli
