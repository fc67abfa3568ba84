// BF16 without loss in 12 bits (kernels/format/packed_form.h) as vectors of f32. Exponents come from a table of 16 bytes, and two
// columns of a vector of outputs from one interleave: nothing crosses 16 bytes, so that vectors of any width agree.
#include <hwy/highway.h>

#include "kernels/cpu/lanes-inl.h"
#include "kernels/cpu/unroll.h"
#include "kernels/format/packed_form.h"

#if defined(YOKE_KERNELS_CPU_PACKED_BF16_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_PACKED_BF16_INL
#undef YOKE_KERNELS_CPU_PACKED_BF16_INL
#else
#define YOKE_KERNELS_CPU_PACKED_BF16_INL
#endif

#if HWY_TARGET != HWY_SCALAR  // which decodes by plain loops
HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

using Bytes = hn::Repartition<uint8_t, Floats>;
using VBytes = hn::Vec<Bytes>;

HWY_INLINE VBytes load_bytes(const std::byte* at) { return hn::LoadU(Bytes(), reinterpret_cast<const uint8_t*>(at)); }

// A panel's exponents, as the upper and the lower byte of a bf16 hold them.
struct ExponentTable {
  VBytes upper, lower;

  HWY_ATTR HWY_INLINE explicit ExponentTable(const std::byte* table) {
    const VBytes exponents = hn::LoadDup128(Bytes(), reinterpret_cast<const uint8_t*>(table));
    upper = hn::ShiftRight<1>(exponents);
    lower = hn::ShiftLeft<7>(exponents);
  }
};

// Four columns of one vector of outputs.
struct FourColumns {
  V column[4];
};
HWY_INLINE FourColumns four_columns(const ExponentTable& table, VBytes signed_mantissas, VBytes indices) {
  const VBytes sign = hn::Set(Bytes(), 0x80);
  const VBytes upper = hn::Or(hn::And(signed_mantissas, sign), hn::TableLookupBytes(table.upper, indices));
  const VBytes lower = hn::Or(hn::AndNot(sign, signed_mantissas), hn::TableLookupBytes(table.lower, indices));
  const auto first = hn::BitCast(Words(), hn::InterleaveLower(Bytes(), lower, upper));
  const auto second = hn::BitCast(Words(), hn::InterleaveUpper(Bytes(), lower, upper));
  const auto odd = hn::Set(Words(), 0xFFFF0000u);
  return {{hn::BitCast(kFloats, hn::ShiftLeft<16>(first)), hn::BitCast(kFloats, hn::And(first, odd)),
           hn::BitCast(kFloats, hn::ShiftLeft<16>(second)), hn::BitCast(kFloats, hn::And(second, odd))}};
}

// Columns 0 .. 7 of a unit for the outputs from `lane` on, to body(column, V); `most` learns of exceptions.
template <class Body>
HWY_INLINE void visit_unit(const ExponentTable& table, const std::byte* unit, size_t lane, VBytes& most, const Body& body) {
  const VBytes both = load_bytes(unit + 2 * format::kPackedPlane + 4 * lane);
  const VBytes indices[2] = {hn::And(both, hn::Set(Bytes(), 15)), hn::ShiftRight<4>(both)};
  YOKE_UNROLL(2)
  for (size_t half = 0; half < 2; ++half) {
    most = hn::Max(most, indices[half]);
    const FourColumns four = four_columns(table, load_bytes(unit + half * format::kPackedPlane + 4 * lane), indices[half]);
    YOKE_UNROLL(4)
    for (size_t c = 0; c < 4; ++c) body(4 * half + c, four.column[c]);
  }
}

HWY_INLINE bool has_exception(VBytes most) { return !hn::AllFalse(Bytes(), hn::Eq(most, hn::Set(Bytes(), format::kException))); }

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
#endif
