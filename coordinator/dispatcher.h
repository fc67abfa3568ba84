// The coordinator's one thread: carries out what registry, scheduler and sequences decide, between the agents' channels and the
// requests' streams. An io_context runs it; only Service's methods may be called from other threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "coordinator/metrics.h"
#include "coordinator/registry.h"
#include "coordinator/scheduler.h"
#include "coordinator/service.h"
#include "core/clock.h"
#include "model/config.h"
#include "transport/control/channel.h"

namespace boost::asio {
class io_context;
}

namespace yoke::coordinator {

struct DispatcherConfig {
  RegistryConfig registry;
  int64_t vocab = 0;
  int64_t row_width = 0;           // model::ModelConfig::output_width()
  model::Encoder encoder;          // .is where the model is one
  bool layers_alone = false;       // a bench's: states only
  int64_t context_length = 0;
  int64_t max_queue = 256;         // open requests beyond registry.max_sequences
  double step_budget_us = 0;       // step_pace.h
  Duration step_margin = std::chrono::seconds(5);  // of a step beyond op_deadline
  const Clock* clock = &system_clock();
};

class Dispatcher final : public Service {
 public:
  // `context` and `metrics` outlive it. `on_give_up`: the group will never stand, for that reason; called once, on the thread.
  Dispatcher(boost::asio::io_context& context, const DispatcherConfig& config, Metrics& metrics,
             std::function<void(const Error&)> on_give_up);
  // Ends every stream with an error. On the context's thread, or after it.
  ~Dispatcher() override;

  // For transport::Listener; on the thread.
  void agent_joined(std::shared_ptr<transport::Channel> channel, transport::proto::Hello hello);

  std::shared_ptr<Stream> generate(GenerateRequest request) override;
  std::shared_ptr<Stream> logits(LogitsRequest request) override;
  ServiceStatus status() const override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace yoke::coordinator
