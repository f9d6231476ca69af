// What stands in a proposal, an invoice, an act or another document (domain.md 12.4): the value
// tree templates take their fields from, everything in it as a Russian document prints it.
//
//   document  type, number, date (23.11.2026), date_in_words (23 ноября 2026 г.)
//   seller    our organisation: name, full_name, short_name, inn, kpp, ogrn, okpo, address,
//             post_address, ceo, ceo_position, accountant, bank {name, bik, account,
//             correspondent_account, swift, iban (in groups of four)}
//   buyer     name, full_name, short_name, inn, kpp, ogrn, address, post_address, ceo,
//             ceo_position
//   contract  number, date; order: number, date; deal, counterparty: number, name; not there where
//             there is none
//   currency  code, label (руб., USD)
//   lines     no, name, description, quantity, unit, price, full_price, discount, amount, vat_rate,
//             vat_amount, amount_with_vat
//   vat       none (true without VAT at all), rates [rate, amount]
//   totals    count, amount, vat, amount_with_vat, in_words, vat_in_words
//   has_discount; offer [text]: paragraphs of the proposal's text
//   author    name, job_title, phone, email
//   record    the fields of the record itself by their names in the API, and those that an
//             installation added under `custom` (record_fields.h)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/actor.h"
#include "store/custom_fields.h"
#include "store/database.h"
#include "store/model/resource.h"

namespace c360::store {

// More are refused: too_many_lines.
inline constexpr std::size_t kMaxDocumentLines = 2'000;

struct ContentRequest {
  std::string_view type;  // of the document: proposal, invoice, act, any other
  std::string_view kind;  // deal, order, contract, counterparty, any other that holds documents
  std::int64_t record_id = 0;
  std::optional<std::int64_t> counterparty_id{};  // of a record of another kind: whose it is
  std::string_view time_zone;                     // of the business
  // Of a draft made anew: its number and day stay.
  std::string number{};
  std::string date{};  // 2026-11-23; empty: today
};

struct DocumentContent {
  Json data;
  std::optional<std::int64_t> own_organisation_id;
  std::string invoice_prefix;
  std::string date;  // 2026-11-23
  int year = 0;
  std::string amount;  // with VAT, "100.10"
  std::string vat_amount;
  std::string currency;
};

// Reads in a few round trips. validation_failed with all that is missing, each at its JSON pointer:
// /lines, /counterparty_id, /contract_id, /contract/own_organisation_id, /own_organisation/inn, …
// not_found where the record is gone. Rights are the caller's affair.
Result<DocumentContent> read_content(Transaction& tx, const ContentRequest& request,
                                     const Actor& actor);

// The number comes after all else is known to be there (numbering.h).
void set_document_number(DocumentContent& content, std::string_view number);

// The tree of a document that has everything, but for `record`.
const Json& sample_content();
// The same of a record of that kind: templates are tried on it before they are taken.
Json sample_content(const Resource& resource, const CustomFields& custom);

// {"items": [{name, label_ru, label_en, type}, …]}: what a template for records of that kind may
// use. Labels are null where the name says it all.
Result<std::string> template_fields_json(Transaction& tx, const Resource& resource);

}  // namespace c360::store
