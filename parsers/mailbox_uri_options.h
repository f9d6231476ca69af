// What the options of a mailbox string mean to us: the table of adapters.md 7.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace c360::parsers {

enum class OptionUse : std::uint8_t {
  setting,    // read by mailbox_uri.cpp
  ignored,    // without meaning here: one warning
  boolean,    // the same, but must be true or false
  reference,  // names an object of the other platform: refused
  refused,    // asks for what we do not do: refused
};

struct OptionRow {
  std::string_view name;
  OptionUse use;
  std::string_view remark;  // a sentence: why it is ignored or refused
};

// The row of an option, nullptr for a name nobody knows. Letter case counts.
const OptionRow* find_option(std::string_view name);

// The known name that is nearest by edit distance, if it is near enough to be a misprint.
std::optional<std::string_view> nearest_option(std::string_view name);

}  // namespace c360::parsers
