#include "roads.h"

namespace yoke::transport::conformance {
namespace {

const Road kRoads[] = {
    {.name = "loopback"},
    {.name = "ucx_shm", .backend = "ucx", .rails = "shm"},
    {.name = "ucx_tcp", .backend = "ucx", .rails = "tcp"},
    {.name = "nccl", .backend = "nccl", .device = true, .haste = 50},
};

INSTANTIATE_TEST_SUITE_P(Conformance, EveryRoad, testing::ValuesIn(kRoads),
                         [](const testing::TestParamInfo<Road>& row) { return row.param.name; });

}  // namespace
}  // namespace yoke::transport::conformance
