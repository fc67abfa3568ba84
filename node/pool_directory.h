// The directory at the start of a pool: which regions lie where. The agent writes it once, an engine of any later start reads it.
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

// Writes the directory at the start of `pool`, whose size lay_out() gave.
void write_directory(const std::vector<Region>& regions, std::span<std::byte> pool);

// Reads and checks it: every region inside the pool, none over another. Error{bad_file} says what is wrong.
std::vector<Region> read_directory(std::span<const std::byte> pool);

}  // namespace yoke::node
