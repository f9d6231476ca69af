// Checks answers of the API against its own OpenAPI document: a path and method that is there, a
// status that is declared, a media type, the JSON Schema (the part of 2020-12 that we emit).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"
#include "tests/support/http_client.h"

namespace c360::testing {

class OpenApiValidator {
 public:
  // Throws std::runtime_error when the text is no JSON object with `paths`.
  explicit OpenApiValidator(std::string_view document);

  // What is wrong with the exchange, one sentence each; empty: nothing. Paths outside /api/v1 and
  // answers to requests that reached no route are only checked to be problems.
  std::vector<std::string> check(const HttpExchange& exchange) const;
  // Against one schema of the document.
  std::vector<std::string> check_schema(const Json& schema, const Json& value) const;
  // What is wrong with the document itself: unresolved references, duplicate operation ids,
  // parameters of the path that are not declared.
  std::vector<std::string> check_document() const;

  const Json& document() const { return document_; }

 private:
  const Json* operation_of(std::string_view method, std::string_view target) const;
  const Json* resolve(const Json* node) const;
  void validate(const Json& schema, const Json& value, const std::string& at,
                std::vector<std::string>& faults) const;
  void validate_object(const Json& schema, const Json& value, const std::string& at,
                       std::vector<std::string>& faults) const;
  void validate_text(const Json& schema, const std::string& text, const std::string& at,
                     std::vector<std::string>& faults) const;

  Json document_;
};

}  // namespace c360::testing
