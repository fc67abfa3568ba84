#include "topology/node_info.h"

#include <gtest/gtest.h>

namespace yoke::topology {
namespace {

TEST(NodeInfo, SaysWhatThisMachineHas) {
  const NodeInfo node = probe_node();
  EXPECT_FALSE(node.host_name.empty());
  EXPECT_GE(node.usable_cores, 1);
  EXPECT_GT(node.memory_total_bytes, 64u << 20);
  EXPECT_GT(node.memory_available_bytes, 0u);
  EXPECT_LE(node.memory_available_bytes, node.memory_total_bytes);
}

}  // namespace
}  // namespace yoke::topology
