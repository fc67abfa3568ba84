// The rooms and who may include whom: docs/architecture.md. This test reads every include of the tree.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> kArrows = {
    {"core", {}},
    {"topology", {"core"}},
    {"model", {"core"}},
    {"kernels", {"core"}},
    {"transport", {"core", "topology"}},
    {"parallel", {"core", "topology", "model"}},
    {"node", {"core", "topology", "model", "kernels", "transport", "parallel"}},
    {"coordinator", {"core", "topology", "model", "transport", "parallel"}},
    {"cli", {"coordinator", "core", "topology", "model", "transport", "parallel"}},
};

struct Line {
  std::string file;  // relative to the root
  int number;
  std::string text;
};

std::vector<Line> lines_of(const std::string& room) {
  std::vector<Line> lines;
  const fs::path root = YOKE_SOURCE_DIR;
  for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
    const std::string name = fs::relative(entry.path(), root);
    std::ifstream file(entry.path());
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
      lines.push_back({name, number, text});
    }
  }
  return lines;
}

// "#include \"model/config.h\"" -> "model"; empty for includes that are none of our rooms.
std::string included_room(const std::string& line) {
  static const std::regex include(R"rx(^\s*#\s*include\s+"([a-z_]+)/)rx");
  std::smatch match;
  return std::regex_search(line, match, include) ? match[1].str() : std::string();
}

TEST(House, EveryIncludeFollowsAnArrowOfTheArchitecture) {
  size_t includes = 0;
  for (const auto& [room, allowed] : kArrows) {
    for (const Line& line : lines_of(room)) {
      const std::string target = included_room(line.text);
      if (target.empty()) continue;
      ++includes;
      EXPECT_TRUE(target == room || allowed.contains(target))
          << line.file << ":" << line.number << ": " << room << " may not include " << target << " (docs/architecture.md)";
    }
  }
  EXPECT_GT(includes, 100u) << "the test no longer reads the tree";
}

TEST(House, NoRoomIsCalledUtilsCommonOrHelpers) {
  for (const auto& [room, allowed] : kArrows) {
    for (const Line& line : lines_of(room)) {
      EXPECT_FALSE(std::regex_search(line.file, std::regex("(^|/)(utils?|common|helpers?|misc)(/|\\.)"))) << line.file;
    }
  }
}

TEST(House, OnlyCoreReadsAClock) {
  const std::regex clock(R"((_clock::now\(|\bclock_gettime\(|\bgettimeofday\(|\bstd::time\(|[^_a-z:.>]time\((nullptr|0|NULL)\)))");
  for (const auto& [room, allowed] : kArrows) {
    for (const Line& line : lines_of(room)) {
      if (line.file == "core/clock.cpp" ) continue;
      EXPECT_FALSE(std::regex_search(line.text, clock))
          << line.file << ":" << line.number << " reads a clock; take a Clock (core/clock.h)";
    }
  }
}

}  // namespace
