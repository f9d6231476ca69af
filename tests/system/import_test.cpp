// Mails that do not come from a server, through the real binary: a file over the API with a kill in
// between, and a drop folder.
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/scripted_imap_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

std::string request_mail(int number) {
  return fmt::format(
      "From: Site <site@shop.example>\r\nMessage-ID: <{0}@shop.example>\r\n"
      "Subject: Запрос стоимости\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
      "Компания: ООО «Пример {0}»\r\nE-mail: p{0}@primer.example\r\n",
      number);
}

class MailFiles : public SystemTest {
 protected:
  static constexpr int kMails = 1'000;

  MailFiles() {
    daemon_.write("password", "secret\n");
    drop_ = daemon_.write("drop/.keep", "");
    drop_.resize(drop_.rfind('/'));
  }
  std::string mailboxes() const {
    return fmt::format(
        "[mail]\nbatch_messages = 10\n"
        "[mailbox.crm]\nhost = '127.0.0.1'\nport = {}\ntls = 'none'\nallow_plain = true\n"
        "username = 'ann'\npassword_file = 'password'\ndelay_ms = 1000\n"
        "[mailbox.files]\nmaildir = '{}'\ndelay_ms = 1000\n",
        server_.port(), drop_);
  }
  std::string one(const std::string& sql) {
    return TempPostgres::shared().query(database_, sql).at(0);
  }
  bool counts(const std::string& sql, int wanted) {
    return eventually([&] { return one(sql) == std::to_string(wanted); });
  }
  HttpAnswer import(const std::string& file, const std::string& token) {
    return HttpClient(daemon_.port("api"), token)
        .request("POST", "/api/v1/mail/import?mailbox=crm",
                 {{"Content-Type", "application/mbox"}, {"Connection", "close"}}, file);
  }
  std::string token() {
    const std::string file = "--config=" + daemon_.config_file();
    run_program({kCommand, file, "user", "add", "--admin", "ops"});
    const auto made = run_program(
        {kCommand, file, "--json", "token", "create", "--user=ops", "--name=t", "--scopes=admin"});
    const auto json = Json::parse(made.output);
    EXPECT_TRUE(json) << made.output;
    return json ? json->find("token")->as_string() : "";
  }

  ScriptedImapServer server_;
  std::string drop_;
};

TEST_F(MailFiles, AnMboxWhoseImportIsKilledIsWholeWhenItIsSentAgain) {
  std::string file;
  for (int i = 0; i < kMails; ++i)
    file += "From site@shop.example Mon Nov 10 10:15:00 2025\r\n" + request_mail(i) + "\r\n";
  start(config(mailboxes()));
  const std::string key = token();
  {
    // Half of the file, then the daemon dies.
    RawConnection half{daemon_.port("api")};
    ASSERT_TRUE(half.send(fmt::format(
        "POST /api/v1/mail/import?mailbox=crm HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n"
        "Content-Type: application/mbox\r\nContent-Length: {}\r\n\r\n",
        key, file.size())));
    ASSERT_TRUE(half.send(std::string_view(file).substr(0, file.size() / 2)));
    EXPECT_TRUE(eventually([&] { return one("SELECT count(*) FROM crm.deal") != "0"; }));
    daemon_.signal(SIGKILL);
    daemon_.wait_for_exit();
  }

  daemon_.start();
  daemon_.wait_until_ready();
  // The dead process holds its lease until that runs out: 409, before the file has been read.
  HttpAnswer again;
  ASSERT_TRUE(eventually([&] {
    again = import(file, key);
    return again.status == 200;
  }));

  EXPECT_EQ(again.field("mails"), std::to_string(kMails));
  EXPECT_TRUE(counts("SELECT count(*) FROM crm.deal", kMails)) << again.body;
  EXPECT_TRUE(counts("SELECT count(*) FROM ops.mail WHERE state <> 'done'", 0));
  EXPECT_EQ(one("SELECT count(DISTINCT company_text) FROM crm.deal"), std::to_string(kMails));
}

TEST_F(MailFiles, TheOperatorsCommandStreamsFilesOfBothKindsAndSaysWhatBecameOfThem) {
  start(config(mailboxes()));
  const std::string config_file = "--config=" + daemon_.config_file();
  const std::string key = "--token-file=" + daemon_.write("token", token());
  std::string box;
  for (int i = 1; i <= 3; ++i)
    box += "From site@shop.example Mon Nov 10 10:15:00 2025\r\n" + request_mail(i) + "\r\n";
  const std::string one_mail = daemon_.write("one.eml", request_mail(7));
  const std::string three = daemon_.write("three.mbox", box);
  const std::string none = daemon_.write("none.eml", "");
  const auto import = [&](std::vector<std::string> more) {
    std::vector<std::string> words{
        kCommand,
        config_file,
        key,
        fmt::format("--api-url=http://127.0.0.1:{}", daemon_.port("api")),
        "mail",
        "import",
        "--mailbox=crm"};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  };

  const auto taken = import({one_mail, three});

  EXPECT_EQ(taken.exit_code, 0) << taken.output;
  EXPECT_THAT(taken.output, ::testing::HasSubstr("3      3 deal_created"));
  EXPECT_TRUE(counts("SELECT count(*) FROM crm.deal", 4));

  // One that is no mail fails alone; what was sent before is known.
  const auto again = import({none, "/nowhere.eml", three});

  EXPECT_EQ(again.exit_code, 1) << again.output;
  EXPECT_THAT(again.output, ::testing::HasSubstr("3 duplicate"));
  EXPECT_THAT(again.output, ::testing::HasSubstr("/nowhere.eml is no file that can be read"));
  EXPECT_TRUE(counts("SELECT count(*) FROM crm.deal", 4));
  EXPECT_EQ(run_program({kCommand, config_file, "mail", "import", one_mail}).exit_code, 2);
}

TEST_F(MailFiles, WhatIsDroppedIntoTheFolderIsTakenInAndMovedToCur) {
  namespace fs = std::filesystem;
  start(config(mailboxes()));
  const fs::path folder = drop_;
  ASSERT_TRUE(becomes("files", "ready"));
  for (int i = 0; i < 5; ++i) {
    const std::string name = std::to_string(i) + ".host";
    std::ofstream(folder / "tmp" / name, std::ios::binary) << request_mail(i);
    fs::rename(folder / "tmp" / name, folder / "new" / name);
  }

  EXPECT_TRUE(counts("SELECT count(*) FROM crm.deal", 5));
  EXPECT_TRUE(eventually([&] { return fs::is_empty(folder / "new"); }));
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(fs::exists(folder / "cur" / (std::to_string(i) + ".host:2,S"))) << i;
}

}  // namespace
}  // namespace c360::testing
