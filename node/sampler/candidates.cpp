#include "node/sampler/candidates.h"

#include <algorithm>
#include <limits>

namespace yoke::node::sampler {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

float ordered(float value) { return value == value ? value : kMinusInfinity; }

}  // namespace

// Lanes side by side, so that the compiler needs no licence to reorder: a maximum is the same in any order.
float greatest(std::span<const float> values) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes];
  std::fill_n(lanes, kLanes, kMinusInfinity);
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lanes[j] = values[i + j] > lanes[j] ? values[i + j] : lanes[j];
  }
  for (; i < values.size(); ++i) lanes[0] = values[i] > lanes[0] ? values[i] : lanes[0];
  return *std::max_element(lanes, lanes + kLanes) + 0.0f;
}

Best best_value(std::span<const float> values, int32_t first_token) {
  if (values.empty()) return {kMinusInfinity, -1};
  const float value = greatest(values);
  const auto found = std::find(values.begin(), values.end(), value);
  const auto index = found == values.end() ? 0 : found - values.begin();  // nothing but NaN
  return {value, first_token + static_cast<int32_t>(index)};
}

Best best_with_noise(std::span<const float> values, int32_t first_token, const Noise& noise) {
  // The greatest value's token first: few others can still reach its score, and only for those a logarithm is taken.
  Best best = best_value(values, first_token);
  if (best.token < 0) return best;
  best.score += Noise::gumbel(noise.bits(best.token));
  const int32_t greatest_token = best.token;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    if (!(value + Noise::kMax >= best.score)) continue;
    const int32_t token = first_token + static_cast<int32_t>(i);
    const uint64_t bits = noise.bits(token);
    if (value + Noise::bound(bits) < best.score || token == greatest_token) continue;
    const Best scored{value + Noise::gumbel(bits), token};
    if (before(scored, best)) best = scored;
  }
  return best;
}

void best_candidates(std::span<const float> values, std::span<const float> raw, int32_t first_token, size_t count,
                     std::vector<Candidate>& best) {
  best.clear();
  count = std::min(count, values.size());
  if (count == 0) return;
  const auto candidate = [&](size_t i) { return Candidate{ordered(values[i]), raw[i], first_token + static_cast<int32_t>(i)}; };
  for (size_t i = 0; i < count; ++i) best.push_back(candidate(i));
  // A heap whose front is the worst of the best. Ids ascend, so an equal value comes too late.
  std::make_heap(best.begin(), best.end(), [](const Candidate& a, const Candidate& b) { return before(a, b); });
  for (size_t i = count; i < values.size(); ++i) {
    if (!(values[i] > best.front().value)) continue;
    std::pop_heap(best.begin(), best.end(), [](const Candidate& a, const Candidate& b) { return before(a, b); });
    best.back() = candidate(i);
    std::push_heap(best.begin(), best.end(), [](const Candidate& a, const Candidate& b) { return before(a, b); });
  }
  std::sort(best.begin(), best.end(), [](const Candidate& a, const Candidate& b) { return before(a, b); });
}

}  // namespace yoke::node::sampler
