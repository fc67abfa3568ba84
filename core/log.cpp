#include "core/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include "core/error.h"

namespace yoke {

void start_logging(const std::string& who, const std::string& level) {
  const spdlog::level::level_enum parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    throw Error{Code::invalid_argument, "log level '" + level + "' is unknown; use trace, debug, info, warn, error or off",
                "log-level"};
  }
  auto logger = std::make_shared<spdlog::logger>(who, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %n: %v");
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace yoke
