// Rows of collections: contacts of a deal, observers, members of a group.
#include <algorithm>

#include "store/history.h"
#include "store/records_state.h"
#include "store/retried.h"

namespace c360::store {
namespace {

constexpr Sql kDemoteRecordMain{"c360_link_demote", R"sql(
UPDATE crm.record_contact SET is_main = false
WHERE record_id = $1::bigint AND is_main AND contact_id <> $2::bigint
)sql"};
constexpr Sql kPromoteRecordMain{"c360_link_promote", R"sql(
UPDATE crm.record_contact SET is_main = true
WHERE record_id = $1::bigint
  AND contact_id = (SELECT contact_id FROM crm.record_contact WHERE record_id = $1::bigint
                    ORDER BY position, contact_id LIMIT 1)
  AND NOT EXISTS (SELECT FROM crm.record_contact WHERE record_id = $1::bigint AND is_main)
)sql"};

Result<const Collection*> editable(const Resource& resource, std::string_view name) {
  const Collection* found = resource.find_collection(name);
  if (found && !found->link_table.empty() && found->kind != "document") return found;
  return fail(ErrorCode::not_found,
              "A " + std::string(resource.label.en) + " has no collection " + std::string(name) +
                  " to edit.",
              "unknown_collection");
}

std::string event_of(const Collection& collection, bool added) {
  const std::string_view noun = collection.kind == "contact"     ? "contact"
                                : collection.kind == "group"     ? "group"
                                : collection.name == "observers" ? "observer"
                                                                 : "member";
  return std::string(noun) + (added ? "_added" : "_removed");
}

std::string change_of(const Collection& collection, const Resource& of_child,
                      std::string_view child, bool added) {
  const std::string id =
      of_child.key_type == KeyType::number ? std::string(child) : Json(child).dump();
  return "[{\"field\":\"" + std::string(collection.name) + "\",\"old\":" + (added ? "null" : id) +
         ",\"new\":" + (added ? id : "null") + "}]";
}

// The row that ties the two, unless it is there; `mark` is a contact's is_main.
struct LinkText {
  std::string text;
  Params params;
};

LinkText link_text(const Collection& collection, const Resource& parent, const Resource& of_child,
                   std::string_view key, std::string_view child, const Actor& actor, bool mark) {
  LinkText link;
  link.params.add(key).add(child);
  const std::string into = "INSERT INTO " + std::string(collection.link_table) + " AS l (" +
                           std::string(collection.parent_column) + ", " +
                           std::string(collection.child_column);
  const std::string values =
      " VALUES ($1::" + key_type_of(parent) + ", $2::" + key_type_of(of_child);
  if (of_child.kind == "contact") {
    link.text =
        into + ", is_main, position)" + values +
        ", $3::boolean, (SELECT coalesce(max(position), 0) + 1 FROM crm.record_contact WHERE "
        "record_id = $1::bigint)) ON CONFLICT (record_id, contact_id) DO UPDATE SET is_main = "
        "l.is_main OR excluded.is_main";
    link.params.add(mark);
  } else if (collection.link_columns.find("added_at") != std::string_view::npos) {
    link.text = into + ", added_by)" + values + ", $3::bigint) ON CONFLICT DO NOTHING";
    link.params.add(actor.user_id);
  } else {
    link.text = into + ")" + values + ") ON CONFLICT DO NOTHING";
  }
  return link;
}

// The version does not change by a link.
std::optional<std::int64_t> same_version(const Draft& draft) {
  if (!draft.resource().has_versions) return std::nullopt;
  return std::stoll(std::string(*draft.before("row_version")));
}

}  // namespace

Result<void> Records::link(const Resource& resource, std::string_view key,
                           std::string_view collection, std::string_view child, const Actor& actor,
                           bool is_main) {
  return retried(state_->database, [&](Transaction& tx) {
    return link(tx, resource, key, collection, child, actor, is_main);
  });
}

Result<void> Records::link(Transaction& tx, const Resource& resource, std::string_view key,
                           std::string_view collection_name, std::string_view child,
                           const Actor& actor, bool is_main, Finish finish) {
  const auto collection = editable(resource, collection_name);
  if (!collection) return std::unexpected(collection.error());
  if (!is_key(resource, key)) return no_such(resource, key);
  const Resource& of_child = state_->registry.get((*collection)->kind);
  if (!is_key(of_child, child)) return no_such(of_child, child);
  const WriteOptions options{.finish = finish};
  const WriteContext context = state_->context(actor, options);
  const State::Locked locked = state_->queue_lock(tx, resource, key, actor);
  // Users and groups are named by those who may not read them; a contact must be readable.
  const Predicate rights =
      of_child.is_record ? state_->access.predicate(actor, of_child, Right::read, "t", "$2::bigint")
                         : Predicate{"TRUE", true, false};
  const Plan exists = state_->queries.keep(
      {}, "SELECT $2::bigint FROM " + std::string(of_child.table) + " t WHERE t." +
              std::string(of_child.key) + " = $1::" + key_type_of(of_child) +
              (of_child.soft_delete ? " AND t.deleted_at IS NULL" : "") +
              (of_child.kind == "user" ? " AND t.is_active" : "") + " AND " + rights.sql);
  const Ticket found = tx.queue(exists.sql, Params{}.add(child).add(actor.user_id));
  if (auto done = tx.run(); !done) return done;
  Draft draft(resource, actor, context);
  if (auto read = state_->read_lock(tx, locked, draft, key, options); !read) return read;
  if (tx.rows(found).empty()) return no_such(of_child, child);

  const bool contact = of_child.kind == "contact";
  if (contact && is_main) tx.queue(kDemoteRecordMain, Params{}.add(key).add(child));
  LinkText link = link_text(**collection, resource, of_child, key, child, actor, is_main);
  const Plan insert = state_->queries.keep({}, std::move(link.text));
  const auto linked = tx.query(insert.sql, std::move(link.params));
  if (!linked) return std::unexpected(explained(linked.error(), resource));
  if (contact) tx.queue(kPromoteRecordMain, Params{}.add(key));
  if ((*linked)->affected() > 0) {
    queue_history(tx, subject_of(resource, key),
                  {{event_of(**collection, true), change_of(**collection, of_child, child, true)}},
                  same_version(draft), actor);
  }
  return state_->finish(tx, options, resource);
}

Result<void> Records::unlink(const Resource& resource, std::string_view key,
                             std::string_view collection_name, std::string_view child,
                             const Actor& actor) {
  const auto collection = editable(resource, collection_name);
  if (!collection) return std::unexpected(collection.error());
  if (!is_key(resource, key)) return no_such(resource, key);
  const Resource& of_child = state_->registry.get((*collection)->kind);
  if (!is_key(of_child, child)) return no_such(of_child, child);
  const WriteOptions options;
  const WriteContext context = state_->context(actor, options);
  return retried(state_->database, [&](Transaction& tx) -> Result<void> {
    const State::Locked locked = state_->queue_lock(tx, resource, key, actor);
    if (auto done = tx.run(); !done) return done;
    Draft draft(resource, actor, context);
    if (auto read = state_->read_lock(tx, locked, draft, key, options); !read) return read;
    const Plan remove = state_->queries.keep(
        {}, "DELETE FROM " + std::string((*collection)->link_table) + " WHERE " +
                std::string((*collection)->parent_column) + " = $1::" + key_type_of(resource) +
                " AND " + std::string((*collection)->child_column) +
                " = $2::" + key_type_of(of_child));
    const auto removed = tx.query(remove.sql, Params{}.add(key).add(child));
    if (!removed) return std::unexpected(removed.error());
    if ((*removed)->affected() == 0) return no_such(of_child, child);
    if ((*collection)->kind == "contact") tx.queue(kPromoteRecordMain, Params{}.add(key));
    queue_history(
        tx, subject_of(resource, key),
        {{event_of(**collection, false), change_of(**collection, of_child, child, false)}},
        same_version(draft), actor);
    return state_->finish(tx, options, resource);
  });
}

}  // namespace c360::store
