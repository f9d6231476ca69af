#include "store/pg_error.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>

namespace c360::store {
namespace {

struct Row {
  std::string_view sqlstate;  // five characters, or a class of two
  ErrorCode code;
  std::string_view reason;  // empty: the constraint, else the SQLSTATE
  bool drop_connection = false;
};

// The first row that fits decides: single states stand before their class.
constexpr std::array kRows = {
    Row{"23505", ErrorCode::conflict, ""},
    Row{"23503", ErrorCode::conflict, ""},
    Row{"23P01", ErrorCode::conflict, ""},
    Row{"23", ErrorCode::validation_failed, ""},
    Row{"22021", ErrorCode::validation_failed, "text_encoding"},
    Row{"22", ErrorCode::validation_failed, ""},
    Row{"40001", ErrorCode::conflict, "serialization_failure"},
    Row{"40P01", ErrorCode::conflict, "deadlock"},
    Row{"57014", ErrorCode::timeout, "statement_timeout"},
    Row{"55P03", ErrorCode::timeout, "lock_timeout"},
    Row{"25P03", ErrorCode::unavailable, kConnectionLost, true},
    Row{"57P", ErrorCode::unavailable, kConnectionLost, true},
    Row{"08", ErrorCode::unavailable, kConnectionLost, true},
    // After a failover the old server takes no writes; the next connection finds the new one.
    Row{"25006", ErrorCode::unavailable, kConnectionLost, true},
    Row{"53", ErrorCode::unavailable, "server_resources"},
    // "prepared statement does not exist": somebody between us and the server changed sessions.
    Row{"26000", ErrorCode::unavailable, "stale_plan", true},
    Row{"C3404", ErrorCode::not_found, ""},
    Row{"C3409", ErrorCode::conflict, ""},
    Row{"C3412", ErrorCode::precondition_failed, ""},
    Row{"C3422", ErrorCode::validation_failed, ""},
};

std::string_view field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text != nullptr ? std::string_view(text) : std::string_view();
}

}  // namespace

SqlstateMeaning meaning_of(std::string_view sqlstate, std::string_view constraint) {
  const auto* row = std::ranges::find_if(
      kRows, [&](const Row& candidate) { return sqlstate.starts_with(candidate.sqlstate); });
  if (row == kRows.end()) return {ErrorCode::internal, std::string(sqlstate), false};
  std::string reason(row->reason);
  if (reason.empty()) reason = constraint.empty() ? sqlstate : constraint;
  return {row->code, std::move(reason), row->drop_connection};
}

PgFailure failure_of(const pg_result* result, std::string_view statement) {
  PgFailure failure;
  failure.sqlstate = field(result, PG_DIAG_SQLSTATE);
  const std::string_view severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  failure.fatal = severity == "FATAL" || severity == "PANIC";

  // The server's DETAIL quotes values of the row: it stays out of errors and logs.
  std::string message(field(result, PG_DIAG_MESSAGE_PRIMARY));
  if (message.empty()) message = PQresultErrorMessage(result);
  while (!message.empty() && message.back() == '\n') message.pop_back();
  if (failure.sqlstate.empty()) {
    failure.error = {.code = ErrorCode::unavailable,
                     .detail = "The connection to the database was lost: " + message,
                     .reason = std::string(kConnectionLost)};
    failure.drop_connection = true;
    return failure;
  }

  std::string_view constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  if (constraint.empty()) constraint = field(result, PG_DIAG_COLUMN_NAME);
  SqlstateMeaning meaning = meaning_of(failure.sqlstate, constraint);
  // "cached plan must not change result type" has no SQLSTATE of its own; the name of the function
  // does not depend on the server's language.
  if (failure.sqlstate == "0A000" &&
      field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery") {
    meaning = {ErrorCode::unavailable, "stale_plan", true};
  }
  std::string detail = "The database refused ";
  detail += statement.empty() ? std::string_view("a statement") : statement;
  detail += ": " + message + " (SQLSTATE " + failure.sqlstate + ")";
  failure.error = {
      .code = meaning.code, .detail = std::move(detail), .reason = std::move(meaning.reason)};
  failure.drop_connection = meaning.drop_connection || failure.fatal;
  if (failure.fatal && failure.error.code == ErrorCode::internal) {
    failure.error.code = ErrorCode::unavailable;
    failure.error.reason = kConnectionLost;
  }
  return failure;
}

}  // namespace c360::store
