// parsers/rules as of this build, embedded (embed_rules.cmake): rule files and their examples.
#pragma once

#include <span>
#include <string_view>

namespace c360::daemon {

struct BuiltInFile {
  std::string_view name;  // relative to the rules folder, such as "examples/price.eml"
  std::string_view text;
};

std::span<const BuiltInFile> built_in_rules();

}  // namespace c360::daemon
