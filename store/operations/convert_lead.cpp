#include "store/operations/convert_lead.h"

#include <array>

#include "store/draft.h"
#include "store/history.h"
#include "store/operations/action.h"

namespace c360::store {
namespace {

// What the deal takes over: the first six as the reference does.
constexpr std::array<std::string_view, 12> kCarried = {"name",
                                                       "counterparty_id",
                                                       "responsible_id",
                                                       "request_source_code",
                                                       "request_category_code",
                                                       "description",
                                                       "amount",
                                                       "currency",
                                                       "company_text",
                                                       "number_of_users",
                                                       "blacklist_confirmed",
                                                       "mail_message_id"};
constexpr Sql kLead{"c360_convert_lead", R"sql(
SELECT name, counterparty_id::text, responsible_id::text, request_source_code,
       request_category_code, description, amount::text, currency, company_text, number_of_users,
       left(blacklist_confirmed::text, 1), mail_message_id::text, created_deal_id, row_version
FROM crm.lead WHERE id = $1::bigint
)sql"};
// Through merges: the deal a merged one went into is alive in its stead.
constexpr Sql kLiveDeal{"c360_convert_live_deal", R"sql(
WITH RECURSIVE d(id, merged_into_id, deleted_at) AS (
    SELECT t.id, t.merged_into_id, t.deleted_at FROM crm.deal t WHERE t.id = $1::bigint
    UNION
    SELECT t.id, t.merged_into_id, t.deleted_at FROM crm.deal t JOIN d ON t.id = d.merged_into_id)
SELECT d.id FROM d WHERE d.deleted_at IS NULL
)sql"};
constexpr Sql kCarryContacts{"c360_convert_contacts", R"sql(
INSERT INTO crm.record_contact (record_id, contact_id, is_main, position)
SELECT $2::bigint, c.contact_id, c.is_main, c.position
FROM crm.record_contact c WHERE c.record_id = $1::bigint
)sql"};
constexpr Sql kCarryObservers{"c360_convert_observers", R"sql(
INSERT INTO crm.record_observer (record_id, user_id, added_by)
SELECT $2::bigint, o.user_id, o.added_by
FROM crm.record_observer o WHERE o.record_id = $1::bigint
)sql"};
// In the transaction of the status: no version of its own.
constexpr Sql kNoteDeal{"c360_convert_note", R"sql(
UPDATE crm.lead SET created_deal_id = $2::bigint WHERE id = $1::bigint
)sql"};

struct Converted {
  std::int64_t deal_id = 0;
  bool made = false;
};

Result<std::optional<std::int64_t>> live_deal(Transaction& tx, std::int64_t deal_id) {
  const auto rows = tx.query(kLiveDeal, Params{}.add(deal_id));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  return (*rows)->optional_int64(0, 0);
}

// The deal of the lead, made unless it lives. The lead is locked.
Result<Converted> ensure_deal(Records& records, Transaction& tx, std::int64_t lead_id,
                              const Actor& actor) {
  const Ticket read = tx.queue(kLead, Params{}.add(lead_id));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  const Rows& lead = tx.rows(read);
  const auto earlier = lead.optional_int64(0, static_cast<int>(kCarried.size()));
  const std::int64_t version = lead.int64(0, static_cast<int>(kCarried.size()) + 1);
  std::vector<std::optional<std::string>> values;
  for (std::size_t i = 0; i < kCarried.size(); ++i) {
    const auto value = lead.optional_text(0, static_cast<int>(i));
    values.push_back(value ? std::optional(std::string(*value)) : std::nullopt);
  }
  if (earlier) {
    auto alive = live_deal(tx, *earlier);
    if (!alive) return std::unexpected(alive.error());
    if (*alive) return Converted{**alive, false};
    // The mail stays with the deal that is deleted: it names one deal only.
    values.back().reset();
  }
  WriteOptions write{.finish = Finish::run};
  write.also = [&](Draft& draft) {
    for (std::size_t i = 0; i < kCarried.size(); ++i) draft.set_stored(kCarried[i], values[i]);
    draft.set("created_from_lead_id", std::to_string(lead_id));
  };
  const auto deal =
      records.create(tx, records.registry().get("deal"), Json(Json::Object{}), actor, write);
  if (!deal) return std::unexpected(deal.error());
  tx.queue(kCarryContacts, Params{}.add(lead_id).add(deal->id));
  tx.queue(kCarryObservers, Params{}.add(lead_id).add(deal->id));
  tx.queue(kNoteDeal, Params{}.add(lead_id).add(deal->id));
  const std::string changes = R"([{"field":"created_deal_id","old":)" +
                              (earlier ? std::to_string(*earlier) : "null") +
                              ",\"new\":" + std::to_string(deal->id) + "}]";
  queue_history(tx, subject_of(records.registry().get("lead"), std::to_string(lead_id)),
                {{"updated", changes}}, version, actor);
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  return Converted{deal->id, true};
}

bool enters(const Draft& draft) {
  return draft.changed("status") && draft.get("status") == "deal_creation" &&
         draft.actor().origin != "import";
}

bool leaves(const Draft& draft) {
  return !draft.creating() && draft.changed("status") &&
         draft.before("status") == "deal_creation" && draft.has("created_deal_id") &&
         !draft.may_administer();
}

Result<RecordView> make_deal(Records& records, Transaction& tx, const Draft& draft,
                             RecordView written) {
  if (leaves(draft)) {
    auto alive = live_deal(tx, std::stoll(std::string(*draft.get("created_deal_id"))));
    if (!alive) return std::unexpected(alive.error());
    if (!*alive) return written;
    return fail(ErrorCode::forbidden,
                "The lead has become a deal; only CRM administrators may move it back.",
                "lead_has_deal");
  }
  const auto converted = ensure_deal(records, tx, written.id, draft.actor());
  if (!converted) return std::unexpected(converted.error());
  auto json = Json::parse(written.json);
  if (!json) return std::unexpected(json.error());
  json->set("created_deal_id", converted->deal_id);
  written.json = json->dump();
  return written;
}

constexpr Sql kCreatedDeal{"c360_convert_created", R"sql(
SELECT created_deal_id FROM crm.lead WHERE id = $1::bigint
)sql"};

Result<ActionResult> convert(ActionCall& call) {
  const auto before = call.tx.query(kCreatedDeal, Params{}.add(call.id));
  if (!before) return std::unexpected(before.error());
  const auto earlier = (*before)->optional_int64(0, 0);
  const Json changes = Json::Object{{"status", "deal_creation"}};
  const auto lead =
      call.records.update(call.tx, call.resource, call.key(), changes, call.actor, call.write);
  if (!lead) return std::unexpected(lead.error());
  // There already, unless the lead stood in that status without a living deal.
  const auto deal = ensure_deal(call.records, call.tx, call.id, call.actor);
  if (!deal) return std::unexpected(deal.error());
  auto view = read_in(call.records, call.tx, call.records.registry().get("deal"), deal->deal_id,
                      call.actor);
  if (!view && view.error().code == ErrorCode::not_found) {
    return fail(
        ErrorCode::conflict,
        "The lead has become deal " + std::to_string(deal->deal_id) + ", which you may not see.",
        "lead_has_deal");
  }
  if (!view) return std::unexpected(view.error());
  const auto now = call.tx.query(kCreatedDeal, Params{}.add(call.id));
  if (!now) return std::unexpected(now.error());
  return ActionResult{.json = std::move(view->json),
                      .version = view->version,
                      .id = view->id,
                      .created = (*now)->optional_int64(0, 0) != earlier};
}

}  // namespace

Consequence lead_to_deal() {
  return {.due = [](const Draft& draft) { return enters(draft) || leaves(draft); },
          .bring_about = make_deal};
}

Action convert_lead_action() {
  return {.name = "convert",
          .label = {"Создать сделку", "Convert to a deal"},
          .doc = "The lead gets the status «Сделка» and its deal; repeated: the same deal.",
          .answers = "deal",
          .creates = true,
          .handler = convert};
}

}  // namespace c360::store
