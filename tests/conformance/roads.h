// The parameter of every test here: one suite, a row a road.
#pragma once

#include <gtest/gtest.h>

#include "group.h"

namespace yoke::transport::conformance {

class EveryRoad : public testing::TestWithParam<Road> {};

inline const Road kRoads[] = {{"loopback", "", true}, {"ucx_shm", "shm", false}, {"ucx_tcp", "tcp", false}};

inline std::string road_name(const testing::TestParamInfo<Road>& info) { return info.param.name; }

// Far above what any operation here needs, also under a sanitizer on a busy machine.
inline constexpr Duration kPatience = std::chrono::seconds(20);

}  // namespace yoke::transport::conformance
