#include "cli/interrupt.h"

#include <signal.h>

#include <atomic>

namespace yoke::cli {
namespace {

std::atomic<bool> interrupt_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupt_flag = true; };
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);  // without SA_RESTART: reads end
}

bool interrupted() { return interrupt_flag; }
void clear_interrupt() { interrupt_flag = false; }

}  // namespace yoke::cli
