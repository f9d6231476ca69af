// Port: a dry run of the rules over one mail. `ingest` does it; `daemon` wires it in, because api
// does not know ingest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"

namespace c360::api {

// One rule in use.
struct RuleInUse {
  std::string name;    // as messages name it in rule_id
  std::string action;  // "create" where the mailbox's target decides
  int priority = 0;    // position in its file, from 1: the first that matches decides
  bool built_in = false;
  int line = 0;  // of the file; 0: built in
};

// The rules of one kind of mailbox in use: one file.
struct RuleSetInUse {
  std::string name;  // "crm", "activity", "support"
  std::string version;
  std::string sha256;            // hex
  std::string source;            // file name, without folders
  std::vector<RuleInUse> rules;  // in order
};

class RuleTester {
 public:
  virtual ~RuleTester() = default;
  // What the rules of `kind` ("crm", "activity", "support") would make of the mail; writes nothing.
  // The object is served as it is:
  //   outcome      deal_created, lead_created, activity_added, ignored, quarantined, …
  //   reason       why, where it is quarantined or ignored
  //   rule         {set, version, name} or null
  //   values       [{field, value, rule, part, span {begin, end}, transformations[]}]
  //   effect       the record it would make, by field
  //   nearest      rules that nearly matched and the first condition that failed
  //   mail         {subject, from, charset, charset_path, attachments[], truncations[]}
  // invalid_request for an unknown kind; malformed_message where the mail cannot be read at all.
  virtual Result<Json> test(std::string_view kind, std::string_view raw_mail) = 0;
  virtual std::vector<RuleSetInUse> sets() = 0;
};

}  // namespace c360::api
