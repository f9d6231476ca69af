// The whole path to a server that misbehaves: the intake with the real IMAP client over sockets to
// scripted servers, and a real PostgreSQL. One mailbox ("crm") has a server that lies, the other
// one
// ("calm") an honest server and must not notice.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/ingest/intake_fixture.h"
#include "tests/support/scripted_imap_server.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {

class HostileTest : public IntakeTest {
 protected:
  static constexpr std::chrono::seconds kPatience{60};
  // A deadline for a server that keeps us waiting, long enough for the honest commands before it on
  // a busy machine.
  static constexpr std::chrono::milliseconds kSoon{1'500};

  HostileTest() {
    using std::chrono::milliseconds;
    log_to_file();
    const BackoffOptions quick{.first = milliseconds{10}, .limit = milliseconds{50}};
    intake_options.holder = "test:hostile";
    intake_options.spool_folder = spool;
    intake_options.attempt_limit = 1'000'000;  // faults last until they are healed
    intake_options.pace = {.failure = quick,
                           .refusal = quick,
                           .shortest_patience = milliseconds{10},
                           .longest_patience = milliseconds{50},
                           .mail = quick,
                           .false_alarm = quick};
    crm = settings_for("crm");
    calm = settings_for("calm");
    for (int i = 0; i < 5; ++i) liar.account().add("INBOX", form_mail(++forms_));
    honest.account().add("INBOX", form_mail(++forms_));
  }

  ~HostileTest() override {
    intake.reset();                         // before its servers
    quiet.log.set_target(LogTarget::none);  // before its file
  }

  static ingest::MailboxSettings settings_for(const std::string& code) {
    ingest::MailboxSettings mailbox;
    mailbox.code = code;
    mailbox.own_addresses = {"crm@client360.example"};
    mailbox.use_idle = false;
    mailbox.delay = std::chrono::milliseconds{30};
    mailbox.imap.host = "127.0.0.1";
    mailbox.imap.tls = ingest::imap::TlsMode::none;
    mailbox.imap.server_name = "imap.example.test";
    mailbox.imap.username = "ann";
    mailbox.imap.password = Secret("secret");
    return mailbox;
  }

  // With the liar; another one where TLS or greetings matter.
  void start() { start(liar); }
  void start(ScriptedImapServer& peer) {
    server_ = &peer;
    crm.imap.port = peer.port();
    calm.imap.port = honest.port();
    intake = std::make_unique<ingest::Intake>(database, registry, records, rules, intake_options,
                                              quiet.observer, clock);
    intake->configure({crm, calm});
  }

  ingest::MailboxStatus status(const std::string& code = "crm") const {
    for (const ingest::MailboxStatus& each : intake->status()) {
      if (each.code == code) return each;
    }
    return {};
  }

  ::testing::AssertionResult comes_true(const std::function<bool()>& condition) const {
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > limit) {
        return ::testing::AssertionFailure()
               << "not in time; the mailbox says: " << status().reason;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return ::testing::AssertionSuccess();
  }

  // What counts trouble of a mailbox; the series of it that have other labels are added up.
  static constexpr std::string_view kFailures = "client360_mailbox_failures_total{";
  static constexpr std::string_view kRetries = "client360_mail_fetch_retries_total{";
  static constexpr std::string_view kFlagFailures = "client360_mail_flag_failures_total{";
  static constexpr std::string_view kMismatches = "client360_mail_size_mismatches_total{";
  static constexpr std::string_view kForgotten = "client360_mailbox_forgotten_flags{";
  static constexpr std::string_view kVanished = "client360_events_total{event=\"message_vanished\"";
  static constexpr std::string_view kRebuilt =
      "client360_events_total{event=\"mailbox_uidvalidity_changed\"";

  // Says `text` as the reason why it is not well, in all three places: readiness, a warning in the
  // log, and `metric`, which has grown since it was last well. The other mailbox takes in new mail
  // meanwhile.
  void expect_trouble(const std::string& text, std::string_view metric) {
    EXPECT_TRUE(comes_true([&] {
      const auto now = status();
      const bool passed = now.last_pass || now.consecutive_failures > 0;
      return passed && !now.reason.empty() && now.reason.contains(text) && troubled("crm") &&
             grown(metric);
    })) << text
        << "\ncounted by " << metric << ": " << counted(metric, quiet.metrics.serialize()) << "\n"
        << log();
    expect_calm();
  }
  // The same for trouble that ends passes.
  void expect_failure(const std::string& text) {
    expect_trouble(text, kFailures);
    EXPECT_TRUE(log().contains(" event=mailbox_failed mailbox=crm code=")) << log();
  }
  // The mailbox next to it takes in new mail, and nothing is said of it.
  void expect_calm() {
    honest.account().add("INBOX", form_mail(++forms_));
    EXPECT_TRUE(comes_true([&] { return settled(honest, "calm") && status("calm").ready; }))
        << "the calm mailbox";
    EXPECT_EQ(failures("calm"), 0U);
    EXPECT_FALSE(troubled("calm")) << log();
  }

  // With one mail in quarantine: new ones come in on both sides.
  void expect_rest_flows() {
    server_->heal();
    server_->account().add("INBOX", form_mail(++forms_));
    EXPECT_TRUE(comes_true([&] { return settled(*server_, "crm") && status().reason.empty(); }));
    expect_calm();
    expect_equation();
    EXPECT_TRUE(quiet.metrics.serialize().contains(
        "client360_mail_quarantined_total{mailbox=\"crm\",reason=\"too_many_retries\"} 1\n"));
    EXPECT_TRUE(log().contains(" event=message_quarantined mailbox=crm")) << log();
  }

  long count_of(const std::string& command) const {
    return std::ranges::count_if(server_->transcript(), [&](const std::string& line) {
      return line == command || line.starts_with(command + " ");
    });
  }

  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(log_path_).rdbuf();
    return text.str();
  }
  // Since the mailbox was last well.
  bool troubled(const std::string& mailbox) const {
    std::istringstream lines(log().substr(well_until_));
    for (std::string line; std::getline(lines, line);) {
      if (line.contains(" level=warn ") && line.contains(" mailbox=" + mailbox + " ")) return true;
    }
    return false;
  }

  static double counted(std::string_view metric, const std::string& serialized) {
    std::istringstream lines(serialized);
    double sum = 0;
    for (std::string line; std::getline(lines, line);) {
      const bool ours = line.contains("mailbox=\"crm\"") || !line.contains("mailbox=");
      if (line.starts_with(metric) && ours) sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }
  bool grown(std::string_view metric) const {
    return counted(metric, quiet.metrics.serialize()) > counted(metric, well_metrics_);
  }

  std::size_t failures(const std::string& mailbox) const {
    std::istringstream lines(quiet.metrics.serialize());
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
      count += line.starts_with("client360_mailbox_failures_total{") &&
               line.contains("mailbox=\"" + mailbox + "\"") && !line.ends_with(" 0");
    }
    return count;
  }

  // The server is honest again: the mailbox recovers by itself and nothing is lost or doubled.
  void expect_recovery() {
    server_->heal();
    expect_calm();
    EXPECT_TRUE(comes_true([&] {
      const auto now = status();
      return settled(*server_, "crm") && now.ready && now.reason.empty() && all_seen();
    }));
    if (failures("crm") > 0) {
      EXPECT_TRUE(log().contains(" event=mailbox_recovered mailbox=crm")) << log();
      EXPECT_TRUE(quiet.metrics.serialize().contains("client360_mailbox_up{mailbox=\"crm\"} 1\n"));
    }
    expect_conservation();
    well_until_ = log().size();
    well_metrics_ = quiet.metrics.serialize();
  }

  // The equation of the ledger, as its view has it, with nothing pending; and all its promises.
  void expect_equation() {
    EXPECT_EQ(
        one("SELECT count(*) > 1 AND bool_and(listed > 0 AND listed = rows AND pending = 0 AND "
            "listed = created + attached + ignored + duplicate + quarantined + vanished) FROM "
            "ops.mail_conservation"),
        "t");
    expect_ledger_holds();
  }

  // The mail a server cannot give out holds up none of the others.
  void expect_all_but_the_second() {
    EXPECT_TRUE(comes_true([&] {
      return one("SELECT string_agg(uid::text, ',' ORDER BY uid) FROM ops.mail m JOIN ops.mailbox "
                 "b ON b.id = m.mailbox_id WHERE b.code = 'crm' AND state = 'done'") == "1,3,4,5";
    }));
  }

  // Every mail of the server is in exactly one end state, with its own bytes, and made one record.
  void expect_conservation() {
    expect_equation();
    std::set<std::string> bytes;
    for (const auto& message : server_->account().messages("INBOX")) {
      const std::string digest = to_hex(sha256(message.bytes));
      bytes.insert(digest);
      EXPECT_EQ(one("SELECT encode(raw_sha256, 'hex') || ' ' || (outcome IN ('deal_created', "
                    "'duplicate'))" +
                    of_mail(message.uid)),
                digest + " true")
          << "uid " << message.uid << ": "
          << one("SELECT concat_ws(' ', outcome, error)" + of_mail(message.uid));
    }
    EXPECT_EQ(one("SELECT count(DISTINCT d.company_text) || ' ' || count(*) FROM crm.deal d JOIN "
                  "ops.mail m ON m.id = d.mail_message_id JOIN ops.mailbox b ON b.id = "
                  "m.mailbox_id WHERE b.code = 'crm'"),
              std::to_string(bytes.size()) + " " + std::to_string(bytes.size()));
    // What the server never had, and mails of a former UIDVALIDITY, ended too.
    EXPECT_EQ(one("SELECT count(*) FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id "
                  "WHERE b.code = 'crm' AND outcome NOT IN ('deal_created', 'duplicate', "
                  "'vanished')"),
              "0");
  }

  // Asked again and again: over a connection that stays.
  std::string one(const std::string& sql) {
    const auto rows = database.execute(store::Pool::api, store::Sql{"", sql});
    if (!rows) return rows.error().detail;
    return rows->size() == 1 ? std::string(rows->text(0, 0))
                             : std::to_string(rows->size()) + " rows";
  }

  std::string of_mail(std::uint32_t uid) const {
    return " FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id WHERE b.code = "
           "'crm' AND m.uidvalidity = " +
           std::to_string(server_->account().uidvalidity()) + " AND m.uid = " + std::to_string(uid);
  }

  // Whether all mails of the server ended and nothing else is pending.
  bool settled(ScriptedImapServer& peer, const std::string& code) {
    const auto messages = peer.account().messages("INBOX");
    std::string uids = "0";
    for (const auto& message : messages) uids += "," + std::to_string(message.uid);
    return one("SELECT count(*) FILTER (WHERE m.state = 'done' AND m.outcome <> 'vanished' AND "
               "m.uidvalidity = " +
               std::to_string(peer.account().uidvalidity()) + " AND m.uid IN (" + uids +
               ")) || ' ' || count(*) FILTER (WHERE m.state <> 'done') FROM ops.mail m "
               "JOIN ops.mailbox b ON b.id = m.mailbox_id WHERE b.code = '" +
               code + "'") == std::to_string(messages.size()) + " 0";
  }
  bool all_seen() {
    return !wants_flags || std::ranges::all_of(server_->account().messages("INBOX"),
                                               [](const ImapAccount::Message& message) {
                                                 return message.flags.contains("\\Seen");
                                               });
  }

  // The log writes to what is standard error when it begins: a file, only for that moment.
  void log_to_file() {
    log_file_.reset(std::fopen(log_path_.c_str(), "w"));
    if (!log_file_) throw std::runtime_error("no file for the log");
    std::FILE* const usual = std::exchange(stderr, log_file_.get());
    quiet.log.set_target(LogTarget::standard_error);
    stderr = usual;
  }

  struct Close {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  TempFolder log_folder_;
  std::string log_path_ = (log_folder_.path() / "log").string();
  std::unique_ptr<std::FILE, Close> log_file_;
  ScriptedImapServer liar;
  ScriptedImapServer honest;
  ingest::MailboxSettings crm;
  ingest::MailboxSettings calm;
  ingest::IntakeOptions intake_options;
  bool wants_flags = true;  // false: the server has lost them, or they are on mails of another time
  int forms_ = 0;
  std::size_t well_until_ = 0;  // in the log
  std::string well_metrics_;    // as they were then
  ScriptedImapServer* server_ = &liar;
  std::unique_ptr<ingest::Intake> intake;
};

}  // namespace c360::testing
