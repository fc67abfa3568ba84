// Candidates over slices of the vocabulary: greatest, with noise, ordered, sums of exponentials.
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/noise.h"
#include "tests/kernels/cuda/cuda_case.h"

namespace yoke::kernels {
namespace {

using namespace testing;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

enum class Kind { normal, ties, equal, zeros, holes, nothing, nan, infinite };
constexpr int kKinds = 8;

float logit(Random& random, Kind kind) {
  switch (kind) {
    case Kind::normal: return random.normal(6.0f);
    case Kind::ties: return std::round(random.normal(2.0f));
    case Kind::equal: return -3.25f;
    case Kind::zeros: return random.chance(50) ? 0.0f : -0.0f;
    case Kind::holes: return random.chance(70) ? -kInfinity : random.normal();
    case Kind::nothing: return -kInfinity;
    case Kind::nan: return random.chance(2) ? std::numeric_limits<float>::quiet_NaN() : random.normal();
    case Kind::infinite: return random.chance(2) ? kInfinity : random.normal();
  }
  return 0;
}

CandidateRequest request(Random& random) {
  CandidateRequest r;
  r.mode = static_cast<CandidateMode>(random.between(0, 3));
  r.count = static_cast<int32_t>(random.chance(30) ? kMostCandidates : random.between(1, kMostCandidates));
  r.temperature = random.chance(30) ? 1.0f : 0.1f * static_cast<float>(random.between(1, 25));
  r.wants_sum = random.chance(50);
  r.key = Noise(static_cast<uint64_t>(random.between(0, 1 << 30)), 0, random.between(0, 1000)).key();
  return r;
}

struct CandidatesCase {
  std::vector<CandidateRequest> requests;
  std::vector<Range> tokens;
  std::vector<std::vector<float>> logits;  // of each slice

  CandidatesCase(Random& random, std::vector<int64_t> widths, int64_t rows) {
    std::vector<Kind> kinds;
    for (int64_t r = 0; r < rows; ++r) {
      requests.push_back(request(random));
      kinds.push_back(static_cast<Kind>(random.between(0, kKinds - 1)));
    }
    int64_t first = 0;
    for (const int64_t width : widths) {
      tokens.push_back({first, first + width});
      std::vector<float>& slice = logits.emplace_back();
      for (const Kind kind : kinds) {
        for (int64_t i = 0; i < width; ++i) slice.push_back(logit(random, kind));
      }
      first += width;
    }
  }

  // All that the op may write, and what nobody may.
  std::vector<std::byte> run(Ops& ops) const {
    const size_t rows = requests.size();
    std::vector<std::vector<CandidateSummary>> summaries;
    std::vector<std::vector<Candidate>> best;
    std::vector<CandidateSlice> slices;
    for (size_t i = 0; i < tokens.size(); ++i) {
      summaries.emplace_back(rows, CandidateSummary{-7, -7, -7, -7, -7, 7});
      best.emplace_back(rows * kMostCandidates, Candidate{-7, -7, -7});
    }
    for (size_t i = 0; i < tokens.size(); ++i) slices.push_back({logits[i].data(), tokens[i], summaries[i].data(), best[i].data()});
    ops.run(Candidates{.requests = requests.data(), .rows = static_cast<int64_t>(rows), .slices = slices});
    std::vector<std::byte> all;
    for (size_t i = 0; i < tokens.size(); ++i) {
      for (const auto bytes : {std::as_bytes(std::span(summaries[i])), std::as_bytes(std::span(best[i]))}) all.insert(all.end(), bytes.begin(), bytes.end());
    }
    return all;
  }
};

static_assert(sizeof(CandidateSummary) == 32 && sizeof(Candidate) == 12, "no padding: bytes are compared");

void expect_equal(const CandidatesCase& c) {
  const auto here = c.run(reference()), there = c.run(gpu_mirrored());
  ASSERT_EQ(there.size(), here.size());
  EXPECT_TRUE(std::memcmp(there.data(), here.data(), here.size()) == 0)
      << "first difference at byte " << std::mismatch(here.begin(), here.end(), there.begin()).first - here.begin() << " of " << here.size();
}

TEST(CudaCandidates, HaveTheReferencesTokensAndBits) {
  for_seeds(40, [&](uint64_t seed) {
    Random random(seed);
    const int64_t widths[] = {0, 1, 15, 31, 257, 1000, 1025, 3001};
    const int64_t first = widths[seed % 8], second = widths[random.between(0, 7)];
    expect_equal({random, random.chance(50) ? std::vector<int64_t>{first, second} : std::vector<int64_t>{first}, random.between(1, 9)});
  });
}

TEST(CudaCandidates, OfALargeVocabularyHaveTheReferencesBits) {
  for (const int64_t width : {32000, 75970}) {
    Random random(static_cast<uint64_t>(width));
    CandidatesCase c(random, {width}, 6);
    for (size_t r = 0; r < 6; ++r) {
      c.requests[r].mode = static_cast<CandidateMode>(1 + r % 3);
      c.requests[r].wants_sum = r == 2;
      for (int64_t i = 0; i < width; ++i) c.logits[0][r * static_cast<size_t>(width) + static_cast<size_t>(i)] = logit(random, r < 3 ? Kind::normal : Kind::ties);
    }
    expect_equal(c);
  }
}

TEST(CudaCandidates, OfManyEqualValuesTheLowestIdsCome) {
  Random random(3);
  CandidatesCase c(random, {2500}, 1);
  c.requests[0] = {.mode = CandidateMode::ordered, .count = 200};
  std::fill(c.logits[0].begin(), c.logits[0].end(), 1.5f);
  c.logits[0][2400] = 2.0f;
  expect_equal(c);
}

TEST(CudaCandidates, OfNoRowsAreNone) {
  Random random(4);
  expect_equal({random, {100, 100}, 0});
}

}  // namespace
}  // namespace yoke::kernels
