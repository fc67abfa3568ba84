// The yoke command: verbs, help, exit codes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/verbs.h"
#include "core/config.h"
#include "core/error.h"
#include "core/version.h"

namespace {

constexpr const char* kAbout =
    "Yoke joins machines into one inference server: a coordinator cuts a model over agents, a REST endpoint answers.\n"
    "Without a GPU, two agents on this machine are a real cluster of two.";

constexpr const char* kFooter =
    "Try:\n"
    "  yoke run MODEL.gguf \"What is the capital of France?\"   one question, then everything stops\n"
    "  yoke up MODEL.gguf                                     serve at http://127.0.0.1:8000/v1 until Ctrl-C\n"
    "  yoke status -w                                         what the cluster does\n"
    "  yoke selftest                                          is this machine's device right and fast?\n\n"
    "A flag is also an environment variable (--max-queue: YOKE_MAX_QUEUE) and a key of the YAML file given by --config.\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 unhealthy, 4 does not fit in memory, 5 peer unreachable.";

int run(int argc, char** argv) {
  CLI::App app(kAbout, "yoke");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("yoke ") + yoke::kVersion);
  app.require_subcommand(1);
  app.fallthrough();
  yoke::cli::Action action;
  yoke::cli::add_up(app, action);
  yoke::cli::add_down(app, action);
  yoke::cli::add_status(app, action);
  yoke::cli::add_run(app, action);
  yoke::cli::add_chat(app, action);
  yoke::cli::add_bench(app, action);
  yoke::cli::add_verify(app, action);
  yoke::cli::add_selftest(app, action);
  yoke::cli::add_doctor(app, action);
  yoke::cli::add_serve(app, action);
  yoke::cli::add_key(app, action);
  yoke::cli::add_manifest(app, action);
  yoke::cli::add_tokenize(app, action);
  yoke::cli::add_template(app, action);
  yoke::add_config_sources(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : yoke::exit_code(yoke::Code::invalid_argument);
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const yoke::Error& error) {
    fmt::print(stderr, "yoke: {}\n", error.what());
    return yoke::exit_code(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "yoke: {}\n", error.what());
    return 1;
  }
}
