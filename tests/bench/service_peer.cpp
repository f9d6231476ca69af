// The other side of tests/bench/services.sh: a service that answers as DaData was recorded and
// takes webhooks, and the bare calls that the daemon's are compared with.
//
//   service_peer serve FOLDER         writes URL and CA file into FOLDER/peer; what was received,
//                                     when it is told to end, into FOLDER/received
//   service_peer ask URL CA N AT_ONCE   N questions, as DaData is asked
//   service_peer post URL CA N AT_ONCE  N signed events
#include <csignal>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "adapters/curl_http_client.h"
#include "adapters/webhook.h"
#include "daemon/base/json.h"
#include "tests/support/service_server.h"

namespace {

using namespace c360;
using testing::ServiceReply;
using testing::ServiceRequest;

constexpr const char* kFind = "/suggestions/api/4_1/rs/findById/party";
constexpr const char* kRecordedInn = "7707083893";

std::optional<std::int64_t> number_of(const Result<Json>& body, std::string_view name) {
  const Json* value = body ? body->find(name) : nullptr;
  return value == nullptr ? std::nullopt : value->as_int64();
}

// What Standard Webhooks promises the receiver, checked as it comes.
class Inbox {
 public:
  void take(const ServiceRequest& request) {
    const auto body = Json::parse(request.body);
    const std::scoped_lock lock{mutex_};
    ++events_;
    if (!seen_.insert(request.headers.at("webhook-id")).second) ++doubled_;
    const auto record = number_of(body, "record_id");
    const auto id = number_of(body, "id");
    if (!record || !id) {
      ++unreadable_;
      return;
    }
    std::int64_t& last = last_of_[*record];
    if (*id <= last) ++out_of_order_;
    last = *id;
  }
  void count_question() { ++questions_; }

  std::string told() const {
    const std::scoped_lock lock{mutex_};
    return Json(Json::Object{{"questions", questions_.load()},
                             {"events", events_},
                             {"different", static_cast<std::int64_t>(seen_.size())},
                             {"doubled", doubled_},
                             {"out_of_order", out_of_order_},
                             {"unreadable", unreadable_}})
        .dump();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<std::string> seen_;
  std::unordered_map<std::int64_t, std::int64_t> last_of_;  // record: event
  std::int64_t events_ = 0;
  std::int64_t doubled_ = 0;
  std::int64_t out_of_order_ = 0;
  std::int64_t unreadable_ = 0;
  std::atomic<std::int64_t> questions_ = 0;
};

// The recorded answer, about whom it was asked.
std::string about(const std::string& recorded, const std::string& question) {
  const auto body = Json::parse(question);
  const Json* inn = body ? body->find("query") : nullptr;
  if (inn == nullptr) return R"({"suggestions":[]})";
  const std::string before = R"("inn": ")";
  std::string answer = recorded;
  const std::size_t at = answer.find(before + kRecordedInn);
  if (at != std::string::npos)
    answer.replace(at + before.size(), std::string_view(kRecordedInn).size(), inn->as_string());
  return answer;
}

int serve(const std::filesystem::path& folder) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  std::ifstream file(std::string(C360_SOURCE_DIR) +
                     "/tests/fixtures/dadata/party_legal_free_tariff.json");
  const std::string recorded{std::istreambuf_iterator<char>(file), {}};
  Inbox inbox;
  {
    testing::ServiceServer server;
    server.keep_no_requests();
    server.answer(kFind, [&](const ServiceRequest& request) {
      inbox.count_question();
      return ServiceReply{.body = about(recorded, request.body)};
    });
    server.answer("/hook", [&](const ServiceRequest& request) {
      inbox.take(request);
      return ServiceReply{.status = 204, .content_type = ""};
    });
    server.on("/bare", ServiceReply{.status = 204, .content_type = ""});
    std::ofstream(folder / "peer.new") << server.url() << ' ' << server.ca_file() << '\n';
    std::filesystem::rename(folder / "peer.new", folder / "peer");
    int signal = 0;
    sigwait(&ends, &signal);
  }
  std::ofstream(folder / "received") << inbox.told() << '\n';
  return 0;
}

// What a caller of ours sends, `count` times in so many threads; prints calls a second.
template <typename Call>
int measure(int count, int at_once, const Call& call) {
  std::atomic<int> next{0};
  std::atomic<int> failed{0};
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < at_once; ++i) {
      threads.emplace_back([&] {
        adapters::CurlHttpClient http("client360/bench");
        for (int n = next++; n < count; n = next++)
          if (!call(http, n)) ++failed;
      });
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("{\"calls\": %d, \"failed\": %d, \"per_s\": %.0f}\n", count, failed.load(),
              count / took.count());
  return failed == 0 ? 0 : 1;
}

int ask(const std::string& url, const std::string& ca_file, int count, int at_once) {
  return measure(count, at_once, [&](adapters::HttpClient& http, int) {
    const auto answer =
        http.send({.method = "POST",
                   .url = url + kFind,
                   .headers = {{"Accept", "application/json"},
                               {"Authorization", "Token bench"},
                               {"Content-Type", "application/json"}},
                   .body = R"({"query":")" + std::string(kRecordedInn) + R"(","count":20})",
                   .ca_file = ca_file});
    return answer && answer->status == 200;
  });
}

int post(const std::string& url, const std::string& ca_file, int count, int at_once) {
  adapters::WebhookLimits limits{.ca_file = ca_file};
  limits.targets.allowed = {*adapters::Network::parse("127.0.0.0/8")};
  const SystemClock clock;
  return measure(count, at_once, [&](adapters::HttpClient& http, int n) {
    const auto answer = adapters::post_webhook(
        http,
        {.url = url + "/bare",
         .id = "wh0-" + std::to_string(n),
         .body = R"({"cursor":"812.1044","id":1044,"record_id":17,"record_kind":"deal",)"
                 R"("event":"updated","happened_at":"2026-11-20T10:15:00Z","version":4})",
         .keys = {Secret(std::string(32, 'k'))}},
        limits, clock.now());
    return answer.reception == adapters::Reception::accepted;
  });
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> arguments(words, words + count);
  if (count == 3 && arguments[1] == "serve") return serve(arguments[2]);
  if (count == 6 && (arguments[1] == "ask" || arguments[1] == "post")) {
    const auto calls = arguments[1] == "ask" ? ask : post;
    return calls(arguments[2], arguments[3], std::stoi(arguments[4]), std::stoi(arguments[5]));
  }
  std::fputs("Usage: service_peer serve FOLDER | {ask|post} URL CA_FILE CALLS AT_ONCE\n", stderr);
  return 2;
}
