// Contracts and their additional agreements (domain.md 11): two papers of one shape and one course.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "store/draft.h"
#include "store/model/resources.h"
#include "store/operations/step_tasks.h"

namespace c360::store {
namespace {

constexpr std::string_view kTechnologists = "contracts-technologists";

// domain.md 11.1; rework goes back to where it came from besides.
constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kLeaves = {{
    {"draft", "approval"},
    {"draft", "deleted"},
    {"approval", "signing"},
    {"approval", "rework"},
    {"approval", "annulled"},
    {"approval", "annulment_request"},
    {"rework", "annulled"},
    {"rework", "annulment_request"},
    {"signing", "counterparty_signing"},
    {"signing", "rework"},
    {"signing", "annulled"},
    {"signing", "annulment_request"},
    {"counterparty_signing", "scanning"},
    {"counterparty_signing", "rework"},
    {"counterparty_signing", "annulled"},
    {"scanning", "active"},
    {"scanning", "annulment_request"},
    {"active", "archive"},
    {"active", "annulled"},
    {"annulment_request", "annulled"},
    {"annulment_request", "approval"},
}};

bool may_follow(std::string_view from, std::string_view to, std::string_view returns_to) {
  if (from == "rework" && to == returns_to) return true;
  return std::ranges::any_of(
      kLeaves, [&](const auto& step) { return step.first == from && step.second == to; });
}

void follow_status(Draft& draft) {
  if (draft.creating() || !draft.changed("status")) return;
  const std::string from(draft.before("status").value_or(""));
  const std::string_view to = draft.get("status").value_or("");
  if (!draft.may_administer() &&
      !may_follow(from, to, draft.before("returns_to").value_or("approval"))) {
    draft.wrong("status", "status_not_allowed",
                "It does not go from " + from + " to " + std::string(to) + ".");
    return;
  }
  if (from == "active" && !draft.may_administer()) {
    const bool over = draft.has("valid_until") && *draft.get("valid_until") < draft.context().today;
    if (to == "archive" && !over) {
      draft.wrong("status", "still_valid", "It goes to the archive once valid_until has passed.");
    }
    if (to == "annulled" && !draft.actor().in_group(kTechnologists)) {
      draft.refuse(ErrorCode::forbidden, "Only a technologist annuls an active contract.",
                   "technologists_only");
    }
  }
  if (to == "active" && from == "scanning" && draft.related("has_scan") != "t") {
    draft.wrong("status", "scan_required", "Attach the scanned document first (type scan).");
  }
  draft.set("returns_to", to == "rework" ? std::optional(from) : std::nullopt);
}

void check_paper(Draft& draft) {
  if (draft.creating()) {
    if (draft.is_given("number")) draft.set("number_is_manual", "t");
    if (!draft.is_given("initiator_id") && draft.actor().user_id) {
      draft.set("initiator_id", std::to_string(*draft.actor().user_id));
    }
    if (!draft.is_given("valid_until")) {
      const auto year_later = draft.related("year_later");
      draft.set("valid_until", year_later ? std::optional(std::string(*year_later)) : std::nullopt);
    }
    if (draft.get("status") != "draft" && !draft.may_administer()) {
      draft.wrong("status", "status_not_allowed", "A new one is a draft.");
    }
    if (!draft.is_given("legal_entity_id")) {
      draft.adopt("legal_entity_id", draft.related("primary_entity_id"));
    }
  } else if (draft.changed("number")) {
    draft.set("number_is_manual", "t");
  }
  if (draft.has("valid_until") && draft.has("contract_date") &&
      *draft.get("valid_until") < *draft.get("contract_date")) {
    draft.wrong("valid_until", "before_contract_date", "It ends before it begins.");
  }
  follow_status(draft);
}

void check_agreement(Draft& draft) {
  if (draft.creating()) {
    for (const std::string_view field : {"own_organisation_id", "counterparty_id",
                                         "legal_entity_id", "currency", "subject_code"}) {
      const auto value = draft.related("contract_" + std::string(field));
      if (!draft.is_given(field) && value) draft.adopt(field, value);
    }
  }
  check_paper(draft);
}

std::vector<Status> paper_statuses() {
  return {
      {.code = "draft", .label = {"Черновик", "Draft"}},
      {.code = "approval", .label = {"Согласование", "Approval"}},
      {.code = "rework", .label = {"Доработка", "Rework"}},
      {.code = "signing", .label = {"Подписание", "Signing"}},
      {.code = "counterparty_signing",
       .label = {"Подписание контрагентом", "Signing by the counterparty"}},
      {.code = "scanning", .label = {"Сканирование", "Scanning"}},
      {.code = "active", .label = {"Действует", "Active"}},
      {.code = "annulment_request", .label = {"Запрос на аннулирование", "Annulment request"}},
      {.code = "annulled",
       .label = {"Аннулирован", "Annulled"},
       .on_board = false,
       .is_final = true},
      {.code = "archive", .label = {"Архив", "Archive"}, .on_board = false, .is_final = true},
      {.code = "deleted", .label = {"Удален", "Deleted"}, .on_board = false, .is_final = true},
  };
}

// Read: whoever has to do with it. Write: who holds the stage (domain.md 3.4).
Access paper_access(std::string_view deals) {
  return {
      .grants =
          {
              {Role::named, Right::write, {"draft", "rework"}, "initiator_id"},
              {Role::named, Right::read, {}, "initiator_id"},
              {Role::named, Right::read, {}, "signer_id"},
              {Role::creator, Right::read, {}},
              {Role::member, Right::write, {"approval"}, {}, {"contracts-accountants"}},
              {Role::member, Right::write, {"approval", "signing"}, {}, {"contracts-directors"}},
              {Role::member,
               Right::write,
               {"counterparty_signing", "scanning"},
               {},
               {"contracts-clerks"}},
              {Role::member, Right::write, {}, {}, {kTechnologists}},
              {Role::member,
               Right::read,
               {},
               {},
               {"contracts-lawyers", "contracts-accountants", "contracts-directors",
                "contracts-clerks", "contracts-technologists", "contracts-auditors"}},
              {Role::cco, Right::read, {}},
              {Role::manager, Right::read, {}, {}, {}, deals},
              {Role::crm_administrators, Right::write, {}},
          },
      .employees_create = true,
  };
}

Fields paper_head() {
  return Fields()
      .add(
          text("number")
              .generated()
              .max_length(100)
              .searchable()
              .sortable()
              .labels("Номер договора", "Contract number")
              .described("Not sent: the next free one. Typed by hand it is unique per organisation "
                         "of ours and year of the contract."))
      .add(boolean("number_is_manual")
               .read_only()
               .untracked()
               .labels("Номер введён вручную", "Number typed by hand"))
      .add(text("status")
               .defaults_to("draft")
               .sortable()
               .evented("status_changed")
               .labels("Статус", "Status"))
      .add(text("returns_to")
               .read_only()
               .untracked()
               .labels("Возвращается в статус", "Returns to")
               .described("Of rework: the status it came from."))
      .add(reference("own_organisation_id", "own_organisation")
               .required_on_creation()
               .filterable()
               .labels("Юридическое лицо", "Legal entity (ours)"))
      .add(reference("counterparty_id", "counterparty")
               .required_on_creation()
               .filterable()
               .labels("Контрагент", "Counterparty"))
      .add(reference("legal_entity_id", "legal_entity")
               .filterable()
               .labels("Юр. лицо контрагента", "Counterparty's legal entity")
               .described("Not sent: the primary one of the counterparty."));
}

Fields paper_terms() {
  return Fields()
      .add(directory("kind_code", "contract_kind")
               .required_on_creation()
               .filterable()
               .labels("Вид договора", "Contract kind"))
      .add(directory("subject_code", "contract_subject")
               .filterable()
               .labels("Предмет договора", "Contract subject"))
      .add(text("summary").max_length(65'536).searchable().labels("Краткое содержание", "Summary"))
      .add(text("note").max_length(65'536).labels("Примечание", "Note"))
      .add(money("amount").sortable().labels("Сумма договора", "Amount"))
      .add(money("vat_amount").labels("НДС", "VAT"))
      .add(directory("currency", "currency")
               .defaults_to("RUB")
               .required_on_creation()
               .filterable()
               .labels("Валюта", "Currency"))
      .add(date("contract_date")
               .defaults_to("today")
               .sortable()
               .labels("Дата договора", "Contract date"))
      .add(date("valid_until")
               .sortable()
               .labels("Срок действия", "Valid until")
               .described("Not sent: a year after the contract date."))
      .add(reference("signer_id", "user")
               .required_on_creation()
               .filterable()
               .labels("Подписант", "Signer"))
      .add(text("counterparty_signer")
               .max_length(300)
               .labels("Подписант контрагента", "Counterparty's signer"))
      .add(reference("initiator_id", "user")
               .required()
               .filterable()
               .labels("Инициатор", "Initiator")
               .described("Not sent: the caller."))
      .add(reference("content_document_id", "document")
               .required_on_creation()
               .labels("Содержимое", "Content"));
}

constexpr std::string_view kAroundContract = R"sql(
SELECT ((coalesce($1::date, $2::date) + interval '1 year')::date)::text AS year_later,
       (SELECT e.id FROM crm.legal_entity e
        WHERE e.counterparty_id = $3::bigint AND e.is_primary AND e.deleted_at IS NULL)
           AS primary_entity_id,
       EXISTS (SELECT FROM crm.document d
               WHERE d.parent_record_id = $4::bigint AND d.type_code = 'scan'
                 AND d.deleted_at IS NULL) AS has_scan
)sql";

constexpr std::string_view kAroundAgreement = R"sql(
SELECT ((coalesce($1::date, $2::date) + interval '1 year')::date)::text AS year_later,
       (SELECT e.id FROM crm.legal_entity e
        WHERE e.counterparty_id = coalesce($3::bigint, c.counterparty_id) AND e.is_primary
          AND e.deleted_at IS NULL) AS primary_entity_id,
       EXISTS (SELECT FROM crm.document d
               WHERE d.parent_record_id = $4::bigint AND d.type_code = 'scan'
                 AND d.deleted_at IS NULL) AS has_scan,
       c.own_organisation_id AS contract_own_organisation_id,
       c.counterparty_id AS contract_counterparty_id,
       c.legal_entity_id AS contract_legal_entity_id,
       c.currency AS contract_currency, c.subject_code AS contract_subject_code
FROM (SELECT) one LEFT JOIN crm.contract c ON c.id = $5::bigint
)sql";

}  // namespace

Resource contract() {
  return {
      .kind = "contract",
      .path = "contracts",
      .table = "crm.contract",
      .doc = "A contract between one of our organisations and a counterparty.",
      .label = {"Договор", "Contract"},
      .label_plural = {"Договоры", "Contracts"},
      .name_field = "number",
      .statuses = paper_statuses(),
      .fields = paper_head()
                    .add(directory("party_code", "contract_party")
                             .required_on_creation()
                             .filterable()
                             .labels("Договор с", "Contract with"))
                    .add(paper_terms())
                    .list(),
      .access = paper_access("crm.deal v WHERE v.contract_id = %.id AND v.deleted_at IS NULL"),
      .default_sort = "-contract_date",
      .drafts_may_lack = true,
      .given_up = "deleted",
      .related = {kAroundContract, {"contract_date", "today", "counterparty_id", "id"}},
      .before_write = check_paper,
      .consequence = step_tasks(),
  };
}

Resource agreement() {
  return {
      .kind = "agreement",
      .path = "agreements",
      .table = "crm.agreement",
      .doc = "An additional agreement to a contract.",
      .label = {"Доп. соглашение", "Additional agreement"},
      .label_plural = {"Доп. соглашения", "Additional agreements"},
      .name_field = "number",
      .statuses = paper_statuses(),
      .fields = Fields()
                    .add(reference("contract_id", "contract")
                             .required()
                             .filterable()
                             .writable_by(WriteRule::creation)
                             .labels("Связь с договором", "Contract"))
                    .add(paper_head())
                    .add(paper_terms())
                    .add(date("effective_from").sortable().labels("Действует с", "Effective from"))
                    .add(text("changes").max_length(65'536).labels("Изменения", "Changes"))
                    .list(),
      .access =
          paper_access("crm.deal v WHERE v.contract_id = %.contract_id AND v.deleted_at IS NULL"),
      .default_sort = "-contract_date",
      .drafts_may_lack = true,
      .given_up = "deleted",
      .related = {kAroundAgreement,
                  {"contract_date", "today", "counterparty_id", "id", "contract_id"}},
      .before_write = check_agreement,
      .consequence = step_tasks(),
  };
}

}  // namespace c360::store
