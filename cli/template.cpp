// yoke template: what a model sees of a chat.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "cli/input_text.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "model/text/conversation.h"
#include "model/text/model_text.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;
using model::text::ChatTemplate;
using model::text::Conversation;
using model::text::ConversationOptions;
using model::text::Manner;
using model::text::ModelText;
using model::text::Piece;

struct TemplateOptions {
  std::string model, messages, file, date, output = "text";
  bool special = false;
  bool served = false;
};

// A chat request's body, or its messages alone.
json::object body_of(const TemplateOptions& options) {
  json::value body = parse_input(read_input(options.messages), options.messages);
  if (body.is_array()) return {{"messages", std::move(body)}};
  if (body.is_object()) return std::move(body.get_object());
  throw Error{Code::bad_file, fmt::format("{}: must hold a chat request's body, {{\"messages\": [...]}}", options.messages)};
}

std::string source_of(const TemplateOptions& options, const ModelText& model, const Conversation& conversation) {
  if (!options.file.empty()) return read_input(options.file);
  const auto found = model::text::find_template(model.templates, conversation);
  if (found != model.templates.end()) return found->second;
  throw Error{Code::unsupported, fmt::format("{} has no chat template; give one by --template FILE", options.model), "template"};
}

struct Rendered {
  std::string text;
  std::vector<model::text::TokenId> ids;
  bool served_differs = false;
};

bool differs_served(const ChatTemplate& chat_template, const Conversation& conversation, const model::text::Tokenizer& tokenizer,
                    ConversationOptions how, const std::string& text) {
  how.manner = Manner::served;
  try {
    return model::text::joined(model::text::render(chat_template, conversation, tokenizer, how)) != text;
  } catch (const Error&) {
    return true;
  }
}

Rendered render(const TemplateOptions& options, const ModelText& model) {
  const Conversation conversation = model::text::read_conversation(body_of(options));
  const ChatTemplate chat_template(source_of(options, model, conversation));
  ConversationOptions how{.manner = options.served ? Manner::served : Manner::reference, .limits = {}};
  if (!options.date.empty()) how.limits.now = model::text::read_moment(options.date);
  const std::vector<Piece> pieces = model::text::render(chat_template, conversation, *model.tokenizer, how);
  Rendered rendered{.text = model::text::joined(pieces), .ids = {}};
  rendered.ids = options.special ? model.tokenizer->encode(rendered.text, model::text::AddedTokens::all)
                                 : model.tokenizer->encode_pieces(pieces);
  rendered.served_differs = differs_served(chat_template, conversation, *model.tokenizer, how, rendered.text);
  return rendered;
}

int refuse(const TemplateOptions& options, const Error& error) {
  if (options.output == "json") fmt::print("{}\n", json::serialize(json::object{{"error", error.what()}}));
  else fmt::print(stderr, "yoke: {}\n", error.what());
  return 1;
}

int show(const TemplateOptions& options) {
  const ModelText model = model::text::open_text(std::filesystem::path(options.model));
  if (!model.tokenizer) throw Error{Code::unsupported, fmt::format("{} has no tokenizer here: {}", options.model, model.why_no_tokenizer)};
  Rendered rendered;
  try {
    rendered = render(options, model);
  } catch (const Error& error) {
    if (error.code() != Code::invalid_argument && error.code() != Code::unsupported && error.code() != Code::bad_file) throw;
    return refuse(options, error);
  }
  if (options.output == "json") {
    const json::array ids(rendered.ids.begin(), rendered.ids.end());
    fmt::print("{}\n", json::serialize(json::object{{"text", rendered.text}, {"ids", ids}}));
    return 0;
  }
  fmt::print("{}", rendered.text);
  std::fflush(stdout);
  fmt::print(stderr, "\n{} tokens\n", rendered.ids.size());
  if (rendered.served_differs) {
    fmt::print(stderr, "The server gives this template tool arguments as objects, or a developer's message as a system's: see --served.\n");
  }
  return 0;
}

}  // namespace

void add_template(CLI::App& app, Action& action) {
  auto options = std::make_shared<TemplateOptions>();
  CLI::App* verb = app.add_subcommand("template", "show what a model sees of a chat: the rendered template and its tokens");
  verb->footer(
      "MODEL needs no weights: a folder with tokenizer.json and tokenizer_config.json is enough, or a .gguf file.\n"
      "F.json is a chat request's body: messages, tools, documents, chat_template_kwargs, add_generation_prompt.\n"
      "The text goes to standard output, the count of tokens to standard error; -o json prints {\"text\", \"ids\"}, or {\"error\"}.\n"
      "Control tokens that a message's words spell stay words in `ids`, as the server feeds them; with --special they become tokens.\n"
      "The text is the reference's (apply_chat_template). Where the server mends what that would spoil unnoticed, --served shows it.\n"
      "Exit code: 0, or 1 where the template or the request is refused.");
  verb->add_option("MODEL", options->model, "a .gguf file, or a model's folder")->required();
  verb->add_option("--messages", options->messages, "the request's body, or a list of messages, as a JSON file; -: standard input")
      ->required();
  verb->add_option("--template", options->file, "a Jinja file instead of the model's own template");
  verb->add_option("--date", options->date, "what strftime_now sees: 2026-07-14 or 2026-07-14T09:30:00; else now");
  verb->add_flag("--special", options->special, "recognise special tokens also in what the messages say");
  verb->add_flag("--served", options->served, "as the chat endpoint renders it");
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  verb->callback([options, &action] { action = [options] { return show(*options); }; });
}

}  // namespace yoke::cli
