#include "store/documents/content.h"

#include <array>
#include <map>

#include "daemon/base/text.h"
#include "store/amount_in_words.h"
#include "store/documents/plain_paragraphs.h"
#include "store/money.h"
#include "store/printed_number.h"

namespace c360::store {
namespace {

constexpr std::string_view kNoBreakSpace = "\u00a0";

// $1 kind, $2 id, $3 zone, $4 day or empty, $5 the caller, $6 whose a record of another kind is.
// The account is the default one of the currency.
constexpr Sql kHeader{"document_content", R"sql(
WITH source AS (
    SELECT d.id, d.number, d.name, d.date_received AS day, d.currency, d.total_amount, d.total_vat,
           d.total_amount_with_vat, d.counterparty_id, d.contract_id, d.offer_text
    FROM crm.deal d WHERE $1 = 'deal' AND d.id = $2::bigint AND d.deleted_at IS NULL
    UNION ALL
    SELECT o.id, o.number, NULL, o.order_date, o.currency, o.total_amount, o.total_vat,
           o.total_amount_with_vat, o.counterparty_id, o.contract_id, NULL
    FROM crm.order o WHERE $1 = 'order' AND o.id = $2::bigint AND o.deleted_at IS NULL
    UNION ALL
    SELECT p.id, p.number, p.name, p.created_at, 'RUB', 0.00, 0.00, 0.00, p.id, NULL, NULL
    FROM crm.counterparty p
    WHERE $1 = 'counterparty' AND p.id = $2::bigint AND p.deleted_at IS NULL
    UNION ALL
    SELECT c.id, NULL, NULL, c.contract_date, c.currency,
           coalesce(c.amount, 0) - coalesce(c.vat_amount, 0), coalesce(c.vat_amount, 0),
           coalesce(c.amount, 0.00), c.counterparty_id, c.id, NULL
    FROM crm.contract c WHERE $1 = 'contract' AND c.id = $2::bigint AND c.deleted_at IS NULL
    UNION ALL
    SELECT r.id, NULL, NULL, NULL, 'RUB', 0.00, 0.00, 0.00, $6::bigint, NULL, NULL
    FROM crm.record r
    WHERE $1 NOT IN ('deal', 'order', 'counterparty', 'contract') AND r.kind = $1
      AND r.id = $2::bigint AND crm.record_is_live(r.id)
), day AS (
    SELECT coalesce(nullif($4, '')::date, (now() AT TIME ZONE $3)::date) AS day
)
SELECT jsonb_build_object('number', s.number::text, 'name', s.name,
           'date', to_char(s.day AT TIME ZONE $3, 'DD.MM.YYYY'), 'currency', s.currency,
           'total_amount', s.total_amount::text, 'total_vat', s.total_vat::text,
           'total_amount_with_vat', s.total_amount_with_vat::text,
           'offer_text', s.offer_text, 'today', day.day::text,
           'today_printed', to_char(day.day, 'DD.MM.YYYY')),
       to_jsonb(c) || jsonb_build_object('date', to_char(c.contract_date, 'DD.MM.YYYY')),
       to_jsonb(o), to_jsonb(a), to_jsonb(p), to_jsonb(e), to_jsonb(u), o.id
FROM source s
CROSS JOIN day
LEFT JOIN crm.contract c ON c.id = s.contract_id AND c.deleted_at IS NULL
LEFT JOIN crm.own_organisation o ON o.deleted_at IS NULL AND CASE
    WHEN c.own_organisation_id IS NOT NULL THEN o.id = c.own_organisation_id ELSE o.is_default END
LEFT JOIN crm.bank_account a ON a.owner_record_id = o.id AND a.is_default
    AND a.currency = s.currency
LEFT JOIN crm.counterparty p ON p.id = s.counterparty_id
LEFT JOIN crm.legal_entity e ON e.deleted_at IS NULL AND CASE
    WHEN c.legal_entity_id IS NOT NULL THEN e.id = c.legal_entity_id
    ELSE e.counterparty_id = p.id AND e.is_primary END
LEFT JOIN crm.user u ON u.id = $5::bigint)sql"};

constexpr Sql kLines{"document_content_lines", R"sql(
SELECT l.name, l.description, l.quantity::text, u.short_ru, l.price_with_discount::text,
       l.price::text, l.discount_percent::text, l.amount::text, l.vat_percent::text,
       l.vat_amount::text, l.amount_with_vat::text, l.discount_percent > 0
FROM crm.line_item l JOIN crm.unit u ON u.code = l.unit_code
WHERE l.parent_id = $1 ORDER BY l.position LIMIT $2)sql"};

constexpr std::array<std::string_view, 12> kMonths = {"января",   "февраля", "марта",  "апреля",
                                                      "мая",      "июня",    "июля",   "августа",
                                                      "сентября", "октября", "ноября", "декабря"};

// A member as text; empty where there is none.
std::string text_of(const Json& row, std::string_view name) {
  const Json* value = row.find(name);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

std::string first_of(std::initializer_list<std::string> texts) {
  for (const std::string& each : texts) {
    if (!each.empty()) return each;
  }
  return {};
}

// "2026-11-23" as «23 ноября 2026 г.»
std::string in_words(std::string_view date) {
  const auto month = static_cast<std::size_t>(std::stoi(std::string(date.substr(5, 2)))) - 1;
  const std::string day = std::to_string(std::stoi(std::string(date.substr(8, 2))));
  std::string text = day + std::string(kNoBreakSpace);
  text += kMonths.at(month);
  text.append(" ").append(date.substr(0, 4)).append(kNoBreakSpace).append("г.");
  return text;
}

// Without trailing zeros: "22", "7,5".
std::string printed_percent(std::string_view decimal) {
  std::string text = printed_number(decimal);
  const auto comma = text.find(',');
  if (comma == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == ',') text.pop_back();
  return text;
}

struct HeaderRows {
  Json source, contract, organisation, account, counterparty, legal_entity, author;
  std::optional<std::int64_t> own_organisation_id;
};

Result<HeaderRows> read_header(Transaction& tx, const ContentRequest& request, const Actor& actor) {
  const auto rows = tx.query(kHeader, std::move(Params{}
                                                    .add(request.kind)
                                                    .add(request.record_id)
                                                    .add(request.time_zone)
                                                    .add(std::string_view(request.date))
                                                    .add(actor.user_id)
                                                    .add(request.counterparty_id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return fail(ErrorCode::not_found, "There is no such record.", "not_found");
  HeaderRows header;
  int column = 0;
  for (Json* part : {&header.source, &header.contract, &header.organisation, &header.account,
                     &header.counterparty, &header.legal_entity, &header.author}) {
    if (!(*rows)->is_null(0, column)) {
      auto json = Json::parse((*rows)->text(0, column));
      if (!json) return std::unexpected(std::move(json).error());
      *part = std::move(*json);
    }
    ++column;
  }
  header.own_organisation_id = (*rows)->optional_int64(0, column);
  return header;
}

// A primary document names the position of whoever signs it (402-FZ, article 9), and an
// entrepreneur, whose INN has 12 digits, has none but this.
std::string position_in(const Json& organisation) {
  const bool is_entrepreneur = text_of(organisation, "inn").size() == 12;
  return first_of({text_of(organisation, "ceo_position"),
                   is_entrepreneur ? "Индивидуальный предприниматель" : "Руководитель"});
}

// In groups of four, as ISO 13616 prints it: so it finds its way into a narrow cell.
std::string printed_iban(std::string_view iban) {
  std::string text;
  std::size_t count = 0;
  for (const char c : iban) {
    if (c == ' ') continue;
    if (count != 0 && count % 4 == 0) text += ' ';
    text += c;
    ++count;
  }
  return text;
}

// Who issues, with the account the money goes to.
Json seller_of(const HeaderRows& header) {
  const Json& row = header.organisation;
  if (row.is_null()) return nullptr;
  Json bank;
  if (const Json& account = header.account; !account.is_null()) {
    bank = Json::Object{{"name", text_of(account, "bank_name")},
                        {"bik", text_of(account, "bik")},
                        {"account", text_of(account, "account_number")},
                        {"correspondent_account", text_of(account, "correspondent_account")},
                        {"swift", text_of(account, "swift")},
                        {"iban", printed_iban(text_of(account, "iban"))}};
  }
  return Json::Object{
      {"name", first_of({text_of(row, "invoice_name"), text_of(row, "full_name")})},
      {"full_name", text_of(row, "full_name")},
      {"short_name", first_of({text_of(row, "short_name"), text_of(row, "full_name")})},
      {"inn", text_of(row, "inn")},
      {"kpp", text_of(row, "kpp")},
      {"ogrn", text_of(row, "ogrn")},
      {"okpo", text_of(row, "okpo")},
      {"address", text_of(row, "juridical_address")},
      {"post_address", text_of(row, "post_address")},
      {"ceo", text_of(row, "ceo_name")},
      {"ceo_position", position_in(row)},
      {"accountant", text_of(row, "chief_accountant_name")},
      {"bank", std::move(bank)}};
}

// The legal entity that pays, and what it does not say from the card of the counterparty.
Json buyer_of(const HeaderRows& header) {
  const Json& entity = header.legal_entity;
  const Json& card = header.counterparty;
  if (card.is_null()) return nullptr;
  const auto either = [&](std::string_view name) {
    return first_of({text_of(entity, name), text_of(card, name)});
  };
  // The card knows the position of the head it names; the entity may have another head.
  const std::string ceo = either("ceo_name");
  const bool is_of_card = ceo == text_of(card, "ceo_name");
  const std::string full_name = first_of({either("full_name"), text_of(card, "name")});
  return Json::Object{{"name", first_of({text_of(entity, "invoice_name"), full_name})},
                      {"full_name", full_name},
                      {"short_name", first_of({either("short_name"), full_name})},
                      {"inn", either("inn")},
                      {"kpp", either("kpp")},
                      {"ogrn", either("ogrn")},
                      {"address", either("juridical_address")},
                      {"post_address", either("post_address")},
                      {"ceo", ceo},
                      {"ceo_position", is_of_card ? text_of(card, "ceo_position") : ""}};
}

Json author_of(const Json& row) {
  if (row.is_null()) return nullptr;
  std::string name = text_of(row, "last_name");
  if (const std::string first = text_of(row, "first_name"); !first.empty()) name += " " + first;
  return Json::Object{
      {"name", name},
      {"job_title", text_of(row, "job_title")},
      {"phone", first_of({text_of(row, "phone_work"), text_of(row, "phone_mobile")})},
      {"email", text_of(row, "email")}};
}

struct LineList {
  Json::Array lines;
  std::map<std::int64_t, std::int64_t> vat_by_rate;  // percent and amount, both times 100
  bool has_discount = false;
};

void add_line(LineList& list, const Rows& rows, int row) {
  const bool has_vat = !rows.is_null(row, 8);
  if (has_vat) {
    list.vat_by_rate[parse_fixed(rows.text(row, 8), 2).value_or(0)] +=
        parse_fixed(rows.text(row, 9), 2).value_or(0);
  }
  const bool discounted = rows.boolean(row, 11);
  list.has_discount = list.has_discount || discounted;
  list.lines.push_back(Json::Object{
      {"no", std::to_string(row + 1)},
      {"name", rows.text(row, 0)},
      {"description", rows.text(row, 1)},
      {"quantity", printed_number(rows.text(row, 2))},
      {"unit", rows.text(row, 3)},
      {"price", printed_number(rows.text(row, 4))},
      {"full_price", printed_number(rows.text(row, 5))},
      {"discount", discounted ? printed_percent(rows.text(row, 6)) + "%" : std::string()},
      {"amount", printed_number(rows.text(row, 7))},
      {"vat_rate", has_vat ? printed_percent(rows.text(row, 8)) + "%" : std::string("Без НДС")},
      {"vat_amount", has_vat ? printed_number(rows.text(row, 9)) : std::string("—")},
      {"amount_with_vat", printed_number(rows.text(row, 10))}});
}

Result<LineList> read_lines(Transaction& tx, std::int64_t record_id) {
  const auto rows = tx.query(
      kLines,
      std::move(Params{}.add(record_id).add(static_cast<std::int64_t>(kMaxDocumentLines) + 1)));
  if (!rows) return std::unexpected(rows.error());
  LineList list;
  for (int row = 0; row < (*rows)->size(); ++row) add_line(list, **rows, row);
  return list;
}

// Those that kHeader reads by name: their documents are for a customer.
bool is_of_customer(std::string_view kind) {
  return kind == "deal" || kind == "order" || kind == "counterparty" || kind == "contract";
}

// Everything at once, so that nobody comes back for each.
std::vector<FieldError> missing_in(const ContentRequest& request, const HeaderRows& header,
                                   const LineList& list) {
  std::vector<FieldError> missing;
  const auto lacks = [&](std::string pointer, std::string code, std::string detail) {
    missing.push_back({std::move(pointer), std::move(code), std::move(detail)});
  };
  const auto wants = [&](const Json& row, std::string_view owner, std::string_view field,
                         std::string_view what) {
    if (!row.is_null() && text_of(row, field).empty())
      lacks("/" + std::string(owner) + "/" + std::string(field), std::string(field) + "_required",
            std::string(what) + ".");
  };
  const bool is_bill = request.type == "invoice" || request.type == "act";
  if (list.lines.empty() && (is_bill || request.type == "proposal"))
    lacks("/items", "items_required", "There is not one line.");
  if (list.lines.size() > kMaxDocumentLines)
    lacks("/items", "too_many_lines",
          "A document has at most " + std::to_string(kMaxDocumentLines) + " lines.");
  if (header.counterparty.is_null() && is_of_customer(request.kind))
    lacks("/counterparty_id", "counterparty_required", "Whom the document is for is not known.");
  if (!is_bill) {
    if (request.type == "proposal" && header.organisation.is_null())
      lacks("/own_organisation", "own_organisation_required",
            "Neither does the contract name one of our organisations nor is there a default one.");
    return missing;
  }
  if (header.contract.is_null()) {
    lacks("/contract_id", "contract_required", "Our requisites come from the contract.");
    return missing;
  }
  const Json* ours = header.contract.find("own_organisation_id");
  if (ours == nullptr || ours->is_null() || header.organisation.is_null()) {
    lacks("/contract/own_organisation_id", "own_organisation_required",
          "The contract does not say which organisation of ours it is with.");
    return missing;
  }
  wants(header.organisation, "own_organisation", "inn", "Our organisation has no INN");
  wants(header.organisation, "own_organisation", "juridical_address",
        "Our organisation has no legal address");
  if (header.account.is_null())
    lacks("/own_organisation/bank_accounts", "bank_account_required",
          "Our organisation has no default bank account in " + text_of(header.source, "currency") +
              ".");
  return missing;
}

// The paragraphs of the proposal's text.
Json::Array paragraphs_of(std::string_view html) {
  Json::Array paragraphs;
  for (const std::string& text : plain_paragraphs(html))
    paragraphs.push_back(Json::Object{{"text", text}});
  return paragraphs;
}

Json vat_of(const LineList& list) {
  Json::Array rates;
  for (const auto& [percent, amount] : list.vat_by_rate) {
    rates.push_back(Json::Object{{"rate", printed_percent(format_fixed(percent, 2)) + "%"},
                                 {"amount", printed_number(format_fixed(amount, 2))}});
  }
  return Json::Object{{"none", list.vat_by_rate.empty()}, {"rates", std::move(rates)}};
}

Json totals_of(const HeaderRows& header, const LineList& list) {
  const std::string currency = text_of(header.source, "currency");
  const auto words = [&](std::string_view name) {
    return amount_in_words(parse_money(text_of(header.source, name)).value_or(Money{}), currency);
  };
  return Json::Object{
      {"count", std::to_string(list.lines.size())},
      {"amount", printed_number(text_of(header.source, "total_amount"))},
      {"vat", printed_number(text_of(header.source, "total_vat"))},
      {"amount_with_vat", printed_number(text_of(header.source, "total_amount_with_vat"))},
      {"in_words", words("total_amount_with_vat")},
      {"vat_in_words", list.vat_by_rate.empty() ? std::string() : words("total_vat")}};
}

Json tree_of(const ContentRequest& request, const HeaderRows& header, LineList list) {
  const Json& source = header.source;
  const std::string currency = text_of(source, "currency");
  Json tree{Json::Object{
      {"document", Json::Object{{"type", request.type},
                                {"number", request.number},
                                {"date", text_of(source, "today_printed")},
                                {"date_in_words", in_words(text_of(source, "today"))}}},
      {"seller", seller_of(header)},
      {"buyer", buyer_of(header)},
      {"contract", nullptr},
      {"order", nullptr},
      {"deal", nullptr},
      {"counterparty", nullptr},
      {"currency",
       Json::Object{{"code", currency}, {"label", currency == "RUB" ? "руб." : currency}}},
      {"vat", vat_of(list)},
      {"totals", totals_of(header, list)},
      {"has_discount", list.has_discount},
      {"offer", paragraphs_of(text_of(source, "offer_text"))},
      {"author", author_of(header.author)}}};
  if (!header.contract.is_null()) {
    tree.set("contract", Json::Object{{"number", text_of(header.contract, "number")},
                                      {"date", text_of(header.contract, "date")}});
  }
  if (is_of_customer(request.kind) && request.kind != "contract")
    tree.set(std::string(request.kind), Json::Object{{"number", text_of(source, "number")},
                                                     {"name", text_of(source, "name")},
                                                     {"date", text_of(source, "date")}});
  tree.set("lines", std::move(list.lines));
  return tree;
}

}  // namespace

Result<DocumentContent> read_content(Transaction& tx, const ContentRequest& request,
                                     const Actor& actor) {
  auto header = read_header(tx, request, actor);
  if (!header) return std::unexpected(std::move(header).error());
  auto list = read_lines(tx, request.record_id);
  if (!list) return std::unexpected(std::move(list).error());
  if (auto missing = missing_in(request, *header, *list); !missing.empty()) {
    Error error{.code = ErrorCode::validation_failed,
                .detail = "The document cannot be made: something is missing.",
                .reason = missing.front().code};
    error.fields = std::move(missing);
    return std::unexpected(std::move(error));
  }
  const Json& source = header->source;
  return DocumentContent{.data = tree_of(request, *header, std::move(*list)),
                         .own_organisation_id = header->own_organisation_id,
                         .invoice_prefix = text_of(header->organisation, "invoice_prefix"),
                         .date = text_of(source, "today"),
                         .year = std::stoi(text_of(source, "today").substr(0, 4)),
                         .amount = text_of(source, "total_amount_with_vat"),
                         .vat_amount = text_of(source, "total_vat"),
                         .currency = text_of(source, "currency")};
}

void set_document_number(DocumentContent& content, std::string_view number) {
  Json document = *content.data.find("document");
  document.set("number", number);
  content.data.set("document", std::move(document));
}

}  // namespace c360::store
