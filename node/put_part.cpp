#include "node/put_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/half.h"
#include "kernels/packed_matrix.h"

namespace yoke::node {
namespace {

using kernels::PackCodes;

constexpr int64_t kPerWord = 8;  // nibbles of an i32

template <typename T>
T value_at(const std::byte* source) {
  T value;
  std::memcpy(&value, source, sizeof(T));
  return value;
}

// Numbers of the tensor, widened: `stride` bytes from one to the next.
void widen(const model::TensorInfo& tensor, const std::byte* source, uint64_t stride, std::span<float> target) {
  switch (tensor.dtype) {
    case Dtype::f32:
      for (float& value : target) value = value_at<float>(std::exchange(source, source + stride));
      return;
    case Dtype::f16:
      for (float& value : target) value = f16_to_f32(value_at<uint16_t>(std::exchange(source, source + stride)));
      return;
    case Dtype::bf16:
      for (float& value : target) value = bf16_to_f32(value_at<uint16_t>(std::exchange(source, source + stride)));
      return;
    default:
      throw Error{Code::unsupported, fmt::format("{}: a vector of {} is not read; F32, F16 and BF16 are", tensor.name, name(tensor.dtype))};
  }
}

class Putting {
 public:
  explicit Putting(const PutPart& job)
      : job_(job), part_(job.part), slice_(*job.part.slice), weight_(*slice_.weight), shape_(slice_.shape()) {
    source_ = job.line + part_.byte_begin;
    stride_ = static_cast<uint64_t>(part_.step) * part_.line_bytes;
  }

  void run() const {
    switch (part_.feed) {
      case Feed::codes: return put_codes();
      case Feed::scales: return put_scales();
      case Feed::zeros: return put_zeros();
      case Feed::row_scales: return kernels::put_row_scales(shape_, job_.index, floats(job_.index.size()).data(), job_.region);
      case Feed::block_scales: return put_squares();
      case Feed::column_groups: return put_groups();
      case Feed::global_scale: return put_global();
      case Feed::vector: return put_vector();
    }
  }

 private:
  std::vector<float> floats(int64_t count) const {
    std::vector<float> values(static_cast<size_t>(count));
    widen(*part_.tensor, source_, stride_, values);
    return values;
  }

  void put_codes() const {
    PackCodes job{.shape = shape_, .layout = weight_.layout, .source = source_, .source_stride = stride_, .matrix = job_.region};
    switch (weight_.layout) {
      case CodeLayout::rows:
        job.rows = job_.index;
        job.cols = {shape_.stored_begin(), shape_.stored_end()};
        break;
      case CodeLayout::columns:
        job.rows = slice_.rows;
        job.cols = job_.index;
        job.output_step = weight_.row_step;
        break;
      case CodeLayout::gptq:
        job.rows = slice_.rows;
        job.cols = {job_.index.begin * kPerWord, std::min(job_.index.end * kPerWord, shape_.stored_end())};
        break;
      case CodeLayout::awq:
        job.rows = slice_.rows;
        job.cols = job_.index;
        job.source_skip = part_.skip;
        break;
    }
    kernels::pack_codes(job);
  }

  void put_scales() const {
    const bool by_groups = weight_.layout == CodeLayout::gptq || weight_.layout == CodeLayout::awq;
    kernels::pack_scales({.shape = shape_,
                          .transposed = by_groups,
                          .source = source_,
                          .source_stride = stride_,
                          .rows = by_groups ? slice_.rows : job_.index,
                          .groups = by_groups ? job_.index : shape_.held_groups(),
                          .matrix = job_.region});
  }

  void put_zeros() const {
    const bool by_groups = weight_.layout == CodeLayout::gptq || weight_.layout == CodeLayout::awq;
    kernels::PackZeros job{.shape = shape_,
                           .along_outputs = !by_groups,
                           .layout = weight_.layout,
                           .source = source_,
                           .source_stride = stride_,
                           .source_skip = part_.skip,
                           .rows = slice_.rows,
                           .groups = job_.index,
                           .matrix = job_.region};
    if (!by_groups) {
      const int64_t first = weight_.first_row;
      job.rows = {std::max(slice_.rows.begin, job_.index.begin * kPerWord - first), std::min(slice_.rows.end, job_.index.end * kPerWord - first)};
      job.source_skip = static_cast<int>((first + job.rows.begin) % kPerWord);
      job.groups = shape_.held_groups();
    }
    kernels::pack_zeros(job);
  }

  void put_squares() const {
    const int64_t group = weight_.format.group;
    const size_t across = static_cast<size_t>(ceil_div(slice_.cols.end, group) - slice_.cols.begin / group);
    const uint64_t element = static_cast<uint64_t>(info(part_.tensor->dtype).block_bytes);
    std::vector<float> scales(static_cast<size_t>(job_.index.size()) * across);
    for (size_t row = 0; row * across < scales.size(); ++row) {
      widen(*part_.tensor, source_ + row * stride_, element, std::span(scales).subspan(row * across, across));
    }
    kernels::put_block_scales(shape_, scales.data(), job_.region);
  }

  void put_groups() const {
    std::vector<int32_t> list(static_cast<size_t>(job_.index.size()));
    std::memcpy(list.data(), source_, list.size() * sizeof(int32_t));
    for (const int32_t group : list) {
      if (group < 0 || group >= shape_.groups) {
        throw Error{Code::bad_file, fmt::format("{}: a column belongs to group {} of {}", part_.tensor->name, group, shape_.groups)};
      }
    }
    kernels::put_column_groups(shape_, list.data(), job_.region);
  }

  void put_global() const {
    const float stored = floats(1)[0];
    kernels::put_global_scale(shape_, weight_.global_divides ? 1.0f / stored : stored, job_.region);
  }

  void put_vector() const {
    float* const vector = reinterpret_cast<float*>(job_.region);
    widen(*part_.tensor, source_, stride_, {vector + (job_.index.begin - slice_.cols.begin), static_cast<size_t>(job_.index.size())});
  }

  const PutPart& job_;
  const TensorPart& part_;
  const parallel::Slice& slice_;
  const model::Weight& weight_;
  const PackedShape shape_;
  const std::byte* source_;
  uint64_t stride_;
};

}  // namespace

void put(const PutPart& job) {
  try {
    Putting(job).run();
  } catch (const Error& error) {
    if (error.param() != "pack") throw;
    throw Error{error.code(), fmt::format("{}: {}", job.part.tensor->name, error.what()), error.param()};
  }
}

}  // namespace yoke::node
