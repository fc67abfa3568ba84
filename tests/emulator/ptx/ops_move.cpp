// mov with its packing forms, cvta, isspacep.
#include <chrono>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"

namespace yoke::emulator {
namespace {

template <class T>
constexpr T same(T a) { return a; }
template <uint64_t window>
constexpr uint64_t to_generic(uint64_t a) { return a + window; }
template <uint64_t window>
constexpr uint64_t from_generic(uint64_t a) { return a - window; }
constexpr uint32_t cut(uint64_t a) { return static_cast<uint32_t>(a); }
constexpr uint64_t extend(uint32_t a) { return a; }
constexpr uint64_t extend_sign(int32_t a) { return static_cast<uint64_t>(int64_t{a}); }

// d = {list[0], list[1], ...}: the first is lowest.
template <class D, class S, int n>
void pack(Warp& w, const Instruction& i, uint32_t mask) {
  Raw<D> made[32] = {};
  for (int part = 0; part < n; ++part) {
    const uint32_t* s = w.row<uint32_t>(i.list[part]);
    for (uint32_t lane = 0; lane < 32; ++lane) made[lane] |= static_cast<Raw<D>>(static_cast<D>(static_cast<S>(s[lane])) << (8 * sizeof(S) * part));
  }
  blend(w.row<Raw<D>>(i.op[0]), made, mask);
}

template <class D, class S, int n>
void unpack(Warp& w, const Instruction& i, uint32_t mask) {
  Raw<S> source[32];
  const Raw<S>* s = w.row<Raw<S>>(i.op[0]);
  for (uint32_t lane = 0; lane < 32; ++lane) source[lane] = s[lane];
  for (int part = 0; part < n; ++part) {
    uint32_t made[32];
    for (uint32_t lane = 0; lane < 32; ++lane) made[lane] = static_cast<D>(static_cast<S>(source[lane]) >> (8 * sizeof(D) * part));
    blend(w.row<uint32_t>(i.list[part]), made, mask);
  }
}

template <uint64_t window>
void is_in_window(Warp& w, const Instruction& i, uint32_t mask) {
  const uint64_t* a = w.row<uint64_t>(i.op[1]);
  uint32_t result = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const bool in_any = a[lane] >> 48 == kSharedWindow >> 48 || a[lane] >> 48 == kLocalWindow >> 48 || a[lane] >> 48 == kParamWindow >> 48;
    result |= static_cast<uint32_t>(window == 0 ? !in_any : a[lane] >> 48 == window >> 48) << lane;
  }
  uint32_t& d = w.predicates[i.op[0]];
  d = (d & ~mask) | (result & mask);
}

uint64_t nanoseconds() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

// Warp instructions so far stand for cycles.
template <class T, bool time>
void clock(Warp& w, const Instruction& i, uint32_t mask) {
  const auto now = static_cast<T>(time ? nanoseconds() : w.block->steps);
  T* d = w.row<T>(i.op[0]);
  for_lanes(mask, [&](uint32_t lane) { d[lane] = now; });
}

template <uint64_t window>
void add_space(Forms& forms, const std::string& space) {
  forms.add("cvta." + space + ".u64", "DA", apply1<to_generic<window>, uint64_t, uint64_t>);
  forms.add("cvta.to." + space + ".u64", "DA", apply1<from_generic<window>, uint64_t, uint64_t>);
  forms.add("isspacep." + space, "pA", is_in_window<window>);
}

}  // namespace

void add_move_forms(Forms& forms) {
  for (const char* type : {"b16", "u16", "s16", "f16", "bf16", "b32", "u32", "s32", "f32"}) {
    forms.add(std::string("mov.") + type, "da", apply1<same<uint32_t>, uint32_t, uint32_t>);
  }
  for (const char* type : {"b64", "u64", "s64", "f64"}) forms.add(std::string("mov.") + type, "DA", apply1<same<uint64_t>, uint64_t, uint64_t>);
  // Names that the loader gives: a mov with braces, a register wider than the instruction, a clock.
  forms.add("mov.pack.b16.2", "dw", pack<uint16_t, uint8_t, 2>);
  forms.add("mov.pack.b32.2", "dw", pack<uint32_t, uint16_t, 2>);
  forms.add("mov.pack.b32.4", "dw", pack<uint32_t, uint8_t, 4>);
  forms.add("mov.pack.b64.2", "Dw", pack<uint64_t, uint32_t, 2>);
  forms.add("mov.pack.b64.4", "Dw", pack<uint64_t, uint16_t, 4>);
  forms.add("mov.pack.b64.8", "Dw", pack<uint64_t, uint8_t, 8>);
  forms.add("mov.unpack.b16.2", "va", unpack<uint8_t, uint16_t, 2>);
  forms.add("mov.unpack.b32.2", "va", unpack<uint16_t, uint32_t, 2>);
  forms.add("mov.unpack.b32.4", "va", unpack<uint8_t, uint32_t, 4>);
  forms.add("mov.unpack.b64.2", "vA", unpack<uint32_t, uint64_t, 2>);
  forms.add("mov.unpack.b64.4", "vA", unpack<uint16_t, uint64_t, 4>);
  forms.add("mov.unpack.b64.8", "vA", unpack<uint8_t, uint64_t, 8>);
  forms.add("mov.cut", "dA", apply1<cut, uint32_t, uint64_t>);
  forms.add("mov.extend", "Da", apply1<extend, uint64_t, uint32_t>);
  forms.add("mov.extend.signed", "Da", apply1<extend_sign, uint64_t, int32_t>);
  forms.add("mov.clock.32", "d", clock<uint32_t, false>);
  forms.add("mov.clock.64", "D", clock<uint64_t, false>);
  forms.add("mov.time.32", "d", clock<uint32_t, true>);
  forms.add("mov.time.64", "D", clock<uint64_t, true>);
  add_space<kSharedWindow>(forms, "shared");
  add_space<kLocalWindow>(forms, "local");
  add_space<kParamWindow>(forms, "param");
  for (const char* space : {"global", "const"}) {
    forms.add("cvta." + std::string(space) + ".u64", "DA", apply1<same<uint64_t>, uint64_t, uint64_t>);
    forms.add("cvta.to." + std::string(space) + ".u64", "DA", apply1<same<uint64_t>, uint64_t, uint64_t>);
  }
  forms.add("isspacep.global", "pA", is_in_window<0>);
}

}  // namespace yoke::emulator
