#include "adapters/answer_shape.h"

#include "daemon/base/foreign_json.h"

namespace c360::adapters {

namespace {

// Both are bounded in depth: the shape is ours, and the value goes no deeper.
Json only(const Json& value, const Json& shape) {
  const bool is_whole = !shape.is_array() && !shape.is_object();
  if (is_whole || (!value.is_array() && !value.is_object())) return value;
  if (shape.is_array() != value.is_array()) return {};  // of the wrong kind: it is not read either
  if (shape.is_array()) {
    Json::Array kept;
    for (const Json& each : value.as_array()) kept.push_back(only(each, shape.as_array().front()));
    return kept;
  }
  Json kept{Json::Object{}};
  for (const auto& [name, inner] : shape.as_object())
    if (const Json* member = value.find(name)) kept.set(name, only(*member, inner));
  return kept;
}

}  // namespace

std::string only_shape(const std::string& body, std::string_view shape) {
  const auto document = parse_foreign_json(body);
  const auto wanted = Json::parse(shape);
  if (!document || !wanted) return body;
  return only(*document, *wanted).dump();
}

}  // namespace c360::adapters
