// yoke chat: a conversation in the terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

struct ChatOptions {
  TargetOptions target;
  std::string system;
  AnswerOptions answer;
};

// One line from the user; nothing at the end of input or at Ctrl-C on an empty prompt.
std::optional<std::string> read_line(bool prompt) {
  if (prompt) {
    fmt::print("> ");
    std::fflush(stdout);
  }
  std::string line;
  if (!std::getline(std::cin, line) || interrupted()) return std::nullopt;
  return line;
}

int run(ChatOptions options) {
  catch_interrupts();
  if (options.target.cluster.model.empty() && options.target.url.empty() && options.target.name.empty()) options.target.name = "default";
  const Target target(options.target);
  RestClient client = target.client();
  const std::string model = target.model_name();
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) fmt::print("{} at {}. Ctrl-C stops an answer, Ctrl-D or /bye ends the chat, /new starts afresh.\n", model, target.url());
  boost::json::array messages;
  const auto restart = [&] {
    messages.clear();
    if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
  };
  restart();
  while (const std::optional<std::string> line = read_line(terminal)) {
    if (*line == "/bye") break;
    if (line->empty()) continue;
    if (*line == "/new") {
      restart();
      continue;
    }
    messages.push_back({{"role", "user"}, {"content", *line}});
    try {
      messages.push_back({{"role", "assistant"}, {"content", answer(client, model, messages, options.answer)}});
    } catch (const Error& error) {
      messages.pop_back();
      fmt::print(stderr, "yoke: {}\n", error.what());
      if (!terminal) throw;
    }
    clear_interrupt();
  }
  return 0;
}

}  // namespace

void add_chat(CLI::App& app, Action& action) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* verb = app.add_subcommand("chat", "talk with a model: with MODEL in a cluster of its own, else in the running one");
  verb->add_option("MODEL", options->target.cluster.model, "a .gguf file or a model's folder; left out: the running cluster");
  verb->add_option("--system", options->system, "system message");
  verb->add_option("--max-tokens", options->answer.max_tokens, "end each answer after so many tokens")->check(CLI::Range(0, 1 << 30));
  verb->add_option("--temperature", options->answer.temperature, "0: always the likeliest token")->check(CLI::Range(0.0, 2.0));
  verb->add_option("--seed", options->answer.seed, "the same seed gives the same answers")->check(CLI::Range(int64_t{0}, int64_t{1} << 53));
  add_target_options(*verb, options->target);
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace yoke::cli
