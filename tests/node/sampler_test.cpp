// The sampler, both halves on one rank and one on each of two, against plain words over the whole vocabulary.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include "node/sampler/sampler.h"
#include "parallel/plan.h"
#include "sampler_reference.h"
#include "transport/registry.h"

namespace yoke::node::sampler {
namespace {

std::array<Range, 2> halves_of(int64_t vocab) {
  const int64_t cut = parallel::canonical_cut(vocab, kPanelRows);
  return {Range{0, cut}, Range{cut, vocab}};
}

using Rows = std::vector<std::vector<float>>;  // [rows][vocab]

std::vector<float> half_of(const Rows& rows, Range half) {
  std::vector<float> out;
  for (const auto& row : rows) out.insert(out.end(), row.begin() + half.begin, row.begin() + half.end);
  return out;
}

struct Outcome {
  std::vector<RowAnswer> answers;
  int64_t gathered = 0;
};

Outcome run_on_one(const Rows& rows, const std::vector<RowRequest>& requests) {
  const auto vocab = halves_of(static_cast<int64_t>(rows[0].size()));
  const std::vector<float> h0 = half_of(rows, vocab[0]), h1 = half_of(rows, vocab[1]);
  Sampler sampler(vocab, nullptr, std::chrono::seconds(10));
  Outcome out{std::vector<RowAnswer>(requests.size())};
  sampler.run(requests, {h0.data(), h1.data()}, out.answers);
  out.gathered = sampler.gathered_rows();
  return out;
}

// What each of two ranks answers.
std::array<Outcome, 2> run_on_two(const Rows& rows, const std::vector<RowRequest>& requests) {
  const auto vocab = halves_of(static_cast<int64_t>(rows[0].size()));
  auto group = transport::make_loopback_group(2);
  std::array<Outcome, 2> out;
  const auto rank = [&](int r) {
    const std::vector<float> mine = half_of(rows, vocab[r]);
    Sampler sampler(vocab, group[r].get(), std::chrono::seconds(10));
    out[r].answers.resize(requests.size());
    sampler.run(requests, r == 0 ? HalfLogits{mine.data(), nullptr} : HalfLogits{nullptr, mine.data()}, out[r].answers);
    out[r].gathered = sampler.gathered_rows();
  };
  std::jthread second(rank, 1);
  rank(0);
  return out;
}

bool same(const std::vector<Logprob>& a, const std::vector<Logprob>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Logprob& x, const Logprob& y) {
    return x.token == y.token && std::memcmp(&x.logprob, &y.logprob, sizeof(float)) == 0;
  });
}

bool same(const std::optional<LogprobAnswer>& a, const std::optional<LogprobAnswer>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a || (same({a->of}, {b->of}) && same(a->top, b->top));
}

bool same(const RowAnswer& a, const RowAnswer& b) { return a.token == b.token && same(a.drawn, b.drawn) && same(a.prompt, b.prompt); }

Sampling plain(float temperature, uint64_t seed = 1) {
  Sampling s;
  s.set_temperature(temperature);
  s.set_top_p(1);
  s.set_repetition_penalty(1);
  s.set_seed(seed);
  s.set_logprobs(-1);
  return s;
}

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  bool chance(double p) { return uniform(0, 1) < p; }
  float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(engine_); }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(engine_() % n); }
  float normal(float scale) { return std::normal_distribution<float>(0, scale)(engine_); }

  std::vector<float> logits(int64_t vocab, float scale) {
    std::vector<float> row(static_cast<size_t>(vocab));
    for (float& x : row) x = chance(0.02) ? std::round(normal(scale)) : normal(scale);  // rounded ones make ties
    return row;
  }

  Sampling sampling(uint32_t vocab) {
    Sampling s = plain(chance(0.2) ? 0 : chance(0.3) ? 1 : uniform(0.2f, 2.5f), engine_());
    s.set_choice(below(4));
    if (chance(0.4)) s.set_top_k(1 + below(chance(0.3) ? vocab : 60));
    if (chance(0.5)) s.set_top_p(uniform(0.05f, 1));
    if (chance(0.3)) s.set_min_p(uniform(0, 0.4f));
    if (chance(0.3)) s.set_repetition_penalty(uniform(0.8f, 1.6f));
    if (chance(0.3)) s.set_presence_penalty(uniform(-2, 2));
    if (chance(0.3)) s.set_frequency_penalty(uniform(-1, 1));
    for (uint32_t i = below(5); i > 0; --i) s.add_prompt_tokens(i * 7 % vocab);  // each once, as the coordinator sends them
    for (uint32_t i = below(30); i > 0; --i) s.add_generated_tokens(below(vocab));
    for (uint32_t i = below(4); i > 0; --i) s.add_bias_tokens(below(vocab)), s.add_bias_values(uniform(-20, 20));
    if (chance(0.5)) s.set_logprobs(static_cast<int32_t>(below(21)));
    return s;
  }

 private:
  std::mt19937 engine_;
};

// Random rows and requests, kept together because requests point at the rest.
struct Batch {
  Rows rows;
  std::vector<Sampling> samplings;
  std::vector<std::vector<int32_t>> later;
  std::vector<RowRequest> requests;

  Batch(Random& random, int64_t vocab, size_t n) : samplings(n), later(n), requests(n) {
    for (size_t i = 0; i < n; ++i) {
      rows.push_back(random.logits(vocab, random.chance(0.5) ? 1.0f : 6.0f));
      samplings[i] = random.sampling(static_cast<uint32_t>(vocab));
      for (uint32_t j = random.below(3); j > 0; --j) later[i].push_back(static_cast<int32_t>(random.below(static_cast<uint32_t>(vocab))));
      if (!random.chance(0.1)) requests[i].sampling = &samplings[i];
      requests[i].position = random.below(100000);
      requests[i].later = later[i];
      if (random.chance(0.3)) {
        requests[i].prompt_alternatives = static_cast<int>(random.below(8));
        requests[i].prompt_token = static_cast<int32_t>(random.below(static_cast<uint32_t>(vocab)));
      }
    }
  }
};

TEST(Sampler, DrawsWhatPlainRulesOverTheWholeVocabularyDraw) {
  Random random(11);
  int64_t gathered = 0;
  for (const int64_t vocab : {16, 33, 512, 1000, 3001}) {
    for (int round = 0; round < 12; ++round) {
      const Batch batch(random, vocab, 16);
      const Outcome out = run_on_one(batch.rows, batch.requests);
      gathered += out.gathered;
      for (size_t i = 0; i < batch.requests.size(); ++i) {
        if (batch.requests[i].sampling == nullptr) {
          EXPECT_EQ(out.answers[i].token, -1);
          continue;
        }
        EXPECT_EQ(out.answers[i].token, reference_token(batch.rows[i], batch.requests[i]))
            << "vocab " << vocab << " round " << round << " row " << i << "\n" << batch.samplings[i].ShortDebugString();
      }
    }
  }
  EXPECT_GT(gathered, 0) << "no case reached past the candidates";
}

TEST(Sampler, TwoRanksAnswerInEveryBitAsOne) {
  Random random(12);
  for (const int64_t vocab : {16, 512, 1000, 3001}) {
    for (int round = 0; round < 4; ++round) {
      const Batch batch(random, vocab, 16);
      const Outcome one = run_on_one(batch.rows, batch.requests);
      for (const Outcome& rank : run_on_two(batch.rows, batch.requests)) {
        EXPECT_EQ(rank.gathered, one.gathered);
        for (size_t i = 0; i < batch.requests.size(); ++i) EXPECT_TRUE(same(rank.answers[i], one.answers[i])) << vocab << " row " << i;
      }
    }
  }
}

TEST(Sampler, ARowsAnswerDoesNotDependOnItsNeighbours) {
  Random random(13);
  const Batch batch(random, 1000, 24);
  const Outcome together = run_on_one(batch.rows, batch.requests);
  for (size_t i = 0; i < batch.requests.size(); ++i) {
    EXPECT_TRUE(same(run_on_one({batch.rows[i]}, {batch.requests[i]}).answers[0], together.answers[i])) << i;
  }
}

TEST(Sampler, LogProbabilitiesAreThoseOfTheRawLogits) {
  Random random(14);
  const Batch batch(random, 1000, 32);
  const Outcome out = run_on_one(batch.rows, batch.requests);
  for (size_t i = 0; i < batch.requests.size(); ++i) {
    const RowRequest& request = batch.requests[i];
    const std::vector<float>& row = batch.rows[i];
    ASSERT_EQ(out.answers[i].drawn.has_value(), request.wants_logprobs());
    ASSERT_EQ(out.answers[i].prompt.has_value(), request.wants_prompt());
    const auto check = [&](const LogprobAnswer& answer, int32_t token, int alternatives) {
      EXPECT_EQ(answer.of.token, token);
      EXPECT_NEAR(answer.of.logprob, reference_logprob(row, token), 1e-5);
      ASSERT_EQ(answer.top.size(), static_cast<size_t>(alternatives));
      const std::vector<int32_t> best = reference_kept(row, plain(1));
      for (size_t j = 0; j < answer.top.size(); ++j) {
        EXPECT_EQ(answer.top[j].token, best[j]);
        EXPECT_NEAR(answer.top[j].logprob, reference_logprob(row, best[j]), 1e-5);
      }
    };
    if (out.answers[i].drawn) check(*out.answers[i].drawn, out.answers[i].token, request.sampling->logprobs());
    if (out.answers[i].prompt) check(*out.answers[i].prompt, request.prompt_token, request.prompt_alternatives);
  }
}

TEST(Sampler, TiesGoToTheLowestIdAlsoAcrossTheHalves) {
  std::vector<float> row(64, 1.0f);
  const Sampling greedy = plain(0);
  EXPECT_EQ(run_on_one({row}, {{.sampling = &greedy}}).answers[0].token, 0);
  row[31] = row[32] = row[63] = 2.0f;  // halves meet at 32
  EXPECT_EQ(run_on_one({row}, {{.sampling = &greedy}}).answers[0].token, 31);
  EXPECT_EQ(run_on_two({row}, {{.sampling = &greedy}})[1].answers[0].token, 31);
  Sampling best_two = plain(1);
  best_two.set_top_k(2);
  for (int64_t position = 0; position < 50; ++position) {
    const int32_t token = run_on_one({row}, {{.sampling = &best_two, .position = position}}).answers[0].token;
    EXPECT_TRUE(token == 31 || token == 32) << token;
  }
}

TEST(Sampler, AFlatDistributionReachesPastTheCandidatesAndIsGathered) {
  std::vector<float> flat(2048);
  for (size_t i = 0; i < flat.size(); ++i) flat[i] = 1e-4f * static_cast<float>(i % 997);
  Sampling s = plain(1, 99);
  s.set_top_p(0.9f);
  for (int64_t position = 0; position < 20; ++position) {
    const std::vector<RowRequest> requests{{.sampling = &s, .position = position}};
    const Outcome one = run_on_one({flat}, requests);
    EXPECT_EQ(one.gathered, 1);
    EXPECT_EQ(one.answers[0].token, reference_token(flat, requests[0]));
    EXPECT_EQ(run_on_two({flat}, requests)[1].answers[0].token, one.answers[0].token);
  }
  s.set_min_p(0.5f);
  s.set_top_p(1);
  EXPECT_EQ(run_on_one({flat}, {{.sampling = &s}}).gathered, 1) << "min_p keeps all of 2048";
  s.set_top_k(300);
  EXPECT_EQ(run_on_one({flat}, {{.sampling = &s}}).gathered, 1) << "top_k above 256";
  s.set_top_k(256);
  EXPECT_EQ(run_on_one({flat}, {{.sampling = &s}}).gathered, 0) << "256 candidates of each half prove the best 256";
}

TEST(Sampler, AModelThatComputesNaNStillGetsATokenOfTheVocabulary) {
  for (const float broken : {NAN, INFINITY, -INFINITY}) {
    const std::vector<float> row(512, broken);
    Random random(15);
    for (int round = 0; round < 50; ++round) {
      const Sampling s = random.sampling(512);
      const int32_t token = run_on_one({row}, {{.sampling = &s, .position = round}}).answers[0].token;
      EXPECT_GE(token, 0);
      EXPECT_LT(token, 512);
    }
  }
}

// Chi-square of 20,000 draws against softmax; 11 degrees of freedom: 31.3 is exceeded once in a thousand times.
double chi_square(const std::vector<float>& row, const Sampling& s, const std::vector<double>& expected) {
  constexpr int kDraws = 20000;
  std::vector<int> times(row.size());
  const Rows rows(1, row);
  for (int64_t position = 0; position < kDraws; ++position) {
    ++times[static_cast<size_t>(run_on_one(rows, {{.sampling = &s, .position = position}}).answers[0].token)];
  }
  double chi = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    const double e = expected[i] * kDraws;
    if (e > 0) chi += (times[i] - e) * (times[i] - e) / e;
    else EXPECT_EQ(times[i], 0) << i;
  }
  return chi;
}

TEST(Sampler, DrawsAsOftenAsProbable) {
  const std::vector<float> row{0.1f, 2.0f, -1.0f, 0.5f, 1.5f, 1.0f, -0.3f, 0.0f, 0.7f, 1.9f, -2.0f, 0.2f};
  std::vector<double> p;
  for (size_t i = 0; i < row.size(); ++i) p.push_back(std::exp(reference_logprob(row, static_cast<int32_t>(i))));
  EXPECT_LT(chi_square(row, plain(1, 2024), p), 31.3);

  std::vector<float> halved = row;
  for (float& x : halved) x /= 2;
  for (size_t i = 0; i < row.size(); ++i) p[i] = std::exp(reference_logprob(halved, static_cast<int32_t>(i)));
  EXPECT_LT(chi_square(row, plain(2, 2025), p), 31.3);

  Sampling best_three = plain(1, 2026);
  best_three.set_top_k(3);
  const double sum = std::exp(2.0) + std::exp(1.9) + std::exp(1.5);
  std::vector<double> three(row.size(), 0.0);
  three[1] = std::exp(2.0) / sum, three[9] = std::exp(1.9) / sum, three[4] = std::exp(1.5) / sum;
  EXPECT_LT(chi_square(row, best_three, three), 31.3);
}

TEST(SamplerNoise, DependsOnSeedChoicePositionAndToken) {
  const uint64_t base = Noise(1, 0, 5).bits(7);
  EXPECT_EQ(Noise(1, 0, 5).bits(7), base);
  EXPECT_NE(Noise(2, 0, 5).bits(7), base);
  EXPECT_NE(Noise(1, 1, 5).bits(7), base);
  EXPECT_NE(Noise(1, 0, 6).bits(7), base);
  EXPECT_NE(Noise(1, 0, 5).bits(8), base);
}

TEST(SamplerNoise, NeverExceedsItsBoundAndHasGumbelsMean) {
  const Noise noise(3, 0, 0);
  double sum = 0;
  constexpr int kTokens = 100000;
  for (int32_t token = 0; token < kTokens; ++token) {
    const double g = Noise::gumbel(noise.bits(token));
    EXPECT_LE(g, Noise::bound(noise.bits(token)));
    sum += g;
  }
  EXPECT_NEAR(sum / kTokens, 0.5772, 0.02);  // Euler's constant; standard deviation of the mean 0.004
  for (const uint64_t extreme : {uint64_t{0}, ~uint64_t{0}, ~uint64_t{0} << 12, ~uint64_t{0} << 11}) {
    EXPECT_TRUE(std::isfinite(Noise::gumbel(extreme)));
    EXPECT_LE(Noise::gumbel(extreme), std::min(Noise::bound(extreme), Noise::kMax));
  }
}

}  // namespace
}  // namespace yoke::node::sampler
