#include "store/directory_codes.h"

#include <algorithm>

namespace c360::store {
namespace {

bool is_listed(const Field& field) {
  return field.type == FieldType::directory ||
         (field.type == FieldType::reference && field.target == "user");
}

// (kind, code) of every directory that a record's field refers to.
std::string query_of(const Registry& registry) {
  std::set<std::string_view> kinds;
  for (const auto& resource : registry.all()) {
    if (!resource->is_record) continue;
    for (const Field& field : resource->fields) {
      if (is_listed(field)) kinds.insert(field.target);
    }
  }
  std::string sql;
  for (const std::string_view kind : kinds) {
    const Resource* target = registry.find(kind);
    if (!target) continue;
    sql += (sql.empty() ? "SELECT '" : " UNION ALL SELECT '") + std::string(kind) + "', t." +
           std::string(target->key) + "::text FROM " + std::string(target->table) + " t";
    if (target->has_field("is_active")) sql += " WHERE t.is_active";
  }
  return sql;
}

}  // namespace

bool is_declared(const Registry& registry, std::string_view kind, std::string_view field,
                 std::string_view value) {
  const Resource* resource = registry.find(kind);
  const Field* found = resource ? resource->find(field) : nullptr;
  if (!found || found->type != FieldType::code) return true;
  return std::ranges::find(found->choices, value, &Choice::code) != found->choices.end();
}

bool DirectoryCodes::may_store(std::string_view kind, std::string_view field,
                               std::string_view value) const {
  const Resource* resource = registry_.find(kind);
  const Field* found = resource ? resource->find(field) : nullptr;
  if (!found || !is_listed(*found)) return is_declared(registry_, kind, field, value);
  const auto codes = codes_.find(found->target);
  return codes != codes_.end() && codes->second.contains(value);
}

DirectoryReader::DirectoryReader(Database& database, const Registry& registry,
                                 std::chrono::milliseconds max_age)
    : database_(database), registry_(registry), max_age_(max_age), query_(query_of(registry)) {}

std::shared_ptr<const DirectoryCodes> DirectoryReader::current() {
  const std::scoped_lock lock{mutex_};
  const auto now = std::chrono::steady_clock::now();
  if (ever_asked_ && now - asked_ < max_age_) return last_;
  ever_asked_ = true;
  const auto rows = database_.execute(Pool::work, {"", query_});
  // From the end, so that a database that is away is not asked by every mail in turn.
  asked_ = std::chrono::steady_clock::now();
  if (!rows) return last_;
  DirectoryCodes::Codes codes;
  for (int row = 0; row < rows->size(); ++row)
    codes[std::string(rows->text(row, 0))].emplace(rows->text(row, 1));
  last_ = std::make_shared<const DirectoryCodes>(registry_, std::move(codes));
  return last_;
}

}  // namespace c360::store
