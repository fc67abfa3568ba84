// Rotary position embedding: the angles of a step's rows, computed once and shared by all layers.
//
// Pair i of a head of d elements turns by position * f_i, f_i = 1 / theta^(2i / d) (Su et al., RoFormer). Frequencies are f32, as
// the reference implementations hold them, and so is the angle: f32(position) * f_i. Then our own sine and cosine.
// Scaling: `linear` divides every f_i by factor. `llama3` (published with Llama 3.1) looks at the wavelength 2 pi / f_i: below
// original_context / high_freq_factor it stays, above original_context / low_freq_factor it is divided by factor, between them
// the two are mixed. `yarn` (Peng et al., arXiv 2309.00071) mixes by a ramp over the pairs, from those that turn beta_fast times
// within original_context, which stay, to those that turn beta_slow times, which are divided; cosine and sine are then multiplied
// by attention_factor. A rope_freqs tensor, where the checkpoint has one, divides too.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"

namespace yoke::node::forward {

// [rope.dims / 2]. `divisors` is the rope_freqs tensor, or null.
std::vector<float> rope_frequencies(const model::Rope& rope, const float* divisors);

// cos and sin receive [positions.size(), frequencies.size()], each times `factor` in f32.
void rope_angles(std::span<const float> frequencies, std::span<const int64_t> positions, float factor, float* cos, float* sin);

}  // namespace yoke::node::forward
