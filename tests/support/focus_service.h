// A Kontur.Focus that has an express report of every INN, unless it is told otherwise.
//
//   FocusService focus;
//   focus.next_of(inn, {.body = "no pdf", .content_type = "application/pdf"});
//   ... focus.bought(inn) == 2
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "tests/support/service_server.h"

namespace c360::testing {

// The n-th of many valid INNs of companies.
inline std::string company_inn(int n) {
  const std::string nine = std::to_string(770'000'000 + n);
  constexpr int kWeights[] = {2, 4, 10, 3, 5, 9, 4, 6, 8};
  int sum = 0;
  for (std::size_t i = 0; i < nine.size(); ++i) sum += kWeights[i] * (nine[i] - '0');
  return nine + std::to_string(sum % 11 % 10);
}

// Thread-safe.
class FocusService {
 public:
  static constexpr const char* kReports = "/api3/briefReport";

  FocusService() {
    server_.on_request([this](const ServiceRequest& request) { answer(request); });
  }

  ServiceServer& server() { return server_; }
  // What the next request about the INN gets; several are used up in order.
  void next_of(const std::string& inn, ServiceReply reply) {
    const std::scoped_lock lock{mutex_};
    scripted_[inn].push_back(std::move(reply));
  }
  // What every request for a report gets from now on; nothing: the report.
  void refuse_with(std::optional<ServiceReply> reply) {
    const std::scoped_lock lock{mutex_};
    refusal_ = std::move(reply);
  }
  // Runs in the request's thread before a request for a report is answered.
  void on_report(std::function<void(int request)> hook) {
    const std::scoped_lock lock{mutex_};
    hook_ = std::move(hook);
  }
  // Requests for reports, of one INN or of all.
  int bought(const std::string& inn = {}) const {
    const auto requests = server_.requests();
    return static_cast<int>(std::ranges::count_if(requests, [&](const ServiceRequest& request) {
      return request.path == kReports && (inn.empty() || request.query.at("inn") == inn);
    }));
  }

 private:
  void answer(const ServiceRequest& request) {
    if (request.path != kReports) return;
    std::function<void(int)> hook;
    {
      const std::scoped_lock lock{mutex_};
      hook = hook_;
    }
    if (hook) hook(bought());
    server_.next(reply_to(request));
  }
  ServiceReply reply_to(const ServiceRequest& request) {
    const std::string& inn = request.query.at("inn");
    const std::scoped_lock lock{mutex_};
    if (auto& scripted = scripted_[inn]; !scripted.empty()) {
      ServiceReply reply = std::move(scripted.front());
      scripted.pop_front();
      return reply;
    }
    if (refusal_) return *refusal_;
    if (request.query.contains("pdf"))
      return {.body = "%PDF-1.4\n" + inn + std::string(1'000, ' ') + "\n%%EOF\n",
              .content_type = "application/pdf"};
    return {.body = R"([{"inn":")" + inn +
                    R"(","briefReport":{"summary":{"greenStatements":true},)"
                    R"("href":"https://focus.example/?mac=PLANTED-MAC"}}])"};
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::deque<ServiceReply>> scripted_;
  std::optional<ServiceReply> refusal_;
  std::function<void(int)> hook_;
  ServiceServer server_;  // the last one: its threads end first
};

}  // namespace c360::testing
