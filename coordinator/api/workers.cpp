#include "coordinator/api/workers.h"

#include "coordinator/api/error_reply.h"

namespace yoke::coordinator::api {
namespace {

// As many as the network has: two clients with long prompts do not wait for each other, and a third is no hurry.
constexpr int kThreads = 2;

std::unique_ptr<http::Answer> made_by(const Workers::Make& make) {
  try {
    return make();
  } catch (...) {
    return http::make_answer(error_reply(current_error()));
  }
}

}  // namespace

struct Workers::Job {
  Make make;
  http::Waker wake;
  std::mutex mutex;
  bool begun = false, abandoned = false;
  std::unique_ptr<http::Answer> answer;  // null until it is made

  void run() {
    {
      const std::lock_guard lock(mutex);
      if (abandoned) return;
      begun = true;
    }
    std::unique_ptr<http::Answer> made = made_by(make);
    {
      const std::lock_guard lock(mutex);
      if (abandoned) return;  // `made` learns by its end that its client is gone
      answer = std::move(made);
    }
    wake();
  }
};

class Workers::Deferred : public http::Answer {
 public:
  explicit Deferred(std::shared_ptr<Job> job) : job_(std::move(job)) {}
  ~Deferred() override {
    const std::lock_guard lock(job_->mutex);
    job_->abandoned = true;
    if (!job_->begun) job_->make = nullptr;  // with the body that it holds
  }

  void advance(http::Turn turn, http::Responder& out) override {
    if (!answer_) {
      const std::lock_guard lock(job_->mutex);
      answer_ = std::move(job_->answer);
      if (answer_ && turn != http::Turn::stopping) turn = http::Turn::started;
    }
    if (answer_) return answer_->advance(turn, out);
    if (turn == http::Turn::stopping) out.respond(error_reply(Error(Code::unavailable, "the server is shutting down")));
  }

 private:
  const std::shared_ptr<Job> job_;
  std::unique_ptr<http::Answer> answer_;
};

Workers::Workers() {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    waiting_.clear();
  }
  came_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::unique_ptr<http::Answer> Workers::defer(Make make, http::Waker wake) {
  auto job = std::make_shared<Job>();
  job->make = std::move(make);
  job->wake = std::move(wake);
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(job);
  }
  came_.notify_one();
  return std::make_unique<Deferred>(std::move(job));
}

void Workers::work() {
  while (true) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      came_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (ending_) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job->run();
  }
}

}  // namespace yoke::coordinator::api
