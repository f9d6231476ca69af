#include "daemon/base/toml.h"

#include <spdlog/fmt/fmt.h>
#include <toml++/toml.h>

#include <array>

namespace c360 {

namespace {

struct Unsupported {
  TomlPosition position;
};

TomlPosition position_of(const toml::source_position& position) {
  return {position.line, position.column};
}

std::expected<TomlValue, Unsupported> convert(const toml::node& node);

std::expected<TomlValue, Unsupported> convert_table(const toml::table& source) {
  TomlValue::Table table;
  for (const auto& [key, child] : source) {
    auto value = convert(child);
    if (!value) return std::unexpected(value.error());
    table.push_back({std::string(key.str()), position_of(key.source().begin), std::move(*value)});
  }
  return TomlValue{position_of(source.source().begin), std::move(table)};
}

std::expected<TomlValue, Unsupported> convert_array(const toml::array& source) {
  TomlValue::Array array;
  for (const auto& child : source) {
    auto value = convert(child);
    if (!value) return std::unexpected(value.error());
    array.push_back(std::move(*value));
  }
  return TomlValue{position_of(source.source().begin), std::move(array)};
}

std::expected<TomlValue, Unsupported> convert(const toml::node& node) {
  const TomlPosition position = position_of(node.source().begin);
  if (const auto* table = node.as_table()) return convert_table(*table);
  if (const auto* array = node.as_array()) return convert_array(*array);
  if (const auto* text = node.as_string()) return TomlValue{position, text->get()};
  if (const auto* integer = node.as_integer()) return TomlValue{position, integer->get()};
  if (const auto* real = node.as_floating_point()) return TomlValue{position, real->get()};
  if (const auto* boolean = node.as_boolean()) return TomlValue{position, boolean->get()};
  return std::unexpected(Unsupported{position});
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
  if (!is_table()) return nullptr;
  for (const Entry& entry : as_table())
    if (entry.key == key) return &entry.value;
  return nullptr;
}

std::string_view TomlValue::type_name() const {
  constexpr std::array<std::string_view, 6> kNames = {"boolean", "integer", "float",
                                                      "string",  "array",   "table"};
  return kNames[value.index()];
}

std::string FileProblem::to_string() const {
  if (position.line == 0) return fmt::format("{}: {}", file, detail);
  return fmt::format("{}:{}:{}: {}", file, position.line, position.column, detail);
}

std::expected<TomlValue, FileProblem> parse_toml(std::string_view text, std::string_view file_name,
                                                 std::size_t max_bytes) {
  const std::string file{file_name};
  if (text.size() > max_bytes)
    return std::unexpected(FileProblem{
        file, {}, fmt::format("the file has {} bytes, the limit is {}", text.size(), max_bytes)});
  try {
    const toml::table document = toml::parse(text, file_name);
    auto value = convert_table(document);
    if (!value)
      return std::unexpected(
          FileProblem{file, value.error().position, "dates and times are not used here"});
    return std::move(*value);
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        FileProblem{file, position_of(error.source().begin), std::string(error.description())});
  }
}

}  // namespace c360
