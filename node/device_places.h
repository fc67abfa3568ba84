// Where a step's rows stand, in memory that the device reads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/ops.h"

namespace yoke::node {

// A batch's places, and the block tables that they point into, where the device reads them: at one address, which recordings hold.
class DevicePlaces {
 public:
  DevicePlaces(kernels::Device& device, kernels::RowPlace* rows, int64_t table_room) : device_(device), rows_(rows) { grow(table_room); }

  // Filled up to `rows` with rows that see and write nothing.
  std::span<const kernels::RowPlace> put(std::span<const kernels::RowPlace> places, std::span<const int32_t> tables, int64_t rows) {
    if (static_cast<int64_t>(tables.size()) > room_) grow(2 * static_cast<int64_t>(tables.size()));
    std::copy(tables.begin(), tables.end(), tables_);
    size_t i = 0;
    for (const kernels::RowPlace& place : places) {
      rows_[i] = place;
      rows_[i++].block_table = tables_ + (place.block_table - tables.data());
    }
    for (; i < static_cast<size_t>(rows); ++i) rows_[i] = {.block_table = tables_};
    return {rows_, static_cast<size_t>(rows)};
  }

 private:
  void grow(int64_t room) {
    room_ = room;
    tables_ = reinterpret_cast<int32_t*>(device_.allocate(static_cast<uint64_t>(room) * sizeof(int32_t), kernels::Device::Memory::shared));
  }

  kernels::Device& device_;
  kernels::RowPlace* rows_;
  int32_t* tables_ = nullptr;
  int64_t room_ = 0;
};

}  // namespace yoke::node
