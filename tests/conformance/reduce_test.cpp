#include <cstring>
#include <vector>

#include "core/half.h"
#include "roads.h"

namespace yoke::transport::conformance {
namespace {

// What rank r brings: values whose sum depends on the order, so that a wrong order shows.
float brought(int rank, int64_t i) {
  const uint32_t mixed = (static_cast<uint32_t>(i) * 2654435761u) ^ (static_cast<uint32_t>(rank + 1) * 40503u * 2246822519u);
  return (static_cast<float>(mixed >> 8) * 0x1p-23f - 1.0f) * (rank == 1 ? 1000.0f : 1.0f);
}

uint32_t rounded(float value, Dtype dtype) {
  if (dtype == Dtype::f16) return f32_to_f16(value);
  if (dtype == Dtype::bf16) return f32_to_bf16(value);
  return std::bit_cast<uint32_t>(value);
}

float value_of(uint32_t bits, Dtype dtype) {
  if (dtype == Dtype::f16) return f16_to_f32(static_cast<uint16_t>(bits));
  if (dtype == Dtype::bf16) return bf16_to_f32(static_cast<uint16_t>(bits));
  return std::bit_cast<float>(bits);
}

uint32_t sum_in_rank_order(int size, int64_t i, Dtype dtype) {
  uint32_t sum = rounded(brought(0, i), dtype);
  for (int r = 1; r < size; ++r) {
    sum = rounded(value_of(sum, dtype) + value_of(rounded(brought(r, i), dtype), dtype), dtype);
  }
  return sum;
}

void put(std::byte* data, int64_t i, uint32_t bits, Dtype dtype) { std::memcpy(data + row_bytes(dtype, i), &bits, row_bytes(dtype, 1)); }

uint32_t at(const std::byte* data, int64_t i, Dtype dtype) {
  uint32_t bits = 0;
  std::memcpy(&bits, data + row_bytes(dtype, i), row_bytes(dtype, 1));
  return bits;
}

void expect_reduced(Communicator& rank, int64_t count, Dtype dtype) {
  std::vector<std::byte> data(row_bytes(dtype, count));
  for (int64_t i = 0; i < count; ++i) put(data.data(), i, rounded(brought(rank.rank(), i), dtype), dtype);
  rank.all_reduce(data.data(), count, dtype, kPatience);
  for (int64_t i = 0; i < count; ++i) {
    ASSERT_EQ(at(data.data(), i, dtype), sum_in_rank_order(rank.size(), i, dtype))
        << name(dtype) << ", " << count << " elements, " << rank.size() << " ranks: element " << i << " on rank " << rank.rank();
  }
}

TEST_P(EveryRoad, AllReduceAddsInRankOrderWithEqualBitsOnEveryRank) {
  for (int size = 1; size <= 4; ++size) {
    Group group = make_group(GetParam(), size);
    run_ranks(group, [](Communicator& rank) {
      for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
        for (const int64_t count : {1, 2, 3, 17, 576, 2047, 2048, 2049, 4096, 16385, 100'003}) expect_reduced(rank, count, dtype);
      }
    });
  }
}

TEST_P(EveryRoad, AllReduceOf16MiBGoesInPieces) {
  for (const int size : {2, 3}) {
    Group group = make_group(GetParam(), size);
    run_ranks(group, [](Communicator& rank) {
      std::vector<float> data(4 << 20);
      for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i % 4099) * static_cast<float>(rank.rank() + 1);
      rank.all_reduce(data.data(), static_cast<int64_t>(data.size()), Dtype::f32, kPatience);
      const auto ranks = static_cast<float>(rank.size() * (rank.size() + 1) / 2);
      for (size_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], static_cast<float>(i % 4099) * ranks) << "element " << i;
    });
  }
}

TEST_P(EveryRoad, AllReduceRefusesTypesThatCannotBeAdded) {
  Group group = make_group(GetParam(), 1);
  int32_t value = 1;
  EXPECT_THROW(group[0]->all_reduce(&value, 1, Dtype::i32, kPatience), std::exception);
}

}  // namespace
}  // namespace yoke::transport::conformance
