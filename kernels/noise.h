// The randomness of a choice: a pure function of (seed, choice index, position, token id), docs/bits.md rule 7. Any rank, at any
// time, draws the same token.
//
// Gumbel-max: argmax over tokens of value + g with g = -log(-log(u)) draws a token with probability softmax(value) (Gumbel 1954;
// Maddison et al. 2014). u comes from a counter-based generator: SplitMix64 (Steele, Lea, Flood 2014), whose state is the key
// plus the token's multiple of the golden ratio, so that every token's number is reached in one step.
#pragma once

#include <bit>
#include <cstdint>

namespace yoke::kernels {

class Noise {
 public:
  constexpr Noise(uint64_t seed, uint32_t choice, int64_t position)
      : Noise(mix(mix(mix(seed) + choice) + static_cast<uint64_t>(position))) {}
  constexpr explicit Noise(uint64_t key) : key_(key) {}

  constexpr uint64_t key() const { return key_; }
  constexpr uint64_t bits(int32_t token) const { return mix(key_ + (static_cast<uint64_t>(token) + 1) * kGolden); }

  // g of a token, from bits(token).
  static double gumbel(uint64_t bits);

  // An upper bound of gumbel(bits) that costs no logarithm: -log(-log(u)) <= -log(1 - u), and 1 - u has as many leading zero bits
  // as ~bits.
  static double bound(uint64_t bits) { return (std::countl_zero(~bits) + 1) * kLog2 + kBoundSlack; }

  // No gumbel() is greater: 1 - u is at least 2^-53.
  static constexpr double kMax = 37.0;

  static constexpr double kLog2 = 0.6931471805599453;
  // Covers the rounding of our logarithm and of the sums that are compared.
  static constexpr double kBoundSlack = 1e-6;

 private:
  static constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

  static constexpr uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  uint64_t key_;
};

}  // namespace yoke::kernels
