#include "store/upsert.h"

#include <algorithm>

#include "daemon/base/text.h"
#include "store/draft.h"
#include "store/query_parts.h"
#include "store/record_json.h"

namespace c360::store {
namespace {

constexpr std::string_view kExternalIds = "external_ids";
constexpr std::size_t kMaxParts = 4;

constexpr Sql kLockKey{"c360_upsert_lock",
                       "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))"};

std::unexpected<Error> unknown_key(const Resource& resource, std::string_view text) {
  return fail(ErrorCode::invalid_request,
              "'" + std::string(utf8_prefix(text, 100)) + "' is no natural key of " +
                  std::string(resource.label_plural.en) +
                  "; write NAME:VALUE with one of: " + natural_key_names(resource) + ".",
              "unknown_natural_key");
}

std::unexpected<Error> wrong_value(std::string_view pointer, const ValueFault& fault) {
  Error error{ErrorCode::validation_failed, fault.detail, fault.code, {}, {}};
  error.fields.push_back({std::string(pointer), fault.code, fault.detail});
  return std::unexpected(std::move(error));
}

// The value of a part as JSON, spelled as a request body would.
Json json_of(const Field& field, std::string_view value) {
  const bool number = field.type == FieldType::integer || field.type == FieldType::reference;
  return number ? Json(Json::Number{std::string(value)}) : Json(value);
}

Result<NaturalKey::Part> parse_part(const Resource& resource, std::string_view item) {
  const std::size_t colon = item.find(':');
  if (colon == std::string_view::npos || colon + 1 == item.size()) {
    return unknown_key(resource, item);
  }
  const std::string_view name = item.substr(0, colon);
  const std::string_view value = item.substr(colon + 1);
  NaturalKey::Part part;
  if (name.starts_with(kExternalIds) && resource.has_field(kExternalIds) &&
      name.size() > kExternalIds.size() + 1 && name[kExternalIds.size()] == '.') {
    part.field = &resource.field(kExternalIds);
    part.system = name.substr(kExternalIds.size() + 1);
    part.value = value;
    return part;
  }
  if (std::ranges::find(resource.natural_keys, name) == resource.natural_keys.end()) {
    return unknown_key(resource, item);
  }
  part.field = &resource.field(name);
  ParsedValue parsed = parse_value(*part.field, json_of(*part.field, value));
  if (parsed.fault) return wrong_value("/" + std::string(name), *parsed.fault);
  if (!parsed.text) return unknown_key(resource, item);
  part.value = std::move(*parsed.text);
  return part;
}

std::string member_of(const NaturalKey::Part& part) {
  return Json(Json::Object{{part.system, part.value}}).dump();
}

// Alive ones first, then those merged elsewhere; the second row tells that the key is not unique.
Plan lookup(const Records& records, const Resource& resource, const NaturalKey& key,
            const Actor& actor) {
  ParameterList params;
  const Predicate rights =
      records.access().predicate(actor, resource, Right::read, "t", "$1::bigint");
  if (!rights.always && !rights.never) params.add_user(actor);
  const bool merges = resource.has_field("merged_into_id");
  std::string where = rights.sql;
  for (const NaturalKey::Part& part : key.parts) {
    if (part.system.empty()) {
      where += " AND t." + std::string(part.field->name) + " = " + params.add(part.value) +
               "::" + part.field->sql_type();
    } else {
      where += " AND t.external_ids @> " + params.add(member_of(part)) +
               "::jsonb AND t.external_ids <> '{}'";
    }
  }
  std::string columns = "t." + std::string(resource.key) + "::text, ";
  columns += merges ? "t.merged_into_id::text" : "NULL::text";
  std::string order;
  if (resource.soft_delete) {
    where += merges ? " AND (t.deleted_at IS NULL OR t.merged_into_id IS NOT NULL)"
                    : " AND t.deleted_at IS NULL";
    columns += ", t.deleted_at IS NULL";
    order = " ORDER BY 3 DESC, 1";
  } else {
    columns += ", true";
  }
  Plan plan =
      records.queries().keep({}, "SELECT " + columns + " FROM " + std::string(resource.table) +
                                     " t WHERE " + where + order + " LIMIT 2");
  plan.params = params.params();
  return plan;
}

// Where a merged record went in the end; empty where that is nowhere.
Result<std::string> merge_target(const Records& records, Transaction& tx, const Resource& resource,
                                 std::string_view id) {
  const std::string table(resource.table);
  const Plan plan = records.queries().keep(
      {}, "WITH RECURSIVE way(id, next, step) AS (SELECT t.id, t.merged_into_id, 0 FROM " + table +
              " t WHERE t.id = $1::bigint UNION ALL SELECT t.id, t.merged_into_id, way.step + 1"
              " FROM " +
              table +
              " t JOIN way ON t.id = way.next WHERE way.step < 20)"
              " SELECT id::text FROM way WHERE next IS NULL");
  auto rows = tx.query(plan.sql, Params{}.add(id));
  if (!rows) return std::unexpected(rows.error());
  return (*rows)->empty() ? std::string() : std::string((*rows)->text(0, 0));
}

// The key of the one record that has it; empty: none.
Result<std::string> find_one(const Records& records, Transaction& tx, const Resource& resource,
                             const NaturalKey& key, const Actor& actor) {
  tx.queue(kLockKey, Params{}.add(std::string(resource.table) + " " + key.text));
  Plan plan = lookup(records, resource, key, actor);
  auto rows = tx.query(plan.sql, std::move(plan.params));
  if (!rows) return std::unexpected(rows.error());
  const Rows& found = **rows;
  if (found.empty()) return std::string();
  const bool alive = found.boolean(0, 2);
  if (found.size() > 1 && alive && found.boolean(1, 2)) {
    return fail(ErrorCode::conflict,
                "Several " + std::string(resource.label_plural.en) + " have " + key.text +
                    "; name a further part of the key, or the id.",
                "ambiguous_key");
  }
  if (alive) return std::string(found.text(0, 0));
  return merge_target(records, tx, resource, std::string(found.text(0, 1)));
}

// The body with the key in it; a body that says something else contradicts itself.
Result<Json> with_key(const NaturalKey& key, const Json& body) {
  Json whole = body;
  for (const NaturalKey::Part& part : key.parts) {
    const std::string name(part.field->name);
    const std::string pointer = "/" + name + (part.system.empty() ? "" : "/" + part.system);
    const ValueFault mismatch{"natural_key_mismatch",
                              "The path says " + part.value + "; leave it out, or send the same."};
    const Json* sent = whole.find(name);
    if (!part.system.empty()) {
      Json ids = sent != nullptr && sent->is_object() ? *sent : Json(Json::Object{});
      const Json* id = ids.find(part.system);
      if ((sent != nullptr && !sent->is_object()) || (id != nullptr && *id != Json(part.value))) {
        return wrong_value(pointer, mismatch);
      }
      ids.set(part.system, part.value);
      whole.set(name, std::move(ids));
      continue;
    }
    if (sent == nullptr) {
      whole.set(name, json_of(*part.field, part.value));
      continue;
    }
    const ParsedValue parsed = parse_value(*part.field, *sent);
    if (parsed.text != part.value) return wrong_value(pointer, mismatch);
  }
  return whole;
}

std::unexpected<Error> precondition(std::string detail, std::string reason) {
  return fail(ErrorCode::precondition_failed, std::move(detail), std::move(reason));
}

}  // namespace

bool has_natural_keys(const Resource& resource) {
  if (!resource.offers(Operation::create) || !resource.offers(Operation::update)) return false;
  return !resource.natural_keys.empty() || resource.has_field(kExternalIds) ||
         resource.key_type == KeyType::text;
}

std::string natural_key_names(const Resource& resource) {
  if (resource.key_type == KeyType::text) return std::string(resource.key);
  std::string names;
  for (const std::string_view name : resource.natural_keys) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  if (resource.has_field(kExternalIds)) {
    names += (names.empty() ? "" : ", ") + std::string(kExternalIds) + ".SYSTEM";
  }
  return names;
}

Result<NaturalKey> parse_natural_key(const Resource& resource, std::string_view text) {
  if (text.empty() || text.size() > kMaxNaturalKeyBytes) return unknown_key(resource, text);
  NaturalKey key;
  key.text = text;
  if (resource.key_type == KeyType::text) {
    const Field& field = resource.field(resource.key);
    ParsedValue parsed = parse_value(field, Json(text));
    if (parsed.fault) return wrong_value("/" + std::string(field.name), *parsed.fault);
    key.parts.push_back({&field, {}, parsed.text.value_or("")});
    return key;
  }
  // Values may hold commas themselves, so a comma separates only where a name follows.
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t end = rest.find(',');
    while (end != std::string_view::npos) {
      const std::string_view next = rest.substr(end + 1);
      const std::string_view name = next.substr(0, next.find(':'));
      if (name.size() < next.size() &&
          (name.starts_with(kExternalIds) ||
           std::ranges::find(resource.natural_keys, name) != resource.natural_keys.end())) {
        break;
      }
      end = rest.find(',', end + 1);
    }
    auto part = parse_part(resource, rest.substr(0, end));
    if (!part) return std::unexpected(std::move(part).error());
    key.parts.push_back(std::move(*part));
    if (key.parts.size() > kMaxParts) return unknown_key(resource, text);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return key;
}

Result<Upserted> upsert(Records& records, Transaction& tx, const Resource& resource,
                        const NaturalKey& key, const Json& body, const Actor& actor,
                        const UpsertOptions& options) {
  if (!body.is_object()) {
    return fail(ErrorCode::invalid_request, "The body must be a JSON object.", "object_expected");
  }
  auto whole = with_key(key, body);
  if (!whole) return std::unexpected(std::move(whole).error());
  auto id = find_one(records, tx, resource, key, actor);
  if (!id) return std::unexpected(std::move(id).error());
  if (id->empty()) {
    if (options.write.expected_version) {
      return precondition("If-Match names a version, and there is no such record yet.",
                          "row_version_stale");
    }
    auto view = records.create(tx, resource, *whole, actor, options.write);
    if (!view) return std::unexpected(std::move(view).error());
    return Upserted{std::move(*view), true};
  }
  if (options.only_create) {
    return precondition("There is such a record already: " + *id + ".", "exists_already");
  }
  auto view = records.update(tx, resource, *id, *whole, actor, options.write);
  if (!view) return std::unexpected(std::move(view).error());
  return Upserted{std::move(*view), false};
}

}  // namespace c360::store
