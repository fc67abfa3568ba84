// Compares a server's logits with a golden. Comparing is a pure consumer of rows; fetching is apart.
#pragma once

#include <openssl/evp.h>

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cli/golden.h"
#include "cli/rest_client.h"

namespace yoke::cli {

// Logits may differ by `logits` x the golden's range. A token may differ where the golden's margin is below `margin`, or below what
// logits that differ so much can turn round: 2 x `logits` x the range, where `turns` is set.
struct Bound {
  double margin = 0;
  double logits = 0;
  bool turns = false;
  double beyond = 0;  // this part of the rows, and of the tokens, may lie beyond: where rounding turns a router's choice,
                      // a row is another's, and those that attend to it follow
};

// Of a math mode and a cache type. `exact` with f32: every token agrees, logits within 1e-5 of the range. `bf16`: logits within 0.02 of
// the range, tokens where these cannot turn the order round, one row in 8 excepted (docs/cuda.md has what was measured). With a cache that rounds, and in mode
// `fp4`, nothing is promised: tokens may differ at any margin, logits by the whole range. Error{unsupported} for another mode.
Bound bound_of(const std::string& math, const std::string& kv);

struct Mismatch {
  int64_t index = 0;
  int32_t expected = 0;
  int32_t got = 0;
  float margin = 0;
};

struct Verdict {
  bool ok = false;
  int64_t tokens = 0;
  int64_t agree = 0;
  std::optional<Mismatch> first_mismatch;
  std::optional<double> max_abs_diff;  // nothing where the golden has no logits
  std::string logits_hash;             // SHA-256 over the T + N - 1 rows (an encoder's: the T hidden states), f32 little-endian
  std::map<std::string, double> tensors;  // encoders: the greatest difference of each
};

// SHA-256 over rows, f32 little-endian.
class RowHash {
 public:
  RowHash();
  void add(std::span<const float> row);
  std::string hex();  // ends it

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash_;
};

// |a - b|; infinite where either is a NaN, which would compare as no difference.
double difference(float a, float b);

class Comparison {
 public:
  Comparison(const Golden& golden, Bound bound);
  void row(std::span<const float> logits);  // rows 0, 1, ... in order
  // Error{peer_lost} when rows are missing.
  Verdict verdict();

 private:
  const Golden& golden_;
  Bound bound_;
  Verdict verdict_;
  int64_t rows_ = 0;
  double range_ = 0;  // of the golden's logits
  int64_t compared_rows_ = 0, rows_beyond_ = 0, tokens_beyond_ = 0;
  double max_abs_diff_ = 0;
  RowHash hash_;
};

struct LogitsFetch {
  int64_t vocab = 0;  // of the served model
  int64_t chunk = 0;  // prefill chunk; 0: the scheduler's own
};

// POST /yoke/v1/logits with `body`: each row of `width` floats to `on_row`, in order.
void fetch_rows(RestClient& client, const boost::json::object& body, int64_t width, const std::function<void(std::span<const float>)>& on_row);

// POST /yoke/v1/logits for all rows of the golden, prompt by prefill and the rest by decode steps, into the comparison.
Verdict verify_golden(RestClient& client, const Golden& golden, Bound bound, const LogitsFetch& fetch);

}  // namespace yoke::cli
