// The parameter of every test here: one suite, a row a road.
#pragma once

#include <gtest/gtest.h>

#include "group.h"

namespace yoke::transport::conformance {

class EveryRoad : public testing::TestWithParam<Road> {};

// Far above what any operation here needs, also under a sanitizer on a busy machine.
inline constexpr Duration kPatience = std::chrono::seconds(60);

}  // namespace yoke::transport::conformance
