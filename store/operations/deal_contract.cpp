// The contract of a deal, made from what the deal says or chosen among those there are
// (domain.md 7.3; R-209).
#include "store/draft.h"
#include "store/operations/action.h"

namespace c360::store {
namespace {

constexpr Sql kDeal{"c360_contract_of_deal", R"sql(
SELECT d.counterparty_id::text, d.amount::text, d.currency::text,
       (SELECT o.id FROM crm.own_organisation o WHERE o.is_default AND o.deleted_at IS NULL)::text
FROM crm.deal d WHERE d.id = $1::bigint
)sql"};
constexpr Sql kContract{"c360_contract_to_link", R"sql(
SELECT c.counterparty_id, c.status IN ('annulled', 'deleted') FROM crm.contract c
WHERE c.id = $1::bigint FOR KEY SHARE
)sql"};

std::unexpected<Error> wrong(std::string_view field, std::string code, std::string detail) {
  Error error{.code = ErrorCode::validation_failed, .detail = detail, .reason = code};
  error.fields.push_back({"/" + std::string(field), std::move(code), std::move(detail)});
  return std::unexpected(std::move(error));
}

std::optional<std::string> text_of(const Rows& rows, int column) {
  const auto text = rows.optional_text(0, column);
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

Result<RecordView> name_contract(ActionCall& call, const std::string& contract) {
  WriteOptions write = call.write;
  write.also = [&](Draft& draft) { draft.set("contract_id", contract); };
  return call.records.update(call.tx, call.resource, call.key(), Json(Json::Object{}), call.actor,
                             write);
}

// What the caller said stands; the rest comes from the deal.
Result<ActionResult> create_contract(ActionCall& call) {
  const auto read = call.tx.query(kDeal, Params{}.add(call.id));
  if (!read) return std::unexpected(read.error());
  const auto customer = text_of(**read, 0);
  if (!customer && call.fields.find("counterparty_id") == nullptr) {
    return wrong("counterparty_id", "counterparty_required",
                 "The deal has no counterparty yet: set it there, or say whose contract it is.");
  }
  const std::pair<std::string_view, std::optional<std::string>> carried[] = {
      {"counterparty_id", customer},
      {"amount", text_of(**read, 1)},
      {"currency", text_of(**read, 2)},
      {"own_organisation_id", text_of(**read, 3)}};

  WriteOptions write{.finish = Finish::run};
  write.also = [&](Draft& draft) {
    for (const auto& [field, value] : carried) {
      if (!draft.is_given(field) && value) draft.set(field, value);
    }
  };
  auto made = call.records.create(call.tx, call.records.registry().get("contract"), call.fields,
                                  call.actor, write);
  if (!made) return std::unexpected(made.error());
  auto named = name_contract(call, made->key);
  if (!named) return std::unexpected(named.error());
  return ActionResult{
      .json = std::move(made->json), .version = made->version, .id = made->id, .created = true};
}

Result<ActionResult> link_contract(ActionCall& call) {
  const std::int64_t contract = call.number("contract_id");
  const auto seen =
      read_in(call.records, call.tx, call.records.registry().get("contract"), contract, call.actor);
  if (!seen && seen.error().code != ErrorCode::not_found) return std::unexpected(seen.error());
  const auto row = call.tx.query(kContract, Params{}.add(contract));
  if (!row) return std::unexpected(row.error());
  if (!seen || (*row)->empty()) {
    return wrong("contract_id", "reference_not_found",
                 "There is no contract " + std::to_string(contract) + ", or you may not see it.");
  }
  if ((*row)->boolean(0, 1)) {
    return wrong("contract_id", "contract_over", "This contract is annulled or deleted.");
  }
  auto deal = name_contract(call, std::to_string(contract));
  if (!deal) return std::unexpected(deal.error());
  return ActionResult{.json = std::move(deal->json), .version = deal->version, .id = call.id};
}

constexpr std::string_view kWithoutContract = "t.contract_id IS NULL";
constexpr std::string_view kHasContract = "The deal has its contract already.";

}  // namespace

Action create_contract_action() {
  return {.name = "contracts",
          .label = {"Создать договор", "Create a contract"},
          .doc =
              "A draft with the counterparty, amount and currency of the deal and our default "
              "organisation; the deal names it. Its missing_fields says what is mandatory besides.",
          .fields_of = "contract",
          .fields_are_new = true,
          .condition = kWithoutContract,
          .refusal = "contract_set",
          .refusal_detail = kHasContract,
          .answers = "contract",
          .creates = true,
          .handler = create_contract};
}

Action link_contract_action() {
  return {
      .name = "link-contract",
      .label = {"Выбрать договор", "Choose a contract"},
      .doc = "One of the contracts of the deal's counterparty that the caller may read.",
      .parameters = {reference("contract_id", "contract").required().labels("Договор", "Contract")},
      .condition = kWithoutContract,
      .refusal = "contract_set",
      .refusal_detail = kHasContract,
      .answers = "self",
      .handler = link_contract};
}

}  // namespace c360::store
