// Messages made of templates (domain.md 16): two languages, fields as in documents/template.h.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/database.h"
#include "store/draft.h"

namespace c360::store {

class Records;

// Before one is stored: the texts can be filled, with these placeholders and what every message
// knows; all faults at once.
void check_message_template(const Records& records, Draft& draft);

struct MessageTexts {
  std::string channel;
  std::string subject;
  std::string text;
};

// What every message knows besides its parameters: {{contact.full_name}}, {{counterparty.name}},
// {{sender.name}}; empty where there is none. What an installation added to contacts and customers
// is {{contact.custom.CODE}} and {{counterparty.custom.CODE}}, as documents print it
// (documents/record_fields.h).
struct MessageNames {
  std::string contact;
  std::string counterparty;
  std::string sender;
  Json contact_custom{Json::Object{}};
  Json counterparty_custom{Json::Object{}};
};

// In the language `ru` or `en`. validation_failed at /template_code where there is none in use, at
// /parameters/NAME for each that is missing, unknown or no text.
Result<MessageTexts> fill_message(Transaction& tx, std::string_view code, std::string_view language,
                                  const Json& parameters, const MessageNames& names);

}  // namespace c360::store
