#include "daemon/jobs/quota_reserve.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/dadata.h"
#include "store/service_quotas.h"

namespace c360::daemon {

const QuotaReserve kDadataReserve{
    .service = "dadata",
    .counter = "suggestions",
    .is_reached = [](std::int64_t left, std::int64_t total) {
      return adapters::is_reserve_reached(
          {.suggestions_used = total - left, .suggestions_left = left});
    }};

namespace {

bool is_last_twentieth(std::int64_t left, std::int64_t total) {
  constexpr int kPart = 20;
  return left <= total / kPart;
}

}  // namespace

const QuotaReserve kKonturReserve{
    .service = "kontur", .counter = "briefReport", .is_reached = is_last_twentieth};
const QuotaReserve kRequisitesReserve{
    .service = "kontur", .counter = "api3/req", .is_reached = is_last_twentieth};

Result<void> keep_reserve(store::Database& database, const store::Job& job,
                          const QuotaReserve& reserve) {
  const auto told = store::quota_for_scheduled(database, reserve.service, job.id);
  if (!told) return std::unexpected(told.error());
  for (const store::QuotaRest& rest : *told) {
    if (!rest.name.contains(reserve.counter) || !reserve.is_reached(rest.left, rest.total))
      continue;
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
