// Where requests come in: refuses at once what cannot be served, counts what is open, and shows how the group does. Any thread;
// the dispatcher's thread keeps it up to date.
#pragma once

#include <mutex>

#include "coordinator/request.h"
#include "coordinator/service.h"
#include "model/config.h"

namespace yoke::coordinator {

struct FrontDeskConfig {
  int64_t vocab = 0;
  model::Encoder encoder;      // .is where the model is one: its sequences go whole in one step
  bool layers_alone = false;   // a bench's: states only
  int64_t max_rows = 512;      // of a step
  int64_t context_length = 0;
  int64_t max_sequences = 32;  // running
  int64_t max_queue = 256;     // open beyond those
};

class FrontDesk {
 public:
  explicit FrontDesk(const FrontDeskConfig& config) : config_(config) {}

  // A number for the request, which counts as open from now on until it is closed(). Errors as service.h says.
  uint64_t open(const GenerateRequest& request);
  uint64_t open(const LogitsRequest& request);
  void closed(int64_t requests);

  // Positions that a sequence may have: the context, or the whole cache where that is smaller.
  int64_t positions(int64_t kv_blocks) const;

  void show(ServiceStatus status);
  ServiceStatus status() const;

 private:
  void check_ready() const;
  void check_whole(const LogitsRequest& request) const;
  uint64_t take_number();

  const FrontDeskConfig config_;
  mutable std::mutex mutex_;
  ServiceStatus status_;
  int64_t open_ = 0;
  uint64_t newest_ = 0;
};

}  // namespace yoke::coordinator
