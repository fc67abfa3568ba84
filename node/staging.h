// Packs pieces of regions that only a device can write. Three ways, by what put() does to a region (node/footprint.h):
//   band     the panels that a piece changes fit a buffer: it is packed where the copy starts
//   scratch  the piece changes a little of each of many panels (columns of [in, out]): packed into an empty image of the region, of
//            which only the pages that it touches are there, and gathered from it
//   image    a packed form, whose pieces go on with tables and lists of those before: one such image for all of them, of which
//            panels that are done are given back; tables and lists follow with the last piece
// Where pieces share bytes, those that are there are read back first.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "node/footprint.h"
#include "node/region_writer.h"

namespace yoke::node {

class Staging {
 public:
  Staging(std::vector<const Region*> regions, PoolMemory& memory, int threads);
  ~Staging();

  void put(size_t slice, const TensorPart& part, Range index, const std::byte* line);
  void finish();
  CopyTimes times() const;
  static uint64_t most_bytes(int threads);

 private:
  class Buffer;
  struct Image;

  void put_band(const Region& region, const TensorPart& part, Range index, const std::byte* line, const Footprint& print);
  void put_scratch(const Region& region, const TensorPart& part, Range index, const std::byte* line, const Footprint& print);
  void put_image(size_t slice, const TensorPart& part, Range index, const std::byte* line, const Footprint& print);
  std::shared_ptr<Image> image_of(size_t slice, const TensorPart& part);
  void copy(const std::byte* image, const Rectangle& bytes, uint64_t region_offset, bool wait);
  void count(uint64_t bytes, Duration waited);

  const std::vector<const Region*> regions_;
  const int slots_;
  const std::unique_ptr<DeviceCopies> copies_;

  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<int> free_;  // slots, the one that was used longest ago first
  std::map<size_t, std::shared_ptr<Image>> images_;
  CopyTimes times_;
};

}  // namespace yoke::node
