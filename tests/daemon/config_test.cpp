#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/config_text.h"
#include "daemon/settings.h"

namespace c360::daemon {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ConfigTest : public ::testing::Test {
 protected:
  fs::path folder_ =
      fs::temp_directory_path() / ("c360-config-" + std::to_string(getpid()) + "-" +
                                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::map<std::string, std::string> environment_;
  std::string credentials_;

  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  Surroundings surroundings() const {
    return {[this](const std::string& name) -> std::optional<std::string> {
              const auto found = environment_.find(name);
              if (found == environment_.end()) return std::nullopt;
              return found->second;
            },
            credentials_};
  }
  std::expected<Config, Problems> load(std::string_view text) const {
    return parse_config(text, (folder_ / "client360.toml").string(), surroundings());
  }
  Config good(std::string_view text) const {
    auto config = load(text);
    if (config) return std::move(*config);
    for (const auto& problem : config.error()) ADD_FAILURE() << problem.to_string();
    return {};
  }
  std::vector<std::string> problems(std::string_view text) const {
    const auto config = load(text);
    std::vector<std::string> texts;
    if (config) return texts;
    const std::string folder = folder_.string() + "/";
    for (const auto& problem : config.error()) {
      std::string line = problem.to_string();
      if (line.starts_with(folder)) line.erase(0, folder.size());
      texts.push_back(line);
    }
    return texts;
  }
};

TEST_F(ConfigTest, AnEmptyFileIsAllDefaults) {
  const Config config = good("");

  EXPECT_EQ(config.api.host, "127.0.0.1");
  EXPECT_EQ(config.api.port, 8360);
  EXPECT_EQ(config.admin.port, 8361);
  EXPECT_EQ(config.database.options.api_connections, 8U);
  EXPECT_EQ(config.log.level, LogLevel::info);
  EXPECT_EQ(config.timezone, "Europe/Moscow");
  EXPECT_EQ(config.service.stop_limit, std::chrono::seconds{10});
  EXPECT_THAT(config.mailboxes, IsEmpty());
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST_F(ConfigTest, EveryMistakeIsReportedAtOnceWithItsPlace) {
  EXPECT_THAT(
      problems("[api]\n"
               "lisen = '127.0.0.1:80'\n"
               "max_connections = 'many'\n"
               "[database]\n"
               "api_connections = 0\n"
               "[log]\n"
               "level = 'loud'\n"),
      ElementsAre("client360.toml:2:1: unknown setting 'api.lisen'; did you mean "
                  "'api.listen'?",
                  "client360.toml:3:19: api.max_connections: an integer is wanted, this is "
                  "a string",
                  "client360.toml:5:19: database.api_connections: 0 is out of range, 1 to "
                  "200 are allowed",
                  "client360.toml:7:9: log.level: 'loud' is not known; choose one of debug, "
                  "info, warn, error"));
}

TEST_F(ConfigTest, ABrokenFileNamesLineAndColumn) {
  const auto found = problems("[api]\nlisten = \n");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found.front(), HasSubstr("client360.toml:2:"));
}

TEST_F(ConfigTest, ADuplicateKeyIsRefusedWithItsPlace) {
  const auto found = problems("[log]\nlevel = 'info'\nlevel = 'warn'\n");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found.front(), HasSubstr("client360.toml:3:"));
}

TEST_F(ConfigTest, AnUnknownTableAndAMistypedMailboxKeyAreNamed) {
  write("secret", "x\n");
  EXPECT_THAT(problems("[databse]\nurl = 'x'\n"
                       "[mailbox.sales]\nhost = 'h'\nusernam = 'u'\npassword_file = 'secret'\n"),
              ElementsAre("client360.toml:1:2: unknown setting 'databse'; did you mean 'database'?",
                          "client360.toml:3:10: mailbox.sales.username is missing",
                          "client360.toml:5:1: unknown setting 'mailbox.sales.usernam'; did you "
                          "mean 'username'?"));
}

TEST_F(ConfigTest, MailIsNotMovedToAFolderThatIsRead) {
  write("secret", "x\n");
  const std::string table =
      "[mailbox.sales]\nhost = 'h'\nusername = 'u'\npassword_file = 'secret'\n";
  EXPECT_THAT(problems(table + "move_to = 'inbox'\n"),
              ElementsAre(HasSubstr("mailbox.sales.move_to: 'inbox' is one of the folders")));
  EXPECT_THAT(problems(table + "folders = ['INBOX', 'Done']\nmove_to = 'Done'\n"), SizeIs(1));
  EXPECT_THAT(problems(table + "folders = ['INBOX']\nmove_to = 'Done'\n"), IsEmpty());
}

TEST_F(ConfigTest, AMailboxTableIsTakenWithItsSecret) {
  write("sales.secret", "pa$$ word\n");
  const Config config = good(
      "[mail]\nown_addresses = ['crm@example.org']\n"
      "[mailbox.sales]\n"
      "host = 'imap.example.org'\nusername = 'sales'\n"
      "password_file = 'sales.secret'\nfolders = ['INBOX', 'Заявки']\n"
      "target = 'lead'\ndelay_ms = 5000\nsince = '2026-01-01'\n"
      "own_addresses = ['sales@example.org']\n");

  ASSERT_THAT(config.mailboxes, SizeIs(1));
  const auto& box = config.mailboxes.front();
  EXPECT_EQ(box.code, "sales");
  EXPECT_EQ(box.imap.host, "imap.example.org");
  EXPECT_EQ(box.imap.port, 993);
  EXPECT_EQ(box.imap.tls, ingest::imap::TlsMode::imaps);
  EXPECT_EQ(box.imap.password.reveal(), "pa$$ word");
  EXPECT_THAT(box.folders, ElementsAre("INBOX", "Заявки"));
  EXPECT_EQ(box.target, ingest::MailTarget::lead);
  EXPECT_EQ(box.delay, std::chrono::seconds{5});
  EXPECT_TRUE(box.since.has_value());
  EXPECT_THAT(box.own_addresses, ElementsAre("crm@example.org", "sales@example.org"));
  EXPECT_THAT(config.watched, Contains((folder_ / "sales.secret").string()));
}

TEST_F(ConfigTest, TheStringFormIsTakenWithAWarningAndNeverShown) {
  const Config config = good(
      "mail-inbox-crm = 'imaps://imap.example.org?username=crm&password=top-secret&delay=30'\n");

  ASSERT_THAT(config.mailboxes, SizeIs(1));
  EXPECT_EQ(config.mailboxes.front().code, "crm");
  EXPECT_EQ(config.mailboxes.front().imap.password.reveal(), "top-secret");
  EXPECT_EQ(config.mailboxes.front().delay, std::chrono::seconds{1});
  std::string warnings;
  for (const auto& warning : config.warnings) warnings += warning.to_string() + "\n";
  EXPECT_THAT(warnings, HasSubstr("the password stands in this file"));
  EXPECT_THAT(warnings, HasSubstr("client360.toml:1:"));
  for (const std::string& text : {warnings, print_config(config), config_json(config)})
    EXPECT_THAT(text, Not(HasSubstr("top-secret")));
}

TEST_F(ConfigTest, DisabledIsNoMailboxAndNoWarning) {
  const Config config = good("mail-inbox-crm = 'disabled'\nmail-inbox-activity = 'disabled'\n");

  EXPECT_THAT(config.mailboxes, IsEmpty());
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST_F(ConfigTest, TheSupportMailboxIsOneOfTheThree) {
  const Config config = good(
      "mail-inbox-sd = 'imaps://h.example?username=u&password=p'\n[support]\nreopen_days = 3\n");

  ASSERT_EQ(config.mailboxes.size(), 1U);
  EXPECT_EQ(config.mailboxes.front().code, "support");
  EXPECT_EQ(config.mailboxes.front().kind, ingest::MailboxKind::support);
  EXPECT_EQ(config.mailboxes.front().reopen_within, std::chrono::days{3});
}

TEST_F(ConfigTest, AMistakeInTheStringNamesThePlaceAndHidesThePassword) {
  const auto found =
      problems("mail-inbox-crm = 'imaps://h.example?username=u&password=hush&dely=5'\n");

  ASSERT_FALSE(found.empty());
  EXPECT_THAT(found.front(), HasSubstr("client360.toml:1:18: mail-inbox-crm"));
  EXPECT_THAT(found.front(), HasSubstr("delay"));
  for (const auto& line : found) EXPECT_THAT(line, Not(HasSubstr("hush")));
}

TEST_F(ConfigTest, AStringMayNarrowTheFolderAndCopyItsMail) {
  const std::string box = "mail-inbox-crm = 'imaps://h.example?username=u&password=hush";
  const Config config =
      good(box + "&searchTerm.subject=Contract&searchTerm.fromReceivedDate=now-24h&copyTo=Done'\n");
  ASSERT_EQ(config.mailboxes.size(), 1U);
  EXPECT_EQ(config.mailboxes.front().search.subject, "Contract");
  EXPECT_EQ(config.mailboxes.front().search.received_since, "now-24h");
  EXPECT_EQ(config.mailboxes.front().copy_to, "Done");
}

TEST_F(ConfigTest, AStringThatCopiesMailIntoTheFolderItReadsIsRefused) {
  EXPECT_THAT(problems("mail-inbox-crm = "
                       "'imaps://h.example?username=u&password=hush&copyTo=inbox'\n"),
              ElementsAre(AllOf(HasSubstr("client360.toml:1:18: mailbox crm: copyTo: 'inbox'"),
                                HasSubstr("for ever"))));
}

TEST_F(ConfigTest, TheEnvironmentFillsWhatMayNotStandInTheFile) {
  environment_["CRM_PASSWORD"] = "hush";
  const Config config = good(
      "mail-inbox-crm = 'imaps://h.example?username=u&password=${CRM_PASSWORD}'\n"
      "[database]\nurl = 'postgresql://c360:${CRM_PASSWORD}@db/crm'\n");

  ASSERT_THAT(config.mailboxes, SizeIs(1));
  EXPECT_EQ(config.mailboxes.front().imap.password.reveal(), "hush");
  EXPECT_EQ(config.database.options.url, "postgresql://c360:hush@db/crm");
  EXPECT_THAT(config.warnings, IsEmpty());
  EXPECT_THAT(print_config(config), Not(HasSubstr("hush")));
}

TEST_F(ConfigTest, AMissingVariableAndAVariableWhereNoneIsReplacedAreRefused) {
  EXPECT_THAT(problems("[database]\nurl = 'postgresql://${NOT_THERE}/x'\n"
                       "[log]\nlevel = '${LEVEL}'\n"),
              ElementsAre("client360.toml:2:7: database.url: the environment has no variable "
                          "NOT_THERE",
                          "client360.toml:4:9: log.level: ${LEVEL} is not replaced in this "
                          "setting; write the value itself"));
}

TEST_F(ConfigTest, ALiteralPasswordOfTheDatabaseIsRefused) {
  for (const char* url : {"postgresql://u:secret@h/d", "host=h password=secret",
                          "postgresql://h/d?password=secret"}) {
    const auto found = problems(std::string("[database]\nurl = '") + url + "'\n");
    ASSERT_THAT(found, SizeIs(1)) << url;
    EXPECT_THAT(found.front(), HasSubstr("database.password_file"));
    EXPECT_THAT(found.front(), Not(HasSubstr("secret")));
  }
}

TEST_F(ConfigTest, CredentialsOfSystemdAreFoundByTheNameOfTheSetting) {
  fs::create_directories(folder_ / "cred");
  credentials_ = (folder_ / "cred").string();
  write("cred/database-password", "dbpass\n");
  write("cred/mailbox-sales-password", "boxpass\n");
  write("cred/other", "third");

  const Config config = good(
      "[mailbox.sales]\nhost = 'h.example'\nusername = 'u'\n"
      "[mailbox.more]\nhost = 'h2.example'\nusername = 'u'\n"
      "password_file = 'credential:other'\n");

  EXPECT_EQ(config.database.options.password.reveal(), "dbpass");
  ASSERT_THAT(config.mailboxes, SizeIs(2));
  EXPECT_EQ(config.mailboxes[0].imap.password.reveal(), "third");
  EXPECT_EQ(config.mailboxes[1].imap.password.reveal(), "boxpass");
  EXPECT_THAT(problems("[database]\npassword_file = 'credential:none'\n").front(),
              HasSubstr("LoadCredential=none:FILE"));
}

TEST_F(ConfigTest, ACredentialThatIsOnlyALineBreakIsNone) {
  fs::create_directories(folder_ / "cred");
  credentials_ = (folder_ / "cred").string();
  write("cred/database-password", "\n");

  EXPECT_TRUE(good("").database.options.password.empty());
}

TEST_F(ConfigTest, AMissingAnEmptyAndAHugeSecretAreRefused) {
  write("empty", "\n");
  write("huge", std::string(65'537, 'x'));
  write("nul", std::string("a\0b", 3));
  for (const char* name : {"missing", "empty", "huge", "nul"}) {
    const auto found = problems(std::string("[database]\npassword_file = '") + name + "'\n");
    ASSERT_THAT(found, SizeIs(1)) << name;
    EXPECT_THAT(found.front(), HasSubstr("client360.toml:2:17: database.password_file")) << name;
  }
}

// Opening a pipe waits for somebody to write into it: for ever, and every later reload with it.
TEST_F(ConfigTest, APipeIsRefusedAndNotListenedTo) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);

  EXPECT_THAT(problems("[database]\npassword_file = 'pipe'\n"),
              ElementsAre(HasSubstr("database.password_file")));
  const auto config = load_config((folder_ / "pipe").string(), surroundings());
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().front().detail, HasSubstr("a regular file"));
}

TEST_F(ConfigTest, TooManyMailboxesAreOneProblem) {
  std::string text;
  for (int i = 0; i <= 2'000; ++i) text += "[mailbox.m" + std::to_string(i) + "]\n";

  EXPECT_THAT(problems(text), ElementsAre(HasSubstr("mailbox: more than 2000")));
}

TEST_F(ConfigTest, AHundredProblemsAreToldAndTheOthersCounted) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "unknown" + std::to_string(i) + " = 1\n";

  const auto found = problems(text);

  ASSERT_THAT(found, SizeIs(101));
  EXPECT_THAT(found.back(), HasSubstr("and 50 more problems"));
}

TEST_F(ConfigTest, PlainTransportNeedsAnExplicitWord) {
  write("p", "x");
  const std::string table =
      "[mailbox.a]\nhost = 'h'\nusername = 'u'\npassword_file = 'p'\n"
      "tls = 'none'\n";
  EXPECT_THAT(problems(table).front(), HasSubstr("allow_plain = true"));
  const Config config = good(table + "allow_plain = true\n");
  EXPECT_EQ(config.mailboxes.front().imap.tls, ingest::imap::TlsMode::none);
  EXPECT_EQ(config.mailboxes.front().imap.port, 143);
}

TEST_F(ConfigTest, TheTableSpeaksOverItsString) {
  const Config config = good(
      "[mailbox.a]\nuri = 'imap://h.example:10143?username=u&password=p&unseen=true'\n"
      "unseen = false\ntls = 'none'\nallow_plain = true\ntarget = 'lead'\n");

  const auto& box = config.mailboxes.front();
  EXPECT_EQ(box.imap.port, 10143);
  EXPECT_EQ(box.imap.tls, ingest::imap::TlsMode::none);
  EXPECT_FALSE(box.unseen_only);
  EXPECT_EQ(box.target, ingest::MailTarget::lead);
}

TEST_F(ConfigTest, TwoPurposesOnOneMailboxAreAWarningAndTheSamePurposeTwiceIsRefused) {
  const std::string first = "mail-inbox-crm = 'imaps://h.example?username=u&password=RAW(p)'\n";
  const Config config =
      good(first + "mail-inbox-activity = 'imaps://H.example?username=u&password=p'\n");
  EXPECT_THAT(config.mailboxes, SizeIs(2));
  EXPECT_THAT(config.warnings.back().detail, HasSubstr("two purposes should not share"));

  write("p", "x");
  EXPECT_THAT(problems(first + "[mailbox.again]\nhost = 'h.example'\nusername = 'u'\n"
                               "password_file = 'p'\n"),
              Contains(HasSubstr("taken in twice")));
}

TEST_F(ConfigTest, ADisabledTableNeedsNoSecretAndMakesNoMailbox) {
  const Config config = good("[mailbox.a]\nenabled = false\nhost = 'h'\nusername = 'u'\n");
  EXPECT_THAT(config.mailboxes, IsEmpty());
}

TEST_F(ConfigTest, ABadNameOfAMailboxIsRefused) {
  for (const char* name : {"A", "1a", "'a b'"})
    EXPECT_THAT(problems(std::string("[mailbox.") + name + "]\nhost = 'h'\n").front(),
                HasSubstr("a name has 1 to 40"));
}

TEST_F(ConfigTest, CertificateAndKeyBelongTogetherAndMustBeReadable) {
  write("cert.pem", "x");
  EXPECT_THAT(problems("[api]\ntls_certificate_file = 'cert.pem'\n").front(),
              HasSubstr("belong together"));
  EXPECT_THAT(
      problems("[api]\ntls_certificate_file = 'cert.pem'\ntls_key_file = 'key.pem'\n").front(),
      HasSubstr("cannot be read"));
}

TEST_F(ConfigTest, ChangedSettingsAreTheOnesThatDiffer) {
  write("p", "one");
  const std::string boxes = "[mailbox.a]\nhost = 'h'\nusername = 'u'\npassword_file = 'p'\n";
  const Config first = good("[log]\nlevel = 'info'\n" + boxes);
  EXPECT_THAT(changed_settings(first, good("# a remark\n" + boxes)), IsEmpty());
  EXPECT_THAT(changed_settings(first, good("[log]\nlevel = 'debug'\n" + boxes)),
              ElementsAre("log.level"));
  write("p", "two");
  EXPECT_THAT(changed_settings(first, good(boxes)), ElementsAre("mailbox.a.password_file"));
  EXPECT_THAT(changed_settings(first, good("")), ElementsAre("mailbox.a"));
}

TEST_F(ConfigTest, WhatIsPrintedCanBeReadAgain) {
  const Config config = good("[api]\nlisten = '[::1]:9000'\n[log]\nlevel = 'warn'\n");

  const Config again = good(print_config(config));

  EXPECT_EQ(again.api.host, "::1");
  EXPECT_EQ(again.api.port, 9000);
  EXPECT_THAT(changed_settings(config, again), IsEmpty());
}

TEST_F(ConfigTest, TheSampleChangesNothingAndEveryLineOfItIsKnown) {
  const std::string sample = sample_config();
  EXPECT_THAT(changed_settings(good(""), good(sample)), IsEmpty());

  // Every setting switched on, at its default: known, of its type, in its range.
  std::string all;
  for (std::size_t at = 0; at < sample.size();) {
    const std::size_t end = sample.find('\n', at);
    const std::string line = sample.substr(at, end - at);
    at = end + 1;
    const bool mailbox = line.starts_with("#[mailbox");
    if (mailbox) break;
    const bool secret = line.contains("_file =");
    all += (line.starts_with('#') && !line.starts_with("# ") && line.contains(" = ") && !secret
                ? line.substr(1)
                : line) +
           "\n";
  }
  EXPECT_THAT(changed_settings(good(""), good(all)), IsEmpty());
}

TEST_F(ConfigTest, TheShippedSampleIsTheGeneratedOne) {
  std::ifstream in(fs::path(C360_SOURCE_DIR) / "systemd" / "client360.toml");
  const std::string shipped{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(shipped, sample_config())
      << "run: client360d --print=sample-config > systemd/client360.toml";
}

TEST_F(ConfigTest, EveryRowIsSaidInASentenceAndItsDefaultHoldsItsBounds) {
  for (const auto& row : settings()) {
    EXPECT_TRUE(row.sentence.ends_with('.')) << row.key;
    EXPECT_LE(row.min, row.max) << row.key;
  }
  for (const auto& row : mailbox_settings()) EXPECT_TRUE(row.sentence.ends_with('.')) << row.key;
  EXPECT_THAT(settings_table(), HasSubstr("| `mailbox.NAME.password_file` |"));
}

TEST(ListenAddress, TakesNamesAndBothFamiliesAndRefusesTheRest) {
  EXPECT_EQ(parse_listen_address("localhost:80")->host, "localhost");
  EXPECT_EQ(parse_listen_address("[::1]:8360")->host, "::1");
  EXPECT_EQ(parse_listen_address("[::1]:8360")->to_string(), "[::1]:8360");
  EXPECT_EQ(parse_listen_address("0.0.0.0:0")->port, 0);
  for (const char* bad :
       {"", ":80", "h", "h:", "h:65536", "h:-1", "h:8o", "::1:80", "[]:80", "a b:1"})
    EXPECT_FALSE(parse_listen_address(bad)) << bad;
}

TEST(ConfigText, MasksEveryFormOfADatabasePassword) {
  EXPECT_EQ(masked_database_url("postgresql://u:p@h/d"), "postgresql://u:***@h/d");
  EXPECT_EQ(masked_database_url("postgresql://u:p@h/d?password=q&x=1"),
            "postgresql://u:***@h/d?password=***&x=1");
  EXPECT_EQ(masked_database_url("host=h password='a b' user=u"), "host=h password=*** user=u");
  EXPECT_EQ(masked_database_url("host=h user=u"), "host=h user=u");
}

}  // namespace
}  // namespace c360::daemon
