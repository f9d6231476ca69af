// A business concept, declared once (style.md 3). Routes, validation, rights, history, filters,
// JSON, OpenAPI, the schema check and the tests are derived from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/model/field.h"

namespace c360::store {

class Draft;        // store/draft.h: what a write is about to store
class Records;      // store/records.h
class Transaction;  // store/database.h
struct RecordView;
struct WriteOptions;

// What a write brings about in other records, in its transaction (store/operations).
struct Consequence {
  bool (*due)(const Draft& draft) = nullptr;
  // The row stands as `written`; gives it as it is afterwards. An error undoes the write.
  Result<RecordView> (*bring_about)(Records& records, Transaction& tx, const Draft& draft,
                                    RecordView written) = nullptr;
};

// Roles on a record, computed for each request (domain.md 3.3).
enum class Role : std::uint8_t {
  manager,             // responsible_id; if empty every member of crm-manager
  service_manager,     // service_manager_id
  viewers,             // crm.record_observer
  creator,             // created_by
  all_crm_managers,    // group crm-manager
  cco,                 // group crm-cco
  crm_administrators,  // group crm-administrators
  everyone,            // every active user
  self,                // the user this row is (users), or belongs to (tokens)
  author,              // author_id
  assignee,            // assignee_user_id, or a member of assignee_group_id
  initiator,           // initiator_user_id
  participant,         // crm.support_participant
  customer_managers,   // responsible or service manager of the counterparty
  support_staff,       // any group of the service desk
  support_leads,       // groups support-lead and support-technologists
  completer,           // completed_by
  line_manager,        // of the assignee, or of who completed it
  named,               // the user whom Grant::column names
  one_of,              // one of the users whom the array Grant::column names
  in_named_group,      // a member of the group that Grant::column names
  member,              // a member of one of Grant::groups
};

// Each includes those before it. Who may comment on a record may neither change it nor add other
// things to it.
enum class Right : std::uint8_t { read, comment, write };

struct Grant {
  Role role;
  Right right;
  std::vector<std::string_view> statuses;  // of the row; empty: in every status
  std::string_view column = {};
  std::vector<std::string_view> groups = {};
  // The role is one on another row, its alias v: what follows SELECT FROM, with % for the alias of
  // this row, such as "crm.deal v WHERE v.id = %.deal_id".
  std::string_view on = {};
};

struct Access {
  std::vector<Grant> grants;
  // The rights of a child are those of the row this field names: a record of any kind
  // (`parent_record_id`), or one kind (`counterparty_id`). Its own grants count besides.
  std::string_view inherits_from;
  // Who has the right on a child whose parent is not set.
  std::optional<Role> orphan_read;
  std::optional<Role> orphan_write;
  bool employees_create = false;  // any active user may create one (design.md 11)
  // Who is shown the fields marked personal of a row he may read. To everybody else they are null,
  // and no filter, order, search or change of history tells of them.
  std::vector<Grant> personal = {};
};

// What a rule must know of other rows: asked in the transaction of the write, before before_write,
// which reads it by Draft::related(column).
struct Related {
  std::string_view sql;  // gives one row; empty: nothing to know
  // Of $1, $2, …: fields after the write, or "today", the day in the business time zone.
  std::vector<std::string_view> parameters;
};

struct Stage {
  std::string_view code;
  std::optional<int> percent;
  Label label;
};

struct Status {
  std::string_view code;
  Label label;
  std::string_view stage;  // code of a Stage, or empty
  bool on_board = true;
  bool is_final = false;
  bool hidden = false;               // not in the default list
  bool administrators_only = false;  // entered by administrators and import only
  std::string_view alias;            // the spelling of the reference, such as "firstContact"
};

enum class Operation : std::uint8_t { list, get, create, update, remove, restore, history };

// Rows of another resource shown inside this one by `include=NAME`.
struct Collection {
  std::string_view name;  // "contacts"
  std::string_view kind;  // of the rows shown: "contact"
  std::string_view doc;
  std::string_view link_table;     // "crm.record_contact"; empty: the rows name their parent
  std::string_view parent_column;  // column of link_table (or of the child) that names this record
  std::string_view child_column;   // column of link_table that names the child
  std::string_view link_columns;   // of link_table, shown too: "is_main,position"
  std::string_view order_by;       // SQL, over l (link) and c (child)
};

// Rows that a list has by default and `include=-NAME` leaves out.
struct Part {
  std::string_view name;
  std::string_view condition;  // SQL over t
  std::string_view doc;
};

enum class KeyType : std::uint8_t { number, text };

struct Resource {
  std::string_view kind;   // "deal"
  std::string_view path;   // "deals"
  std::string_view table;  // "crm.deal"
  std::string_view view;   // what it is read through, where that is not the table alone
  std::string_view doc;
  Label label;         // «Сделка» / "Deal"
  Label label_plural;  // «Сделки» / "Deals"

  // Has a row in crm.record with the common columns of domain.md 1.2. What is not one is a
  // directory, a user, a mail message: read by the same machinery, without history.
  bool is_record = true;
  std::string_view key = "id";  // primary key column
  KeyType key_type = KeyType::number;
  std::string_view sequence;             // of `number`: "crm.deal_number"; empty: no number
  std::string_view name_field = "name";  // what a reference to it shows; empty: none
  std::string_view auto_name;            // «Сделка №%» with % = number; empty: no automatic name

  std::vector<Stage> stages;
  std::vector<Status> statuses;  // rows of `<table>_status`; empty: no status machine
  std::vector<Field> fields;     // key and common columns included by the registry
  Access access;
  std::vector<Collection> collections;
  std::vector<Part> parts;
  // Fields of the block `marketing`: include=marketing, and a route of their own.
  std::vector<std::string_view> marketing;
  std::vector<Operation> operations;  // empty: all of them for a record
  std::string_view default_sort = "-id";
  // `types @> {buyer}`: field, operator, value; dropped when the request filters that field.
  struct DefaultFilter {
    std::string_view field;
    std::string_view operation;
    std::string_view value;
  };
  std::vector<DefaultFilter> default_filters;
  // `scope=NAME` of a list: SQL over t, with % for the actor's id.
  struct Scope {
    std::string_view name;
    std::string_view condition;
    std::string_view needs;  // a filter that must be sent with it; empty: none
  };
  std::vector<Scope> scopes;
  // Created without a responsible person a record opens the task «Взятие в работу» with the
  // outcomes take_to_work and this one; empty: no such task (domain.md 6.4, 7.2).
  std::string_view refusal_outcome;
  std::string_view refusal_status;  // the status that outcome sets, and that cancels the task
  std::string_view taken_status;    // the status take_to_work sets

  // What others call a row by, besides its id: PUT /counterparties/inn:7707083893. Fields of the
  // resource; `external_ids` counts everywhere it is.
  std::vector<std::string_view> natural_keys;

  bool has_versions = true;  // row_version, and so ETag and If-Match
  bool soft_delete = true;   // deleted_at; otherwise rows go for good (refused while in use)

  // What required_on_creation() asks for must be there once the first status is left for another
  // than `given_up`, not before.
  bool drafts_may_lack = false;
  std::string_view given_up;

  // Fills in what other rows tell of a new one, such as whose number called: before anything is
  // checked, in the transaction of the creation, and by the rights of the draft's actor.
  Result<void> (*find_missing)(Records& records, Transaction& tx, Draft& draft) = nullptr;
  Related related;
  // Rules beyond the fields: fills in, checks, guards a status. Called before every create and
  // update, with the old values in place on update.
  void (*before_write)(Draft& draft) = nullptr;
  // Rules that ask what other kinds have, of rows that describe such; after before_write.
  void (*check_among)(const Records& records, Draft& draft) = nullptr;
  Consequence consequence;

  // Table or view that rows are read from.
  std::string_view rows_from() const { return view.empty() ? table : view; }
  const Field* find(std::string_view field_name) const;
  std::size_t index_of(std::string_view field_name) const;  // fields.size() when there is none
  const Field& field(std::string_view field_name) const;    // throws: a bug in a declaration
  bool offers(Operation operation) const;
  // With drafts_may_lack: the first status, and the one it is given up in.
  bool may_lack(std::string_view status) const;
  const Status* find_status(std::string_view status_code) const;
  const Stage* find_stage(std::string_view stage_code) const;
  const Collection* find_collection(std::string_view collection_name) const;
  const Part* find_part(std::string_view part_name) const;
  // Whether comments, activities, documents and tasks can be of it; and those it does not name
  // among its collections, newest first.
  bool holds_attached_rows() const;
  std::vector<const Collection*> attached() const;
  // Of both: what `include=NAME` shows.
  const Collection* find_shown(std::string_view collection_name) const;
  bool has_field(std::string_view field_name) const { return find(field_name) != nullptr; }
  std::string enum_domain(const Field& field) const;  // "deal.request_type" in crm.enum_label
};

}  // namespace c360::store
