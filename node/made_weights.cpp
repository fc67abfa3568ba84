#include "node/made_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/error.h"
#include "core/half.h"
#include "node/region_writer.h"
#include "node/tensor_part.h"

namespace yoke::node {
namespace {

constexpr uint64_t kPieceBytes = 4 << 20;

using Random = std::mt19937_64;

float between(Random& random, float low, float high) { return low + (high - low) * static_cast<float>(random() >> 40) * 0x1p-24f; }

// A weight of K inputs about as large as one that was trained: products of states of size 1 have size 1.
float size_of(const parallel::Slice& slice) { return 1.7f / std::sqrt(static_cast<float>(std::max<int64_t>(1, slice.weight->cols))); }

// The largest value of a code, which scales bring down to the size of a weight.
float largest_code(const WeightFormat& format) {
  switch (format.codes) {
    case Dtype::e2m1: return 6.0f;
    case Dtype::int4: return 8.0f;
    default: return 1.75f;  // FP8 whose top exponent bit is clear
  }
}

struct Numbers {
  float low, high;
};

// Floats of a part: norms near 1, scales that bring codes down, plain weights themselves.
Numbers numbers_of(const TensorPart& part) {
  const parallel::Slice& slice = *part.slice;
  const float size = size_of(slice), scale = size / largest_code(slice.weight->format);
  switch (part.feed) {
    case Feed::vector: return {0.9f, 1.1f};
    case Feed::codes: return {-size, size};
    case Feed::global_scale: return {scale, scale};
    default: return slice.weight->format.global ? Numbers{0.5f, 1.0f} : Numbers{0.5f * scale, scale};
  }
}

void fill_bytes(Random& random, uint8_t mask, uint8_t base, std::vector<std::byte>& into) {
  const uint64_t masks = 0x0101010101010101u * mask, bases = 0x0101010101010101u * base;
  for (size_t i = 0; i < into.size(); i += sizeof(uint64_t)) {
    const uint64_t bits = (random() & masks) + bases;
    std::memcpy(into.data() + i, &bits, std::min(sizeof(bits), into.size() - i));
  }
}

template <typename T, typename Convert>
void fill_floats(Random& random, Numbers numbers, Convert convert, std::vector<std::byte>& into) {
  for (size_t i = 0; i + sizeof(T) <= into.size(); i += sizeof(T)) {
    const T value = convert(between(random, numbers.low, numbers.high));
    std::memcpy(into.data() + i, &value, sizeof(T));
  }
}

// The exponent of a power of two no larger than `value`, as E8M0 writes it.
uint8_t e8m0_of(float value) { return static_cast<uint8_t>(std::ilogb(value) + 127); }

void fill(Random& random, const TensorPart& part, std::vector<std::byte>& into) {
  const Numbers numbers = numbers_of(part);
  const bool mx = part.feed == Feed::scales && part.slice->weight->format.scale_dtype == Dtype::f8_e8m0;
  switch (part.tensor->dtype) {
    case Dtype::f32: return fill_floats<float>(random, numbers, [](float x) { return x; }, into);
    case Dtype::f16: return fill_floats<uint16_t>(random, numbers, f32_to_f16, into);
    case Dtype::bf16: return fill_floats<uint16_t>(random, numbers, f32_to_bf16, into);
    case Dtype::f8_e8m0: return fill_bytes(random, 1, e8m0_of(numbers.low), into);
    case Dtype::f8_e4m3:
      if (part.feed == Feed::scales) return fill_bytes(random, 0x07, 0x30, into);  // 0.5 to 0.94
      return fill_bytes(random, 0xbf, 0, into);
    default: return mx ? fill_bytes(random, 1, e8m0_of(numbers.low), into) : fill_bytes(random, 0xff, 0, into);
  }
}

}  // namespace

void make_weights(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, const Pool& pool,
                  const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled) {
  const std::vector<parallel::Slice> slices = parallel::slices_of(plan, rank, catalogue);
  LoadProgress done;
  for (const parallel::Slice& slice : slices) done.bytes_total += slice.pool_bytes();
  Random random(static_cast<uint64_t>(rank) + 1);
  std::vector<std::byte> piece;
  RegionWriter writer(slices, pool, 1);
  for (const parallel::Slice& slice : slices) {
    for (const TensorPart& part : parts_of(slice)) {
      YOKE_ASSERT(part.step == 1);  // nothing is fused in a made catalogue
      const int64_t fits = std::max<int64_t>(kPanelRows, static_cast<int64_t>(kPieceBytes / part.line_bytes) / kPanelRows * kPanelRows);
      const int64_t at_once = part.whole ? part.index.size() : fits;
      for (int64_t begin = part.index.begin; begin < part.index.end; begin += at_once) {
        if (cancelled && cancelled()) throw Error{Code::aborted, "making weights was given up because the coordinator asked for it"};
        const Range index{begin, std::min(begin + at_once, part.index.end)};
        piece.resize(static_cast<size_t>(index.size()) * part.line_bytes);
        fill(random, part, piece);
        writer.put(part, index, piece.data());
      }
    }
    done.bytes_done += slice.pool_bytes();
    if (progress) progress(done);
  }
  writer.finish();
}

}  // namespace yoke::node
