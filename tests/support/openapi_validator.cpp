#include "tests/support/openapi_validator.h"

#include <algorithm>
#include <regex>
#include <set>
#include <stdexcept>

#include "daemon/base/clock.h"
#include "daemon/base/text.h"

namespace c360::testing {
namespace {

bool has_type(const Json& value, std::string_view type) {
  if (type == "integer") return value.as_int64().has_value();
  return value.type_name() == type;
}

bool type_matches(const Json& type, const Json& value) {
  if (type.is_string()) return has_type(value, type.as_string());
  return std::ranges::any_of(type.as_array(),
                             [&](const Json& one) { return has_type(value, one.as_string()); });
}

// "/api/v1/deals/{id}" and "/api/v1/deals/17"; a template with fewer parameters is the better one.
std::optional<int> parameters_matched(std::string_view path_template, std::string_view path) {
  const auto a = split(path_template, '/');
  const auto b = split(path, '/');
  if (a.size() != b.size()) return std::nullopt;
  int parameters = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].starts_with('{')) {
      ++parameters;
    } else if (a[i] != b[i]) {
      return std::nullopt;
    }
  }
  return parameters;
}

void collect_references(const Json& node, std::set<std::string>& references) {
  if (node.is_array()) {
    for (const auto& item : node.as_array()) collect_references(item, references);
  } else if (node.is_object()) {
    for (const auto& [name, member] : node.as_object()) {
      if (name == "$ref" && member.is_string()) references.insert(member.as_string());
      collect_references(member, references);
    }
  }
}

}  // namespace

OpenApiValidator::OpenApiValidator(std::string_view document) {
  auto parsed = Json::parse(document);
  if (!parsed || parsed->find("paths") == nullptr) {
    throw std::runtime_error("no OpenAPI document: " +
                             (parsed ? "no paths" : parsed.error().detail));
  }
  document_ = std::move(*parsed);
}

const Json* OpenApiValidator::resolve(const Json* node) const {
  for (int steps = 0; node != nullptr && steps < 20; ++steps) {
    const Json* reference = node->is_object() ? node->find("$ref") : nullptr;
    if (reference == nullptr) return node;
    node = &document_;
    const auto parts = split(reference->as_string(), '/');
    for (std::size_t i = 1; i < parts.size() && node != nullptr; ++i) node = node->find(parts[i]);
  }
  return node;
}

const Json* OpenApiValidator::operation_of(std::string_view method, std::string_view target) const {
  const auto path = target.substr(0, target.find('?'));
  const Json* best = nullptr;
  int best_parameters = 1'000;
  for (const auto& [path_template, item] : document_.find("paths")->as_object()) {
    const auto parameters = parameters_matched(path_template, path);
    if (!parameters || *parameters >= best_parameters) continue;
    const Json* operation = item.find(to_lower(method == "HEAD" ? "GET" : method));
    if (operation == nullptr) continue;
    best = operation;
    best_parameters = *parameters;
  }
  return best;
}

void OpenApiValidator::validate_text(const Json& schema, const std::string& text,
                                     const std::string& at,
                                     std::vector<std::string>& faults) const {
  if (const Json* limit = schema.find("maxLength");
      limit != nullptr && utf8_length(text) > static_cast<std::size_t>(*limit->as_int64())) {
    faults.push_back(at + ": longer than maxLength");
  }
  if (const Json* format = schema.find("format")) {
    const bool day = text.size() == 10 && from_rfc3339(text + "T00:00:00Z").has_value();
    if ((format->as_string() == "date-time" && !from_rfc3339(text)) ||
        (format->as_string() == "date" && !day)) {
      faults.push_back(at + ": '" + text + "' is no " + format->as_string());
    }
  }
  if (const Json* pattern = schema.find("pattern");
      pattern != nullptr && !std::regex_search(text, std::regex(pattern->as_string()))) {
    faults.push_back(at + ": '" + text + "' does not match " + pattern->as_string());
  }
}

void OpenApiValidator::validate_object(const Json& schema, const Json& value, const std::string& at,
                                       std::vector<std::string>& faults) const {
  if (const Json* required = schema.find("required")) {
    for (const auto& name : required->as_array()) {
      if (value.find(name.as_string()) == nullptr) {
        faults.push_back(at + ": '" + name.as_string() + "' is missing");
      }
    }
  }
  const Json* properties = schema.find("properties");
  const Json* others = schema.find("additionalProperties");
  for (const auto& [name, member] : value.as_object()) {
    const Json* known = properties != nullptr ? properties->find(name) : nullptr;
    if (known != nullptr) {
      validate(*known, member, at + "/" + name, faults);
    } else if (others != nullptr && others->is_bool() && !others->as_bool()) {
      faults.push_back(at + ": '" + name + "' is not declared");
    } else if (others != nullptr && others->is_object()) {
      validate(*others, member, at + "/" + name, faults);
    }
  }
}

void OpenApiValidator::validate(const Json& unresolved, const Json& value, const std::string& at,
                                std::vector<std::string>& faults) const {
  const Json* found = resolve(&unresolved);
  if (found == nullptr) {
    faults.push_back(at + ": the schema refers to nothing");
    return;
  }
  const Json& schema = *found;
  if (const Json* choices = schema.find("anyOf")) {
    const bool fits = std::ranges::any_of(choices->as_array(), [&](const Json& choice) {
      std::vector<std::string> own;
      validate(choice, value, at, own);
      return own.empty();
    });
    if (!fits) faults.push_back(at + ": fits none of anyOf");
  }
  if (const Json* type = schema.find("type"); type != nullptr && !type_matches(*type, value)) {
    faults.push_back(at + ": is a " + std::string(value.type_name()) + ", declared " +
                     type->dump());
    return;
  }
  if (const Json* codes = schema.find("enum");
      codes != nullptr && std::ranges::find(codes->as_array(), value) == codes->as_array().end()) {
    faults.push_back(at + ": " + value.dump() + " is not in the enum");
  }
  if (value.is_string()) validate_text(schema, value.as_string(), at, faults);
  if (value.is_object()) validate_object(schema, value, at, faults);
  if (const auto number = value.as_int64()) {
    const Json* minimum = schema.find("minimum");
    const Json* maximum = schema.find("maximum");
    if ((minimum != nullptr && *number < *minimum->as_int64()) ||
        (maximum != nullptr && *number > *maximum->as_int64())) {
      faults.push_back(at + ": out of range");
    }
  }
  if (const Json* items = schema.find("items"); items != nullptr && value.is_array()) {
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      validate(*items, value.as_array()[i], at + "/" + std::to_string(i), faults);
    }
  }
}

std::vector<std::string> OpenApiValidator::check_schema(const Json& schema,
                                                        const Json& value) const {
  std::vector<std::string> faults;
  validate(schema, value, "", faults);
  return faults;
}

std::vector<std::string> OpenApiValidator::check(const HttpExchange& exchange) const {
  std::vector<std::string> faults;
  const HttpAnswer& answer = exchange.answer;
  if (answer.status == 0 || exchange.method == "OPTIONS") return faults;
  const Json* operation = operation_of(exchange.method, exchange.target);
  if (operation == nullptr) {
    const bool problem = answer.header("content-type") == "application/problem+json";
    if (!problem && exchange.target.starts_with("/api/")) {
      faults.push_back("no such operation in the document");
    }
    return faults;
  }
  const Json& responses = *operation->find("responses");
  const Json* declared = resolve(responses.find(std::to_string(answer.status)));
  if (declared == nullptr && answer.status >= 400) declared = resolve(responses.find("default"));
  if (declared == nullptr) {
    faults.push_back("status " + std::to_string(answer.status) + " is not declared");
    return faults;
  }
  const Json* content = declared->find("content");
  if (content == nullptr || exchange.method == "HEAD") {
    if (!answer.body.empty()) faults.push_back("a body where none is declared");
    return faults;
  }
  const auto type = answer.header("content-type");
  const auto bare = std::string(trimmed(std::string_view(type).substr(0, type.find(';'))));
  const Json* media = content->find(bare);
  if (media == nullptr) media = content->find("*/*");
  if (media == nullptr && bare != "application/problem+json")
    media = content->find("application/octet-stream");
  if (media == nullptr) {
    faults.push_back("media type '" + bare + "' is not declared");
    return faults;
  }
  if (!bare.ends_with("json") || bare == "application/x-ndjson") return faults;  // lines of it
  auto body = Json::parse(answer.body);
  if (!body) {
    faults.push_back("the body is no JSON: " + body.error().detail);
    return faults;
  }
  if (const Json* schema = media->find("schema"); schema != nullptr && bare == type) {
    // Stored files may be JSON too: their schema speaks of bytes.
    const bool bytes =
        schema->find("description") != nullptr && *schema->find("description") == Json("Bytes");
    if (!bytes) validate(*schema, *body, "", faults);
  }
  return faults;
}

std::vector<std::string> OpenApiValidator::check_document() const {
  std::vector<std::string> faults;
  std::set<std::string> references;
  collect_references(document_, references);
  for (const auto& reference : references) {
    const Json node = Json::Object{{"$ref", reference}};
    if (resolve(&node) == nullptr) faults.push_back(reference + " refers to nothing");
  }
  std::set<std::string> ids;
  for (const auto& [path, item] : document_.find("paths")->as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      const std::string place = method + " " + path;
      const Json* id = operation.find("operationId");
      if (id == nullptr || !ids.insert(id->as_string()).second) {
        faults.push_back(place + ": operationId is missing or not unique");
      }
      std::set<std::string> declared;
      if (const Json* parameters = operation.find("parameters")) {
        for (const auto& parameter : parameters->as_array()) {
          if (*parameter.find("in") != Json("path")) continue;
          declared.insert("{" + parameter.find("name")->as_string() + "}");
        }
      }
      std::set<std::string> used;
      for (const auto segment : split(path, '/')) {
        if (segment.starts_with('{')) used.emplace(segment);
      }
      if (used != declared) faults.push_back(place + ": path parameters differ from the path");
    }
  }
  return faults;
}

}  // namespace c360::testing
