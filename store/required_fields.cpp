#include "store/required_fields.h"

#include <memory>

namespace c360::store {
namespace {

constexpr Sql kRead{"c360_required_fields",
                    "SELECT r.record_kind, r.field, r.profile FROM crm.required_field r"};

std::shared_ptr<const RequiredFields> fields_of(const Rows& rows) {
  auto fields = std::make_shared<RequiredFields>();
  for (int row = 0; row < rows.size(); ++row) {
    const std::string_view profile = rows.text(row, 2);
    fields->add(rows.text(row, 0), rows.text(row, 1),
                profile == "full"         ? AskedBy::full
                : profile == "requisites" ? AskedBy::requisites
                                          : AskedBy::none);
  }
  return fields;
}

AskedBy as_declared(const Field& field) {
  if (field.needed_on_creation) return AskedBy::full;
  return field.needed_for_requisites ? AskedBy::requisites : AskedBy::none;
}

}  // namespace

bool may_be_asked_for(const Resource& resource, const Field& field) {
  return resource.is_record && field.has_column() && field.name != resource.key &&
         !field.is_secret && !field.is_not_null && !field.is_generated && !field.default_value &&
         field.write != WriteRule::never && field.write != WriteRule::administrators;
}

void RequiredFields::add(std::string_view record_kind, std::string_view field, AskedBy by) {
  kinds_[std::string(record_kind)].insert_or_assign(std::string(field), by);
}

AskedBy RequiredFields::asked_by(const Resource& resource, const Field& field) const {
  if (const auto kind = kinds_.find(resource.kind); kind != kinds_.end()) {
    const auto said = kind->second.find(field.name);
    if (said != kind->second.end() && may_be_asked_for(resource, field)) return said->second;
  }
  return as_declared(field);
}

RequiredFieldReader::RequiredFieldReader(Database& database, std::chrono::milliseconds max_age)
    : RecentlyRead(database, kRead, fields_of, max_age) {}

std::string missing_fields_sql(const Resource& resource) {
  std::string declared;
  std::string any;  // WHEN 'inn' THEN t.inn IS NULL …
  for (const Field& field : resource.fields) {
    const std::string name(field.name);
    if (as_declared(field) != AskedBy::none) {
      declared += (declared.empty() ? "CASE WHEN t." : ", CASE WHEN t.") + name +
                  " IS NULL THEN '" + name + "' END";
    }
    if (may_be_asked_for(resource, field))
      any += " WHEN '" + name + "' THEN t." + name + " IS NULL";
  }
  if (declared.empty()) return {};
  declared = "array_remove(ARRAY[" + declared + "]::text[], NULL)";
  const std::string said =
      " FROM crm.required_field r WHERE r.record_kind = '" + std::string(resource.kind) + "'";
  // Where nothing is said, as it mostly is, a row costs no more than what is declared.
  std::string sql = "CASE WHEN EXISTS (SELECT" + said + ") THEN ARRAY(SELECT n FROM unnest(" +
                    declared + ") n WHERE n NOT IN (SELECT r.field" + said +
                    ")) || ARRAY(SELECT r.field" + said +
                    " AND r.profile <> 'none' AND CASE r.field" + any +
                    " ELSE false END ORDER BY r.id) ELSE " + declared + " END";
  return resource.has_field("unverified_fields") ? "(" + sql + ") || t.unverified_fields" : sql;
}

}  // namespace c360::store
