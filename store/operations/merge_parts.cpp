#include "store/operations/merge_parts.h"

#include <algorithm>
#include <array>

namespace c360::store {
namespace {

// A mail is on a record once only: what the target has of it already stays behind. A task to take
// to work is about the record itself.
constexpr std::array<MergePart, 27> kParts = {{
    {"comments", "crm.comment", "record_id", "",
     "m.mail_message_id IS NULL OR NOT EXISTS (SELECT FROM crm.comment o WHERE o.record_id = "
     "$2::bigint AND o.mail_message_id = m.mail_message_id AND o.deleted_at IS NULL)",
     "", "comment"},
    {"activities", "crm.activity", "parent_record_id", "activity",
     "m.mail_message_id IS NULL OR NOT EXISTS (SELECT FROM crm.activity o WHERE "
     "o.parent_record_id = $2::bigint AND o.mail_message_id = m.mail_message_id AND o.deleted_at "
     "IS NULL)",
     ""},
    {"assignments", "crm.assignment", "parent_record_id", "assignment", "", ""},
    {"documents", "crm.document", "parent_record_id", "document", "", ""},
    {"messages", "crm.outbound_message", "record_id", "", "", ""},
    {"customer_messages", "crm.outbound_message", "counterparty_id", "", "", "counterparty"},
    {"mails", "ops.mail_message", "outcome_record_id", "", "", ""},
    {"tasks", "crm.task", "record_id", "", "m.kind <> 'take_to_work' OR m.status <> 'active'", ""},
    {"orders", "crm.order", "deal_id", "order", "", "deal"},
    {"payments", "crm.payment", "deal_id", "payment", "", "deal"},
    {"line_items", "crm.line_item", "parent_id", "",
     "NOT EXISTS (SELECT FROM crm.line_item o WHERE o.parent_id = $2::bigint)", "deal"},
    {"legal_entities", "crm.legal_entity", "counterparty_id", "legal_entity", "", "counterparty"},
    {"contact_persons", "crm.contact", "counterparty_id", "contact", "", "counterparty"},
    {"leads", "crm.lead", "counterparty_id", "lead", "", "counterparty"},
    {"deals", "crm.deal", "counterparty_id", "deal", "", "counterparty"},
    {"orders", "crm.order", "counterparty_id", "order", "", "counterparty"},
    {"payments", "crm.payment", "counterparty_id", "payment", "", "counterparty"},
    {"contracts", "crm.contract", "counterparty_id", "contract", "", "counterparty"},
    {"agreements", "crm.agreement", "counterparty_id", "agreement", "", "counterparty"},
    {"personal_accounts", "crm.personal_account", "counterparty_id", "personal_account", "",
     "counterparty"},
    {"support_requests", "crm.support_request", "counterparty_id", "support_request", "",
     "counterparty"},
    {"correspondence_in", "crm.correspondence_in", "counterparty_id", "correspondence_in", "",
     "counterparty"},
    {"correspondence_out", "crm.correspondence_out", "counterparty_id", "correspondence_out", "",
     "counterparty"},
    {"counterparty_users", "crm.counterparty_user", "counterparty_id", "", "", "counterparty",
     "counterparty_user"},
    {"counterparty_invoice_types", "crm.counterparty_invoice_type", "counterparty_id", "",
     "NOT EXISTS (SELECT FROM crm.counterparty_invoice_type o WHERE o.counterparty_id = $2::bigint "
     "AND o.invoice_type_code = m.invoice_type_code AND o.product_id IS NOT DISTINCT FROM "
     "m.product_id)",
     "counterparty", "counterparty_invoice_type"},
    {"support_client_settings", "crm.support_client_settings", "counterparty_id", "",
     "NOT EXISTS (SELECT FROM crm.support_client_settings o WHERE o.counterparty_id = $2::bigint)",
     "counterparty"},
    {"support_slas", "crm.support_sla", "counterparty_id", "",
     "NOT EXISTS (SELECT FROM crm.support_sla o WHERE o.counterparty_id = $2::bigint"
     " AND o.priority = m.priority)",
     "counterparty", "support_sla"},
}};

constexpr std::array<std::string_view, 18> kOfLeads = {
    "description",  "responsible_id", "counterparty_id", "request_category_code",
    "company_text", "request_type",   "created_deal_id", "request_source_code",
    "site_page",    "site_referrer",  "ga_client_id",    "disqualification_reason_code",
    "ym_client_id", "email_message",  "number_of_users", "amount",
    "site_email",   "mail_message_id"};
constexpr std::array<std::string_view, 17> kOfDeals = {
    "description",    "responsible_id", "counterparty_id",      "request_category_code",
    "company_text",   "amount",         "number_of_users",      "request_source_code",
    "contract_id",    "offer_text",     "created_from_lead_id", "site_page",
    "site_referrer",  "site_email",     "ga_client_id",         "ym_client_id",
    "mail_message_id"};

constexpr std::array<std::string_view, 33> kOfCounterparties = {"full_name",
                                                                "short_name",
                                                                "legal_form_code",
                                                                "inn",
                                                                "kpp",
                                                                "ogrn",
                                                                "okpo",
                                                                "okved",
                                                                "gln",
                                                                "foreign_tax_id",
                                                                "ogrn_on",
                                                                "registered_on",
                                                                "liquidated_on",
                                                                "registry_status",
                                                                "juridical_address",
                                                                "post_address",
                                                                "actual_address",
                                                                "phone",
                                                                "mobile_phone",
                                                                "email",
                                                                "email_domains",
                                                                "website",
                                                                "ceo_name",
                                                                "ceo_position",
                                                                "ceo_since",
                                                                "ceo_name_genitive",
                                                                "segment_code",
                                                                "status_code",
                                                                "acquisition_channel_code",
                                                                "responsible_id",
                                                                "service_manager_id",
                                                                "edi_settings",
                                                                "comment"};
constexpr std::array<std::string_view, 10> kRequisites = {
    "kpp",     "ogrn",          "okpo",          "okved",           "gln",
    "ogrn_on", "registered_on", "liquidated_on", "registry_status", "legal_form_code"};

}  // namespace

std::span<const MergePart> merge_parts() { return kParts; }

bool moves_with(const MergePart& part, const Resource& resource) {
  return part.of.empty() || part.of == resource.kind;
}

const Resource* resource_of(const MergePart& part, const Registry& registry) {
  for (const auto& each : registry.all()) {
    if (each->table == part.table) return each.get();
  }
  return nullptr;
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
  if (part.kind.empty() && part.keyed.empty()) {
    return "UPDATE " + table + " m SET " + column +
           " = $2::bigint WHERE m.id = ANY ($3::bigint[]) AND m." + column +
           " IN ($1::bigint, $2::bigint) AND ($4::bigint IS NULL OR true) AND $5::text IS NOT NULL "
           "AND $6::text "
           "IS NOT NULL";
  }
  const bool record = !part.kind.empty();
  return "WITH moved AS (UPDATE " + table + " m SET " + column + " = $2::bigint" +
         (record ? ", row_version = m.row_version + 1, updated_at = now(), updated_by = $4::bigint"
                 : "") +
         " WHERE m.id = ANY ($3::bigint[]) AND m." + column +
         " IN ($1::bigint, $2::bigint) RETURNING m.id, m.row_version) INSERT INTO "
         "crm.history_event (" +
         (record ? "record_id" : "record_key") +
         ", record_kind, event, changes, actor_id, version, request_id, origin) SELECT v.id" +
         (record ? "" : "::text") + ", '" + std::string(record ? part.kind : part.keyed) +
         "', 'updated', jsonb_build_array(jsonb_build_object('field', '" + column +
         "', 'old', $1::bigint, 'new', $2::bigint)), $4::bigint, v.row_version, "
         "nullif($5::text, ''), $6::text FROM moved v";
}

std::span<const std::string_view> merged_fields(const Resource& resource) {
  if (resource.kind == "lead") return kOfLeads;
  if (resource.kind == "counterparty") return kOfCounterparties;
  return kOfDeals;
}

bool goes_with_inn(std::string_view field) {
  return std::ranges::find(kRequisites, field) != kRequisites.end();
}

MergeWords merge_words(const Resource& resource) {
  if (resource.kind == "counterparty") return {"Контрагент", "контрагента"};
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
