// One function a verb: adds its subcommand to the app, and on parsing sets `action`, which main runs. An action returns the
// exit code or throws Error, which main prints with its remedy and turns into an exit code.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace yoke::cli {

using Action = std::function<int()>;

void add_up(CLI::App& app, Action& action);
void add_down(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_chat(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_verify(CLI::App& app, Action& action);
void add_selftest(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_key(CLI::App& app, Action& action);
void add_manifest(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_template(CLI::App& app, Action& action);

}  // namespace yoke::cli
