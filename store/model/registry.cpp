#include "store/model/registry.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "store/model/resources.h"
#include "store/required_fields.h"

namespace c360::store {
namespace {

// Kinds that are referred to before they have a Resource of their own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kOtherTables = {{
    {"record", "crm.record"},
    {"parse_rule", "ops.parse_rule"},
}};

std::vector<Resource> declarations() {
  std::vector<Resource> list = {user(),
                                group(),
                                token(),
                                counterparty(),
                                contact(),
                                own_organisation(),
                                legal_entity(),
                                bank_account(),
                                product(),
                                contract(),
                                agreement(),
                                order(),
                                line_item(),
                                payment(),
                                assignment(),
                                personal_account(),
                                personal_account_product(),
                                counterparty_invoice_type(),
                                counterparty_user(),
                                correspondence_in(),
                                correspondence_out(),
                                project(),
                                release(),
                                release_stage(),
                                saved_view(),
                                section_label(),
                                section(),
                                custom(),
                                required_field(),
                                lead(),
                                deal(),
                                folder(),
                                document(),
                                document_version(),
                                activity(),
                                comment(),
                                task(),
                                support_request(),
                                support_sla(),
                                support_client_settings(),
                                notification(),
                                notification_setting(),
                                mailbox(),
                                mail_import(),
                                mail_message(),
                                mail_attachment(),
                                quarantine(),
                                mail_sender_rule(),
                                quarantine_attempt(),
                                rule_set(),
                                custom_field_def(),
                                outbound_message(),
                                message_template()};
  for (Resource& each : directories()) list.push_back(std::move(each));
  return list;
}

std::string stage_expression(const Resource& resource, bool percent) {
  std::string sql = "CASE t.status";
  for (const Status& status : resource.statuses) {
    const Stage* stage = resource.find_stage(status.stage);
    if (!stage || (percent && !stage->percent)) continue;
    sql += " WHEN '" + std::string(status.code) + "' THEN ";
    sql += percent ? std::to_string(*stage->percent) : "'" + std::string(stage->code) + "'";
  }
  return sql + " END";
}

Field key_field(const Resource& resource) {
  Field field = resource.key_type == KeyType::number
                    ? integer(resource.key).read_only()
                    : text(resource.key).max_length(100).writable_by(WriteRule::creation);
  if (resource.kind == "activity_target") field.type = FieldType::citext;
  field.required().unique().sortable().untracked();
  if (resource.key_type == KeyType::number) return field.labels("Идентификатор", "Id");
  return field.labels("Код", "Code");
}

// Whoever has the mark loses it, and his history says so. $1 is the row that gets it, then come the
// values it is sole among, then who writes: user, request, origin.
std::string take_mark_sql(const Resource& resource, const Field& field) {
  const std::string name(field.name);
  const std::string key(resource.key);
  std::size_t parameter = 1;
  std::string among;
  for (const std::string_view column : field.sole_among) {
    among += " AND t." + std::string(column) + " = $" + std::to_string(++parameter) +
             "::" + resource.field(column).sql_type();
  }
  const std::string user = "$" + std::to_string(++parameter) + "::bigint";
  const std::string request = "nullif($" + std::to_string(++parameter) + "::text, '')";
  const std::string origin = "$" + std::to_string(++parameter) + "::text";
  const std::string version = resource.has_versions ? "row_version" : "NULL::integer";
  std::string touched;
  if (resource.has_versions) touched += ", row_version = t.row_version + 1";
  if (resource.has_field("updated_at")) touched += ", updated_at = now()";
  if (resource.has_field("updated_by")) touched += ", updated_by = " + user;
  return "WITH lost AS (UPDATE " + std::string(resource.table) + " AS t SET " + name + " = false" +
         touched + " WHERE t." + name + " AND t." + key + " IS DISTINCT FROM $1::bigint" + among +
         " RETURNING t." + key + " AS key, " + version +
         " AS version) INSERT INTO "
         "crm.history_event (" +
         (resource.is_record ? "record_id" : "record_key") +
         ", record_kind, event, changes, actor_id, version, request_id, origin) SELECT l.key" +
         (resource.is_record ? "" : "::text") + ", '" + std::string(resource.kind) +
         "', 'updated', '[{\"field\": \"" + name + "\", \"old\": true, \"new\": false}]', " + user +
         ", l.version, " + request + ", " + origin + " FROM lost l";
}

void complete(Resource& resource) {
  resource.fields.insert(resource.fields.begin(), key_field(resource));
  if (resource.is_record) {
    for (const Field& field : record_fields().list()) resource.fields.push_back(field);
  }
  for (Field& field : resource.fields) {
    if (field.name == "merged_into_id") field.target = resource.kind;
    if (field.name == "status" && !resource.statuses.empty()) {
      field.type = FieldType::code;
      for (const Status& status : resource.statuses) {
        field.choices.push_back({status.code, status.label});
      }
    }
  }
  if (std::any_of(resource.stages.begin(), resource.stages.end(),
                  [](const Stage& stage) { return !stage.code.empty(); })) {
    Field stage = made_by("stage_code", FieldType::code, stage_expression(resource, false));
    for (const Stage& each : resource.stages) stage.choices.push_back({each.code, each.label});
    resource.fields.push_back(stage.filterable().labels("Стадия", "Stage"));
    if (std::any_of(resource.stages.begin(), resource.stages.end(),
                    [](const Stage& each) { return each.percent.has_value(); })) {
      resource.fields.push_back(
          made_by("percent", FieldType::integer, stage_expression(resource, true))
              .labels("Вероятность, %", "Percent"));
    }
  }
  if (std::string sql = missing_fields_sql(resource); !sql.empty()) {
    Field missing = made_by("missing_fields", FieldType::text_array, std::move(sql));
    resource.fields.push_back(missing.labels("Незаполненные поля", "Missing fields")
                                  .described("Required of a complete record and still empty; or "
                                             "stored with wrong check digits."));
  }
  for (Field& field : resource.fields) {
    if (field.is_sole) field.take_mark = take_mark_sql(resource, field);
  }
  // A status hidden from the default list is shown by asking for it.
  std::string_view hidden;
  for (const Status& status : resource.statuses) {
    if (status.hidden) hidden = "hidden";
  }
  if (!hidden.empty()) resource.default_filters.push_back({"status", "visible", ""});
}

void verify(const Resource& resource) {
  const auto require = [&](bool condition, const std::string& what) {
    if (!condition) throw std::logic_error(std::string(resource.kind) + ": " + what);
  };
  for (std::size_t at = 0; at < resource.fields.size(); ++at) {
    const Field& field = resource.fields[at];
    require(resource.index_of(field.name) == at, "field twice: " + std::string(field.name));
    if (field.type == FieldType::reference || field.type == FieldType::directory) {
      require(!field.target_table.empty(), "no table behind " + std::string(field.name));
    }
  }
  for (const Status& status : resource.statuses) {
    require(status.stage.empty() || resource.find_stage(status.stage), "unknown stage");
  }
  require(resource.name_field.empty() || resource.has_field(resource.name_field), "no name field");
  require(!resource.has_versions || resource.has_field("row_version"), "no row_version");
  require(!resource.soft_delete || resource.has_field("deleted_at"), "no deleted_at");
}

}  // namespace

Registry Registry::standard() {
  std::vector<Resource> list = declarations();
  for (Resource& resource : list) complete(resource);
  const auto table_behind = [&](std::string_view kind) -> std::string_view {
    for (const Resource& resource : list) {
      if (resource.kind == kind) return resource.table;
    }
    return table_of(kind);
  };
  Registry registry;
  for (Resource& resource : list) {
    for (Field& field : resource.fields) {
      if (field.target.empty() || !field.target_table.empty()) continue;
      field.target_table = table_behind(field.target);
    }
    verify(resource);
    registry.resources_.push_back(std::make_unique<const Resource>(std::move(resource)));
  }
  return registry;
}

std::string_view Registry::table_of(std::string_view kind) {
  for (const auto& [name, table] : kOtherTables) {
    if (name == kind) return table;
  }
  return {};
}

const Resource* Registry::find(std::string_view kind) const {
  for (const auto& resource : resources_) {
    if (resource->kind == kind) return resource.get();
  }
  return nullptr;
}

const Resource* Registry::find_path(std::string_view path) const {
  for (const auto& resource : resources_) {
    if (resource->path == path) return resource.get();
  }
  return nullptr;
}

const Resource& Registry::get(std::string_view kind) const {
  if (const Resource* found = find(kind)) return *found;
  throw std::logic_error("no resource of kind " + std::string(kind));
}

}  // namespace c360::store
