#include "node/load_thread.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <memory>

#include "core/clock.h"

namespace yoke::node {
namespace {

constexpr Duration kProgressEvery = std::chrono::milliseconds(100);

// Whatever goes wrong while a file is read becomes an answer to the coordinator, never an end of the agent.
std::variant<LoadedShard, Error> load_or_error(const ShardLoad& job) {
  try {
    return load_shard(job);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error{Code::does_not_fit, "out of memory while loading"};
  } catch (const std::exception& error) {
    return Error{Code::internal, error.what()};
  }
}

}  // namespace

void LoadThread::start(ShardLoad job, Pool old) {
  cancelled_ = false;
  thread_ = std::jthread([this, job = std::move(job), old = std::move(old)]() mutable {  // joins the one before, which has ended
    old = Pool();
    run(std::move(job));
  });
}

void LoadThread::run(ShardLoad job) {
  TimePoint told{};
  job.progress = [&](const LoadProgress& now) {
    const TimePoint time = system_clock().now();
    if (now.bytes_done < now.bytes_total && time - told < kProgressEvery) return;
    told = time;
    boost::asio::post(context_, [this, now] { handlers_.on_progress(now); });
  };
  // Handlers of Asio may be copied, a LoadedShard may not.
  job.cancelled = [this] { return cancelled_.load(); };
  auto result = std::make_shared<std::variant<LoadedShard, Error>>(load_or_error(job));
  boost::asio::post(context_, [this, result] { handlers_.on_ended(std::move(*result)); });
}

}  // namespace yoke::node
