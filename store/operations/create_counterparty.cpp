// The counterparty of a lead or a deal, made from what that says (domain.md 6.4, 7.3; R-165 to
// R-168).
#include "daemon/base/text.h"
#include "store/draft.h"
#include "store/operations/action.h"

namespace c360::store {
namespace {

constexpr std::size_t kMaxNameBytes = 500;

// The rows themselves join the counterparty; the main one of the record is its main one.
constexpr Sql kJoinContacts{"c360_counterparty_contacts", R"sql(
WITH mine AS (
    SELECT c.id, row_number() OVER (ORDER BY l.is_main DESC, l.position, c.id) = 1 AS is_first
    FROM crm.record_contact l JOIN crm.contact c ON c.id = l.contact_id
    WHERE l.record_id = $1::bigint AND c.counterparty_id IS NULL AND c.deleted_at IS NULL
), joined AS (
    UPDATE crm.contact c
    SET counterparty_id = $2::bigint, is_main = m.is_first, row_version = c.row_version + 1,
        updated_at = now(), updated_by = $3::bigint
    FROM mine m WHERE c.id = m.id
    RETURNING c.id, c.row_version
)
INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, version,
                               request_id, origin)
SELECT j.id, 'contact', 'updated',
       jsonb_build_array(jsonb_build_object('field', 'counterparty_id', 'old', null,
                                            'new', $2::bigint)),
       $3::bigint, j.row_version, nullif($4::text, ''), $5::text
FROM joined j
)sql"};

std::string sql_source(const Resource& resource) {
  return "SELECT coalesce(nullif(t.company_text, ''), t.name), t.responsible_id::text FROM " +
         std::string(resource.table) + " t WHERE t.id = $1::bigint";
}

// What the caller said stands; the rest comes from the record.
void fill_in(Draft& draft, const std::string& company,
             const std::optional<std::string>& responsible) {
  const bool named =
      draft.is_set("name") || draft.is_set("short_name") || draft.is_set("full_name");
  if (!named) draft.set("name", std::string(utf8_prefix(company, kMaxNameBytes)));
  if (!draft.is_set("full_name")) draft.set("full_name", company);
  if (!draft.is_set("responsible_id") && responsible) draft.set("responsible_id", responsible);
}

Result<ActionResult> create_counterparty(ActionCall& call) {
  const Plan plan = call.records.queries().keep_always(sql_source(call.resource));
  const auto source = call.tx.query(plan.sql, Params{}.add(call.id));
  if (!source) return std::unexpected(source.error());
  const std::string company((*source)->text(0, 0));
  const auto text = (*source)->optional_text(0, 1);
  const auto responsible = text ? std::optional(std::string(*text)) : std::nullopt;

  WriteOptions write{.finish = Finish::run};
  write.also = [&](Draft& draft) { fill_in(draft, company, responsible); };
  auto made = call.records.create(call.tx, call.records.registry().get("counterparty"), call.fields,
                                  call.actor, write);
  if (!made) return std::unexpected(made.error());
  Params contacts;
  contacts.add(call.id).add(made->id).add(call.actor.user_id);
  contacts.add(std::string_view(call.actor.request_id)).add(std::string_view(call.actor.origin));
  call.tx.queue(kJoinContacts, std::move(contacts));
  if (call.value("link") != "f") {
    WriteOptions link = call.write;
    link.also = [&](Draft& draft) { draft.set("counterparty_id", made->key); };
    auto linked = call.records.update(call.tx, call.resource, call.key(), Json(Json::Object{}),
                                      call.actor, link);
    if (!linked) return std::unexpected(linked.error());
  }
  if (auto done = call.tx.run(); !done) return std::unexpected(done.error());
  return ActionResult{
      .json = std::move(made->json), .version = made->version, .id = made->id, .created = true};
}

}  // namespace

Action create_counterparty_action() {
  return {.name = "create-counterparty",
          .label = {"Создать контрагента", "Create the counterparty"},
          .doc =
              "Of the full profile: what is not sent comes from this record, whose contacts "
              "join it.",
          .parameters = {boolean("link")
                             .labels("Связать", "Link")
                             .described("Default true: the record names it at once.")},
          .fields_of = "counterparty",
          .fields_are_new = true,
          .condition = "t.counterparty_id IS NULL",
          .refusal = "counterparty_set",
          .refusal_detail = "The record has its counterparty already.",
          .answers = "counterparty",
          .creates = true,
          .handler = create_counterparty};
}

}  // namespace c360::store
