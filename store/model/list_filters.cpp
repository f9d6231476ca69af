#include "store/model/list_filters.h"

#include <algorithm>
#include <array>

namespace c360::store {
namespace {

using Value = ListFilter::Value;

// What the index finds comes as an array: the order of the page is made of that, and no other index
// is walked in the hope of finding it there.
constexpr std::array<ListFilter, 5> kOfCounterparties = {{
    {.name = "name",
     .value = Value::company_name,
     .condition =
         "t.id = ANY (ARRAY(SELECT n.id FROM crm.counterparty n WHERE n.name_key LIKE $like"
         " OR n.name_key % $value))",
     .doc = "Names that contain it or are like it, whatever the case and the legal form"},
    // Bytes are compared, so that the index serves whatever the collation.
    {.name = "inn",
     .value = Value::inn_start,
     .condition = "t.inn ~>=~ $value AND t.inn ~<~ ($value || ':')",
     .doc = "INN that begin with these digits"},
    {.name = "stale_days",
     .value = Value::days,
     .condition = "(t.last_contact_at IS NULL OR t.last_contact_at < now() - $value::bigint * "
                  "interval '1 day')",
     .doc = "No contact for so many days, or never; sorted by last_contact_at unless sort is sent",
     .sort = "last_contact_at"},
    {.name = "no_reminder",
     .value = Value::flag,
     .condition = "t.next_reminder_at IS NULL",
     .doc = "Without an open reminder; false: with one"},
    {.name = "overdue_payments",
     .value = Value::flag,
     .condition =
         "t.id = ANY (ARRAY(SELECT p.counterparty_id FROM crm.payment p WHERE p.deleted_at IS NULL "
         "AND p.status IN ('expired', 'partial_paid') AND (p.status = 'expired' OR "
         "p.planned_payment_date < (now() AT TIME ZONE $zone)::date) AND $rights UNION ALL SELECT "
         "p.counterparty_id FROM crm.payment p WHERE p.deleted_at IS NULL AND p.status IN "
         "('planned', 'confirmed') AND p.planned_payment_date < (now() AT TIME ZONE $zone)::date "
         "AND $rights))",
     .doc = "With overdue payments, of those that the caller may read; false: without",
     .reads = "payment"},
}};

}  // namespace

std::span<const ListFilter> list_filters(std::string_view kind) {
  if (kind == "counterparty") return kOfCounterparties;
  return {};
}

const ListFilter* find_list_filter(std::string_view kind, std::string_view name) {
  const auto filters = list_filters(kind);
  const auto found = std::ranges::find(filters, name, &ListFilter::name);
  return found == filters.end() ? nullptr : &*found;
}

}  // namespace c360::store
