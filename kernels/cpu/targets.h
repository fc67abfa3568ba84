// Which instruction sets the Highway kernels are compiled for. Include before any Highway header.
//
// x86-64: AVX2 (with FMA and F16C) and AVX-512; aarch64: NEON. Disabled, each for a reason:
//   SSSE3, SSE4  have no fused multiply-add, and the contract of bits demands it. Such machines run Highway's scalar target,
//                which calls kernels/reference: slow and right.
//   SVE family   its vectors have no size at compile time, so they cannot stand in the arrays that the register tiles are;
//                on the machines we serve (GB10: 128-bit SVE2) NEON has the same width.
// Two targets besides the fallback also keep a kernel's compile time near 10 s.
#pragma once

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
