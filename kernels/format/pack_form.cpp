// Packing without loss: what packed_form.h describes, from a file's codes and scales.
#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "kernels/format/packed_form.h"
#include "kernels/format/transpose.h"

namespace yoke::kernels::format {
namespace {

// Of so many exponents of a panel at most its table is chosen: the rarest that matter, one in a thousand, occur a dozen times.
constexpr size_t kSample = 16384;

// The part of a job that lies in one panel: element (lane, k) at source + lane * lane_step + k * column_step.
struct PanelPiece {
  int64_t panel;
  size_t lane, lanes;     // of the panel
  size_t column, columns; // stored columns, or held groups
  const std::byte* source;
  size_t lane_step, column_step;

  template <typename T>
  T element(size_t l, size_t k) const {
    T value;
    std::memcpy(&value, source + l * lane_step + k * column_step, sizeof(T));
    return value;
  }
};

template <class Body>
void for_panels(const PackedShape& shape, Range rows, PanelPiece piece, const Body& body) {
  const std::byte* const source = piece.source;
  const size_t count = static_cast<size_t>(rows.size()), first = static_cast<size_t>(rows.begin - shape.row_begin);
  for (size_t row = 0; row < count; row += piece.lanes) {
    piece.panel = static_cast<int64_t>((first + row) / kPanelLanes);
    piece.lane = (first + row) % kPanelLanes;
    piece.lanes = std::min(kPanelLanes - piece.lane, count - row);
    piece.source = source + row * piece.lane_step;
    body(piece);
  }
}

std::byte* table_of(const PackedShape& shape, std::byte* matrix, int64_t panel) {
  return matrix + tail_offsets(shape).tables + kPanelLanes * static_cast<size_t>(panel);
}

uint32_t exponent_of(uint16_t code) { return code >> 7 & 0xFFu; }

// The 15 commonest exponents; where there are fewer, those next to the commonest, below it sooner than above: of a weight's
// magnitudes half lie far below the most frequent one, and hardly any above four times it.
void choose_exponents(const PanelPiece& piece, std::byte* table) {
  std::array<size_t, 256> counts{};
  const size_t step = 1 + piece.lanes * piece.columns / kSample;
  for (size_t l = 0; l < piece.lanes; ++l) {
    for (size_t k = l % step; k < piece.columns; k += step) ++counts[exponent_of(piece.element<uint16_t>(l, k))];
  }
  const int mode = static_cast<int>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  std::array<int, 256> exponents;
  std::iota(exponents.begin(), exponents.end(), 0);
  const auto distance = [&](int e) { return e <= mode ? 2 * (mode - e) : 4 * (e - mode) + 1; };
  const auto commoner = [&](int a, int b) {
    if (counts[static_cast<size_t>(a)] != counts[static_cast<size_t>(b)]) return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
    return distance(a) < distance(b);
  };
  std::partial_sort(exponents.begin(), exponents.begin() + kException, exponents.end(), commoner);
  for (size_t i = 0; i < kException; ++i) table[i] = static_cast<std::byte>(exponents[i]);
  table[kException] = std::byte{1};  // chosen
}

class ExponentIndex {
 public:
  explicit ExponentIndex(const std::byte* table) {
    index_.fill(kException);
    for (size_t i = 0; i < kException; ++i) index_[std::to_integer<size_t>(table[i])] = static_cast<uint8_t>(i);
  }
  uint32_t operator()(uint16_t code) const { return index_[exponent_of(code)]; }

 private:
  std::array<uint8_t, 256> index_;
};

uint8_t signed_mantissa(uint16_t code) { return static_cast<uint8_t>((code >> 8 & 0x80u) | (code & 0x7Fu)); }

void put_nibble(std::byte& both, size_t half, uint32_t nibble) {
  const unsigned shift = half == 0 ? 0 : 4;
  both = (both & std::byte(0xF0u >> shift)) | std::byte(nibble << shift);
}

using Unit = std::array<std::array<uint16_t, kPanelLanes>, kPackedColumns>;
typedef uint8_t Bytes __attribute__((vector_size(16)));
typedef uint16_t Halves __attribute__((vector_size(16)));

Bytes narrow(Halves a, Halves b) {
  return __builtin_shufflevector(reinterpret_cast<Bytes>(a), reinterpret_cast<Bytes>(b), 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

// A column of 16 outputs, in vectors.
struct Column {
  Bytes signed_mantissas, indices;

  Column(const std::array<uint16_t, kPanelLanes>& codes, const std::byte* table) {
    Halves a, b;
    std::memcpy(&a, codes.data(), sizeof(a));
    std::memcpy(&b, codes.data() + 8, sizeof(b));
    signed_mantissas = narrow((a >> 8 & 0x80) | (a & 0x7F), (b >> 8 & 0x80) | (b & 0x7F));
    const Bytes exponents = narrow(a >> 7 & 0xFF, b >> 7 & 0xFF);
    indices = Bytes{} + static_cast<uint8_t>(kException);
    for (uint8_t i = 0; i < kException; ++i) {
      indices ^= reinterpret_cast<Bytes>(exponents == Bytes{} + std::to_integer<uint8_t>(table[i])) & static_cast<uint8_t>(kException ^ i);
    }
  }
};

// Four columns into a plane, in the order of packed_byte.
void put_plane(Bytes c0, Bytes c1, Bytes c2, Bytes c3, std::byte* plane) {
  const Bytes pairs[4] = {
      __builtin_shufflevector(c0, c1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
      __builtin_shufflevector(c0, c1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
      __builtin_shufflevector(c2, c3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
      __builtin_shufflevector(c2, c3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)};
  for (size_t lanes = 0; lanes < 4; ++lanes) {  // four of them
    std::memcpy(plane + 16 * lanes, reinterpret_cast<const std::byte*>(&pairs[lanes / 2]) + 8 * (lanes % 2), 8);
    std::memcpy(plane + 16 * lanes + 8, reinterpret_cast<const std::byte*>(&pairs[2 + lanes / 2]) + 8 * (lanes % 2), 8);
  }
}

// A whole unit at once. Whether it has an exception.
bool put_unit(const Unit& codes, const std::byte* table, std::byte* unit) {
  const Column c0(codes[0], table), c1(codes[1], table), c2(codes[2], table), c3(codes[3], table);
  const Column c4(codes[4], table), c5(codes[5], table), c6(codes[6], table), c7(codes[7], table);
  put_plane(c0.signed_mantissas, c1.signed_mantissas, c2.signed_mantissas, c3.signed_mantissas, unit);
  put_plane(c4.signed_mantissas, c5.signed_mantissas, c6.signed_mantissas, c7.signed_mantissas, unit + kPackedPlane);
  put_plane(c0.indices | c4.indices << 4, c1.indices | c5.indices << 4, c2.indices | c6.indices << 4, c3.indices | c7.indices << 4,
            unit + 2 * kPackedPlane);
  Bytes exceptions{};
  for (const Column* c : {&c0, &c1, &c2, &c3, &c4, &c5, &c6, &c7}) exceptions |= reinterpret_cast<Bytes>(c->indices == static_cast<uint8_t>(kException));
  uint64_t any[2];
  std::memcpy(any, &exceptions, sizeof(any));
  return (any[0] | any[1]) != 0;
}

class Bf16Panel {
 public:
  Bf16Panel(const PanelPiece& piece, const std::byte* table, std::byte* codes) : piece_(piece), index_of_(table), table_(table), codes_(codes) {}

  std::vector<uint32_t> put() {
    for (size_t k = 0; k < piece_.columns;) {
      const size_t column = (piece_.column + k) % kPackedColumns;
      const size_t count = std::min(kPackedColumns - column, piece_.columns - k);
      if (count == kPackedColumns && piece_.lanes == kPanelLanes) {
        put_whole(k);
      } else {
        for (size_t i = k; i < k + count; ++i) put_column(i);
      }
      k += count;
    }
    return std::move(exceptions_);
  }

 private:
  std::byte* unit_at(size_t k) const { return codes_ + (piece_.column + k) / kPackedColumns * kPackedUnitBytes; }

  void put_whole(size_t k) {
    Unit codes;
    if (piece_.column_step == sizeof(uint16_t)) {
      to_lanes<uint16_t>(piece_.source + k * sizeof(uint16_t), piece_.lane_step, kPackedColumns, 0, kPanelLanes,
                         reinterpret_cast<std::byte*>(codes.data()));
    } else {
      for (size_t c = 0; c < kPackedColumns; ++c) {
        for (size_t l = 0; l < kPanelLanes; ++l) codes[c][l] = piece_.element<uint16_t>(l, k + c);
      }
    }
    if (!put_unit(codes, table_, unit_at(k))) return;
    for (size_t c = 0; c < kPackedColumns; ++c) {
      for (size_t l = 0; l < kPanelLanes; ++l) list(codes[c][l], k + c, l);
    }
  }

  void put_column(size_t k) {
    const size_t column = (piece_.column + k) % kPackedColumns, half = column / 4;
    std::byte* const unit = unit_at(k);
    for (size_t l = 0; l < piece_.lanes; ++l) {
      const uint16_t code = piece_.element<uint16_t>(l, k);
      const size_t at = packed_byte(column % 4, piece_.lane + l);
      unit[half * kPackedPlane + at] = static_cast<std::byte>(signed_mantissa(code));
      put_nibble(unit[2 * kPackedPlane + at], half, index_of_(code));
      list(code, k, l);
    }
  }

  void list(uint16_t code, size_t k, size_t l) {
    if (index_of_(code) == kException) exceptions_.push_back(exception_of(piece_.column + k, piece_.lane + l, exponent_of(code)));
  }

  const PanelPiece& piece_;
  const ExponentIndex index_of_;
  const std::byte* table_;
  std::byte* codes_;
  std::vector<uint32_t> exceptions_;
};

// The window of 15 codes that holds most of an output's scales; of those that hold equally many the middle one.
uint32_t choose_base(const PanelPiece& piece, size_t l) {
  std::array<size_t, 256> counts{};
  for (size_t g = 0; g < piece.columns; ++g) ++counts[piece.element<uint8_t>(l, g)];
  size_t inside = 0, most = 0;
  uint32_t first = 0, last = 0;
  for (uint32_t base = 0; base + kException <= counts.size(); ++base) {
    if (base == 0) inside = std::accumulate(counts.begin(), counts.begin() + kException, size_t{0});
    else inside += counts[base + kException - 1] - counts[base - 1];
    if (inside > most) most = inside, first = base;
    if (inside == most) last = base;
  }
  return (first + last) / 2;
}

}  // namespace

void pack_bf16(const PackCodes& job) {
  YOKE_ASSERT(job.layout == CodeLayout::rows || job.layout == CodeLayout::columns);
  const bool by_rows = job.layout == CodeLayout::rows;
  PanelPiece whole{};
  whole.column = static_cast<size_t>(job.cols.begin - job.shape.stored_begin());
  whole.columns = static_cast<size_t>(job.cols.size());
  whole.source = job.source;
  whole.lane_step = by_rows ? job.source_stride : static_cast<size_t>(job.output_step) * sizeof(uint16_t);
  whole.column_step = by_rows ? sizeof(uint16_t) : job.source_stride;
  const size_t panel_bytes = static_cast<size_t>(job.shape.panel_bytes());
  for_panels(job.shape, job.rows, whole, [&](const PanelPiece& piece) {
    std::byte* const table = table_of(job.shape, job.matrix, piece.panel);
    if (table[kException] == std::byte{}) choose_exponents(piece, table);
    Bf16Panel panel(piece, table, job.matrix + static_cast<size_t>(piece.panel) * panel_bytes);
    add_exceptions(job.shape, job.matrix, piece.panel, panel.put());
  });
}

void pack_scale_offsets(const PackScales& job) {
  PanelPiece whole{};
  whole.column = static_cast<size_t>(job.groups.begin - job.shape.held_groups().begin);
  whole.columns = static_cast<size_t>(job.groups.size());
  whole.source = job.source;
  whole.lane_step = job.transposed ? 1 : job.source_stride;
  whole.column_step = job.transposed ? job.source_stride : 1;
  const PanelOffsets offsets = panel_offsets(job.shape);
  for_panels(job.shape, job.rows, whole, [&](const PanelPiece& piece) {
    std::byte* const table = table_of(job.shape, job.matrix, piece.panel);
    std::byte* const scales = job.matrix + static_cast<size_t>(piece.panel) * offsets.size + offsets.scales;
    std::vector<uint32_t> exceptions;
    for (size_t l = 0; l < piece.lanes; ++l) {
      const size_t lane = piece.lane + l;
      if (table[lane] == std::byte{}) table[lane] = ~static_cast<std::byte>(choose_base(piece, l));
      const uint32_t base = std::to_integer<uint32_t>(~table[lane]);
      for (size_t g = 0; g < piece.columns; ++g) {
        const uint32_t code = piece.element<uint8_t>(l, g);
        const uint32_t offset = code >= base ? std::min(code - base, kException) : kException;
        put_nibble(scales[(piece.column + g) * kPanelLanes / 2 + lane % 8], lane / 8, offset);
        if (offset == kException) exceptions.push_back(exception_of(piece.column + g, lane, code));
      }
    }
    std::sort(exceptions.begin(), exceptions.end());
    add_exceptions(job.shape, job.matrix, piece.panel, exceptions);
  });
}

}  // namespace yoke::kernels::format
