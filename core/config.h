// Settings: flag = environment variable = YAML key. `--max-queue 64`, YOKE_MAX_QUEUE=64 and `max-queue: 64` in the file
// given by --config (or YOKE_CONFIG) mean the same; a flag wins over the environment, and that over the file.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace yoke {

// Gives every long option of `app` and of its subcommands its environment variable, adds --config FILE to `app`, and makes
// CLI11 read that file as YAML (a mapping of option names to scalars, lists of scalars, or, for a subcommand, a mapping of
// its own). Call after all options are added.
void add_config_sources(CLI::App& app);

// The environment variable of a long option: "max-queue" -> "YOKE_MAX_QUEUE".
std::string environment_name(const std::string& option);

}  // namespace yoke
