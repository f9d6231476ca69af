#include "store/nested.h"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/base/text.h"
#include "store/bulk.h"
#include "store/draft.h"
#include "store/history.h"
#include "store/operations/action.h"

namespace c360::store {
namespace {

constexpr std::string_view kContactLinks = "crm.record_contact";

void check_rows(const NestedRows& nested, Error& error) {
  for (std::size_t i = 0; i < nested.rows.size(); ++i) {
    const std::string at = "/" + nested.kind.name + "/" + std::to_string(i);
    const std::string parent(nested.kind.parent_column);
    if (!nested.rows[i].is_object()) {
      error.fields.push_back({at, "wrong_type", "Expected an object."});
    } else if (!nested.kind.linked && nested.rows[i].find(parent) != nullptr) {
      error.fields.push_back({at + "/" + parent, "read_only", "Given by the record around it."});
    }
  }
}

Json json_of(const Warning& warning) {
  Json json;
  json.set("code", warning.code).set("detail", warning.detail);
  return json.set("id", warning.id ? Json(*warning.id) : Json());
}

// The first is the main one.
void queue_links(const Records& records, Transaction& tx, const Resource& resource,
                 const RecordView& parent, std::span<const BulkRow> rows, const Actor& actor) {
  std::vector<RecordContact> pairs;
  std::vector<HistoryEvent> events;
  for (const BulkRow& row : rows) {
    const bool main = pairs.empty();
    pairs.push_back({parent.id, row.view.id, main, static_cast<int>(pairs.size()) + 1});
    events.push_back(
        {"contact_added", R"([{"field": "contacts", "old": null, "new": )" + row.view.key + "}]"});
  }
  records.add_record_contacts(tx, pairs);
  queue_history(tx, subject_of(resource, parent.key), events, parent.version, actor);
}

std::string text_of(const Json& object, const std::string& field) {
  const Json* value = object.find(field);
  return value != nullptr && value->is_string() ? std::string(trimmed(value->as_string())) : "";
}

// domain.md 1.5: by the company, then by the contact; what comes after is the record's own.
void name_by_contact(const Resource& resource, const std::vector<NestedRows>& nested, Json& body) {
  constexpr std::size_t kMaxName = 500;
  if (!resource.has_field("company_text") || resource.name_field != "name") return;
  if (!text_of(body, "name").empty() || !text_of(body, "company_text").empty()) return;
  for (const NestedRows& each : nested) {
    if (!each.kind.linked || each.rows.empty()) continue;
    std::string name = text_of(each.rows.front(), "full_name");
    if (name.empty()) {
      for (const char* part : {"last_name", "first_name", "middle_name"}) {
        const std::string word = text_of(each.rows.front(), part);
        name += (name.empty() || word.empty() ? "" : " ") + word;
      }
    }
    if (!name.empty()) body.set("name", std::string(utf8_prefix(name, kMaxName)));
  }
}

Result<Json> made_rows(Records& records, Transaction& tx, const Resource& resource,
                       const RecordView& parent, const NestedRows& nested, const Actor& actor,
                       std::vector<Warning>& warnings) {
  std::vector<BulkItem> items;
  for (std::size_t i = 0; i < nested.rows.size(); ++i) {
    const std::string at = "/" + nested.kind.name + "/" + std::to_string(i);
    BulkItem item{.body = nested.rows[i], .pointer = at, .item_pointer = at};
    if (!nested.kind.linked) item.body.set(std::string(nested.kind.parent_column), Json(parent.id));
    items.push_back(std::move(item));
  }
  // They are part of the creation, whosever the record is to be: its creator may add them now.
  BulkOptions options;
  if (!nested.kind.linked) {
    options.write.also = [&](Draft& draft) {
      draft.confirm(draft.resource().index_of(nested.kind.parent_column));
    };
  }
  auto rows = bulk(records, tx, *nested.kind.child, items, actor, options);
  if (!rows) return std::unexpected(std::move(rows).error());
  if (nested.kind.linked) queue_links(records, tx, resource, parent, *rows, actor);
  Json::Array shown;
  for (BulkRow& row : *rows) {
    auto json = Json::parse(row.view.json);
    if (!json) return std::unexpected(json.error());
    shown.push_back(std::move(*json));
    std::ranges::move(row.view.warnings, std::back_inserter(warnings));
  }
  return Json(std::move(shown));
}

}  // namespace

std::vector<NestedKind> nested_kinds(const Registry& registry, const Resource& resource) {
  std::vector<NestedKind> kinds;
  for (const Collection& collection : resource.collections) {
    const Resource* child = registry.find(collection.kind);
    const bool linked = collection.link_table == kContactLinks;
    if (child == nullptr || child->kind == "document" || !child->offers(Operation::create))
      continue;
    if (!linked &&
        (!collection.link_table.empty() || !child->has_field(collection.parent_column))) {
      continue;
    }
    kinds.push_back({std::string(collection.name), collection.doc,
                     linked ? std::string_view{} : collection.parent_column, child, linked});
  }
  for (const auto& child : registry.all()) {
    if (child->access.inherits_from.empty()) continue;
    const Field* parent = child->find(child->access.inherits_from);
    const bool is_part = parent != nullptr && parent->target == resource.kind &&
                         child->kind != "document" && child->offers(Operation::create);
    const bool is_there = std::ranges::any_of(
        resource.collections, [&](const auto& each) { return each.kind == child->kind; });
    if (!is_part || is_there) continue;
    std::string name(child->path);
    std::ranges::replace(name, '-', '_');
    kinds.push_back({std::move(name), child->label_plural.en, parent->name, child.get(), false});
  }
  return kinds;
}

Result<std::vector<NestedRows>> take_nested_rows(const Registry& registry, const Resource& resource,
                                                 Json& body, std::size_t max_rows) {
  std::vector<NestedRows> all;
  Error error{.code = ErrorCode::validation_failed, .detail = "The rows inside are not as asked."};
  std::size_t count = 0;
  for (NestedKind& kind : nested_kinds(registry, resource)) {
    const Json* sent = body.find(kind.name);
    if (sent == nullptr) continue;
    const std::string at = "/" + kind.name;
    if (!sent->is_array()) {
      error.fields.push_back({at, "wrong_type", "Expected a list of objects."});
      continue;
    }
    NestedRows nested{std::move(kind), sent->as_array()};
    count += nested.rows.size();
    if (count > max_rows) {
      error.fields.push_back(
          {at, "too_many",
           "At most " + std::to_string(max_rows) + " rows in one request (api.max_bulk_rows)."});
    } else {
      check_rows(nested, error);
    }
    std::erase_if(body.as_object(),
                  [&](const Json::Member& member) { return member.first == nested.kind.name; });
    all.push_back(std::move(nested));
  }
  if (error.fields.empty()) return all;
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

Result<RecordView> create_with_rows(Records& records, Transaction& tx, const Resource& resource,
                                    const Json& body, const std::vector<NestedRows>& nested,
                                    const Actor& actor, WriteOptions options) {
  options.finish = Finish::run;
  Json named = body;
  name_by_contact(resource, nested, named);
  auto made = records.create(tx, resource, named, actor, options);
  if (!made || nested.empty()) return made;
  std::vector<Warning> warnings = std::move(made->warnings);
  Json::Object collections;
  for (const NestedRows& rows : nested) {
    auto shown = made_rows(records, tx, resource, *made, rows, actor, warnings);
    if (!shown) return std::unexpected(std::move(shown).error());
    collections.emplace_back(rows.kind.name, std::move(*shown));
  }
  // Once more: the rows may have moved totals and the version.
  auto now = read_in(records, tx, resource, made->id, actor);
  if (!now) return now;
  auto json = Json::parse(now->json);
  if (!json) return std::unexpected(json.error());
  for (auto& [name, rows] : collections) json->set(name, std::move(rows));
  if (!warnings.empty()) {
    Json::Array told;
    for (const Warning& warning : warnings) told.push_back(json_of(warning));
    json->set("warnings", std::move(told));
  }
  now->json = json->dump();
  now->warnings = std::move(warnings);
  return now;
}

}  // namespace c360::store
