// Which fields of which records a mail gave, each with what it was read from: the table behind
// Explain (design.md 2). What apply() does to a record is said here once more for a person; a test
// holds both against each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parsers/message.h"
#include "parsers/prepared_text.h"
#include "parsers/rule_match.h"
#include "store/kept_mail.h"

namespace c360::ingest {

struct MadeField {
  std::string record_kind;     // "deal", "contact", "activity"; empty: of no record, only kept
  std::int64_t record_id = 0;  // 0: a contact, or no record
  parsers::ExtractedValue value;
  // What parsers::ValueSource cannot say; empty: it says.
  //   program  a constant of the program     match   found among the records we have
  //   server   the mail server's own date    fetch   the time of fetching
  //   person   who said where the mail belongs
  std::string source;
  bool whole = false;  // the whole text, which is not repeated in `value`
};

// `extraction` is what the ledger kept.
std::vector<MadeField> made_fields(const store::KeptMail& mail,
                                   const parsers::Extraction& extraction,
                                   const parsers::Message& message,
                                   const parsers::PreparedText& text);

}  // namespace c360::ingest
