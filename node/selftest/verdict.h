// What the findings of a self-test mean and what to do about them. Pure: rules in a table, each from a number that stands in it.
#pragma once

#include "node/selftest/report.h"

namespace yoke::node::selftest {

// Sets `remedies` and `passed`. Rates of a double are not judged.
void judge(Report& report);

}  // namespace yoke::node::selftest
