// Kontur.Focus API 3 (adapters.md, 2): requisites, the express report with its PDF, the watch list
// and what is left of the contract.
//
// The key stands in the query of every address: addresses are shown and recorded through a Redactor
// only. One object per worker, not thread-safe: it uses its worker's HttpClient. Every call makes
// at most one request, a refusal with 403 at most one more to ask for the usage. Retries are the
// caller's (Retries), and so is how many workers there are (at most 2, 1 for PDFs).
#pragma once

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "adapters/kontur_answers.h"
#include "adapters/service_call.h"
#include "adapters/service_options.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

struct KonturOptions {
  Secret token;  // empty: every call is permanent/off
  std::string base_url = "https://focus-api.kontur.ru";
  CallLimits json{.connect = std::chrono::milliseconds{5'000},
                  .first_byte = std::chrono::seconds{15},
                  .whole = std::chrono::milliseconds{30'000},
                  .max_answer_bytes = std::size_t{16} << 20U,
                  .rate = {.calls = 5}};
  CallLimits pdf{.connect = std::chrono::milliseconds{5'000},
                 .first_byte = std::chrono::seconds{60},
                 .whole = std::chrono::milliseconds{120'000},
                 .max_answer_bytes = std::size_t{32} << 20U,
                 .rate = {.calls = 1}};
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
};

struct FocusQuery {
  std::string id;          // INN or OGRN
  std::string known_ogrn;  // tells two registrations of one INN apart; may be empty
  std::string subject;
  int attempt = 1;  // at this question, as it is recorded
};

class KonturFocus {
 public:
  KonturFocus(KonturOptions options, ServicePorts ports);

  // The registration of the known OGRN, else one that is alive, else the newest. An answer about
  // somebody else is retryable/malformed.
  CallResult<FocusCompany> requisites(const FocusQuery& query);
  // What /req leaves out: main activity and date of the OGRN.
  CallResult<RegisterDetails> register_details(const FocusQuery& query);
  CallResult<Risk> brief_report(const FocusQuery& query);
  // Checked to be a whole PDF; malformed otherwise. Charged as the report itself, once a period.
  CallResult<ReportPdf> brief_report_pdf(const FocusQuery& query);

  // Adds to the watch list, at most kMaxWatched INNs a call; the answer is those recognised.
  static constexpr std::size_t kMaxWatched = 100;
  CallResult<std::vector<WatchedParty>> watch(const std::vector<std::string>& inns);
  // The same in place of all that were on it. (What POST without `append` does is not published: by
  // the name of that parameter it replaces; were it not so, the list would only keep what it has.)
  CallResult<std::vector<WatchedParty>> watch_only(const std::vector<std::string>& inns);
  CallResult<std::vector<WatchedParty>> watched();
  // Whose requisites changed that day, of those watched; often nobody.
  CallResult<std::vector<WatchedParty>> changed_on(std::chrono::year_month_day day);

  CallResult<std::vector<MethodUsage>> usage();

 private:
  using Query = std::vector<std::pair<std::string, std::string>>;
  ServiceCall call(const std::string& operation, const Query& query,
                   const CallLimits& limits) const;
  template <typename Read>
  std::invoke_result_t<Read, const HttpAnswer&> ask(const ServiceGate& gate,
                                                    const ServiceCall& call, const Read& read);
  template <typename Read>
  std::invoke_result_t<Read, const Json&> ask_json(const ServiceGate& gate, const ServiceCall& call,
                                                   const Read& read);
  CallResult<std::vector<WatchedParty>> tell_list(const std::vector<std::string>& inns,
                                                  const Query& query);
  NoAnswer refused(const std::string& operation, const HttpAnswer& answer, NoAnswer none);
  // Tells a spent limit and a method outside the contract from a refused key.
  void explain_forbidden(const std::string& operation, NoAnswer& none);

  KonturOptions options_;
  ServiceCaller caller_;
  ServiceGate json_gate_;
  ServiceGate pdf_gate_;
  ServiceGate stat_gate_;
};

}  // namespace c360::adapters
