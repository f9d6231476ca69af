// Kontur.Focus as the program asks it, behind its gates and the cache of answers: express reports,
// whose PDF is kept as a blob before anybody uses it, and requisites, where DaData gives none.
//
// Built anew with other settings by a reload. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/answer_cache.h"
#include "adapters/call_sessions.h"
#include "adapters/kontur_focus.h"
#include "adapters/service_gate.h"
#include "daemon/base/digest.h"

namespace c360::adapters {

struct FocusReportsOptions {
  KonturOptions kontur;
  bool enabled = true;
  bool keeps_whole = true;  // answers; otherwise what is read of them
  bool on_import = false;   // reports of imported counterparties too
  bool recheck = true;      // those that became stale are asked for again
  bool watch = false;       // the service is asked each morning whose requisites changed
  std::chrono::hours risk_for{24};
  std::chrono::hours not_found_for{24};
  std::chrono::days report_for{30};  // then it is stale
  int batch_limit = 1'000;           // counterparties of one batch
  std::size_t connections = 2;       // calls at the same time of one daemon, without PDFs
  std::size_t pdf_connections = 1;

  bool is_on() const { return enabled && !kontur.token.empty(); }
};

struct FocusReportsPorts {
  store::Database& database;
  GateStates& states;
  const Clock& clock;
  CallSessions::Connect connect;
  CallJournal* journal = nullptr;  // called from several threads; none: nothing is recorded
};

struct ObtainedRequisites {
  Requisites requisites;
  Instant obtained_at;
};
struct ObtainedRisk {
  Risk risk;
  Instant obtained_at;
};
// The PDF is in the content store.
struct ObtainedReport {
  Sha256 sha256{};
  std::int64_t size_bytes = 0;
  Instant obtained_at;
};

class FocusReports {
 public:
  // `holder` is this process in claims. What the ports name outlives it.
  FocusReports(FocusReportsOptions options, std::string holder, FocusReportsPorts ports);

  // One attempt each. permanent/off without a key or when switched off; permanent/bad_id before any
  // call. An answer obtained before `not_before` does not do, so that whoever is asked again after
  // a crash does not buy again what he bought for the same request.
  CallResult<ObtainedRisk> risk(const FocusQuery& query, std::optional<Instant> not_before);
  CallResult<ObtainedReport> report(const FocusQuery& query, std::optional<Instant> not_before);
  // Of the head office; main activity and date of the OGRN are asked for besides, and where that
  // fails a warning says so.
  CallResult<ObtainedRequisites> requisites(const FocusQuery& query);
  CallResult<std::vector<MethodUsage>> usage();
  // Adds to the watch list of the key, at most KonturFocus::kMaxWatched INNs; those recognised.
  CallResult<std::vector<WatchedParty>> watch(const std::vector<std::string>& inns);
  // In place of all that were on it.
  CallResult<std::vector<WatchedParty>> watch_only(const std::vector<std::string>& inns);
  // Of those watched, whose requisites changed that day of Moscow.
  CallResult<std::vector<WatchedParty>> changed_on(std::chrono::year_month_day day);
  // Any thread: calls under way end with retryable, reason interrupted.
  void interrupt();

  const FocusReportsOptions& options() const { return options_; }

 private:
  using milliseconds = std::chrono::milliseconds;
  using Buy = std::function<CallResult<RecordedExchange>()>;
  CallResult<CachedAnswer> obtain(CachedQuestion question, std::optional<Instant> not_before,
                                  CallSessions& sessions, const Buy& buy);
  struct KeptJson {
    Json document;
    Instant obtained_at;
  };
  // `call` asks one method of KonturFocus; its answer is an array.
  template <typename Call>
  CallResult<KeptJson> obtain_json(const FocusQuery& query, std::string_view method,
                                   std::optional<Instant> not_before, const Call& call);
  template <typename Call>
  CallResult<RecordedExchange> buy_json(std::string_view method, const Call& call);
  void add_details(const FocusQuery& query, const PartyId& id, Requisites& into);
  CallResult<RecordedExchange> buy_report(const FocusQuery& query);
  // With one of the sessions; retryable/busy when none was free in time.
  template <typename Call>
  auto with_focus(CallSessions& sessions, milliseconds wait, CallJournal* journal, const Call& call)
      -> decltype(call(std::declval<KonturFocus&>()));
  // Nothing is kept of the answer.
  template <typename Call>
  auto ask(const Call& call) -> decltype(call(std::declval<KonturFocus&>()));
  CallResult<void> check_on() const;
  CallResult<void> check(const FocusQuery& query) const;
  CachedQuestion question(const FocusQuery& query, std::string_view method,
                          const CallLimits& limits) const;

  const FocusReportsOptions options_;
  const FocusReportsPorts ports_;
  AnswerCache cache_;
  CallSessions json_;
  CallSessions pdf_;
};

}  // namespace c360::adapters
