// Which addresses of this process are device memory or pinned host memory, and where they lie on the host. Any thread.
// Device addresses are the host's plus kDeviceTag; pinned host memory has one address for both. Every allocation has pages without
// access on both sides; what is not written yet reads as 0xCD (the first kFilledBytes of it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tests/emulator/driver/context.h"

namespace yoke::emulator {

inline constexpr uint64_t kFilledBytes = uint64_t{16} << 20;  // more would make memory resident that nobody uses

enum class BlockKind { device, host, registered, mapped, variable, pageable };

struct Block {
  uint64_t address = 0, bytes = 0;
  std::byte* host = nullptr;
  BlockKind kind = BlockKind::device;
  Device* device = nullptr;  // nullptr: host memory, which every device reaches
  bool writable = true;      // by kernels and copies
};

// Failure{CUDA_ERROR_OUT_OF_MEMORY} where the device has less left; give_back undoes it.
void take(Device& device, uint64_t bytes);
void give_back(Device& device, uint64_t bytes);

CUdeviceptr allocate(Device& device, uint64_t bytes);
void release(CUdeviceptr pointer);
void* allocate_host(uint64_t bytes);
void release_host(void* pointer);
void register_host(void* pointer, uint64_t bytes, bool writable);
void unregister_host(void* pointer);

// For memory that others own: modules' variables, mapped handles.
void add_block(const Block& block);     // Failure{CUDA_ERROR_INVALID_VALUE} where it overlaps another
void remove_block(uint64_t address);
std::optional<Block> find_block(uint64_t address);  // the one that holds this address

// Where `bytes` at `pointer` lie on the host. Failure{CUDA_ERROR_INVALID_VALUE} names what is wrong: no such memory, its end passed, of
// another device, or not writable.
std::byte* resolve(const Device& device, CUdeviceptr pointer, uint64_t bytes, bool write, const char* what);

bool is_pinned(const void* pointer, uint64_t bytes);

// On a device that reads pageable memory (ATS): makes the mappings of a memfd that these parameters point into known, which is how
// Yoke shares weights; other pageable memory stays a fault, since no kernel of ours should read it.
void admit_pageable(std::span<const std::byte> params);

// The host's pages, for both folders' use: without access before and behind.
std::byte* map_with_guards(uint64_t bytes);
void unmap_with_guards(std::byte* host, uint64_t bytes);
void fill_fresh(std::byte* host, uint64_t bytes);

}  // namespace yoke::emulator
