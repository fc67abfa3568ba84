// Loads a shard on a thread of its own, so that the agent goes on answering. Belongs to one io_context's thread; so do the
// callbacks.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <variant>

#include "core/error.h"
#include "node/shard_load.h"

namespace boost::asio {
class io_context;
}

namespace yoke::node {

class LoadThread {
 public:
  struct Handlers {
    std::function<void(const LoadProgress&)> on_progress;                    // ten times a second at most, and once at the end
    std::function<void(std::variant<LoadedShard, Error> result)> on_ended;   // once for every start()
  };
  LoadThread(boost::asio::io_context& context, Handlers handlers) : context_(context), handlers_(std::move(handlers)) {}
  ~LoadThread() { cancel(); }  // and joins

  // Not while one runs. `old` is given back to the system first, here too because that takes seconds for a large one.
  void start(ShardLoad job, Pool old);  // the callbacks of `job` are ours
  void cancel() { cancelled_ = true; }  // on_ended follows, mostly with Error{aborted}

 private:
  void run(ShardLoad job);

  boost::asio::io_context& context_;
  Handlers handlers_;
  std::atomic<bool> cancelled_ = false;
  std::jthread thread_;
};

}  // namespace yoke::node
