// SQLSTATE -> ErrorCode (style.md 6): the one place where PostgreSQL's errors get our names.
//
// Where the detail of a code comes from our own SQL functions they raise in class C3, and the
// `constraint` of the exception is the reason:
//   RAISE EXCEPTION '…' USING ERRCODE = 'C3409', CONSTRAINT = 'lease_lost';
// C3404 not_found, C3409 conflict, C3412 precondition_failed, C3422 validation_failed.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/error.h"

struct pg_result;

namespace c360::store {

struct PgFailure {
  Error error;
  std::string sqlstate;          // empty when libpq itself failed: the connection is lost
  bool fatal = false;            // the server ends the session
  bool drop_connection = false;  // the session is of no more use, though it may look idle
};

// Of a result with an error status; `statement` is named in the detail.
PgFailure failure_of(const pg_result* result, std::string_view statement);

// Code and reason for a SQLSTATE; `constraint` is the constraint or column it names, if any.
struct SqlstateMeaning {
  ErrorCode code = ErrorCode::internal;
  std::string reason;
  bool drop_connection = false;
};
SqlstateMeaning meaning_of(std::string_view sqlstate, std::string_view constraint);

inline constexpr std::string_view kConnectionLost = "connection_lost";
inline constexpr std::string_view kCommitUnknown = "commit_unknown";

}  // namespace c360::store
