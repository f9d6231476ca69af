// Proposals, invoices and acts of every shape: one line and many pages, long names, other money,
// with and without VAT. The pages of docs/documents are painted of them, and tests compare what
// they print with what they hold.
#pragma once

#include <string>
#include <vector>

#include "daemon/base/json.h"

namespace c360::testing {

struct DocumentSample {
  std::string name;  // of its files
  std::string code;  // of the template
  int lines = 1;
  std::vector<std::string> vat;  // percents, line by line in turn; empty: without VAT
  std::string currency = "RUB";
  bool has_long_names = false;  // of goods and parties
  bool takes_pages = false;     // more than one
};

const std::vector<DocumentSample>& document_samples();

// What templates take their fields from (store/documents/content.h).
Json content_of(const DocumentSample& sample);

// Filled by the shipped template.
std::string page_of(const DocumentSample& sample);

}  // namespace c360::testing
