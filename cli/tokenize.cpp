// yoke tokenize: a text's tokens, as the model's own tokenizer makes them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "cli/input_text.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "model/text/model_text.h"
#include "model/text/utf8.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;
using model::text::AddedTokens;
using model::text::TokenId;
using model::text::Tokenizer;

struct TokenizeOptions {
  std::string model, text, file, mode = "bare", output = "text";
  bool has_text = false;
  bool special = false;
  bool bos = false;
};

struct Mode {
  const char* name;
  AddedTokens match;
};
constexpr Mode kModes[] = {{"ids", AddedTokens::all}, {"plain", AddedTokens::all_but_special}, {"bare", AddedTokens::none}};

AddedTokens match_of(const TokenizeOptions& options) {
  if (options.special) return AddedTokens::all;
  for (const Mode& mode : kModes) {
    if (options.mode == mode.name) return mode.match;
  }
  throw Error{Code::invalid_argument, fmt::format("--mode {}: ids, plain or bare", options.mode), "mode"};
}

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text, const TokenizeOptions& options) {
  std::vector<TokenId> ids = tokenizer.encode(text, match_of(options));
  return options.bos ? tokenizer.frame(ids).ids : ids;
}

// The texts of a JSON list of strings; none where the file is a text itself.
std::optional<std::vector<std::string>> list_of(const std::string& text, const std::string& path) {
  if (!path.ends_with(".json")) return std::nullopt;
  const json::value list = parse_input(text, path);
  if (!list.is_array()) throw Error{Code::bad_file, fmt::format("{}: a .json file must hold a list of strings", path)};
  std::vector<std::string> texts;
  for (const json::value& item : list.get_array()) {
    if (!item.is_string()) throw Error{Code::bad_file, fmt::format("{}: element {} is no string", path, texts.size())};
    texts.emplace_back(item.get_string());
  }
  return texts;
}

// A token's bytes between quotes: control characters and what is no whole character are written as escapes.
std::string shown(std::string_view bytes) {
  std::string out = "\"";
  for (size_t at = 0; at < bytes.size();) {
    const model::text::Utf8Char c = model::text::read_char(bytes, at);
    const bool whole = c.state == model::text::Utf8Char::State::well_formed;
    if (whole && c.code >= 0x20 && c.code != 0x7F && c.code != '"' && c.code != '\\') {
      out += bytes.substr(at, c.bytes);
    } else if (bytes[at] == '\n') {
      out += "\\n";
    } else if (bytes[at] == '"' || bytes[at] == '\\') {
      out += {'\\', bytes[at]};
    } else {
      for (const char byte : bytes.substr(at, c.bytes)) out += fmt::format("\\x{:02x}", static_cast<uint8_t>(byte));
    }
    at += c.bytes;
  }
  return out + '"';
}

void print_people(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::string out = fmt::format("{} token{}\n", ids.size(), ids.size() == 1 ? "" : "s");
  for (const TokenId id : ids) {
    out += fmt::format("{:>8}  {}{}\n", id, shown(tokenizer.token_bytes(id)), tokenizer.is_special(id) ? "  special" : "");
  }
  fmt::print("{}", out);
}

json::array as_json(const std::vector<TokenId>& ids) { return json::array(ids.begin(), ids.end()); }

int tokenize(const TokenizeOptions& options) {
  if (options.has_text && !options.file.empty()) {
    throw Error{Code::invalid_argument, "give TEXT or --file, not both; without either the text is read from standard input", "file"};
  }
  const std::string text = options.has_text ? options.text : read_input(options.file.empty() ? "-" : options.file);
  const auto list = options.has_text ? std::nullopt : list_of(text, options.file);
  const model::text::ModelText model = model::text::open_text(std::filesystem::path(options.model));
  if (!model.tokenizer) throw Error{Code::unsupported, fmt::format("{} has no tokenizer here: {}", options.model, model.why_no_tokenizer)};
  json::array all;
  for (const std::string& one : list ? *list : std::vector<std::string>{text}) {
    const std::vector<TokenId> ids = encode(*model.tokenizer, one, options);
    if (options.output == "json") all.push_back(as_json(ids));
    else print_people(*model.tokenizer, ids);
  }
  if (options.output == "json") fmt::print("{}\n", json::serialize(json::object{{"ids", list ? json::value(all) : all.front()}}));
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* verb = app.add_subcommand("tokenize", "show the tokens of a text");
  verb->footer(
      "MODEL needs no weights: a folder with tokenizer.json and tokenizer_config.json is enough, or a .gguf file.\n"
      "What --mode means for \"<|im_end|>\" written in the text:\n"
      "  bare    it is text like any other: what a client's words get (the default)\n"
      "  plain   only added tokens that are not marked special are recognised, <think> for one\n"
      "  ids     every added token is recognised: what a chat template's words get\n"
      "A file that ends with .json holds a list of strings: -o json then prints {\"ids\": [[...], ...]}.");
  verb->add_option("MODEL", options->model, "a .gguf file, or a model's folder")->required();
  CLI::Option* text = verb->add_option("TEXT", options->text, "the text; without it and without --file, standard input");
  verb->add_option("--file", options->file, "read the text from a file; a .json file holds a list of strings");
  verb->add_option("--mode", options->mode, "which added tokens are recognised: ids, plain or bare")
      ->check(CLI::IsMember({"ids", "plain", "bare"}));
  verb->add_flag("--special", options->special, "the same as --mode ids");
  verb->add_flag("--bos", options->bos, "with what the model was trained to see around a text: BOS, or [CLS] and [SEP]");
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  verb->callback([options, text, &action] {
    options->has_text = text->count() > 0;
    action = [options] { return tokenize(*options); };
  });
}

}  // namespace yoke::cli
