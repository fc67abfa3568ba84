// The directory of a pool: which regions lie where. It lies at the pool's start, or in a memfd of its own where the host cannot read
// the pool; offsets are the same. The agent writes it once, an engine of any later start reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "node/pool.h"

namespace yoke::node {

// Sets every region's offset and returns the pool's whole size, directory included, in whole pages.
// Error{invalid_argument} for a name that is empty, too long or twice there, or for more regions than the directory holds.
uint64_t lay_out(std::vector<Region>& regions);

uint64_t directory_bytes(uint64_t regions);

// Writes it for a pool whose size lay_out() gave.
void write_directory(const std::vector<Region>& regions, std::span<std::byte> directory, uint64_t pool_bytes);

// Error{bad_file} says what is wrong; so for all below.
uint64_t pool_bytes(std::span<const std::byte> directory);  // that it is written for
// Reads and checks it: every region inside the pool, none over another.
std::vector<Region> read_directory(std::span<const std::byte> directory, uint64_t pool_bytes);

}  // namespace yoke::node
