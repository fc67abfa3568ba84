// atom and red: on the host's memory with the host's atomic instructions, lanes in ascending order.
#include <cmath>

#include "tests/emulator/ptx/lanes.h"
#include "tests/emulator/ptx/memory_forms.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

// U is the unsigned type of the width; F works on raw values.
template <class U, auto F, bool returns>
void modify(Warp& w, const Instruction& i, uint32_t mask) {
  std::byte* host[32];
  resolve(w, i, mask, sizeof(U), Access::atomic, host);
  const uint32_t source = i.op[returns ? 1 : 0];
  Raw<U> made[32] = {};
  for_lanes(mask, [&](uint32_t lane) {
    auto* at = reinterpret_cast<U*>(host[lane]);
    const U operand = static_cast<U>(w.row<Raw<U>>(source)[lane]);
    U old = __atomic_load_n(at, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(at, &old, F(old, operand), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    made[lane] = old;
  });
  if (returns) blend(w.row<Raw<U>>(i.op[0]), made, mask);
}

template <class U>
void compare_and_swap(Warp& w, const Instruction& i, uint32_t mask) {
  std::byte* host[32];
  resolve(w, i, mask, sizeof(U), Access::atomic, host);
  Raw<U> made[32] = {};
  for_lanes(mask, [&](uint32_t lane) {
    U expected = static_cast<U>(w.row<Raw<U>>(i.op[1])[lane]);
    __atomic_compare_exchange_n(reinterpret_cast<U*>(host[lane]), &expected, static_cast<U>(w.row<Raw<U>>(i.op[2])[lane]), false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    made[lane] = expected;
  });
  blend(w.row<Raw<U>>(i.op[0]), made, mask);
}

template <class U>
constexpr U add(U a, U b) { return static_cast<U>(a + b); }
template <class U>
constexpr U both(U a, U b) { return a & b; }
template <class U>
constexpr U either(U a, U b) { return a | b; }
template <class U>
constexpr U differ(U a, U b) { return a ^ b; }
template <class U>
constexpr U second(U, U b) { return b; }
template <class U, class T>
constexpr U least(U a, U b) { return static_cast<T>(b) < static_cast<T>(a) ? b : a; }
template <class U, class T>
constexpr U greatest(U a, U b) { return static_cast<T>(a) < static_cast<T>(b) ? b : a; }
constexpr uint32_t increment(uint32_t a, uint32_t limit) { return a >= limit ? 0 : a + 1; }
constexpr uint32_t decrement(uint32_t a, uint32_t limit) { return a == 0 || a > limit ? limit : a - 1; }
uint32_t add_f32(uint32_t a, uint32_t b) { return std::bit_cast<uint32_t>(std::bit_cast<float>(a) + std::bit_cast<float>(b)); }
uint64_t add_f64(uint64_t a, uint64_t b) { return std::bit_cast<uint64_t>(std::bit_cast<double>(a) + std::bit_cast<double>(b)); }
uint16_t add_f16(uint16_t a, uint16_t b) { return f64_to_f16(static_cast<double>(f16_to_f32(a)) + f16_to_f32(b)); }
uint16_t add_bf16(uint16_t a, uint16_t b) { return f64_to_bf16(static_cast<double>(bf16_to_f32(a)) + bf16_to_f32(b)); }
template <auto F>
uint32_t pairwise(uint32_t a, uint32_t b) { return pack_halves(F(low_half(a), low_half(b)), F(high_half(a), high_half(b))); }

struct Row {
  std::string_view operation;  // with the type
  Handler returning, reducing;
  bool wide;
};

template <class U, auto F>
constexpr Row row(std::string_view operation) {
  return {operation, modify<U, F, true>, modify<U, F, false>, sizeof(U) == 8};
}

constexpr Row kRows[] = {
    row<uint32_t, add<uint32_t>>("add.u32"),          row<uint32_t, add<uint32_t>>("add.s32"),
    row<uint64_t, add<uint64_t>>("add.u64"),          row<uint32_t, add_f32>("add.f32"),
    row<uint64_t, add_f64>("add.f64"),                row<uint16_t, add_f16>("add.noftz.f16"),
    row<uint32_t, pairwise<add_f16>>("add.noftz.f16x2"), row<uint16_t, add_bf16>("add.noftz.bf16"),
    row<uint32_t, pairwise<add_bf16>>("add.noftz.bf16x2"),
    row<uint32_t, both<uint32_t>>("and.b32"),         row<uint64_t, both<uint64_t>>("and.b64"),
    row<uint32_t, either<uint32_t>>("or.b32"),        row<uint64_t, either<uint64_t>>("or.b64"),
    row<uint32_t, differ<uint32_t>>("xor.b32"),       row<uint64_t, differ<uint64_t>>("xor.b64"),
    row<uint32_t, second<uint32_t>>("exch.b32"),      row<uint64_t, second<uint64_t>>("exch.b64"),
    row<uint32_t, least<uint32_t, uint32_t>>("min.u32"), row<uint32_t, least<uint32_t, int32_t>>("min.s32"),
    row<uint64_t, least<uint64_t, uint64_t>>("min.u64"), row<uint64_t, least<uint64_t, int64_t>>("min.s64"),
    row<uint32_t, greatest<uint32_t, uint32_t>>("max.u32"), row<uint32_t, greatest<uint32_t, int32_t>>("max.s32"),
    row<uint64_t, greatest<uint64_t, uint64_t>>("max.u64"), row<uint64_t, greatest<uint64_t, int64_t>>("max.s64"),
    row<uint32_t, increment>("inc.u32"),              row<uint32_t, decrement>("dec.u32"),
};

}  // namespace

// {atom|red}{.sem}{.scope}{.space}.operation; in hand-written code the first three also stand in other places.
std::optional<Form> atomic_form(std::string_view opcode, size_t operands) {
  Suffix suffix(opcode);
  const bool returns = suffix.peek() == "atom";
  if (!suffix.take_one_of({"atom", "red"})) return std::nullopt;
  Form form;
  std::string operation;
  bool has_sem = false, has_scope = false;
  while (!suffix.done()) {
    if (!has_sem && suffix.take_one_of({"relaxed", "acquire", "release", "acq_rel"})) {
      has_sem = true;
    } else if (!has_scope && take_scope(suffix)) {
      has_scope = true;
    } else if (const Space space = take_space(suffix); space != Space::generic) {
      if (form.space != Space::generic || (space != Space::global && space != Space::shared)) return std::nullopt;
      form.space = space;
    } else {
      operation += (operation.empty() ? "" : ".") + std::string(suffix.next());
    }
  }
  if (returns && operation == "cas.b16") form.shape = "dmaa", form.handler = compare_and_swap<uint16_t>;
  if (returns && operation == "cas.b32") form.shape = "dmaa", form.handler = compare_and_swap<uint32_t>;
  if (returns && operation == "cas.b64") form.shape = "DmAA", form.handler = compare_and_swap<uint64_t>;
  for (const Row& row : kRows) {
    if (row.operation != operation) continue;
    form.handler = returns ? row.returning : row.reducing;
    form.shape = row.wide ? (returns ? "DmA" : "mA") : (returns ? "dma" : "ma");
  }
  if (form.handler == nullptr || operands != form.shape.size()) return std::nullopt;
  return form;
}

}  // namespace yoke::emulator
