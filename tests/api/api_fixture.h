// The whole API over a real PostgreSQL and real sockets. Every exchange of a client made here is
// checked against the OpenAPI document.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "api/openapi.h"
#include "api/server.h"
#include "daemon/base/clock.h"
#include "store/records.h"
#include "tests/support/http_client.h"
#include "tests/support/openapi_validator.h"
#include "tests/support/temp_postgres.h"

namespace c360::api {

using testing::HttpAnswer;
using testing::HttpClient;
using testing::HttpExchange;
using testing::RawConnection;

class FakeRuleTester final : public RuleTester {
 public:
  Result<Json> test(std::string_view kind, std::string_view raw_mail) override;
  std::vector<RuleSetInUse> sets() override;
  std::string seen;
};

class FakeMailActions final : public MailActions {
 public:
  Result<MailActionResult> retry(std::int64_t quarantine_id, std::int64_t actor,
                                 std::string_view comment) override;
  Result<MailActionResult> release(std::int64_t quarantine_id, std::int64_t actor,
                                   std::string_view comment) override;
  Result<MailActionResult> discard(std::int64_t quarantine_id, std::int64_t actor,
                                   std::string_view comment) override;
  Result<MailActionResult> set_target(std::int64_t quarantine_id, std::int64_t actor,
                                      std::optional<std::int64_t> record_id,
                                      std::string_view comment) override;
  std::vector<std::string> calls;
};

// Takes the whole file and says so.
class FakeMailImporter final : public MailImporter {
 public:
  Result<void> import_mails(std::string_view mailbox, const File& file,
                            MailImportResult& result) override;
  std::string mailbox;
  std::optional<std::uint64_t> bytes;
  Format format = Format::detected;
  std::string seen;
  std::optional<Error> failure;  // after the first mail
};

class FakeMailExplainer final : public MailExplainer {
 public:
  Result<Json> explain(std::int64_t mail_id) override;
  Json answer;
};

class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override;

  // Called by SetUp; tests that need other options set them and call restart().
  void start();
  void restart();

  // Rows made past the API.
  std::int64_t add_user(std::string_view login, const std::vector<std::string>& groups = {});
  std::string add_token(std::int64_t user_id, const std::vector<std::string>& scopes,
                        std::string_view expires = "NULL");
  std::int64_t sql(const std::string& text);  // first column of the first row, 0 without rows
  std::string sql_text(const std::string& text);

  HttpClient client(std::string token);
  // A user of the groups with a token for everything its groups allow.
  HttpClient client_of(std::string_view login, const std::vector<std::string>& groups,
                       const std::vector<std::string>& scopes = {"admin"});
  HttpClient administrator() { return client_of("admin", {"crm-administrators"}); }
  std::uint16_t port() const { return server_->port(); }

  // Makes one and gives its id.
  static std::int64_t created(const HttpAnswer& answer);
  std::int64_t make_deal(HttpClient& by, std::string_view name, std::string_view more = {});

  ApiOptions options_{
      .auth = {.cache_time = std::chrono::milliseconds{0}, .requests_per_second = 0},
      .webhook_key = Secret("a key for tests of webhooks")};
  std::chrono::hours idempotency_kept_{72};
  int rows_tried_ = store::QueryLimits{}.rows_tried;
  ServerOptions server_options_;
  Log log_{LogTarget::none};
  Metrics metrics_;
  Observer observer_{log_, metrics_};
  SystemClock clock_;
  FakeRuleTester rule_tester_;
  FakeMailActions mail_actions_;
  FakeMailImporter mail_importer_;
  FakeMailExplainer mail_explainer_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Registry> registry_;
  std::unique_ptr<store::Records> records_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> server_;
  // One for the process: every Api made here has the same routes.
  std::shared_ptr<const testing::OpenApiValidator> validator_;
  int users_ = 0;
};

}  // namespace c360::api
