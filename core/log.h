// Logging: one line an event on stderr, "2026-11-24 14:50:46.123 I agent 0: loaded 98.0 MiB in 0.21 s". Any thread.
// Use spdlog's own calls: spdlog::info("loaded {} in {:.2f} s", ...). Libraries log; only main decides to exit.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace yoke {

// Call once, first thing in main. `who` stands in every line ("coordinator", "agent 0"). Level: trace, debug, info, warn,
// error, off; Error{invalid_argument} for another word.
void start_logging(const std::string& who, const std::string& level);

}  // namespace yoke
