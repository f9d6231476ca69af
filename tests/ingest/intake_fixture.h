// A mailbox in memory, a real PostgreSQL and the rules as shipped: what the tests of ingest need.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ingest/inbox.h"
#include "ingest/intake.h"
#include "ingest/lease_keeper.h"
#include "ingest/poller.h"
#include "ingest/worker_pool.h"
#include "parsers/html_sanitizer.h"
#include "parsers/phone.h"
#include "store/records.h"
#include "tests/support/quiet.h"
#include "tests/support/scripted_mailbox.h"
#include "tests/support/temp_postgres.h"

namespace c360::testing {

inline store::RecordsOptions records_options() {
  store::RecordsOptions options;
  options.cursor_key = Secret{"test-cursor-key-test-cursor-key!"};
  options.normalise_phone = [](std::string_view raw) -> std::optional<store::NormalisedPhone> {
    const auto phone = parsers::parse_phone(raw);
    if (!phone) return std::nullopt;
    return store::NormalisedPhone{phone->e164, phone->extension};
  };
  options.sanitise_html = [](std::string_view html) { return parsers::sanitize_html(html).html; };
  return options;
}

inline std::shared_ptr<const parsers::RuleSet> shipped_rules() {
  auto rules = parsers::RuleSet::load_folder(std::string(C360_SOURCE_DIR) + "/parsers/rules");
  if (rules) return *rules;
  for (const FileProblem& problem : rules.error()) ADD_FAILURE() << problem.to_string();
  return nullptr;
}

class IntakeTest : public ::testing::Test {
 protected:
  IntakeTest() {
    rules_version =
        *store::MailLog{database}.register_rule_set(rules->sha256(), rules->files_json(), {});
    inboxes.use_rules({rules, rules_version});
    settings.code = "crm";
    settings.own_addresses = {"crm@client360.example"};
    settings.use_idle = false;
  }

  std::int64_t mailbox_id() {
    store::MailLog log{database};
    const store::MailboxRow row{.code = settings.code,
                                .kind = std::string(ingest::to_string(settings.kind)),
                                .tls = "imaps",
                                .folder = "INBOX",
                                .target = std::string(ingest::to_string(settings.target))};
    return log.sync_mailboxes(std::vector{row})->front().second;
  }

  ingest::Poller& poller() {
    if (!poller_) poller_ = make_poller(leases);
    return *poller_;
  }

  std::unique_ptr<ingest::Poller> make_poller(ingest::LeaseKeeper& keeper) {
    return std::make_unique<ingest::Poller>(
        mailbox_id(), settings, scripted_factory(server),
        ingest::PollerPorts{database, inboxes, keeper, workers, options, quiet.observer, clock});
  }

  // One pass that must succeed.
  void pass() {
    const auto passed = poller().pass();
    ASSERT_TRUE(passed) << passed.error().detail;
  }

  std::vector<std::string> query(const std::string& sql) { return postgres.query(url, sql); }
  std::string one(const std::string& sql) {
    const auto rows = query(sql);
    return rows.size() == 1 ? rows.front() : std::to_string(rows.size()) + " rows";
  }
  std::string outcome(ingest::Uid uid) {
    return one("SELECT coalesce(outcome, state) FROM ops.mail WHERE uid = " + std::to_string(uid));
  }
  // Every mail ever listed is in one term, and every promise of the ledger holds.
  void expect_ledger_holds() {
    EXPECT_EQ(
        one("SELECT coalesce(bool_and(listed = rows AND listed = created + attached + ignored + "
            "duplicate + quarantined + pending + vanished), true)::text FROM "
            "ops.mail_conservation"),
        "true");
    EXPECT_EQ(
        one("SELECT coalesce(string_agg(invariant, ' '), '') FROM (SELECT * FROM ops.invariant "
            "UNION ALL SELECT * FROM ops.invariant_scan) AS i WHERE violations > 0"),
        "");
  }
  std::string reason(ingest::Uid uid) {
    return one(
        "SELECT q.reason FROM ops.quarantine q JOIN ops.mail m "
        "ON m.id = q.mail_message_id WHERE m.uid = " +
        std::to_string(uid));
  }

  TempPostgres& postgres = TempPostgres::shared();
  Quiet quiet;
  SystemClock clock;
  std::string url = postgres.create_database();
  store::Database database{store::DatabaseOptions{.url = url}, quiet.observer};
  store::Registry registry = store::Registry::standard();
  store::Records records{database, registry, records_options(), clock};
  std::shared_ptr<const parsers::RuleSet> rules = shipped_rules();
  std::int64_t rules_version = 0;
  std::string spool = std::filesystem::temp_directory_path().string();
  ingest::Inboxes inboxes{registry, records, {rules, 0}, {.spool_folder = spool}};
  // One pass takes everything, however slow the machine is.
  ingest::IntakeOptions options{
      .holder = "test:1", .spool_folder = spool, .pass_slice = std::chrono::hours{1}};
  ingest::LeaseKeeper leases{database, options.holder, quiet.observer, [] {}};
  ingest::WorkerPool workers{2};
  ScriptedServer server;
  ingest::MailboxSettings settings;
  std::unique_ptr<ingest::Poller> poller_;
};

// A website form as text/plain; `id` makes it unlike every other.
inline std::string form_mail(int id, const std::string& subject = "Запрос стоимости",
                             const std::string& extra = {}) {
  const std::string n = std::to_string(id);
  return "From: Site <noreply@site.client360.example>\r\n"
         "To: crm@client360.example\r\n"
         "Message-ID: <form-" +
         n +
         "@site.client360.example>\r\n"
         "Date: Mon, 10 Nov 2025 10:15:00 +0300\r\n"
         "Subject: " +
         subject +
         "\r\n"
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: 8bit\r\n\r\n"
         "Компания: ООО «Пример " +
         n +
         "»\r\nФИО: Петров Иван\r\nДолжность: Инженер\r\n"
         "Телефон: +7 (495) 123-45-67\r\nE-mail: petrov" +
         n +
         "@primer.example\r\n"
         "Количество пользователей: 50-100\r\nКомментарий: Нужна цена <срочно>\r\n"
         "YM_client_ID: 17000000" +
         n + "\r\n" + extra;
}

inline std::string letter(const std::string& id, const std::string& subject,
                          const std::string& headers = {},
                          const std::string& body = "Добрый день.") {
  return "From: Anna <anna@romashka.example>\r\nTo: crm@client360.example\r\n"
         "Message-ID: <" +
         id +
         ">\r\nDate: Tue, 11 Nov 2025 12:00:00 +0300\r\n"
         "Subject: " +
         subject + "\r\n" + headers +
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body + "\r\n";
}

inline std::string with_attachment(const std::string& id, const std::string& subject) {
  return "From: Anna <anna@romashka.example>\r\nTo: crm@client360.example\r\n"
         "Message-ID: <" +
         id +
         ">\r\nDate: Tue, 11 Nov 2025 12:00:00 +0300\r\n"
         "Subject: " +
         subject +
         "\r\nMIME-Version: 1.0\r\n"
         "Content-Type: multipart/mixed; boundary=b1\r\n\r\n"
         "--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nСм. вложение.\r\n"
         "--b1\r\nContent-Type: application/pdf; name=\"act.pdf\"\r\n"
         "Content-Disposition: attachment; filename=\"act.pdf\"\r\n"
         "Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQKJcOkw7zDtsOfCg==\r\n--b1--\r\n";
}

}  // namespace c360::testing
