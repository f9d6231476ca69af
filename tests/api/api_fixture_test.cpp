#include "tests/api/api_fixture.h"

#include "daemon/base/digest.h"
#include "parsers/phone.h"

namespace c360::api {

Result<Json> FakeRuleTester::test(std::string_view kind, std::string_view raw_mail) {
  if (kind == "support") return fail(ErrorCode::invalid_request, "no rules for this kind");
  seen = std::string(raw_mail);
  return Json(Json::Object{{"outcome", "deal_created"}, {"rule", nullptr}});
}

std::vector<RuleSetInUse> FakeRuleTester::sets() {
  return {{.name = "crm",
           .version = "7",
           .sha256 = "00",
           .source = "crm.toml",
           .rules = {{"r", "create", 4, false, 17}}}};
}

Result<void> FakeMailImporter::import_mails(std::string_view into, const File& file,
                                            MailImportResult& result) {
  mailbox = into;
  format = file.format;
  bytes = file.bytes;
  seen.clear();
  std::array<char, 1'000> buffer{};
  for (;;) {
    auto count = file.read(buffer);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) break;
    seen.append(buffer.data(), *count);
  }
  result.id = 17;
  result.mails = 1;
  result.outcomes["deal_created"] = 1;
  if (failure) return std::unexpected(*failure);
  return {};
}

Result<MailActionResult> FakeMailActions::retry(std::int64_t quarantine_id, std::int64_t actor,
                                                std::string_view comment) {
  calls.push_back("retry " + std::to_string(quarantine_id) + " by " + std::to_string(actor) + ": " +
                  std::string(comment));
  if (quarantine_id == 404) return fail(ErrorCode::not_found, "no such row");
  if (quarantine_id == 503) return fail(ErrorCode::unavailable, "the database is away");
  return MailActionResult{.outcome = "deal_created", .record_id = 17, .record_kind = "deal"};
}

Result<MailActionResult> FakeMailActions::release(std::int64_t quarantine_id, std::int64_t actor,
                                                  std::string_view comment) {
  calls.push_back("release " + std::to_string(quarantine_id) + " by " + std::to_string(actor) +
                  ": " + std::string(comment));
  return MailActionResult{.outcome = "quarantined", .reason = "no_rule"};
}

Result<MailActionResult> FakeMailActions::discard(std::int64_t quarantine_id, std::int64_t actor,
                                                  std::string_view comment) {
  calls.push_back("discard " + std::to_string(quarantine_id) + " by " + std::to_string(actor) +
                  ": " + std::string(comment));
  return MailActionResult{.outcome = "ignored"};
}

Result<MailActionResult> FakeMailActions::set_target(std::int64_t quarantine_id, std::int64_t actor,
                                                     std::optional<std::int64_t> record_id,
                                                     std::string_view comment) {
  calls.push_back("set_target " + std::to_string(quarantine_id) + " by " + std::to_string(actor) +
                  " to " + std::to_string(record_id.value_or(0)) + ": " + std::string(comment));
  return MailActionResult{.outcome = "quarantined", .reason = "no_rule"};
}

Result<Json> FakeMailExplainer::explain(std::int64_t mail_id) {
  if (mail_id == 404) return fail(ErrorCode::not_found, "there is no mail 404");
  return answer;
}

void ApiTest::start() {
  if (!database_) {
    store::DatabaseOptions options = testing::TempPostgres::shared().create_options();
    database_ = std::make_unique<store::Database>(options, observer_);
    registry_ = std::make_unique<store::Registry>(store::Registry::standard());
    store::RecordsOptions records;
    records.normalise_phone = [](std::string_view raw) -> std::optional<store::NormalisedPhone> {
      const auto phone = parsers::parse_phone(raw);
      if (!phone) return std::nullopt;
      return store::NormalisedPhone{phone->e164, phone->extension};
    };
    records.shaping_max_age = std::chrono::milliseconds{0};  // what a test sets counts at once
    records.cursor_key = Secret("a key for tests");
    records.limits.max_page = options_.max_page;
    records.limits.rows_tried = rows_tried_;
    records_ = std::make_unique<store::Records>(*database_, *registry_, records, clock_);
  }
  api_ = std::make_unique<Api>(
      ApiServices{*database_, *records_, clock_, observer_, &rule_tester_, &mail_actions_,
                  idempotency_kept_, &mail_importer_, &mail_explainer_},
      options_);
  server_ = std::make_unique<HttpServer>(server_options_, api_->handler(), observer_);
  const auto started = server_->listen();
  ASSERT_TRUE(started) << started.error().detail;
  server_->serve();
  static const auto validator = [&] {
    HttpClient plain(server_->port());
    return std::make_shared<const testing::OpenApiValidator>(
        plain.get("/api/v1/openapi.json").body);
  }();
  validator_ = validator;
}

void ApiTest::restart() {
  server_.reset();
  api_.reset();
  start();
}

void ApiTest::TearDown() {
  server_.reset();
  api_.reset();
}

std::int64_t ApiTest::sql(const std::string& text) {
  auto rows = database_->execute(store::Pool::work, {"", text});
  if (!rows) {
    ADD_FAILURE() << rows.error().detail << ": " << text;
    return 0;
  }
  return rows->empty() || rows->columns() == 0 ? 0 : rows->int64(0, 0);
}

std::string ApiTest::sql_text(const std::string& text) {
  auto rows = database_->execute(store::Pool::work, {"", text});
  if (!rows || rows->empty()) {
    ADD_FAILURE() << text;
    return {};
  }
  return std::string(rows->text(0, 0));
}

std::int64_t ApiTest::add_user(std::string_view login, const std::vector<std::string>& groups) {
  const std::string name = std::string(login) + std::to_string(++users_);
  const auto id =
      sql("INSERT INTO crm.user (login, last_name) VALUES ('" + name + "', 'Test') RETURNING id");
  for (const auto& group : groups) {
    sql("INSERT INTO crm.group_member (group_id, user_id) VALUES ('" + group + "', " +
        std::to_string(id) + ") RETURNING user_id");
  }
  return id;
}

std::string ApiTest::add_token(std::int64_t user_id, const std::vector<std::string>& scopes,
                               std::string_view expires) {
  const std::string token = "c360_" + to_base64url(random_bytes(32));
  std::string list;
  for (const auto& scope : scopes) list.append(list.empty() ? "" : ",").append(scope);
  sql("INSERT INTO crm.api_token (user_id, name, prefix, token_sha256, scopes, expires_at) VALUES "
      "(" +
      std::to_string(user_id) + ", 'test', 'c360_test', '\\x" + to_hex(sha256(token)) + "', '{" +
      list + "}', " + std::string(expires) + ") RETURNING id");
  return token;
}

HttpClient ApiTest::client(std::string token) {
  HttpClient made(server_->port(), std::move(token));
  made.on_exchange([this](const HttpExchange& exchange) {
    for (const auto& fault : validator_->check(exchange)) {
      ADD_FAILURE() << exchange.method << " " << exchange.target << " -> " << exchange.answer.status
                    << ": " << fault << "\n"
                    << exchange.answer.body.substr(0, 2'000);
    }
  });
  return made;
}

HttpClient ApiTest::client_of(std::string_view login, const std::vector<std::string>& groups,
                              const std::vector<std::string>& scopes) {
  return client(add_token(add_user(login, groups), scopes));
}

std::int64_t ApiTest::created(const HttpAnswer& answer) {
  EXPECT_EQ(answer.status, 201) << answer.body;
  if (answer.status != 201) return 0;
  const Json body = answer.json();
  const Json* id = body.find("id");
  return id != nullptr ? id->as_int64().value_or(0) : 0;
}

std::int64_t ApiTest::make_deal(HttpClient& by, std::string_view name, std::string_view more) {
  return created(by.post("/api/v1/deals",
                         "{\"name\": \"" + std::string(name) + "\"" + std::string(more) + "}"));
}

}  // namespace c360::api
