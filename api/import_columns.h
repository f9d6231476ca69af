// Which column of a table is which field, and what its cells mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/custom_fields.h"
#include "store/model/resource.h"

namespace c360::api {

struct ImportColumn {
  const store::Field* field = nullptr;  // null: the column is left out
  std::string member;                   // of external_ids or custom; empty: the field itself
  std::string pointer;                  // "/inn", "/custom/size"
};

class ImportColumns {
 public:
  // `map`: {"Column": "field", "Other": null}, null leaves a column out; null or absent: by names.
  // invalid_request where it is no such object, or names a field that cannot be written.
  static Result<ImportColumns> make(const store::Resource& resource,
                                    const store::CustomFields& custom, const Json& map);

  // The field of a column: by the map, else by its name, else by its label in either language
  // (without regard to case). invalid_request, reason unknown_column, for one that is none.
  Result<ImportColumn> find(std::string_view column) const;

 private:
  ImportColumns(const store::Resource& resource, const store::CustomFields& custom)
      : resource_(&resource), custom_(&custom) {}
  std::optional<ImportColumn> by_name(std::string_view name) const;
  std::optional<ImportColumn> by_label(std::string_view label) const;

  const store::Resource* resource_;
  const store::CustomFields* custom_;
  Json map_;
};

// A cell as the JSON a request body would have: codes by their labels too, decimal commas, dates as
// 31.12.2026, да and нет; the apostrophe an export put before a formula goes. An empty cell is
// nullopt: nothing is said. What cannot be read stays a text, for the validation to refuse.
std::optional<Json> cell_value(const store::Field& field, std::string_view cell);

// Puts the value where the column says.
void set_value(Json& body, const ImportColumn& column, Json value);

}  // namespace c360::api
