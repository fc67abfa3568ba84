// A file's rows into panels: a transposition of 16 rows, chunk by chunk, that changes no value.
#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"
#include "kernels/format/panel.h"

namespace yoke::kernels {
namespace {

constexpr size_t kLanes = static_cast<size_t>(kPanelRows);

// 32 nibbles of a file's block (byte i: element i in the low half, i + 16 in the high half) as 4 words of 8 columns.
std::array<uint32_t, 4> nibble_words(const std::byte* nibbles) {
  std::array<uint32_t, 4> words{};
  for (size_t k = 0; k < static_cast<size_t>(kChunk); ++k) {
    const uint32_t both = std::to_integer<uint32_t>(nibbles[k % 16]);
    const uint32_t value = k < 16 ? both & 15u : both >> 4;
    words[k / 8] |= value << (4 * (k % 8));
  }
  return words;
}

// One block of 32 columns of one row into its lane of a chunk.
void pack_block(Dtype dtype, const std::byte* block, size_t lane, std::byte* chunk) {
  const size_t scales = dtype == Dtype::q4_1 ? 2 : 1;  // d, or d and m: f16 each
  for (size_t i = 0; i < scales; ++i) std::memcpy(chunk + 2 * (i * kLanes + lane), block + 2 * i, 2);
  std::byte* codes = chunk + format::codes_offset(dtype);
  block += 2 * scales;
  if (dtype == Dtype::q8_0) {
    for (size_t k = 0; k < static_cast<size_t>(kChunk); ++k) codes[k * kLanes + lane] = block[k];
    return;
  }
  const std::array<uint32_t, 4> words = nibble_words(block);
  for (size_t i = 0; i < words.size(); ++i) std::memcpy(codes + 4 * (i * kLanes + lane), &words[i], 4);
}

void pack_row(const PackRows& job, const std::byte* source, size_t lane, std::byte* panel) {
  const size_t step = static_cast<size_t>(info(job.dtype).block_bytes);
  if (info(job.dtype).block_elements == 1) {
    for (int64_t k = 0; k < job.cols; ++k) {
      std::memcpy(panel + (static_cast<size_t>(k) * kLanes + lane) * step, source + static_cast<size_t>(k) * step, step);
    }
    return;
  }
  const size_t chunk_bytes = format::panel_bytes(job.dtype, kChunk);
  for (int64_t c = 0; c < job.cols / kChunk; ++c) {
    pack_block(job.dtype, source + static_cast<size_t>(c) * step, lane, panel + static_cast<size_t>(c) * chunk_bytes);
  }
}

}  // namespace

void pack_rows(const PackRows& job) {
  YOKE_ASSERT(info(job.dtype).weight && job.cols % info(job.dtype).block_elements == 0);
  YOKE_ASSERT(job.first_row % kPanelRows == 0 && job.first_row + job.count <= job.rows);
  YOKE_ASSERT(job.count % kPanelRows == 0 || job.first_row + job.count == job.rows);
  const size_t panel_bytes = format::panel_bytes(job.dtype, job.cols);
  if (panel_bytes == 0) return;
  for (int64_t first = 0; first < job.count; first += kPanelRows) {
    std::byte* panel = job.panels + static_cast<size_t>((job.first_row + first) / kPanelRows) * panel_bytes;
    const int64_t rows = std::min(kPanelRows, job.count - first);
    if (rows < kPanelRows) std::memset(panel, 0, panel_bytes);
    for (int64_t lane = 0; lane < rows; ++lane) {
      const std::byte* source = job.source + static_cast<uint64_t>(first + lane) * job.source_stride;
      pack_row(job, source, static_cast<size_t>(lane), panel);
    }
  }
}

}  // namespace yoke::kernels
