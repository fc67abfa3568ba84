#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "core/error.h"
#include "kernels/elementary.h"
#include "kernels/noise.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Row = std::vector<Candidate>;

bool before(const Candidate& a, const Candidate& b) { return a.value > b.value || (a.value == b.value && a.token < b.token); }

Row row_of(const CandidateSlice& slice, int64_t r, float temperature) {
  Row row;
  const float* logits = slice.logits + r * slice.tokens.size();
  for (int64_t i = 0; i < slice.tokens.size(); ++i) row.push_back({logits[i] / temperature, logits[i], static_cast<int32_t>(slice.tokens.begin + i)});
  return row;
}

bool sound(const Row& row) {
  bool any = row.empty();
  for (const Candidate& c : row) {
    if (!(c.value < kInfinity)) return false;
    any = any || c.value > -kInfinity;
  }
  return any;
}

void greatest(const Row& row, CandidateSummary& s) {
  const Candidate& best = *std::min_element(row.begin(), row.end(), before);
  s.score = static_cast<double>(best.value + 0.0f);
  s.raw = best.raw;
  s.token = best.token;
}

void noisy(const Row& row, const Noise& noise, CandidateSummary& s) {
  for (const Candidate& c : row) {
    const double score = static_cast<double>(c.value) + Noise::gumbel(noise.bits(c.token));
    if (s.token >= 0 && !(score > s.score)) continue;
    s.score = score;
    s.raw = c.raw;
    s.token = c.token;
  }
}

double span_sum(std::span<const Candidate> span, float max) {
  std::array<double, 16> lanes{};
  for (size_t i = 0; i < span.size(); ++i) lanes[i % 16] += static_cast<double>(exp_f32(span[i].value - max));
  for (size_t stride = 8; stride > 0; stride /= 2) {
    for (size_t i = 0; i < stride; ++i) lanes[i] += lanes[i + stride];
  }
  return lanes[0];
}

void sum(std::span<const Candidate> row, CandidateSummary& s) {
  for (const Candidate& c : row) s.max = std::max(s.max, c.value);
  s.max = s.max + 0.0f;
  for (size_t begin = 0; begin < row.size(); begin += kSumSpan) {
    s.sum += span_sum(row.subspan(begin, std::min(row.size() - begin, static_cast<size_t>(kSumSpan))), s.max);
  }
}

void ordered(const Row& row, int32_t count, Candidate* best) {
  const auto n = std::min(row.size(), static_cast<size_t>(count));
  std::partial_sort_copy(row.begin(), row.end(), best, best + n, before);
}

}  // namespace

void candidates(const Candidates& p) {
  for (const CandidateSlice& slice : p.slices) {
    for (int64_t r = 0; r < p.rows; ++r) {
      const CandidateRequest& request = p.requests[r];
      if (request.mode == CandidateMode::none) continue;
      const Row row = row_of(slice, r, request.temperature);
      CandidateSummary& s = slice.summaries[r];
      s = {.score = -static_cast<double>(kInfinity), .sum = 0, .max = -kInfinity, .raw = 0, .token = -1, .found = sound(row)};
      if (s.found == 0 || row.empty()) continue;
      switch (request.mode) {
        case CandidateMode::none: break;
        case CandidateMode::greatest: greatest(row, s); break;
        case CandidateMode::noisy: noisy(row, Noise(request.key), s); break;
        case CandidateMode::ordered:
          YOKE_ASSERT(request.count >= 1 && request.count <= kMostCandidates);
          if (request.wants_sum != 0) sum(row, s);
          ordered(row, request.count, slice.best + r * kMostCandidates);
          break;
      }
    }
  }
}

}  // namespace yoke::kernels::reference
