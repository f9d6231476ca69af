// DaData (adapters.md, 1): requisites by INN or OGRN, suggestions, banks, cleaning of addresses and
// phones, and what is left of the day.
//
// One object per worker, not thread-safe: it uses its worker's HttpClient, whose connection is kept
// (the service counts new ones). Every call makes at most one request, a refusal with 403 at most
// one more to ask for the day's usage. Retries are the caller's (Retries), and so is how many
// workers there are (the service wants at most 4 connections, 2 to the cleaner).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "adapters/dadata_answers.h"
#include "adapters/service_call.h"
#include "adapters/service_options.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

struct DadataOptions {
  Secret token;   // the API key; empty: every call is permanent/off
  Secret secret;  // for cleaning and usage; empty: those are permanent/off
  // Scheme and host; three hosts in the cloud, one of an own installation.
  std::string suggestions_url = "https://suggestions.dadata.ru";
  std::string cleaner_url = "https://cleaner.dadata.ru";
  std::string profile_url = "https://dadata.ru";
  CallLimits find{.rate = {.calls = 20}};
  CallLimits clean{.first_byte = std::chrono::seconds{10},
                   .whole = std::chrono::milliseconds{15'000},
                   .max_answer_bytes = std::size_t{2} << 20U,
                   .rate = {.calls = 10}};
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
};

struct PartyQuery {
  std::string id;   // INN or OGRN
  std::string kpp;  // of the division wanted; empty: the head office
  std::string subject;
  // Of a card nobody calls a branch: where the head office has another KPP the division of this one
  // is meant. PartyRegister asks for it then.
  std::string typed_kpp{};
  int attempt = 1;  // at this question, as it is recorded
  // For the answer, besides the limits of calls.
  std::optional<std::chrono::steady_clock::time_point> deadline{};
};

class Dadata {
 public:
  Dadata(DadataOptions options, ServicePorts ports, std::uint64_t seed = std::random_device{}());

  // Head office, or the division of that KPP; alive before dead, the newest of several. An answer
  // about another INN is retryable/malformed.
  CallResult<Party> find_party(const PartyQuery& query);
  // Companies by name, INN or address, at most `count` (1 … 20).
  CallResult<std::vector<Party>> suggest_party(const std::string& text, int count);
  CallResult<Bank> find_bank(const std::string& bik);
  CallResult<std::vector<Address>> suggest_address(const std::string& text, int count);
  // These cost money each. not_found: nothing was recognised, or not surely enough.
  CallResult<CleanAddress> clean_address(const std::string& text);
  CallResult<CleanPhone> clean_phone(const std::string& text);
  CallResult<DailyUsage> daily_usage(
      std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt);
  // Roubles, as the service spells them.
  CallResult<std::string> balance();

 private:
  enum class Host : std::uint8_t { suggestions, cleaner, profile };
  ServiceCall call(Host host, const std::string& operation, std::string body = {});
  template <typename Read>
  std::invoke_result_t<Read, const Json&> ask(Host host, const ServiceCall& call, JsonKind kind,
                                              const Read& read);
  const ServiceGate& gate(Host host) const;
  CallResult<void> check_keys(Host host) const;
  // Tells a spent day or purse from a refused key.
  void explain_forbidden(Host host, const ServiceCall& refused, NoAnswer& none);

  DadataOptions options_;
  ServiceCaller caller_;
  ServiceGate find_gate_;
  ServiceGate clean_gate_;
  ServiceGate profile_gate_;
  std::mt19937_64 random_;
};

// Scheduled work leaves this much of the day to people: a tenth, at least 200.
bool is_reserve_reached(const DailyUsage& usage);

}  // namespace c360::adapters
