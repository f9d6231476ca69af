// The sender of messages over a database of its own: a mail server, a customer to write to, and
// clocks that stand still.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/message_sender.h"
#include "parsers/mime_reader.h"
#include "store/installation_keys.h"
#include "store/operations/queue_message.h"
#include "store/unsubscribe.h"
#include "tests/store/records_fixture.h"
#include "tests/support/manual_clock.h"
#include "tests/support/smtp_server.h"

namespace c360::daemon {

class MessageSenderTest : public c360::testing::RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    auto& smtp = config.messages.smtp;
    smtp.host = "127.0.0.1";
    smtp.port = server.port();
    smtp.username = "crm@company.example";
    smtp.password = Secret("secret");
    smtp.ca_file = server.ca_file();
    smtp.from = "crm@company.example";
    smtp.reply = std::chrono::milliseconds{2'000};
    smtp.whole = std::chrono::milliseconds{3'000};
    config.messages.from_name = "Отдел продаж";
    config.messages.email.per_minute = 10'000;
    config.messages.public_url = "https://crm.company.example";
    customer = make("counterparty",
                    R"({"name":"Ромашка","segment_code":"small",)"
                    R"("acquisition_channel_code":"site","status_code":"active",)"
                    R"("promo_emails_allowed":true})",
                    manager_)
                   .id;
  }

  ChannelSenderOptions each() {
    auto key = store::installation_key(*database_, store::kUnsubscribeKey, {});
    EXPECT_TRUE(key);
    return {.zone = *TimeZone::named("Europe/Moscow"),
            .thread_key = thread_key,
            .unsubscribe_key = *key,
            .public_url = config.messages.public_url};
  }
  std::vector<ChannelSetup> channels() {
    auto made = std::make_unique<OutsideServices>(*database_, clock, quiet_.observer, config);
    const std::scoped_lock lock(services_mutex);  // some tests are two daemons
    services.push_back(std::move(made));
    return make_message_channels(config, *services.back());
  }
  ChannelSender mail_sender() {
    auto made = channels();
    return {*database_, std::move(made.front()), each(), clock, quiet_.observer};
  }
  // As often as there is something to do; how long it would wait then.
  std::chrono::milliseconds work(ChannelSender& sender) {
    for (;;) {
      const auto wait = sender.turn({});
      EXPECT_TRUE(wait) << wait.error().detail;
      if (!wait || *wait > std::chrono::milliseconds{0})
        return wait.value_or(std::chrono::milliseconds{-1});
    }
  }
  std::chrono::milliseconds work() {
    ChannelSender sender = mail_sender();
    return work(sender);
  }

  store::MessageRequest offer(const std::string& purpose = "service") {
    return {.channel = "email",
            .purpose = purpose,
            .address = "anna@customer.example",
            .subject = "Предложение",
            .text = "Здравствуйте!",
            .html = std::nullopt,
            .counterparty_id = customer,
            .created_by = manager_.user_id};
  }
  std::int64_t queue(const store::MessageRequest& request) {
    store::QueuedMessage queued;
    const auto done = store::in_transaction(*database_, store::Pool::work,
                                            [&](store::Transaction& tx) -> Result<void> {
                                              const auto ticket = store::queue_message(tx, request);
                                              if (auto ran = tx.run(); !ran) return ran;
                                              queued = store::queued_message(tx.rows(ticket));
                                              return {};
                                            });
    EXPECT_TRUE(done) << describe(done.error());
    EXPECT_EQ(queued.status, "queued") << queued.reason;
    return queued.id;
  }
  // A document of the customer with this content; the id of its version.
  std::int64_t stored_version(const std::string& name, const std::string& content) {
    const std::string digest = "sha256(convert_to('" + content + "', 'UTF8'))";
    sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (" + digest + ", " +
        std::to_string(content.size()) + ")");
    sql("INSERT INTO ops.blob_chunk (sha256, seq, data) VALUES (" + digest + ", 0, convert_to('" +
        content + "', 'UTF8'))");
    const std::string version = sql("SELECT nextval('crm.record_id_seq')");
    return std::stoll(
        sql("WITH record AS (INSERT INTO crm.record (kind) VALUES ('document') RETURNING id), "
            "document AS (INSERT INTO crm.document (id, parent_record_id, type_code, name, "
            "current_version_id) SELECT id, " +
            std::to_string(customer) + ", 'attachment', 'x', " + version +
            " FROM record RETURNING id) INSERT INTO crm.document_version (id, document_id, "
            "version_no, content_sha256, size_bytes, mime_type, file_name, storage_key) SELECT " +
            version + ", id, 1, " + digest + ", " + std::to_string(content.size()) +
            ", 'application/pdf', '" + name + "', 'k' FROM document RETURNING id"));
  }
  std::string state() {
    return sql(
        "SELECT string_agg(status || coalesce(' ' || reason, ''), ', ' ORDER BY id) "
        "FROM crm.outbound_message");
  }
  void come_due() {
    sql("UPDATE crm.outbound_message SET next_attempt_at = now() WHERE status = 'queued'");
  }
  // As a daemon that was killed while it sent leaves it.
  void crash_while_sending() {
    sql("UPDATE crm.outbound_message SET status = 'sending', attempts = attempts + 1, "
        "claimed_until = now() - interval '1 second', row_version = row_version + 1");
  }
  // Seconds until the one message is tried again.
  int waits() {
    return std::stoi(
        sql("SELECT round(extract(epoch FROM next_attempt_at - now())) FROM crm.outbound_message"));
  }
  static parsers::Message read(const testing::ReceivedMail& mail) {
    return parsers::read_mail(mail.bytes).message();
  }

  Secret thread_key{"a key of the tests, long enough for anybody"};
  testing::SmtpServer server;
  std::mutex services_mutex;
  std::vector<std::unique_ptr<OutsideServices>> services;  // those the channels are of
  testing::ManualClock clock;
  Config config;
  std::int64_t customer = 0;
};

}  // namespace c360::daemon
