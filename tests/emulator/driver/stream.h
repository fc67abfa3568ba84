// Streams: each is a queue with a thread, which takes its work one after another while the caller goes on. Capture puts the work into a
// graph instead (graph.h). Any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/emulator/driver/context.h"

namespace yoke::emulator {

struct Capture;

struct Work {
  std::function<void()> run;     // a Failure that it throws becomes the device's sticky error
  const char* name = "";
  bool after_errors = false;     // runs though the device has failed: records of events, so that nobody waits for ever
  bool tardy = false;            // a copy of pageable memory: late, so that reuse of the buffer before it shows
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(Device& device, uint64_t number);  // the number is part of its seed

  Device& device() const { return device_; }
  void enqueue(Work work);
  bool idle() const;
  void wait_idle();
  void start();          // its thread, which keeps it alive
  void end_when_idle();  // cuStreamDestroy; the thread is gone when this returns, if the stream was idle

  // Guarded by capture_mutex() of graph.h.
  std::shared_ptr<Capture> capture;
  std::vector<size_t> tips;  // nodes of the capture that the next one comes after

 private:
  void work();
  void run(const Work& work);
  void pause_before(const Work& work);

  Device& device_;
  std::mt19937_64 random_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> queue_;
  bool busy_ = false;
  bool ending_ = false;
  std::thread thread_;
};

std::shared_ptr<Stream> make_stream(Device& device);
void wait_for_all(Device& device);  // cuCtxSynchronize, cuMemFree

class Event {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Event(bool timed) : timed_(timed) {}
  uint64_t record_begins();              // returns the record's number
  void record_ends(uint64_t number);
  void wait(uint64_t number);            // until that record, or a later one, has ended
  uint64_t recorded() const;             // the last record's number; 0: none
  bool done() const;
  Time time() const;                     // of the last record that ended; Failure where the event is not timed or not recorded

  // Guarded by capture_mutex(): the capture that it was recorded in, and the nodes that it stands for.
  std::weak_ptr<Capture> capture;
  std::vector<size_t> tips;

 private:
  const bool timed_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t recorded_ = 0;
  uint64_t done_ = 0;
  Time time_;
};

}  // namespace yoke::emulator
