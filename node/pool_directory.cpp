#include "node/pool_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include "core/error.h"
#include "core/units.h"

namespace yoke::node {
namespace {

constexpr char kMagic[8] = {'Y', 'O', 'K', 'E', 'P', 'O', 'O', 'L'};
constexpr uint32_t kLayoutVersion = 3;
constexpr uint64_t kPage = 4096;
constexpr uint64_t kCacheLine = 64;
constexpr uint64_t kPageAlignedFrom = 1 << 20;
// DeepSeek-V3 on one rank has 94,000: 58 layers of 256 experts in two halves of three matrices. A directory of 48 MiB at most.
constexpr uint64_t kMaxRegions = 1 << 18;

// Of one dimension; a product of two fits 64 bits with room for the bytes of an element.
constexpr int64_t kMostElements = int64_t{1} << 28;

struct Header {
  char magic[8];
  uint32_t layout_version;
  uint32_t regions;
  uint64_t pool_bytes;
};

struct Entry {
  char name[64];  // ends with 0
  uint64_t offset, bytes;
  int64_t rows, cols, row_begin, col_begin, groups;
  int32_t group;
  uint32_t version;
  uint8_t codes, scales, scale_dtype;
  int8_t zero_bias;
  uint8_t zero_points, listed_groups, global, packed;  // 0 or 1
  uint8_t unused[8];
};
static_assert(sizeof(Entry) == 144);

uint64_t align(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

[[noreturn]] void refuse(const std::string& what) {
  throw Error{Code::bad_file, fmt::format("the pool's directory is damaged: {}; let the agent load the model again", what)};
}

Entry entry_of(const Region& region) {
  const PackedShape& shape = region.shape;
  const WeightFormat& format = shape.format;
  Entry entry{.offset = region.offset,
              .bytes = region.bytes,
              .rows = shape.rows,
              .cols = shape.cols,
              .row_begin = shape.row_begin,
              .col_begin = shape.col_begin,
              .groups = shape.groups,
              .group = format.group,
              .version = region.version,
              .codes = static_cast<uint8_t>(format.codes),
              .scales = static_cast<uint8_t>(format.scales),
              .scale_dtype = static_cast<uint8_t>(format.scale_dtype),
              .zero_bias = format.zero_bias,
              .zero_points = format.zero_points,
              .listed_groups = format.listed_groups,
              .global = format.global,
              .packed = format.packed};
  std::memcpy(entry.name, region.name.data(), region.name.size());
  return entry;
}

bool known_format(const Entry& entry) {
  constexpr uint8_t kTypes = static_cast<uint8_t>(std::size(kDtypes));
  return entry.codes < kTypes && entry.scale_dtype < kTypes && entry.scales <= static_cast<uint8_t>(Scales::per_group) &&
         entry.group >= 0 && entry.zero_points <= 1 && entry.listed_groups <= 1 && entry.global <= 1 && entry.packed <= 1;
}

PackedShape shape_in(const Entry& entry) {
  if (!known_format(entry)) refuse(fmt::format("{} has a weight format that this build does not know", entry.name));
  for (const int64_t number : {entry.rows, entry.cols, entry.row_begin, entry.col_begin, entry.groups}) {
    if (number < 0 || number > kMostElements) refuse(fmt::format("{} has shape {} x {}", entry.name, entry.rows, entry.cols));
  }
  const WeightFormat format{.codes = static_cast<Dtype>(entry.codes),
                            .scales = static_cast<Scales>(entry.scales),
                            .scale_dtype = static_cast<Dtype>(entry.scale_dtype),
                            .group = entry.group,
                            .zero_points = entry.zero_points != 0,
                            .zero_bias = entry.zero_bias,
                            .listed_groups = entry.listed_groups != 0,
                            .global = entry.global != 0,
                            .packed = entry.packed != 0};
  return {format, entry.rows, entry.cols, entry.row_begin, entry.col_begin, entry.groups};
}

Region read_entry(const Entry& entry, uint64_t data_begin, uint64_t pool_bytes) {
  if (entry.name[0] == 0 || std::memchr(entry.name, 0, sizeof(entry.name)) == nullptr) refuse("a region without a name");
  if (entry.offset % kCacheLine != 0 || entry.offset < data_begin || entry.offset > pool_bytes ||
      entry.bytes > pool_bytes - entry.offset) {
    refuse(fmt::format("{} claims bytes {} + {} of {}", entry.name, entry.offset, entry.bytes, pool_bytes));
  }
  return {entry.name, shape_in(entry), entry.bytes, entry.offset, entry.version};
}

void check_apart(std::vector<const Region*> regions) {
  std::sort(regions.begin(), regions.end(), [](const Region* a, const Region* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < regions.size(); ++i) {
    if (regions[i - 1]->offset + regions[i - 1]->bytes > regions[i]->offset) {
      refuse(fmt::format("{} lies over {}", regions[i - 1]->name, regions[i]->name));
    }
  }
}

void check_names(const std::vector<Region>& regions) {
  std::vector<std::string_view> names;
  for (const Region& region : regions) {
    if (region.name.empty() || region.name.size() >= sizeof(Entry::name)) {
      throw Error{Code::invalid_argument,
                  fmt::format("a region's name has 1 to {} characters: '{}'", sizeof(Entry::name) - 1, region.name)};
    }
    names.push_back(region.name);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw Error{Code::invalid_argument, fmt::format("two regions of a pool are called '{}'", *twice)};
}

Header header_of(std::span<const std::byte> directory) {
  Header header;
  if (directory.size() < sizeof(header)) refuse(fmt::format("{} bytes are too few", directory.size()));
  std::memcpy(&header, directory.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) refuse("it does not begin with YOKEPOOL");
  if (header.layout_version != kLayoutVersion) {
    refuse(fmt::format("layout {}, this build reads {}", header.layout_version, kLayoutVersion));
  }
  return header;
}

}  // namespace

uint64_t directory_bytes(uint64_t regions) { return sizeof(Header) + regions * sizeof(Entry); }

uint64_t lay_out(std::vector<Region>& regions) {
  if (regions.size() > kMaxRegions) {
    throw Error{Code::invalid_argument, fmt::format("{} regions: a pool's directory holds {}", regions.size(), kMaxRegions)};
  }
  check_names(regions);
  uint64_t end = directory_bytes(regions.size());
  for (Region& region : regions) {
    region.offset = align(end, region.bytes >= kPageAlignedFrom ? kPage : kCacheLine);
    end = checked_add(region.offset, region.bytes, "the pool");
  }
  return align(checked_add(end, kPage, "the pool") - kPage, kPage);
}

void write_directory(const std::vector<Region>& regions, std::span<std::byte> directory, uint64_t pool_bytes) {
  YOKE_ASSERT(directory.size() >= directory_bytes(regions.size()));
  Header header{{}, kLayoutVersion, static_cast<uint32_t>(regions.size()), pool_bytes};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  std::memcpy(directory.data(), &header, sizeof(header));
  std::byte* at = directory.data() + sizeof(header);
  for (const Region& region : regions) {
    const Entry entry = entry_of(region);
    std::memcpy(at, &entry, sizeof(entry));
    at += sizeof(entry);
  }
}

uint64_t pool_bytes(std::span<const std::byte> directory) { return header_of(directory).pool_bytes; }

std::vector<Region> read_directory(std::span<const std::byte> directory, uint64_t pool_bytes) {
  const Header header = header_of(directory);
  if (header.pool_bytes != pool_bytes) refuse(fmt::format("written for {} bytes, mapped {}", header.pool_bytes, pool_bytes));
  if (header.regions > kMaxRegions || directory_bytes(header.regions) > directory.size()) {
    refuse(fmt::format("{} regions", header.regions));
  }
  std::vector<Region> regions;
  std::vector<const Region*> order;
  regions.reserve(header.regions);
  for (uint32_t i = 0; i < header.regions; ++i) {
    Entry entry;
    std::memcpy(&entry, directory.data() + directory_bytes(i), sizeof(entry));
    order.push_back(&regions.emplace_back(read_entry(entry, directory_bytes(header.regions), pool_bytes)));
  }
  check_apart(std::move(order));
  return regions;
}

}  // namespace yoke::node
