// The router of a mixture of experts: which experts a row takes and with which weights. A few hundred logits a row, so every
// backend runs these loops.
#include <algorithm>
#include <vector>

#include "core/error.h"
#include "kernels/elementary.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

using Row = std::vector<float>;

Row softmax(std::span<const float> x) {
  Row scores(x.begin(), x.end());
  const float most = *std::max_element(x.begin(), x.end());
  float sum = 0;
  for (float& score : scores) {
    score = exp_f32(score - most);
    sum = sum + score;
  }
  for (float& score : scores) score = score / sum;
  return scores;
}

Row scores_of(const Route& p, std::span<const float> logits) {
  switch (p.score) {
    case RouterScore::softmax: return softmax(logits);
    case RouterScore::softmax_top_k: return {logits.begin(), logits.end()};
    case RouterScore::sigmoid: break;
  }
  Row scores;
  for (const float logit : logits) scores.push_back(1.0f / (1.0f + exp_f32(-logit)));
  return scores;
}

// Marks the `count` highest of the values whose place is open; ties go to the lowest. Whatever the values are, NaN too,
// there are `count` of them.
std::vector<bool> highest(const Row& values, const std::vector<bool>& open, int64_t count) {
  std::vector<bool> taken(values.size(), false);
  for (int64_t n = 0; n < count; ++n) {
    size_t best = values.size();
    for (size_t i = 0; i < values.size(); ++i) {
      if (open[i] && !taken[i] && (best == values.size() || values[i] > values[best])) best = i;
    }
    YOKE_ASSERT(best < values.size());
    taken[best] = true;
  }
  return taken;
}

// The experts of the groups whose two best sum highest.
std::vector<bool> open_experts(const Route& p, const Row& values) {
  if (p.groups == 1) return std::vector<bool>(values.size(), true);
  const auto size = values.size() / static_cast<size_t>(p.groups);
  Row sums;
  for (size_t first = 0; first < values.size(); first += size) {
    Row group(values.begin() + static_cast<int64_t>(first), values.begin() + static_cast<int64_t>(first + size));
    const std::vector<bool> best = highest(group, std::vector<bool>(size, true), std::min<int64_t>(2, static_cast<int64_t>(size)));
    float sum = 0;
    for (size_t i = 0; i < size; ++i) sum = best[i] ? sum + group[i] : sum;
    sums.push_back(sum);
  }
  const std::vector<bool> groups = highest(sums, std::vector<bool>(sums.size(), true), p.top_groups);
  std::vector<bool> open;
  for (size_t i = 0; i < values.size(); ++i) open.push_back(groups[i / size]);
  return open;
}

void weigh(const Route& p, const Row& scores, const int32_t* chosen, float* weights) {
  const std::span<float> out(weights, static_cast<size_t>(p.top_k));
  for (size_t i = 0; i < out.size(); ++i) out[i] = scores[static_cast<size_t>(chosen[i])];
  if (p.score == RouterScore::softmax_top_k) {
    const Row shares = softmax(out);
    std::copy(shares.begin(), shares.end(), out.begin());
  } else if (p.renormalise) {
    float sum = 0;
    for (const float weight : out) sum = sum + weight;
    for (float& weight : out) weight = sum == 0 ? weight : weight / sum;  // all underflowed: they stay 0
  }
  for (float& weight : out) weight = weight * p.scaling;
}

void route_row(const Route& p, int64_t row) {
  const std::span<const float> logits(p.logits + row * p.experts, static_cast<size_t>(p.experts));
  const Row scores = scores_of(p, logits);
  Row choice = scores;
  for (size_t i = 0; p.correction != nullptr && i < choice.size(); ++i) choice[i] = choice[i] + p.correction[i];
  const std::vector<bool> taken = highest(choice, open_experts(p, choice), p.top_k);
  int32_t* chosen = p.chosen + row * p.top_k;
  for (size_t i = 0, n = 0; i < taken.size(); ++i) {
    if (taken[i]) chosen[n++] = static_cast<int32_t>(i);
  }
  weigh(p, scores, chosen, p.weights + row * p.top_k);
}

}  // namespace

void route(const Route& p) {
  YOKE_ASSERT(p.top_k >= 1 && p.groups >= 1 && p.experts % p.groups == 0);
  YOKE_ASSERT(p.top_groups >= 1 && p.top_groups <= p.groups && p.top_k <= p.experts / p.groups * p.top_groups);
  for (int64_t row = 0; row < p.rows; ++row) route_row(p, row);
}

}  // namespace yoke::kernels::reference
