#include "daemon/jobs/notices.h"

#include "daemon/jobs/piecewise.h"
#include "parsers/html_text.h"
#include "store/operations/notices.h"

namespace c360::daemon {

namespace {

constexpr int kPiece = 200;  // of one transaction

std::string to_text(std::string_view html) { return parsers::html_to_text(html).text; }

}  // namespace

void add_notice_jobs(JobHandlers& handlers, store::Database& database) {
  handlers["reminders"] = [&database](JobRun& run) {
    return in_pieces(database, run, kPiece,
                     [](store::Transaction& tx) { return store::tell_reminders(tx, kPiece); });
  };
  handlers["notifications"] = [&database](JobRun& run) {
    return in_pieces(database, run, kPiece, [](store::Transaction& tx) {
      return store::send_notifications(tx, kPiece, to_text);
    });
  };
}

}  // namespace c360::daemon
