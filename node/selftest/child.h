// Processes of the self-test: `yoke-node --selftest-child ROLE ...`, each with one end of a socket of messages for its descriptor 3. One
// thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/descriptor.h"

namespace yoke::node::selftest {

// Messages of at most 64 KiB. Error{peer_lost} when the other end is gone, Error{deadline_exceeded}.
class Channel {
 public:
  Channel() = default;
  explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}
  void send(const std::string& message);
  std::string receive(Duration deadline);
  int fd() const { return socket_.get(); }

 private:
  Descriptor socket_;
};

class Child {
 public:
  // `program ARGUMENTS...`; `inherited` become its descriptors 4, 5, ... It is killed when this process ends. Call from the thread that
  // lives as long as it. Error{internal} when the system refuses.
  Child(const std::string& program, std::vector<std::string> arguments, const std::vector<int>& inherited = {});
  ~Child();  // kills and reaps it
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Channel& channel() { return channel_; }
  void kill();  // SIGKILL; reaps it

 private:
  Channel channel_;
  pid_t pid_ = 0;
};

inline constexpr int kChildChannel = 3, kFirstInherited = 4;

// What the child does: argv after --selftest-child. Returns the exit code; errors go to the channel as "error TEXT".
int run_child(const std::vector<std::string>& arguments);

}  // namespace yoke::node::selftest
