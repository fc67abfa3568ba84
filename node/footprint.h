// Which bytes of its region one piece of a part changes: what has to be copied when the region is put together elsewhere. A pure
// function; tests/node/footprint_test.cpp holds it to what put() does.
#pragma once

#include "node/pool_memory.h"
#include "node/tensor_part.h"

namespace yoke::node {

struct Footprint {
  Rectangle bytes;        // of the region
  bool shares = false;    // other pieces of the part change some of these bytes too
  bool leaves_state = false;  // tables and lists behind the panels too, which other pieces of the part read and go on with
};

// Of put({.part = part, .index = index}).
Footprint footprint(const TensorPart& part, Range index);

}  // namespace yoke::node
