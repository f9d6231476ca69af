// The mails of other owners that the corpus tests read; they lie outside the repository
// (CONTRIBUTING.md).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>

namespace c360::testing {

// A folder of the corpus: of $C360_SHARED/corpus, or of ../shared/corpus beside the checkout. Where
// it is not there the test passes and says so in one line; with C360_REQUIRE_CORPUS set it fails.
inline std::optional<std::filesystem::path> shared_corpus(std::string_view part) {
  namespace fs = std::filesystem;
  const char* named = std::getenv("C360_SHARED");             // NOLINT(concurrency-mt-unsafe)
  const char* required = std::getenv("C360_REQUIRE_CORPUS");  // NOLINT(concurrency-mt-unsafe)
  const fs::path shared =
      named != nullptr ? fs::path(named) : fs::path(C360_SOURCE_DIR).parent_path() / "shared";
  fs::path folder = shared / "corpus" / part;
  if (fs::is_directory(folder)) return folder;
  if (required != nullptr) ADD_FAILURE() << "no corpus at " << folder << " (C360_SHARED)";
  std::cout << "the shared corpus is not here (set C360_SHARED): nothing compared\n";
  return std::nullopt;
}

}  // namespace c360::testing
