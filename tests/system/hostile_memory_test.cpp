// What a misbehaving server can cost the real daemon: its memory has a ceiling whatever it is sent,
// an attempt costs little of the processor, and the mailbox beside it takes in mail all the while.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/support/scripted_imap_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

// What design.md 9 allows while a mail of 50 MB passes.
constexpr long kMostResidentKb = 120 * 1024;
// Of the processor, for one attempt at a server that sends without end.
constexpr double kMostSecondsAnAttempt = 5;
constexpr int kAttempts = 2;

using Handler = ScriptedImapServer::Handler;

// Sends `first`, then `more` until the client has enough.
Handler without_end(std::string first, std::string more) {
  return [first = std::move(first), more = std::move(more)](ImapConnection& client,
                                                            const ImapCommand&) {
    client.send(first);
    for (;;) client.send(more);
  };
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// Uids without end, no two of which are neighbours, over all that there may be.
Handler scattered_uids() {
  return [](ImapConnection& client, const ImapCommand&) {
    client.send("* SEARCH");
    for (std::uint32_t next = 1;;) {
      std::string chunk;
      for (int i = 0; i < 100'000; ++i) {
        next += 2'654'435'761U;  // meets each number once
        if (next != 0) chunk += ' ' + std::to_string(next);
      }
      client.send(chunk);
    }
  };
}

struct Excess {
  const char* name;
  const char* command;
  Handler handler;
};

std::vector<Excess> every_excess() {
  const std::string chunk(1U << 20U, 'x');
  return {
      {"AMailAnnouncedAbsurdlyLong", "UID FETCH",
       without_end("* 1 FETCH (UID 1 BODY[] {9000000000000}\r\n", chunk)},
      {"AMailThatIsSentWithoutEnd", "UID FETCH",
       without_end("* 1 FETCH (UID 1 BODY[] {104857600}\r\n", chunk)},
      {"AHugeLiteralThatIsNoMail", "UID SEARCH", without_end("* X {99999999999}\r\n", chunk)},
      {"TwoHundredThousandBrackets", "UID SEARCH",
       without_end("", "* X " + std::string(200'000, '('))},
      {"ALineWithoutEnd", "SELECT", without_end("* OK ", chunk)},
      {"ResponsesWithoutEnd", "SELECT",
       without_end("", repeated("* 1 FETCH (FLAGS (\\Seen) UID 1)\r\n", 10'000))},
      {"OneUidWithoutEnd", "UID SEARCH", without_end("* SEARCH", repeated(" 123456789", 100'000))},
      {"UidsWithoutEnd", "UID SEARCH", scattered_uids()},
      {"FourThousandMillionUids", "UID SEARCH",
       [](ImapConnection& client, const ImapCommand& command) {
         client.line("* ESEARCH (TAG \"" + command.tag + "\") UID ALL 1:4294967295");
         client.ok(command);
       }},
      {"CapabilitiesWithoutEnd", "CAPABILITY",
       without_end("* CAPABILITY IMAP4rev1", repeated(" AUTH=X123456", 100'000))},
      {"ADripThatNeverEnds", "UID FETCH",
       [](ImapConnection& client, const ImapCommand&) {
         client.send("* 1 FETCH (UID 1 BODY[] {30000}\r\n");
         for (;;) client.drip("Subject: slow\r\n");
       }},
  };
}

class HostileMemory : public SystemTest, public ::testing::WithParamInterface<Excess> {
 protected:
  static std::string form(int id) {
    return fmt::format(
        "From: Site <noreply@site.example>\r\nTo: crm@client360.example\r\n"
        "Message-ID: <excess-{0}@site.example>\r\nDate: Mon, 10 Nov 2025 10:15:00 +0300\r\n"
        "Subject: Запрос стоимости\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "Компания: ООО «Избыток {0}»\r\nФИО: Петров Иван\r\nE-mail: petrov{0}@primer.example\r\n",
        id);
  }
  void begin() {
    for (ScriptedImapServer* server : {&liar_, &honest_})
      server->account().add("INBOX", form(++forms_));
    daemon_.write("box.password", "secret");
    std::string boxes;
    for (const auto& [name, server] : {std::pair{"crm", &liar_}, {"calm", &honest_}})
      boxes += fmt::format(
          "[mailbox.{}]\nkind = 'crm'\nhost = '127.0.0.1'\nport = {}\ntls = 'none'\n"
          "allow_plain = true\nusername = 'ann'\npassword_file = 'box.password'\n"
          "delay_ms = 1000\n",
          name, server->port());
    start(config(boxes + "[mail]\ncommand_timeout_ms = 2000\nconnect_timeout_ms = 2000\n"));
    ASSERT_TRUE(ends(2)) << daemon_.log();
  }
  // So many mails in all are at their end, and nothing is pending.
  bool ends(int mails) {
    return eventually([&] {
      return one("SELECT count(*) || '|' || count(*) FILTER (WHERE state = 'done') FROM "
                 "ops.mail") == fmt::format("{0}|{0}", mails);
    });
  }
  double failures() {
    std::istringstream lines(admin_get("/metrics").body);
    double sum = 0;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("client360_mailbox_failures_total{") && line.contains("\"crm\""))
        sum += std::stod(line.substr(line.rfind(' ')));
    return sum;
  }
  // Since forget_peak().
  long peak_kb() const {
    std::ifstream status(fmt::format("/proc/{}/status", daemon_.pid()));
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
    return -1;
  }
  void forget_peak() const {
    std::ofstream(fmt::format("/proc/{}/clear_refs", daemon_.pid())) << "5";
  }
  double processor_seconds() const {
    std::ifstream stat(fmt::format("/proc/{}/stat", daemon_.pid()));
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string field;
    for (int i = 3; i < 14; ++i) fields >> field;  // proc(5): state is the third, utime the 14th
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  ScriptedImapServer liar_;
  ScriptedImapServer honest_;
  int forms_ = 0;
};

TEST_P(HostileMemory, IsBoundedAndTheMailIsTakenInAfterwards) {
  begin();
  const Excess& excess = GetParam();
  const double failed_before = failures();
  const double used_before = processor_seconds();
  forget_peak();
  liar_.misbehave(excess.command, 0, excess.handler);
  liar_.account().add("INBOX", form(++forms_));
  liar_.hang_up();

  ASSERT_TRUE(eventually([&] { return failures() >= failed_before + kAttempts; }))
      << admin_get("/readyz").body;
  const double used = processor_seconds() - used_before;
  const double attempts = failures() - failed_before;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak_kb(), kMostResidentKb);
  EXPECT_GT(peak_kb(), 0);
  EXPECT_LT(used, attempts * kMostSecondsAnAttempt);
#endif
  EXPECT_NE(mailbox("crm"), "ready");
  EXPECT_EQ(mailbox("calm"), "ready");
  honest_.account().add("INBOX", form(++forms_));
  EXPECT_TRUE(eventually([&] {
    return one("SELECT count(*) FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id WHERE "
               "b.code = 'calm' AND state = 'done'") == "2";
  })) << "the calm mailbox";

  liar_.heal();
  EXPECT_TRUE(ends(4)) << daemon_.log();
  EXPECT_TRUE(becomes("crm", "ready"));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "4");
}

INSTANTIATE_TEST_SUITE_P(Servers, HostileMemory, ::testing::ValuesIn(every_excess()),
                         [](const auto& excess) { return std::string(excess.param.name); });

}  // namespace
}  // namespace c360::testing
