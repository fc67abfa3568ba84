// The cluster that a verb talks to: one given by --url, a running one by --name, or one of its own that it starts by `yoke up` and
// stops again.
#pragma once

#include <sys/types.h>

#include <string>

#include "cli/cluster_options.h"
#include "cli/rest_client.h"

namespace yoke::cli {

struct TargetOptions {
  std::string url;
  std::string name;
  std::string api_key;
  ClusterOptions cluster;  // used when neither is given; its model may then not be empty
};

// --name, --url, --api-key and the layout of an own cluster.
void add_target_options(CLI::App& verb, TargetOptions& options);

class Target {
 public:
  // Blocks until the cluster is ready, with progress on a terminal. Error{peer_lost} when a given one does not answer or none
  // of that name runs, Error{internal} or the child's own exit code as an error when an own one does not come up.
  explicit Target(const TargetOptions& options);
  ~Target();  // stops an own cluster
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  RestClient client() const { return RestClient(url_, key_); }
  const std::string& url() const { return url_; }
  std::string model_name() const;  // what the server calls its model

 private:
  void start_own(ClusterOptions cluster);
  void wait_until_ready();

  std::string url_;
  std::string key_;
  std::string own_name_;
  pid_t own_pid_ = 0;
};

}  // namespace yoke::cli
