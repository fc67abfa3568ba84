#include "tests/emulator/driver/settings.h"

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace yoke::emulator {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  for (size_t at = 0; at < list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    if (comma > at) words.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return words;
}

class Reader {
 public:
  explicit Reader(Settings& settings) : settings_(settings) {}

  uint64_t number(const char* name, uint64_t otherwise) {
    const std::string text = environment(name);
    return text.empty() ? otherwise : parse(name, text);
  }

  uint64_t parse(const std::string& name, std::string_view text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) mistake(name, text);
    return value;
  }

  void mistake(const std::string& name, std::string_view text) {
    settings_.mistake = name + "=" + std::string(text) + " is not understood by the CUDA emulator";
  }

 private:
  Settings& settings_;
};

void read_options(Settings& settings, Reader& reader) {
  for (const std::string& word : words_of(environment("YOKE_EMULATOR_OPTIONS"))) {
    if (word == "late") settings.interpreter.late_copies = true;
    else if (word == "reverse") settings.interpreter.reverse_warps = true;
    else if (word == "race") settings.interpreter.race_check = true;
    else if (word.starts_with("noise=")) settings.interpreter.noise_seed = reader.parse("YOKE_EMULATOR_OPTIONS", word.substr(6));
    else reader.mistake("YOKE_EMULATOR_OPTIONS", word);
  }
}

void read_lacks(Settings& settings, Reader& reader) {
  for (const std::string& word : words_of(environment("YOKE_EMULATOR_WITHOUT"))) {
    if (word == "vmm") settings.vmm = false;
    else if (word == "register") settings.host_register = false;
    else if (word == "ats") settings.ats = false;
    else reader.mistake("YOKE_EMULATOR_WITHOUT", word);
  }
}

Settings* read() {
  auto* settings = new Settings;  // leaked: workers read it while the process exits
  Reader reader(*settings);
  settings->allowed = environment("YOKE_CUDA_EMULATOR") == "1";
  settings->devices = static_cast<int>(reader.number("YOKE_EMULATOR_DEVICES", 1));
  settings->memory_bytes = reader.number("YOKE_EMULATOR_MEMORY", settings->memory_bytes);
  settings->seed = reader.number("YOKE_EMULATOR_SEED", 0);
  settings->interpreter.threads = static_cast<int>(reader.number("YOKE_EMULATOR_THREADS", 1));
  const std::string capability = environment("YOKE_EMULATOR_CC");
  if (capability == "9.0") settings->capability = 90;
  else if (capability == "8.0") settings->capability = 80;  // one that no image is made for
  else if (!capability.empty() && capability != "12.1") reader.mistake("YOKE_EMULATOR_CC", capability);
  read_options(*settings, reader);
  read_lacks(*settings, reader);
  settings->faults = environment("YOKE_EMULATOR_FAULT");
  return settings;
}

constexpr Limits kGb10{48, 1536, 24, 100 * 1024, 99 * 1024, 2'400'000};
constexpr Limits kHopper{48, 2048, 32, 228 * 1024, 227 * 1024, 1'980'000};

}  // namespace

const Settings& settings() {
  static const Settings* const once = read();
  return *once;
}

const Limits& limits() { return settings().capability == 90 ? kHopper : kGb10; }

}  // namespace yoke::emulator
