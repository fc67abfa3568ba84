// Loops over the 32 lanes of a row, for the handlers.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <type_traits>

#include "tests/emulator/ptx/machine.h"

namespace yoke::emulator {

// How a type lies in a row.
template <class T>
using Raw = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T>
constexpr T get(Raw<T> raw) {
  if constexpr (std::is_floating_point_v<T>) return std::bit_cast<T>(raw);
  else return static_cast<T>(raw);
}

template <class T>
constexpr Raw<T> put(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::bit_cast<Raw<T>>(value);
  else return static_cast<Raw<T>>(value);  // signed ones extended, as a register wider than the result wants it
}

// d = made where mask says so.
template <class R>
inline void blend(R* d, const R* made, uint32_t mask) {
  for (uint32_t lane = 0; lane < 32; ++lane) d[lane] = mask >> lane & 1 ? made[lane] : d[lane];
}

template <auto F, class R, class... A>
inline void apply_rows(Raw<R>* d, uint32_t mask, const Raw<A>*... a) {
  if (mask == kAllLanes) {
#pragma GCC ivdep
    for (uint32_t lane = 0; lane < 32; ++lane) d[lane] = put<R>(F(get<A>(a[lane])...));
    return;
  }
  Raw<R> made[32];
  for (uint32_t lane = 0; lane < 32; ++lane) made[lane] = put<R>(F(get<A>(a[lane])...));
  blend(d, made, mask);
}

// op[0] = F(op[1], ...), all lanes at once: F must be defined for every value, as lanes that are switched off are computed too.
template <auto F, class R, class A>
void apply1(Warp& w, const Instruction& i, uint32_t mask) {
  apply_rows<F, R, A>(w.row<Raw<R>>(i.op[0]), mask, w.row<Raw<A>>(i.op[1]));
}
template <auto F, class R, class A, class B>
void apply2(Warp& w, const Instruction& i, uint32_t mask) {
  apply_rows<F, R, A, B>(w.row<Raw<R>>(i.op[0]), mask, w.row<Raw<A>>(i.op[1]), w.row<Raw<B>>(i.op[2]));
}
template <auto F, class R, class A, class B, class C>
void apply3(Warp& w, const Instruction& i, uint32_t mask) {
  apply_rows<F, R, A, B, C>(w.row<Raw<R>>(i.op[0]), mask, w.row<Raw<A>>(i.op[1]), w.row<Raw<B>>(i.op[2]), w.row<Raw<C>>(i.op[3]));
}
template <auto F, class R, class A, class B, class C, class D>
void apply4(Warp& w, const Instruction& i, uint32_t mask) {
  apply_rows<F, R, A, B, C, D>(w.row<Raw<R>>(i.op[0]), mask, w.row<Raw<A>>(i.op[1]), w.row<Raw<B>>(i.op[2]), w.row<Raw<C>>(i.op[3]),
                               w.row<Raw<D>>(i.op[4]));
}

// bf16 of an f32's bits, to nearest even; NaN: 0x7fff. In integers, so that it is done for many lanes at once.
constexpr uint32_t nearest_bf16(uint32_t raw) {
  const uint32_t rounded = (raw + 0x7fff + (raw >> 16 & 1)) >> 16;
  return (raw & 0x7fffffff) > 0x7f800000 ? 0x7fff : rounded;
}

// f32's bits of an f16; NaN: 0x7fffffff. For many lanes at once as well.
constexpr uint32_t f32_of_f16(uint32_t half) {
  const uint32_t magnitude = (half & 0x7fff) << 13;
  const uint32_t normal = magnitude + (112u << 23);
  const float subnormal = std::bit_cast<float>(magnitude + (113u << 23)) - std::bit_cast<float>(113u << 23);
  uint32_t result = magnitude < (1u << 23) ? std::bit_cast<uint32_t>(subnormal) : normal;
  result = magnitude >= (31u << 23) ? normal + (112u << 23) : result;
  result = magnitude > (31u << 23) ? 0x7fffffff : result;
  return magnitude > (31u << 23) ? result : result | (half & 0x8000) << 16;
}

template <class F>
inline void for_lanes(uint32_t mask, F f) {
  for (; mask != 0; mask &= mask - 1) f(first_lane(mask));
}

// Letter of a form's shape for a type: 'd' or 'D'.
template <class T>
inline std::string letter(char lower) {
  return std::string(1, sizeof(T) == 8 ? static_cast<char>(lower - 'a' + 'A') : lower);
}

}  // namespace yoke::emulator
