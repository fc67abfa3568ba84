#include "node/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include "core/error.h"
#include "core/units.h"
#include "kernels/format/half.h"
#include "kernels/packed_matrix.h"
#include "node/direct_file.h"
#include "parallel/slice.h"

namespace yoke::node {
namespace {

using parallel::Form;
using parallel::Slice;

// Large enough that a disk runs at full speed, small beside the 96 MiB that the ledger sets aside for buffers.
constexpr uint64_t kStagingBytes = 8 << 20;
// One read holds at least a panel of rows; wider rows than this are no model's (16 rows of a million f32 columns).
constexpr uint64_t kMaxStagingBytes = 64 << 20;

// Slices that one pass over the same rows of one tensor fills: a row-parallel tensor's halves.
using Pass = std::span<const Slice>;

bool same_rows(const Slice& a, const Slice& b) { return a.tensor == b.tensor && a.rows == b.rows && a.form == b.form; }

std::vector<Pass> passes_of(const std::vector<Slice>& slices) {
  std::vector<Pass> passes;
  for (size_t begin = 0; begin < slices.size();) {
    size_t end = begin + 1;
    while (end < slices.size() && same_rows(slices[begin], slices[end])) ++end;
    passes.emplace_back(slices.data() + begin, end - begin);
    begin = end;
  }
  return passes;
}

uint64_t file_row_bytes(const Slice& slice) { return row_bytes(slice.tensor->dtype, slice.tensor->cols()); }

uint64_t pass_bytes(Pass pass) { return static_cast<uint64_t>(pass[0].rows.size()) * file_row_bytes(pass[0]); }

// Rows of one read: whole panels, as pack_rows wants them.
int64_t rows_per_read(const Slice& slice) {
  const uint64_t panel_bytes = static_cast<uint64_t>(kPanelRows) * file_row_bytes(slice);
  if (panel_bytes > kMaxStagingBytes) {
    throw Error{Code::unsupported, fmt::format("{}: {} rows take {}, this build loads up to {} at a time", slice.tensor->name,
                                               kPanelRows, format_bytes(panel_bytes), format_bytes(kMaxStagingBytes))};
  }
  return kPanelRows * static_cast<int64_t>(std::max<uint64_t>(1, kStagingBytes / panel_bytes));
}

void widen(const Slice& slice, const std::byte* source, float* target) {
  const int64_t n = slice.cols.size();
  switch (slice.tensor->dtype) {
    case Dtype::f32:
      std::memcpy(target, source, static_cast<size_t>(n) * sizeof(float));
      return;
    case Dtype::f16:
    case Dtype::bf16:
      for (int64_t i = 0; i < n; ++i) {
        uint16_t bits;
        std::memcpy(&bits, source + 2 * i, sizeof(bits));
        target[i] = slice.tensor->dtype == Dtype::f16 ? kernels::format::f16_to_f32(bits) : kernels::format::bf16_to_f32(bits);
      }
      return;
    case Dtype::i32: case Dtype::i64: case Dtype::u8: case Dtype::q8_0: case Dtype::q4_0: case Dtype::q4_1:
      break;
  }
  throw Error{Code::unsupported, fmt::format("{}: a vector of {} is not read; F32, F16 and BF16 are", slice.tensor->name,
                                             name(slice.tensor->dtype))};
}

// Puts rows [first, first + count) of the pass, which lie at `source`, into one slice's region.
void place(const Slice& slice, const std::byte* source, int64_t first, int64_t count, std::byte* region) {
  const std::byte* columns = source + row_bytes(slice.tensor->dtype, slice.cols.begin);
  if (slice.form == Form::vector_f32) {
    widen(slice, columns, reinterpret_cast<float*>(region));
    return;
  }
  kernels::pack_rows({.dtype = slice.tensor->dtype,
                      .rows = slice.rows.size(),
                      .cols = slice.cols.size(),
                      .source = columns,
                      .source_stride = file_row_bytes(slice),
                      .first_row = first,
                      .count = count,
                      .panels = region});
}

class Loading {
 public:
  Loading(const Pool& pool, const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled)
      : pool_(pool), progress_(progress), cancelled_(cancelled) {}

  uint64_t run(const std::vector<Slice>& slices, const model::Checkpoint& checkpoint) {
    const std::vector<Pass> passes = passes_of(slices);
    for (const Pass& pass : passes) done_.bytes_total += pass_bytes(pass);
    for (const Pass& pass : passes) {
      open_file(pass[0].tensor->file, checkpoint);
      run_pass(pass);
    }
    if (file_) file_->check_unchanged();
    if (progress_) progress_(done_);
    return done_.bytes_done;
  }

 private:
  void open_file(size_t index, const model::Checkpoint& checkpoint) {
    if (file_ && index == file_index_) return;
    if (file_) file_->check_unchanged();
    file_ = std::make_unique<DirectFile>(checkpoint.files.at(index), checkpoint.file_bytes.at(index));
    file_index_ = index;
  }

  void run_pass(Pass pass) {
    const Slice& first = pass[0];
    const int64_t at_once = rows_per_read(first);
    for (int64_t row = 0; row < first.rows.size(); row += at_once) {
      if (cancelled_ && cancelled_()) throw Error{Code::aborted, "loading the model was given up because the coordinator asked for it"};
      const int64_t count = std::min(at_once, first.rows.size() - row);
      const uint64_t bytes = static_cast<uint64_t>(count) * file_row_bytes(first);
      const uint64_t offset = first.tensor->offset + static_cast<uint64_t>(first.rows.begin + row) * file_row_bytes(first);
      const std::span<const std::byte> read = file_->read(offset, bytes);
      for (const Slice& slice : pass) place(slice, read.data(), row, count, region(slice));
      done_.bytes_done += bytes;
      if (progress_) progress_(done_);
    }
  }

  std::byte* region(const Slice& slice) const {
    const Region* found = pool_.find(slice.region());
    YOKE_ASSERT(found != nullptr && found->bytes == slice.pool_bytes());
    return pool_.data(*found);
  }

  const Pool& pool_;
  const std::function<void(const LoadProgress&)>& progress_;
  const std::function<bool()>& cancelled_;
  LoadProgress done_;
  std::unique_ptr<DirectFile> file_;
  size_t file_index_ = 0;
};

}  // namespace

std::vector<Region> regions_of(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, uint64_t kv_blocks) {
  std::vector<Region> regions;
  for (const Slice& slice : parallel::slices_of(plan, rank, catalogue)) {
    const Dtype dtype = slice.form == Form::packed ? slice.tensor->dtype : Dtype::f32;
    regions.push_back({slice.region(), dtype, slice.rows.size(), slice.cols.size(), slice.pool_bytes()});
  }
  const parallel::RankPlan& r = plan.ranks[rank];
  const int64_t head_dim = catalogue.checkpoint().config.head_dim;
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    for (const int half : r.halves) {
      const int64_t block_floats = 2 * plan.layers[layer].half[half].kv_heads.size() * head_dim * kKvBlockTokens;
      if (block_floats == 0) continue;
      const uint64_t bytes = checked_multiply(kv_blocks, static_cast<uint64_t>(block_floats) * sizeof(float), "the KV cache");
      regions.push_back({parallel::kv_region_name(static_cast<int>(layer), half), Dtype::f32, static_cast<int64_t>(kv_blocks),
                         block_floats, bytes});
    }
  }
  return regions;
}

uint64_t load(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, const Pool& pool,
              const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled) {
  return Loading(pool, progress, cancelled).run(parallel::slices_of(plan, rank, catalogue), catalogue.checkpoint());
}

}  // namespace yoke::node
