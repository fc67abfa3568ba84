#include "core/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace yoke {
namespace {

// An application with a flag, and a subcommand with one of its own.
struct Program {
  CLI::App app{"test"};
  int port = 1;
  std::vector<std::string> aliases;
  int rows = 2;

  Program() {
    app.add_option("--port", port);
    app.add_option("--alias", aliases);
    CLI::App* sub = app.add_subcommand("serve");
    sub->add_option("--max-rows", rows);
    add_config_sources(app);
  }
  void parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  }
};

std::string write_file(const std::string& text) {
  const std::string path = testing::TempDir() + "config_test.yaml";
  std::ofstream(path) << text;
  return path;
}

TEST(Config, AnOptionIsItsEnvironmentVariableToo) {
  EXPECT_EQ(environment_name("max-queue"), "YOKE_MAX_QUEUE");
  setenv("YOKE_MAX_ROWS", "77", 1);
  Program program;
  program.parse({"serve"});
  unsetenv("YOKE_MAX_ROWS");
  EXPECT_EQ(program.rows, 77);
}

TEST(Config, AYamlFileGivesOptionsListsAndThoseOfASubcommand) {
  const std::string file = write_file("port: 9000\nalias: [a, b]\nserve:\n  max-rows: 12\n");
  Program program;
  program.parse({"--config", file, "serve"});
  EXPECT_EQ(program.port, 9000);
  EXPECT_EQ(program.aliases, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(program.rows, 12);
}

TEST(Config, AFlagWinsOverTheEnvironmentAndThatOverTheFile) {
  const std::string file = write_file("port: 1000\n");
  setenv("YOKE_PORT", "2000", 1);
  Program by_environment;
  by_environment.parse({"--config", file});
  Program by_flag;
  by_flag.parse({"--config", file, "--port", "3000"});
  unsetenv("YOKE_PORT");
  EXPECT_EQ(by_environment.port, 2000);
  EXPECT_EQ(by_flag.port, 3000);
}

TEST(Config, AnUnknownKeyOrBrokenYamlIsAnErrorAndNotIgnored) {
  Program unknown;
  EXPECT_THROW(unknown.parse({"--config", write_file("prot: 9000\n")}), CLI::Error);
  Program broken;
  EXPECT_THROW(broken.parse({"--config", write_file("port: [1\n")}), CLI::Error);
}

}  // namespace
}  // namespace yoke
