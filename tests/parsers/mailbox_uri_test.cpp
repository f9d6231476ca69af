#include "parsers/mailbox_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "daemon/base/json.h"

namespace c360::parsers {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string fixture(const std::string& name) {
  std::ifstream in(std::string(C360_SOURCE_DIR) + "/tests/fixtures/" + name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

bool mentions(const std::vector<MailboxRemark>& remarks, const std::string& word) {
  for (const MailboxRemark& remark : remarks) {
    if (remark.option == word || remark.text.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string dump(const MailboxSetting& setting) {
  std::string out;
  for (const auto& r : setting.errors) out += "error " + r.option + ": " + r.text + "\n";
  for (const auto& r : setting.warnings) out += "warning " + r.option + ": " + r.text + "\n";
  return out;
}

void expect_config(const Json& config, const MailboxUri& uri) {
  const auto text = [&](const char* name, std::string_view have) {
    if (const Json* want = config.find(name)) {
      EXPECT_EQ(want->as_string(), have) << name;
    }
  };
  const auto flag = [&](const char* name, bool have) {
    if (const Json* want = config.find(name)) {
      EXPECT_EQ(want->as_bool(), have) << name;
    }
  };
  const auto number = [&](const char* name, std::int64_t have) {
    if (const Json* want = config.find(name)) {
      EXPECT_EQ(want->as_int64(), have) << name;
    }
  };
  text("tls", to_string(uri.tls));
  text("host", uri.host);
  text("username", uri.username);
  text("password", uri.password.reveal());
  text("folder", uri.folder);
  text("move_to", uri.move_to);
  flag("unseen_only", uri.unseen_only);
  flag("delete", uri.delete_after);
  number("port", uri.port);
  number("poll_interval_ms", uri.delay.count());
  number("batch", uri.batch.value_or(0));
  if (const Json* search = config.find("search")) {
    EXPECT_EQ(search->find("subject")->as_string(), uri.search.subject);
  }
}

TEST(MailboxUri, EveryCaseOfTheReferenceIsReadAsWritten) {
  const auto cases = Json::parse(fixture("mail/mail_uri_cases.json"));
  ASSERT_TRUE(cases) << cases.error().detail;
  ASSERT_GE(cases->as_array().size(), 33U);
  for (const Json& one : cases->as_array()) {
    const std::string& uri = one.find("uri")->as_string();
    SCOPED_TRACE(uri);
    const MailboxSetting setting = read_mailbox_uri(uri);
    SCOPED_TRACE(dump(setting));
    EXPECT_EQ(one.find("accept")->as_bool(), setting.ok());
    if (const Json* error = one.find("error")) {
      EXPECT_TRUE(mentions(setting.errors, error->as_string()));
    }
    if (const Json* warnings = one.find("warnings")) {
      for (const Json& warning : warnings->as_array()) {
        EXPECT_TRUE(mentions(setting.warnings, warning.as_string())) << warning.as_string();
      }
    }
    const Json* config = one.find("config");
    if (config == nullptr || config->is_null()) continue;
    const Json* enabled = config->find("enabled");
    if (enabled != nullptr && !enabled->as_bool()) {
      EXPECT_TRUE(setting.disabled());
    } else {
      ASSERT_TRUE(setting.mailbox);
      expect_config(*config, *setting.mailbox);
    }
  }
}

TEST(MailboxUri, ADelayUnderTheFloorIsRaisedWithBothFiguresInTheWarning) {
  const auto setting = read_mailbox_uri("imaps://h.example?username=u&password=p&delay=30");

  ASSERT_TRUE(setting.mailbox);
  EXPECT_EQ(setting.mailbox->delay, kMinimumDelay);
  ASSERT_EQ(setting.warnings.size(), 1U);
  EXPECT_THAT(setting.warnings[0].text, HasSubstr("30 ms"));
  EXPECT_THAT(setting.warnings[0].text, HasSubstr("1000 ms"));
}

TEST(MailboxUri, TheFolderMayStandInThePath) {
  const auto setting = read_mailbox_uri("imaps://h.example:1993/CRM/%D0%92?username=u&password=p");

  ASSERT_TRUE(setting.mailbox) << dump(setting);
  EXPECT_EQ(setting.mailbox->folder, "CRM/В");
  EXPECT_EQ(setting.mailbox->port, 1993);
}

// Found by tests/fuzz/mailbox_uri_fuzz.cpp.
TEST(MailboxUri, WhatIsDecodedBeforeTheOptionsMustBeUtf8Too) {
  for (const char* uri : {"imaps://h.example/CRM%92?username=u&password=p",
                          "imaps://u%92:p@h.example", "imaps://u:p%92@h.example"}) {
    EXPECT_FALSE(read_mailbox_uri(uri).ok()) << uri;
  }
}

TEST(MailboxUri, DisabledIsReadInAnyCaseAndSoIsAMailboxThatIsNotToStart) {
  EXPECT_TRUE(read_mailbox_uri("  DISABLED \n").disabled());
  EXPECT_TRUE(
      read_mailbox_uri("imaps://h.example?username=u&password=p&startScheduler=false").disabled());
}

TEST(MailboxUri, ASearchTermReplacesTheUnseenOption) {
  const auto replaced =
      read_mailbox_uri("imaps://h.example?username=u&password=p&unseen=false&searchTerm.subject=x");
  const auto own = read_mailbox_uri(
      "imaps://h.example?username=u&password=p&searchTerm.subject=x&searchTerm.unseen=false");

  ASSERT_TRUE(replaced.mailbox);
  EXPECT_TRUE(replaced.mailbox->unseen_only);
  EXPECT_TRUE(mentions(replaced.warnings, "unseen"));
  ASSERT_TRUE(own.mailbox);
  EXPECT_FALSE(own.mailbox->unseen_only);
}

TEST(MailboxUri, LibraryPropertiesAreMappedOrRefused) {
  const auto mapped = read_mailbox_uri(
      "imaps://h.example?username=u&password=p&mail.imaps.connectiontimeout=5000"
      "&mail.imaps.timeout=7000&mail.imaps.auth.mechanisms=PLAIN%20LOGIN");
  ASSERT_TRUE(mapped.mailbox) << dump(mapped);
  EXPECT_EQ(mapped.mailbox->connect_timeout.count(), 5000);
  EXPECT_EQ(mapped.mailbox->read_timeout.count(), 7000);
  EXPECT_EQ(mapped.mailbox->auth_mechanisms, (std::vector<std::string>{"PLAIN", "LOGIN"}));

  for (const char* property :
       {"mail.imaps.ssl.trust=*", "mail.imap.ssl.checkserveridentity=false"}) {
    const auto refused =
        read_mailbox_uri(std::string("imaps://h.example?username=u&password=p&") + property);
    EXPECT_FALSE(refused.ok()) << property;
  }
}

TEST(MailboxUri, OldPrefixesCountAsTheSameOption) {
  const auto setting =
      read_mailbox_uri("imaps://h.example?username=u&password=p&consumer.delay=5000");
  const auto twice =
      read_mailbox_uri("imaps://h.example?username=u&password=p&consumer.delay=5000&delay=6000");

  ASSERT_TRUE(setting.mailbox);
  EXPECT_EQ(setting.mailbox->delay.count(), 5000);
  EXPECT_TRUE(mentions(setting.warnings, "consumer.delay"));
  EXPECT_FALSE(twice.ok());
}

TEST(MailboxUri, WhatTheTableRefusesIsRefused) {
  for (const char* option :
       {"sortTerm=from", "repeatCount=3", "scheduler=quartz", "scheduler.cron=x",
        "sendEmptyMessageWhenIdle=true", "session=%23s", "fetchSize=-7", "moveTo=",
        "connectionTimeout=0", "delay=8d", "timeUnit=FORTNIGHTS", "searchTerm.colour=red",
        "searchTerm.fromSentDate=yesterday", "folderName=", "username=a%0d%0ab"}) {
    const std::string uri = std::string("imaps://h.example?password=p&username=u&") + option;
    SCOPED_TRACE(uri);
    if (std::string_view(option).starts_with("username")) {
      EXPECT_FALSE(read_mailbox_uri("imaps://h.example?password=p&username=a%0d%0ab").ok());
    } else {
      EXPECT_FALSE(read_mailbox_uri(uri).ok());
    }
  }
}

TEST(MailboxUri, ThePasswordMayComeFromElsewhere) {
  EXPECT_FALSE(read_mailbox_uri("imaps://h.example?username=u").ok());
  EXPECT_TRUE(read_mailbox_uri("imaps://h.example?username=u", true).ok());
}

TEST(MailboxUri, AnOverlongStringIsRefusedUnread) {
  const std::string uri =
      "imaps://h.example?username=u&password=" + std::string(kMaximumMailboxUriBytes, 'x');

  EXPECT_FALSE(read_mailbox_uri(uri).ok());
}

TEST(MailboxUri, NoRemarkEverShowsThePassword) {
  for (const char* uri : {"imaps://h.example?username=u&password=geheim&geheim2=1",
                          "imaps://h.example?username=u&password=x&geheim",
                          "imaps://u:geheim@h.example:99999?delay=abc",
                          "imaps://h.example?username=u&password=geheim%0a"}) {
    SCOPED_TRACE(uri);
    EXPECT_THAT(dump(read_mailbox_uri(uri)), Not(HasSubstr("geheim")));
  }
}

TEST(MailboxUri, TheMaskedFormHidesThePasswordWhereverItStands) {
  struct Case {
    const char* uri;
    const char* masked;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"imaps://h?username=u&password=secret&delay=1",
            "imaps://h?username=u&password=***&delay=1"},
           {"imaps://h?username=u&password=RAW(a&b)c)&delay=1",
            "imaps://h?username=u&password=***&delay=1"},
           {"imaps://u:secret@h:993?delay=1", "imaps://u:***@h:993?delay=1"},
           {"imaps://u:se/cr?et@h", "imaps://u:***@h"},
           {"imaps://h?consumer.PASSWORD=secret", "imaps://h?consumer.PASSWORD=***"},
           // The "://" belongs to an option: there is no scheme, and the authority begins at once.
           {"u:secret@h:143?moveTo=imaps://h.example", "u:***@h:143?moveTo=imaps://h.example"},
           {"im?aps://u:secret@h", "im?aps://u:***@h"},
           {"u:secret@h?moveTo=imaps://v:other@h", "u:***@h?moveTo=imaps://v:***@h"},
           {"h:993?username=u", "h:993?username=u"},
           {"disabled", "disabled"}}) {
    EXPECT_EQ(masked_mailbox_uri(one.uri), one.masked);
  }
}

TEST(MailboxUri, ABoundOfASearchIsADay) {
  using namespace std::chrono;
  constexpr auto kEarliest = SearchBound::earliest;
  constexpr auto kLatest = SearchBound::latest;
  const Instant now = sys_days{year{2026} / 3 / 1} + hours{13};
  for (const SearchBound side : {kEarliest, kLatest}) {
    EXPECT_EQ(search_day("2025-11-10 23:59:59", now, side), sys_days{year{2025} / 11 / 10});
    EXPECT_EQ(search_day("2025-11-10", now, side), sys_days{year{2025} / 11 / 10});
    EXPECT_EQ(search_day("yesterday", now, side), std::nullopt);
    EXPECT_EQ(search_day("", now, side), std::nullopt);
  }
  // At 13:00 UTC it is the first of March all over the earth but where it is the second already;
  // two hours before it was still the last of February somewhere.
  EXPECT_EQ(search_day("now", now, kEarliest), sys_days{year{2026} / 3 / 1});
  EXPECT_EQ(search_day("now", now, kLatest), sys_days{year{2026} / 3 / 2});
  EXPECT_EQ(search_day("now-2h", now, kEarliest), sys_days{year{2026} / 2 / 28});
  EXPECT_EQ(search_day("now-4h", now, kLatest), sys_days{year{2026} / 3 / 1});
  EXPECT_EQ(search_day("now+24h", now, kLatest), sys_days{year{2026} / 3 / 3});
}

TEST(MailboxUri, ASearchWidensWithTheClockWhereItsLatestDayDoes) {
  EXPECT_FALSE((MailboxSearch{.subject = "now"}).widens());
  EXPECT_FALSE((MailboxSearch{.sent_since = "now-24h", .received_since = "now"}).widens());
  EXPECT_FALSE((MailboxSearch{.received_before = "2025-11-10"}).widens());
  EXPECT_TRUE((MailboxSearch{.sent_before = "now"}).widens());
  EXPECT_TRUE((MailboxSearch{.received_before = "now-72h"}).widens());
}

}  // namespace
}  // namespace c360::parsers
