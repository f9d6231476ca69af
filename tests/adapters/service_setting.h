// What the tests of every service adapter need: a server, a clock that stands still, a journal in
// memory, and the recorded answers with what they mean.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/curl_http_client.h"
#include "adapters/service_call.h"
#include "adapters/service_gate.h"
#include "adapters/service_options.h"
#include "daemon/base/json.h"
#include "tests/support/manual_clock.h"
#include "tests/support/service_server.h"

namespace c360::adapters {

class RecordingJournal final : public CallJournal {
 public:
  void record(const CallRecord& record) override { records.push_back(record); }
  std::vector<CallRecord> records;
};

inline std::string service_fixture(const std::string& name) {
  std::ifstream file{std::string(C360_SOURCE_DIR) + "/tests/fixtures/" + name, std::ios::binary};
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

// The machine may be slow: a deadline that no test is about is a long one.
inline void be_patient(CallLimits& limits) {
  limits.connect = std::chrono::seconds{30};
  limits.first_byte = std::chrono::seconds{60};
  limits.whole = std::chrono::seconds{60};
}

// The fields of a value by their names in adapters.md, 3; nothing: the value has none.
using FieldTexts = std::map<std::string, std::optional<std::string>>;

inline std::optional<std::string> iso(const std::optional<std::chrono::year_month_day>& date) {
  if (!date) return std::nullopt;
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date->year()),
                static_cast<unsigned>(date->month()), static_cast<unsigned>(date->day()));
  return text;
}

// As services.json spells it: a text as it is, lists joined by commas.
inline std::optional<std::string> spelled(const Json& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.as_string();
  if (value.is_number()) return value.number_text();
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  std::string list;
  for (const Json& one : value.as_array()) list += (list.empty() ? "" : ", ") + one.as_string();
  return list;
}
inline std::string listed(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& one : values) list += (list.empty() ? "" : ", ") + one;
  return list;
}

struct CaseResult {
  Outcome outcome = Outcome::found;
  FieldTexts fields{};
};

template <typename T>
CaseResult case_result(const CallResult<T>& result,
                       const std::function<FieldTexts(const T&)>& fields) {
  if (!result) return {.outcome = result.error().outcome};
  return {.fields = fields(*result)};
}

class ServiceTest : public ::testing::Test {
 protected:
  ServicePorts ports() {
    return {.http = http,
            .states = states,
            .clock = clock,
            .pause =
                [this](std::chrono::milliseconds wait) {
                  pauses.push_back(wait);
                  return true;
                },
            .journal = &journal};
  }

  // Every case of tests/fixtures/services.json of that service: the server answers as recorded,
  // `ask` calls the adapter, and the request, the outcome and the fields are compared.
  void check_recorded_cases(const std::string& service,
                            const std::function<std::optional<CaseResult>(const Json&)>& ask) {
    const auto cases = Json::parse(service_fixture("services.json"));
    ASSERT_TRUE(cases) << cases.error().detail;
    int checked = 0;
    for (const Json& one : cases->as_array()) {
      if (one.find("service")->as_string() != service) continue;
      SCOPED_TRACE(one.find("id")->as_string());
      const Json& response = *one.find("response");
      ServiceReply reply{.status = static_cast<int>(*response.find("status")->as_int64()),
                         .body = service_fixture(response.find("body_file")->as_string()),
                         .content_type = {}};
      for (const auto& [name, value] : response.find("headers")->as_object())
        reply.headers[name] = value.as_string();
      const std::size_t before = server.requests().size();
      server.next(reply);
      const auto result = ask(one);
      if (!result) continue;
      ++checked;
      const auto requests = server.requests();
      ASSERT_GT(requests.size(), before);
      check_request(requests[before], *one.find("request"));
      check_result(*result, *one.find("expect"));
    }
    EXPECT_GT(checked, 10);
  }

  using ServiceReply = c360::testing::ServiceReply;
  using Delivery = c360::testing::Delivery;

  c360::testing::ServiceServer server;
  CurlHttpClient http{"client360/test"};
  MemoryGateStates states;
  c360::testing::ManualClock clock;
  RecordingJournal journal;
  std::vector<std::chrono::milliseconds> pauses;

 private:
  static void check_request(const c360::testing::ServiceRequest& seen, const Json& expected) {
    EXPECT_EQ(seen.method, expected.find("method")->as_string());
    EXPECT_EQ(seen.path, expected.find("path")->as_string());
    if (const Json* headers = expected.find("headers"))
      for (const auto& [name, value] : headers->as_object()) {
        const auto found = seen.headers.find(name == "X-Secret" ? "x-secret" : "authorization");
        ASSERT_NE(found, seen.headers.end()) << name;
        EXPECT_EQ(found->second, value.as_string());
      }
    if (const Json* query = expected.find("query"))
      for (const auto& [name, value] : query->as_object()) {
        const auto found = seen.query.find(name);
        ASSERT_NE(found, seen.query.end()) << name;
        EXPECT_EQ(found->second, value.as_string());
      }
    if (const Json* body = expected.find("body")) check_body(seen.body, *body);
  }

  static void check_body(const std::string& seen, const Json& expected) {
    if (expected.is_string()) {
      EXPECT_EQ(seen, expected.as_string());
      return;
    }
    const auto sent = Json::parse(seen);
    ASSERT_TRUE(sent) << seen;
    if (expected.is_array()) {
      EXPECT_EQ(sent->dump(), expected.dump());
      return;
    }
    for (const auto& [name, value] : expected.as_object()) {
      ASSERT_NE(sent->find(name), nullptr) << name;
      EXPECT_EQ(sent->find(name)->dump(), value.dump());
    }
  }

  static void check_result(const CaseResult& result, const Json& expected) {
    EXPECT_EQ(to_string(result.outcome), expected.find("outcome")->as_string());
    const Json* fields = expected.find("fields");
    if (fields == nullptr || result.outcome != Outcome::found) return;
    for (const auto& [name, value] : fields->as_object()) {
      const auto found = result.fields.find(name);
      ASSERT_NE(found, result.fields.end()) << name;
      EXPECT_EQ(found->second, spelled(value)) << name;
    }
  }
};

}  // namespace c360::adapters
