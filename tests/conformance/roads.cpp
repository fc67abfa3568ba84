#include "roads.h"

namespace yoke::transport::conformance {
namespace {

const Road kRoads[] = {{"loopback", "", true}, {"ucx_shm", "shm", false}, {"ucx_tcp", "tcp", false}};

INSTANTIATE_TEST_SUITE_P(Conformance, EveryRoad, testing::ValuesIn(kRoads),
                         [](const testing::TestParamInfo<Road>& row) { return row.param.name; });

}  // namespace
}  // namespace yoke::transport::conformance
