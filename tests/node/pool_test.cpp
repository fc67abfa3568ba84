// The pool: taken whole, mapped again by its descriptor alone, distrusted where its directory is damaged.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "core/error.h"
#include "node/pool.h"

namespace yoke::node {
namespace {

// A part inside the groups of an int4 matrix: every field of a shape says something.
PackedShape some_shape() {
  const WeightFormat format{.codes = Dtype::int4,
                            .scales = Scales::per_group,
                            .scale_dtype = Dtype::f16,
                            .group = 32,
                            .zero_points = true,
                            .zero_bias = 1,
                            .listed_groups = true,
                            .global = true,
                            .packed = true};
  return {.format = format, .rows = 48, .cols = 64, .row_begin = 16, .col_begin = 40, .groups = 7};
}

std::vector<Region> some_regions() {
  return {{"L0.q.0", some_shape(), some_shape().bytes()}, {"final_norm.0", {}, 256}, {"L0.kv.0", {}, uint64_t{3} << 20}};
}

Code code_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_GT(std::strlen(error.what()), 20u);
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Code::internal;
}

TEST(Pool, AnotherMappingSeesTheSameRegionsAndBytes) {
  Pool pool = Pool::create(some_regions());
  std::memcpy(pool.data(pool.at("final_norm.0")), "weights", 8);
  const Pool attached = Pool::attach(dup(pool.fd()));
  ASSERT_EQ(attached.regions().size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const Region &a = pool.regions()[i], &b = attached.regions()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(std::tuple(a.bytes, a.offset, a.version), std::tuple(b.bytes, b.offset, b.version));
  }
  EXPECT_STREQ(reinterpret_cast<const char*>(attached.data(attached.at("final_norm.0"))), "weights");
  EXPECT_EQ(attached.find("L7.q.0"), nullptr);
}

TEST(Pool, OutlivesWhoCreatedItWhileSomebodyHasIt) {
  Pool attached;
  {
    Pool pool = Pool::create(some_regions());
    std::memcpy(pool.data(pool.at("L0.q.0")), "still", 6);
    attached = Pool::attach(dup(pool.fd()));
  }
  EXPECT_STREQ(reinterpret_cast<const char*>(attached.data(attached.at("L0.q.0"))), "still");
}

TEST(Pool, RegionsAreAlignedApartAndZero) {
  const Pool pool = Pool::create(some_regions());
  uint64_t end = 0;
  for (const Region& region : pool.regions()) {
    EXPECT_EQ(region.offset % (region.bytes >= (1 << 20) ? 4096 : 64), 0u) << region.name;
    EXPECT_GE(region.offset, end);
    end = region.offset + region.bytes;
    for (uint64_t i = 0; i < region.bytes; ++i) ASSERT_EQ(pool.data(region)[i], std::byte{0});
  }
  EXPECT_LE(end, pool.bytes());
}

TEST(Pool, FindsAmongAHundredThousandRegionsAtOnce) {
  std::vector<Region> regions;
  for (int i = 0; i < 100'000; ++i) regions.push_back({fmt::format("L{}.expert_gate.1.e{}", i / 256, i % 256), {}, 64});
  Pool created = Pool::create(regions);
  const Pool pool = std::move(created);
  for (const Region& region : regions) {
    const Region* found = pool.find(region.name);
    ASSERT_TRUE(found != nullptr && found->name == region.name);
  }
  EXPECT_EQ(pool.find("L0.expert_gate.1.e256"), nullptr);
  EXPECT_EQ(created.find("L0.expert_gate.1.e0"), nullptr);
}

TEST(Pool, MoreThanTheMemoryThereIsDoesNotFit) {
  std::vector<Region> regions = some_regions();
  regions[2].bytes = uint64_t{1} << 50;
  EXPECT_EQ(code_of([&] { Pool::create(regions); }), Code::does_not_fit);
}

TEST(Pool, NamesAreUniqueAndShort) {
  std::vector<Region> twice = some_regions();
  twice[1].name = twice[0].name;
  EXPECT_EQ(code_of([&] { Pool::create(twice); }), Code::invalid_argument);
  std::vector<Region> long_name = some_regions();
  long_name[1].name = std::string(64, 'x');
  EXPECT_EQ(code_of([&] { Pool::create(long_name); }), Code::invalid_argument);
}

TEST(Pool, RefusesADescriptorThatIsNoSealedMemory) {
  EXPECT_EQ(code_of([] { Pool::attach(open("/dev/null", O_RDWR)); }), Code::bad_file);
  const int unsealed = memfd_create("test", MFD_ALLOW_SEALING);
  ASSERT_EQ(ftruncate(unsealed, 1 << 16), 0);
  EXPECT_EQ(code_of([&] { Pool::attach(unsealed); }), Code::bad_file);
}

// Every byte of the directory set to several values in turn: attach() refuses, or finds regions inside the pool. Run under
// ASan it also proves that nothing is read outside.
TEST(Pool, ADamagedDirectoryNeverReachesOutsideThePool) {
  const Pool pool = Pool::create({{"a", some_shape(), 16}, {"b", {}, 16}});
  std::byte* const directory = pool.data(Region{});
  int refused = 0;
  for (int at = 0; at < 24 + 2 * 144; ++at) {
    const std::byte good = directory[at];
    for (const int value : {0, 1, 0x41, 0x7F, 0x80, 0xFF}) {
      directory[at] = static_cast<std::byte>(value);
      try {
        const Pool attached = Pool::attach(dup(pool.fd()));
        for (const Region& region : attached.regions()) {
          ASSERT_LE(region.offset, attached.bytes());
          ASSERT_LE(region.bytes, attached.bytes() - region.offset);
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::bad_file);
        ++refused;
      }
    }
    directory[at] = good;
  }
  EXPECT_GT(refused, 100);
  EXPECT_EQ(Pool::attach(dup(pool.fd())).regions().size(), 2u);
}

}  // namespace
}  // namespace yoke::node
