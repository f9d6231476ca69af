// A write that may carry an Idempotency-Key: the effect and the stored answer are one transaction,
// and whoever asks again with the same key gets the same answer (design.md 5).
#pragma once

#include <functional>
#include <string_view>

#include "api/api.h"
#include "api/request.h"
#include "api/response.h"
#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::api {

// Does the work and fills the answer. With a transaction: inside it, leaving it open
// (Finish::run); without: in one of its own. May run again after a serialization failure.
using Effect = std::function<Result<void>(store::Transaction* transaction, Response& response)>;

// `body` is what was read of the request: with method and target it decides what "the same
// request" is.
Result<void> write_once(const ApiServices& services, const Request& request, std::string_view body,
                        Response& response, const Effect& effect);

// For work that costs something before its transaction begins: true when this very request was
// answered before, and `response` is that answer. Whether the caller may still see the record is
// asked before. False without a key.
Result<bool> answered_before(const ApiServices& services, const Request& request,
                             std::string_view body, Response& response);

}  // namespace c360::api
