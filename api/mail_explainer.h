// Port: why a mail became what it is. `ingest` knows; `daemon` wires it in, because api does not
// know ingest.
#pragma once

#include <cstdint>

#include "daemon/base/error.h"
#include "daemon/base/json.h"

namespace c360::api {

class MailExplainer {
 public:
  virtual ~MailExplainer() = default;
  // The object is served as it is; explain_routes.cpp has its schema. not_found.
  virtual Result<Json> explain(std::int64_t mail_id) = 0;
};

}  // namespace c360::api
