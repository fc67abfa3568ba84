// Vectors of f32 whose lanes run over outputs, tokens or features, never over what a sum runs over: so no operation crosses
// lanes, and the width of a vector cannot change a bit. Included once for each instruction set.
#include "kernels/cpu/targets.h"

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

#if defined(YOKE_KERNELS_CPU_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_LANES_INL
#undef YOKE_KERNELS_CPU_LANES_INL
#else
#define YOKE_KERNELS_CPU_LANES_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;
using Words = hn::RebindToUnsigned<Floats>;
using V = hn::Vec<Floats>;

inline constexpr Floats kFloats{};
inline constexpr size_t kLanes = hn::MaxLanes(Floats());
inline constexpr size_t kPanel = static_cast<size_t>(kPanelRows);
inline constexpr size_t kPanelVectors = kPanel / kLanes;  // vectors across the 16 outputs of a panel

HWY_INLINE V zero() { return hn::Zero(kFloats); }
HWY_INLINE V broadcast(float value) { return hn::Set(kFloats, value); }
HWY_INLINE V load(const float* at) { return hn::LoadU(kFloats, at); }
HWY_INLINE void store(V value, float* at) { hn::StoreU(value, kFloats, at); }
HWY_INLINE V fma(V a, V b, V c) { return hn::MulAdd(a, b, c); }

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
