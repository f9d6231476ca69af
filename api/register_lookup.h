// Port: a register of companies, asked by INN or OGRN. `daemon` puts DaData behind it, with its
// limits and what is kept of its answers.
#pragma once

#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "store/operations/autofill.h"

namespace c360::api {

struct RegisterQuestion {
  std::string id;        // INN or OGRN
  std::string kpp;       // of a division; empty: the head office
  std::string subject;   // whose call, as records of calls name it
  bool refresh = false;  // ask again, whatever is kept
  // Of a card that is no branch: where the head office has another the division is meant.
  std::string typed_kpp{};
};

class RegisterLookup {
 public:
  virtual ~RegisterLookup() = default;
  // Any thread; outside of any transaction. not_found (inn_not_found), invalid_request (bad_id),
  // conflict (off), unavailable with the time to wait, upstream_auth, upstream_rejected.
  virtual Result<store::RegisterFacts> find(const RegisterQuestion& question) = 0;
  // Whom the card believes, the first most (store/operations/pedigree.h).
  virtual std::vector<std::string> policy() const = 0;
};

}  // namespace c360::api
