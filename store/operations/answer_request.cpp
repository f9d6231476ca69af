#include "store/operations/answer_request.h"

#include <string>

#include "store/draft.h"
#include "store/portal.h"
#include "store/records.h"

namespace c360::store {
namespace {

constexpr Sql kWaiting{"c360_comment_answers", R"sql(
SELECT r.returns_to FROM crm.support_request r
WHERE r.id = $1::bigint AND r.status = 'clarification' AND r.deleted_at IS NULL
FOR NO KEY UPDATE
)sql"};

Result<RecordView> answer(Records& records, Transaction& tx, const Draft& draft,
                          RecordView written) {
  const std::string request(draft.get("record_id").value_or(""));
  const auto waiting = tx.query(kWaiting, Params{}.add(std::string_view(request)));
  if (!waiting) return std::unexpected(waiting.error());
  if ((*waiting)->empty()) return written;
  // The service acts on his word: he himself writes nothing of the request.
  const Json change = Json::Object{{"status", std::string((*waiting)->text(0, 0))}};
  auto moved =
      records.update(tx, records.registry().get("support_request"), request, change,
                     Actor::system("portal", draft.actor().request_id), {.finish = Finish::run});
  if (!moved) return std::unexpected(std::move(moved).error());
  return written;
}

}  // namespace

Consequence answers_request() {
  return {.due = [](const Draft& draft) { return draft.creating() && is_portal(draft.actor()); },
          .bring_about = answer};
}

}  // namespace c360::store
