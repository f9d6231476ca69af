// Any text as TOML and as the configuration: refused with problems that say where and what, or a
// configuration whose printed forms can be read again.
#include <optional>
#include <string>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "daemon/base/toml.h"
#include "daemon/config.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;  // NOLINT: one file, one purpose
using c360::testing::require;

void check_value(const TomlValue& value) {
  require(value.position.line > 0 && value.position.column > 0);
  if (value.is_string()) require(is_valid_utf8(value.as_string()));
  if (value.is_array()) {
    for (const TomlValue& item : value.as_array()) check_value(item);
  }
  if (value.is_table()) {
    for (const TomlValue::Entry& entry : value.as_table()) {
      require(is_valid_utf8(entry.key) && value.find(entry.key) == &entry.value);
      check_value(entry.value);
    }
  }
}

void check_problem(const FileProblem& problem) {
  require(!problem.detail.empty() && is_valid_utf8(problem.detail));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = c360::testing::as_text(data, size);
  const auto document = parse_toml(text, "fuzz.toml");
  if (document) {
    for (const TomlValue::Entry& entry : document->as_table()) check_value(entry.value);
  } else {
    check_problem(document.error());
  }

  daemon::Surroundings surroundings;
  surroundings.environment = [](const std::string&) -> std::optional<std::string> {
    return "value";
  };
  const auto config = daemon::parse_config(text, "/nonexistent/fuzz.toml", surroundings);
  if (!config) {
    require(!config.error().empty());
    for (const FileProblem& problem : config.error()) check_problem(problem);
    return 0;
  }
  require(document.has_value());
  require(parse_toml(daemon::print_config(*config), "printed.toml").has_value());
  require(Json::parse(daemon::config_json(*config)).has_value());
  return 0;
}
