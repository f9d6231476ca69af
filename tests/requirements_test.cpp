// requirements.tsv maps what was asked for (R-…) to the tests that show it. Every test it names
// exists; ids of the CRM that no test is named for yet are printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kTests = fs::path(C360_SOURCE_DIR) / "tests";

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "Suite.Name" of every test in the tree; suites that are an alias or a fixture read alike.
std::set<std::string> tests_of_the_tree() {
  const std::regex test(R"(\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\))");
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(kTests)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".cpp") continue;
    const std::string text = content_of(entry.path());
    for (std::sregex_iterator at(text.begin(), text.end(), test), end; at != end; ++at) {
      names.insert((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  return names;
}

struct Row {
  int line = 0;
  std::string id;
  std::string test;  // empty: none yet
};

std::vector<Row> rows() {
  std::vector<Row> all;
  std::ifstream file(kTests / "requirements.tsv");
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t tab = line.find('\t');
    all.push_back({number, line.substr(0, tab),
                   tab == std::string::npos ? std::string() : line.substr(tab + 1)});
  }
  return all;
}

TEST(Requirements, EveryTestTheyNameExists) {
  const std::set<std::string> known = tests_of_the_tree();
  ASSERT_GT(known.size(), 500U);
  for (const Row& row : rows()) {
    if (row.test.empty()) continue;
    EXPECT_TRUE(known.contains(row.test))
        << "requirements.tsv:" << row.line << ": there is no test " << row.test;
  }
}

TEST(Requirements, EveryRowIsAnIdAndATestOnce) {
  const std::regex id("R-[0-9]{3}");
  std::set<std::pair<std::string, std::string>> seen;
  ASSERT_GT(rows().size(), 100U);
  for (const Row& row : rows()) {
    EXPECT_TRUE(std::regex_match(row.id, id)) << "requirements.tsv:" << row.line;
    EXPECT_TRUE(seen.emplace(row.id, row.test).second)
        << "requirements.tsv:" << row.line << ": twice " << row.id << " " << row.test;
  }
}

// All ids, group by group: the card, autofill and reports, the profile of a customer, the section
// of customers, module and roles, leads, deals, orders, payments, mail, the frame of the service.
struct Group {
  char name;
  int first;
  int last;
};
constexpr Group kGroups[] = {{'A', 1, 17},    {'B', 20, 26},   {'C', 30, 39},   {'D', 40, 77},
                             {'E', 80, 115},  {'F', 120, 144}, {'G', 150, 172}, {'H', 180, 220},
                             {'I', 230, 240}, {'J', 250, 255}, {'K', 260, 267}, {'L', 280, 295},
                             {'M', 300, 308}};

std::string id_of(int number) {
  const std::string digits = std::to_string(number);
  return "R-" + std::string(3 - digits.size(), '0') + digits;
}

TEST(Requirements, EveryIdHasATest) {
  std::map<std::string, int> tests;
  for (const Row& row : rows()) tests[row.id] += row.test.empty() ? 0 : 1;
  std::string missing;
  for (const Group& group : kGroups) {
    for (int number = group.first; number <= group.last; ++number) {
      const std::string id = id_of(number);
      if (tests[id] == 0) missing += std::string(" ") + group.name + ":" + id;
    }
  }
  std::cout << tests.size() << " ids; without a test:" << (missing.empty() ? " none" : missing)
            << "\n";
  EXPECT_EQ(missing, "") << "requirements.tsv: no test shows these";
}

}  // namespace
