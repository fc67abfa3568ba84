// How much memory this test program has asked operator new for: what a hostile file may make a reader take. Counts all
// threads.
#pragma once

#include <cstdint>

namespace yoke::model {

// Bytes asked for and not given back, at most, since the last reset_peak(); asked for, not touched.
uint64_t peak_bytes();
void reset_peak();  // counts from what is held now, which becomes 0

}  // namespace yoke::model
