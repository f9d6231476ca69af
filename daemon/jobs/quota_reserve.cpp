#include "daemon/jobs/quota_reserve.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/dadata.h"
#include "adapters/kontur_answers.h"
#include "store/service_quotas.h"

namespace c360::daemon {

const QuotaReserve kDadataReserve{
    .service = "dadata",
    .counts = [](std::string_view counter) { return counter == "suggestions"; },
    .is_reached =
        [](std::int64_t left, std::int64_t total) {
          return adapters::is_reserve_reached(
              {.suggestions_used = total - left, .suggestions_left = left});
        }};

namespace {

namespace kontur = adapters::kontur;
using kontur::counts;

bool is_last_twentieth(std::int64_t left, std::int64_t total) {
  constexpr int kPart = 20;
  return left <= total / kPart;
}

}  // namespace

const QuotaReserve kKonturReserve{
    .service = "kontur",
    .counts = [](std::string_view counter) { return counts(counter, kontur::kReportMethods); },
    .is_reached = is_last_twentieth};
const QuotaReserve kRequisitesReserve{
    .service = "kontur",
    .counts = [](std::string_view counter) { return counts(counter, kontur::kRequisitesMethods); },
    .is_reached = is_last_twentieth};
const QuotaReserve kWatchReserve{
    .service = "kontur",
    .counts = [](std::string_view counter) { return counts(counter, kontur::kWatchMethods); },
    .is_reached = is_last_twentieth};

Result<void> keep_reserve(store::Database& database, const store::Job& job,
                          const QuotaReserve& reserve) {
  const auto told = store::quota_for_scheduled(database, reserve.service, job.id);
  if (!told) return std::unexpected(told.error());
  for (const store::QuotaRest& rest : *told) {
    if (!reserve.counts(rest.name) || !reserve.is_reached(rest.left, rest.total)) continue;
    Error wait{.code = ErrorCode::rate_limited,
               .detail = fmt::format("{} of {} of {} are left, which are for people; the schedule "
                                     "goes on when there is more",
                                     rest.left, rest.total, rest.name),
               .reason = "quota_reserve"};
    wait.retry_after = rest.holds;
    return std::unexpected(std::move(wait));
  }
  return {};
}

}  // namespace c360::daemon
