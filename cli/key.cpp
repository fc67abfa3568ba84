// yoke key: keys for the clients of a server that listens on more than loopback.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/verbs.h"
#include "coordinator/api/keys.h"

namespace yoke::cli {
namespace {

std::string default_key_file() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config != '\0') return std::string(config) + "/yoke/keys";
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.config/yoke/keys";
}

int add(const std::string& file, const std::string& name) {
  std::filesystem::create_directories(std::filesystem::absolute(file).parent_path());
  const std::string key = coordinator::api::add_key(file, name);
  fmt::print(
      "{}\n\nThis is the only time that the key of '{}' is shown; {} holds its SHA-256 alone.\n"
      "Serve with it: yoke up MODEL --api-key-file {} --host 0.0.0.0\nClients send it as: Authorization: Bearer KEY\n",
      key, name, file, file);
  return 0;
}

}  // namespace

void add_key(CLI::App& app, Action& action) {
  auto file = std::make_shared<std::string>(default_key_file());
  auto name = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("key", "make keys for clients");
  verb->require_subcommand(1);
  CLI::App* adding = verb->add_subcommand("add", "make a key, add its hash to the file, and show it once");
  adding->add_option("NAME", *name, "whose key it is: letters, digits, '.', '_' and '-'")->required();
  adding->add_option("--file", *file, "the key file, as given to --api-key-file");
  adding->callback([=, &action] { action = [=] { return add(*file, *name); }; });
}

}  // namespace yoke::cli
