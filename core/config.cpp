#include "core/config.h"

#include <yaml-cpp/yaml.h>

#include <cctype>
#include <cstdlib>

namespace yoke {
namespace {

// CLI11 asks a Config for items with parents; here a parent is a subcommand's name.
class YamlConfig : public CLI::Config {
 public:
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> items;
    try {
      collect(YAML::Load(input), {}, items);
    } catch (const YAML::Exception& error) {
      throw CLI::FileError(std::string("the configuration file is not YAML that can be read: ") + error.what());
    }
    return items;
  }

 private:
  static void collect(const YAML::Node& node, const std::vector<std::string>& parents,
                      std::vector<CLI::ConfigItem>& items) {
    if (node.IsNull()) return;
    if (!node.IsMap()) throw CLI::FileError("the configuration file must be a mapping of option names to values");
    for (const auto& entry : node) {
      const std::string key = entry.first.as<std::string>();
      if (entry.second.IsMap()) {
        std::vector<std::string> deeper = parents;
        deeper.push_back(key);
        collect(entry.second, deeper, items);
        continue;
      }
      // CLI11 asks the file before the environment; for us the environment wins.
      if (std::getenv(environment_name(key).c_str()) != nullptr) continue;
      CLI::ConfigItem item;
      item.parents = parents;
      item.name = key;
      if (entry.second.IsSequence()) {
        for (const auto& value : entry.second) item.inputs.push_back(value.as<std::string>());
      } else {
        item.inputs.push_back(entry.second.as<std::string>());
      }
      items.push_back(std::move(item));
    }
  }
};

void add_environment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const auto& names = option->get_lnames();
    if (names.empty() || names[0] == "help" || names[0] == "version") continue;
    option->envname(environment_name(names[0]));
  }
  for (CLI::App* sub : app.get_subcommands({})) add_environment(*sub);
}

}  // namespace

std::string environment_name(const std::string& option) {
  std::string name = "YOKE_";
  for (const char c : option) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

void add_config_sources(CLI::App& app) {
  app.set_config("--config", "", "YAML file with settings: each key is a flag's name without the dashes");
  app.config_formatter(std::make_shared<YamlConfig>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  add_environment(app);
}

}  // namespace yoke
