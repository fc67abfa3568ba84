// yoke run: one question, one answer.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

struct RunOptions {
  TargetOptions target;
  std::string system;
  std::string prompt;
  AnswerOptions answer;
};

int run(const RunOptions& options) {
  catch_interrupts();
  const Target target(options.target);
  RestClient client = target.client();
  boost::json::array messages;
  if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
  messages.push_back({{"role", "user"}, {"content", options.prompt}});
  answer(client, target.model_name(), messages, options.answer);
  return interrupted() ? 1 : 0;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("run", "ask one question: starts a cluster, streams the answer, stops the cluster");
  verb->footer("yoke run MODEL \"PROMPT\", or yoke run --name default \"PROMPT\" to ask a running cluster.");
  verb->add_option("MODEL PROMPT", *words, "the model (left out with --name or --url) and the question")->required()->expected(1, 2);
  verb->add_option("--system", options->system, "system message");
  verb->add_option("--max-tokens", options->answer.max_tokens, "end the answer after so many tokens")->check(CLI::Range(0, 1 << 30));
  verb->add_option("--temperature", options->answer.temperature, "0: always the likeliest token")->check(CLI::Range(0.0, 2.0));
  verb->add_option("--seed", options->answer.seed, "the same seed gives the same answer")->check(CLI::Range(int64_t{0}, int64_t{1} << 53));
  add_target_options(*verb, options->target);
  verb->callback([options, words, &action] {
    action = [options, words] {
      const bool own = options->target.url.empty() && options->target.name.empty();
      if (words->size() != (own ? 2u : 1u)) {
        throw Error{Code::invalid_argument, own ? "yoke run needs MODEL and PROMPT" : "with --name or --url, yoke run needs the PROMPT alone"};
      }
      if (own) options->target.cluster.model = words->front();
      options->prompt = words->back();
      return run(*options);
    };
  });
}

}  // namespace yoke::cli
