// Custom fields: the members of a record's `custom`, as crm.custom_field_def defines them at this
// moment (domain.md 16). Each definition is a Field, so that values and filters are read by the
// same code as those of declared fields.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"
#include "store/database.h"
#include "store/model/field.h"
#include "store/recently_read.h"
#include "store/record_json.h"

namespace c360::store {

class Draft;

inline constexpr std::size_t kMaxCustomCodeBytes = 50;
inline constexpr std::string_view kCustomPrefix = "custom.";  // of a filter or a sort key

struct CustomField {
  std::string code;
  std::string type;          // "text", "number", … as in the table
  std::string section_code;  // of which section alone; empty: of all records of the kind
  std::vector<std::string> values;
  bool is_required = false;
  bool is_searchable = false;
  std::optional<Json> default_value;
};

// Of a definition about to be stored.
CustomField custom_field_of(const Draft& definition);
// What is wrong with a value that is not null; none where the type takes it. Whether a user or
// record with the id exists is asked separately.
std::optional<ValueFault> fault_of(const CustomField& field, const Json& value);

// The active definitions of all kinds, of one moment. Immutable.
class CustomFields {
 public:
  CustomFields() = default;
  CustomFields(const CustomFields&) = delete;
  CustomFields& operator=(const CustomFields&) = delete;

  void add(std::string_view record_kind, CustomField field);
  const CustomField* find(std::string_view record_kind, std::string_view code) const;
  // As a field of the list: filterable and sortable, its expression over alias t. nullptr when
  // there is none. Lives as long as this.
  const Field* as_field(std::string_view record_kind, std::string_view code) const;
  // In their order; empty for a kind without definitions.
  const std::vector<CustomField>& of(std::string_view record_kind) const;
  // SQL over alias t: the searchable ones as one text; empty when there are none.
  std::string search_expression(std::string_view record_kind) const;

 private:
  struct Kind {
    std::vector<CustomField> fields;
    // By code; the names and codes a Field refers to lie in `texts`.
    std::map<std::string, std::unique_ptr<Field>, std::less<>> as_fields;
    std::vector<std::unique_ptr<std::string>> texts;
  };
  std::map<std::string, Kind, std::less<>> kinds_;
};

// The definitions as a transaction sees them: for a write that sets some. One round trip.
Result<std::shared_ptr<const CustomFields>> read_custom_fields(Transaction& tx);

// The definitions a moment old, for lists and for what a new record must have.
class CustomFieldReader : public RecentlyRead<CustomFields> {
 public:
  explicit CustomFieldReader(Database& database,
                             std::chrono::milliseconds max_age = kShapingMaxAge);
};

// A user or record a custom field names, to be looked for.
struct CustomReference {
  std::string code;
  std::string_view target;  // "user" or "record"
  std::string id;
};

// Checks `custom` of a draft against the definitions of its kind and fills in defaults on creation;
// every fault has the pointer /custom/CODE. A member that was there before may stay as it is, also
// where its definition is gone. Returns what is referred to and new.
std::vector<CustomReference> check_custom(Draft& draft, const CustomFields& definitions);

}  // namespace c360::store
