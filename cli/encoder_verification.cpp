#include "cli/encoder_verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

double range_of(const std::vector<float>& values) {
  if (values.empty()) return 0;
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  return static_cast<double>(*highest) - *lowest;
}

}  // namespace

EncoderComparison::EncoderComparison(const EncoderGolden& golden, const EncoderShape& shape, Bound bound)
    : golden_(golden), shape_(shape), agrees_(golden.input_ids.size(), true) {
  // A small tensor, or one of a single value, has hardly a range of its own.
  for (const auto& [name, values] : golden.tensors) {
    allowed_[name] = bound.logits * std::max(1.0, range_of(values));
    worst_[name] = 0;
  }
}

bool EncoderComparison::compare(const std::string& name, size_t offset, std::span<const float> got) {
  const auto tensor = golden_.tensors.find(name);
  if (tensor == golden_.tensors.end()) return true;
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, difference(got[i], tensor->second[offset + i]));
  worst_[name] = std::max(worst_[name], worst);
  return worst <= allowed_[name];
}

void EncoderComparison::compare_row(const std::string& name, int64_t row, std::span<const float> got) {
  if (row >= static_cast<int64_t>(agrees_.size())) return;  // verdict() says that there are too many
  const std::span<const float> hidden = got.first(static_cast<size_t>(shape_.hidden));
  if (!compare(name, static_cast<size_t>(row * shape_.hidden), hidden)) agrees_[static_cast<size_t>(row)] = false;
}

void EncoderComparison::row(std::span<const float> row) {
  const std::span<const float> hidden = row.first(static_cast<size_t>(shape_.hidden));
  if (rows_ == 0) first_.assign(row.begin(), row.end());
  hash_.add(hidden);
  mean_.add(hidden);
  compare_row("last_hidden_state", rows_++, row);
}

void EncoderComparison::pair_row(std::span<const float> row) { compare_row("pair_last_hidden_state", pair_rows_++, row); }

// What follows from the rows of input_ids once all are there.
void EncoderComparison::compare_pooled() {
  const std::span<const float> first(first_);
  const std::span<const float> cls = first.first(static_cast<size_t>(shape_.hidden));
  const std::span<const float> head = first.subspan(static_cast<size_t>(shape_.hidden));
  const std::vector<float> mean = mean_.vector();
  compare("cls", 0, cls);
  compare("cls_normalized", 0, coordinator::normalised(cls));
  compare("mean", 0, mean);
  compare("mean_normalized", 0, coordinator::normalised(mean));
  if (shape_.pooler) return void(compare("pooler_output", 0, head));
  std::vector<float> scores(head.size());
  std::ranges::transform(head, scores.begin(), coordinator::sigmoid);
  compare("logits", 0, head);
  compare("score", 0, scores);
}

Verdict EncoderComparison::verdict() {
  const auto expected = static_cast<int64_t>(agrees_.size());
  if (rows_ != expected || pair_rows_ != (wants_pair() ? expected : 0)) {
    throw Error{Code::peer_lost, fmt::format("{}: {} rows were expected, {} came, and of the pair {}", golden_.file, expected, rows_, pair_rows_)};
  }
  compare_pooled();
  Verdict verdict{.ok = true, .tokens = expected, .agree = std::ranges::count(agrees_, true)};
  for (const auto& [name, worst] : worst_) {
    verdict.ok = verdict.ok && worst <= allowed_[name];
    verdict.max_abs_diff = std::max(verdict.max_abs_diff.value_or(0), worst);
  }
  verdict.tensors = worst_;
  verdict.logits_hash = hash_.hex();
  return verdict;
}

Verdict verify_golden(RestClient& client, const EncoderGolden& golden, Bound bound, const EncoderShape& shape) {
  check_shape(golden, shape);
  std::vector<int64_t> rows(golden.input_ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  json::object body = {{"tokens", json::value_from(golden.input_ids)}, {"rows", json::value_from(rows)}};
  EncoderComparison comparison(golden, shape, bound);
  fetch_rows(client, body, shape.width(), [&](std::span<const float> row) { comparison.row(row); });
  if (comparison.wants_pair()) {
    body["token_types"] = json::value_from(golden.pair_token_type_ids);
    fetch_rows(client, body, shape.width(), [&](std::span<const float> row) { comparison.pair_row(row); });
  }
  return comparison.verdict();
}

}  // namespace yoke::cli
