#include "store/operations/merge_parts.h"

#include <array>

namespace c360::store {
namespace {

// A mail is on a record once only: what the target has of it already stays behind. A task to take
// to work is about the record itself.
constexpr std::array<MergePart, 8> kParts = {{
    {"comments", "crm.comment", "record_id", "",
     "m.mail_message_id IS NULL OR NOT EXISTS (SELECT FROM crm.comment o WHERE o.record_id = "
     "$2::bigint AND o.mail_message_id = m.mail_message_id AND o.deleted_at IS NULL)",
     ""},
    {"activities", "crm.activity", "parent_record_id", "activity",
     "m.mail_message_id IS NULL OR NOT EXISTS (SELECT FROM crm.activity o WHERE "
     "o.parent_record_id = $2::bigint AND o.mail_message_id = m.mail_message_id AND o.deleted_at "
     "IS NULL)",
     ""},
    {"assignments", "crm.assignment", "parent_record_id", "assignment", "", ""},
    {"documents", "crm.document", "parent_record_id", "document", "", ""},
    {"tasks", "crm.task", "record_id", "", "m.kind <> 'take_to_work' OR m.status <> 'active'", ""},
    {"orders", "crm.order", "deal_id", "order", "", "deal"},
    {"payments", "crm.payment", "deal_id", "payment", "", "deal"},
    {"line_items", "crm.line_item", "parent_id", "",
     "NOT EXISTS (SELECT FROM crm.line_item o WHERE o.parent_id = $2::bigint)", "deal"},
}};

constexpr std::array<std::string_view, 17> kOfLeads = {
    "description",  "responsible_id", "counterparty_id", "request_category_code",
    "company_text", "request_type",   "created_deal_id", "request_source_code",
    "site_page",    "site_referrer",  "ga_client_id",    "disqualification_reason_code",
    "ym_client_id", "email_message",  "number_of_users", "amount",
    "site_email"};
constexpr std::array<std::string_view, 16> kOfDeals = {
    "description",   "responsible_id", "counterparty_id",      "request_category_code",
    "company_text",  "amount",         "number_of_users",      "request_source_code",
    "contract_id",   "offer_text",     "created_from_lead_id", "site_page",
    "site_referrer", "site_email",     "ga_client_id",         "ym_client_id"};

}  // namespace

std::span<const MergePart> merge_parts() { return kParts; }

bool moves_with(const MergePart& part, const Resource& resource) {
  return part.of.empty() || part.of == resource.kind;
}

std::string moving_rows_sql(const MergePart& part) {
  std::string sql = "SELECT m.id, $2::bigint FROM " + std::string(part.table) + " m WHERE m." +
                    std::string(part.column) + " = $1::bigint";
  if (!part.where.empty()) sql += " AND (" + std::string(part.where) + ")";
  return sql + " ORDER BY m.id";
}

std::string move_rows_sql(const MergePart& part) {
  const std::string table(part.table);
  const std::string column(part.column);
  if (part.kind.empty()) {
    return "UPDATE " + table + " m SET " + column +
           " = $2::bigint WHERE m.id = ANY ($3::bigint[]) AND m." + column +
           " IN ($1::bigint, $2::bigint) AND ($4::bigint IS NULL OR true) AND $5::text IS NOT NULL "
           "AND $6::text "
           "IS NOT NULL";
  }
  return "WITH moved AS (UPDATE " + table + " m SET " + column +
         " = $2::bigint, row_version = m.row_version + 1, updated_at = now(), updated_by = "
         "$4::bigint WHERE m.id = ANY ($3::bigint[]) AND m." +
         column +
         " IN ($1::bigint, $2::bigint) RETURNING m.id, m.row_version) INSERT INTO "
         "crm.history_event (record_id, "
         "record_kind, event, changes, actor_id, version, request_id, origin) SELECT v.id, '" +
         std::string(part.kind) + "', 'updated', jsonb_build_array(jsonb_build_object('field', '" +
         column +
         "', 'old', $1::bigint, 'new', $2::bigint)), $4::bigint, v.row_version, "
         "nullif($5::text, ''), $6::text FROM moved v";
}

std::span<const std::string_view> merged_fields(const Resource& resource) {
  if (resource.kind == "lead") return kOfLeads;
  return kOfDeals;
}

MergeWords merge_words(const Resource& resource) {
  return resource.kind == "lead" ? MergeWords{"Лид", "лида"} : MergeWords{"Сделка", "сделки"};
}

Params move_params(std::int64_t from, std::int64_t to, std::span<const std::int64_t> ids,
                   const Actor& actor) {
  Params params;
  params.add(from).add(to).add_array(ids).add(actor.user_id);
  params.add(std::string_view(actor.request_id)).add(std::string_view(actor.origin));
  return params;
}

}  // namespace c360::store
