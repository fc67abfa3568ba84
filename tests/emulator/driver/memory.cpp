#include "tests/emulator/driver/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "tests/emulator/driver/settings.h"

namespace yoke::emulator {
namespace {

struct State {
  std::mutex mutex;
  std::map<uint64_t, Block> blocks;  // by address
};

State& state() {
  static State* const once = new State;  // leaked: see settings.cpp
  return *once;
}

constexpr uint64_t kPage = 4096;  // at least the host's on x86; on aarch64 with 64 KiB pages sysconf says so
uint64_t page_bytes() {
  static const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::max(page, kPage);
}
uint64_t whole_pages(uint64_t bytes) { return (bytes + page_bytes() - 1) / page_bytes() * page_bytes(); }

std::string place(uint64_t address) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  return text;
}

template <typename Function>
void each_device_of(const Block& block, Function function) {
  if (block.device) return function(*block.device);
  for (int ordinal = 0; ordinal < device_count(); ++ordinal) function(device(ordinal));
}

// The block that holds the address, with the mutex held.
const Block* holder(uint64_t address) {
  auto at = state().blocks.upper_bound(address);
  if (at == state().blocks.begin()) return nullptr;
  const Block& block = (--at)->second;
  return address < block.address + block.bytes ? &block : nullptr;
}

bool overlaps(uint64_t address, uint64_t bytes) {
  const auto behind = state().blocks.lower_bound(address + bytes);
  if (behind == state().blocks.begin()) return false;
  const Block& before = std::prev(behind)->second;
  return before.address + before.bytes > address;
}

Block take_out(uint64_t address, BlockKind kind, CUresult code, const char* what) {
  std::lock_guard lock(state().mutex);
  const auto at = state().blocks.find(address);
  if (at == state().blocks.end() || at->second.kind != kind) {
    throw Failure{code, std::string(what) + ": nothing of this kind begins at " + place(address)};
  }
  const Block block = at->second;
  each_device_of(block, [&](Device& device) { device.memory.remove(block.address); });
  state().blocks.erase(at);
  return block;
}

// Mappings lie near each other, and this library is one. Most words of parameters are no pointers, and /proc/self/maps is slow.
bool may_be_mapped(uint64_t word) {
  constexpr uint64_t kNear = uint64_t{1} << 40;
  const auto here = reinterpret_cast<uint64_t>(&state);
  return word + kNear > here && word < here + kNear;
}

// Mappings that their owner may have given up since: whatever lies there now takes their place. With the mutex held.
void drop_pageable(uint64_t address, uint64_t bytes) {
  std::erase_if(state().blocks, [&](const auto& entry) {
    const Block& block = entry.second;
    if (block.kind != BlockKind::pageable || block.address >= address + bytes || block.address + block.bytes <= address) return false;
    each_device_of(block, [&](Device& device) { device.memory.remove(block.address); });
    return true;
  });
}

// The mapping of a memfd that holds the address: /proc/self/maps has "start-end perms offset dev inode /memfd:name (deleted)".
std::optional<Block> memfd_mapping(uint64_t address) {
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  if (!maps) return std::nullopt;
  char line[1024];
  std::optional<Block> found;
  while (!found && std::fgets(line, sizeof line, maps)) {
    unsigned long long start = 0, end = 0;
    char rights[8] = {};
    if (std::sscanf(line, "%llx-%llx %7s", &start, &end, rights) != 3 || address < start || address >= end) continue;
    if (!std::strstr(line, "/memfd:") || rights[0] != 'r') break;
    found = Block{start, end - start, reinterpret_cast<std::byte*>(start), BlockKind::pageable, nullptr, rights[1] == 'w'};
  }
  std::fclose(maps);
  return found;
}

}  // namespace

std::byte* map_with_guards(uint64_t bytes) {
  const uint64_t inner = whole_pages(bytes);
  void* outer = mmap(nullptr, inner + 2 * page_bytes(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (outer == MAP_FAILED) throw Failure{CUDA_ERROR_OUT_OF_MEMORY, "mmap of " + std::to_string(inner) + " bytes failed"};
  std::byte* host = static_cast<std::byte*>(outer) + page_bytes();
  if (mprotect(host, inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(outer, inner + 2 * page_bytes());
    throw Failure{CUDA_ERROR_OUT_OF_MEMORY, "mprotect of " + std::to_string(inner) + " bytes failed"};
  }
  return host;
}

void unmap_with_guards(std::byte* host, uint64_t bytes) { munmap(host - page_bytes(), whole_pages(bytes) + 2 * page_bytes()); }

void fill_fresh(std::byte* host, uint64_t bytes) { std::memset(host, 0xCD, std::min(bytes, kFilledBytes)); }

void take(Device& device, uint64_t bytes) {
  if (device.used.fetch_add(bytes) + bytes <= settings().memory_bytes) return;
  device.used -= bytes;
  throw Failure{CUDA_ERROR_OUT_OF_MEMORY, std::to_string(bytes) + " bytes asked for, " +
                                              std::to_string(settings().memory_bytes - device.used) + " left of " +
                                              std::to_string(settings().memory_bytes)};
}

void give_back(Device& device, uint64_t bytes) { device.used -= bytes; }

void add_block(const Block& block) {
  std::lock_guard lock(state().mutex);
  if (block.bytes == 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "0 bytes"};
  drop_pageable(block.address, block.bytes);
  if (overlaps(block.address, block.bytes)) {
    throw Failure{block.kind == BlockKind::registered ? CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED : CUDA_ERROR_INVALID_VALUE,
                  place(block.address) + " overlaps memory that the driver has"};
  }
  each_device_of(block, [&](Device& device) { device.memory.add(block.address, block.host, block.bytes, block.writable); });
  state().blocks[block.address] = block;
}

void remove_block(uint64_t address) {
  std::lock_guard lock(state().mutex);
  const auto at = state().blocks.find(address);
  if (at == state().blocks.end()) return;
  each_device_of(at->second, [&](Device& device) { device.memory.remove(address); });
  state().blocks.erase(at);
}

std::optional<Block> find_block(uint64_t address) {
  std::lock_guard lock(state().mutex);
  const Block* block = holder(address);
  return block ? std::optional(*block) : std::nullopt;
}

CUdeviceptr allocate(Device& device, uint64_t bytes) {
  if (bytes == 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "0 bytes"};
  take(device, bytes);
  std::byte* host = map_with_guards(bytes);
  fill_fresh(host, bytes);
  const uint64_t address = reinterpret_cast<uint64_t>(host) + kDeviceTag;
  add_block({address, bytes, host, BlockKind::device, &device, true});
  return address;
}

void release(CUdeviceptr pointer) {
  const Block block = take_out(pointer, BlockKind::device, CUDA_ERROR_INVALID_VALUE, "cuMemFree");
  unmap_with_guards(block.host, block.bytes);
  give_back(*block.device, block.bytes);
}

void* allocate_host(uint64_t bytes) {
  if (bytes == 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "0 bytes"};
  std::byte* host = map_with_guards(bytes);
  fill_fresh(host, bytes);
  add_block({reinterpret_cast<uint64_t>(host), bytes, host, BlockKind::host, nullptr, true});
  return host;
}

void release_host(void* pointer) {
  const Block block = take_out(reinterpret_cast<uint64_t>(pointer), BlockKind::host, CUDA_ERROR_INVALID_VALUE, "cuMemFreeHost");
  unmap_with_guards(block.host, block.bytes);
}

void register_host(void* pointer, uint64_t bytes, bool writable) {
  const uint64_t address = reinterpret_cast<uint64_t>(pointer);
  if (bytes == 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "0 bytes"};
  const uint64_t first = address / page_bytes() * page_bytes();
  std::vector<unsigned char> resident((address + bytes - first + page_bytes() - 1) / page_bytes());
  if (mincore(reinterpret_cast<void*>(first), address + bytes - first, resident.data()) != 0) {
    throw Failure{CUDA_ERROR_INVALID_VALUE, place(address) + " + " + std::to_string(bytes) + " bytes are not all mapped"};
  }
  add_block({address, bytes, static_cast<std::byte*>(pointer), BlockKind::registered, nullptr, writable});
}

void unregister_host(void* pointer) {
  take_out(reinterpret_cast<uint64_t>(pointer), BlockKind::registered, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "cuMemHostUnregister");
}

std::byte* resolve(const Device& device, CUdeviceptr pointer, uint64_t bytes, bool write, const char* what) {
  std::lock_guard lock(state().mutex);
  const Block* first = holder(pointer);
  const auto refuse = [&](const std::string& why) {
    throw Failure{CUDA_ERROR_INVALID_VALUE, std::string(what) + " " + place(pointer) + " + " + std::to_string(bytes) + " bytes: " + why};
  };
  if (!first) refuse("no memory of the driver is there");
  std::byte* host = first->host + (pointer - first->address);
  for (uint64_t at = pointer; at < pointer + bytes;) {  // mapped handles may lie side by side
    const Block* block = holder(at);
    if (!block) refuse("it goes " + std::to_string(pointer + bytes - at) + " bytes past the end of its memory");
    if (block->device && block->device != &device) refuse("it is memory of device " + std::to_string(block->device->ordinal));
    if (write && !block->writable) refuse("it is read-only");
    at = block->address + block->bytes;
  }
  return host;
}

bool is_pinned(const void* pointer, uint64_t bytes) {
  const auto block = find_block(reinterpret_cast<uint64_t>(pointer));
  return block && !block->device && block->kind != BlockKind::pageable &&
         reinterpret_cast<uint64_t>(pointer) + bytes <= block->address + block->bytes;
}

void admit_pageable(std::span<const std::byte> params) {
  if (!settings().ats) return;
  static std::mutex* const one_at_a_time = new std::mutex;
  std::lock_guard lock(*one_at_a_time);
  for (size_t at = 0; at + 8 <= params.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, params.data() + at, 8);
    if (!may_be_mapped(word)) continue;
    const auto known = find_block(word);
    if (known && known->kind != BlockKind::pageable) continue;
    const auto block = memfd_mapping(word);
    if (known && block && block->address == known->address && block->bytes == known->bytes) continue;
    if (known) remove_block(known->address);  // it was unmapped since
    if (block) add_block(*block);
  }
}

}  // namespace yoke::emulator
