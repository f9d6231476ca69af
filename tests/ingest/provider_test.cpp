// The habits of large providers (Gmail, Microsoft 365, Yandex, Mail.ru), each played by the
// scripted server against the whole way of a mail: none of them may cost a mail, make a second
// record or look like a failure that it is not.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "ingest/imap/imap_mailbox.h"
#include "ingest/imap/mailbox_name.h"
#include "tests/ingest/intake_fixture.h"
#include "tests/support/bearer_sign_in.h"
#include "tests/support/scripted_imap_server.h"

namespace c360::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kGmail =
    "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS "
    "COMPRESS=DEFLATE ENABLE MOVE CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE "
    "APPENDLIMIT=35651584 SASL-IR AUTH=XOAUTH2 AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER";
constexpr const char* kMicrosoft =
    "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE "
    "NAMESPACE LITERAL+";
constexpr const char* kYandex =
    "IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST BINARY UIDPLUS ENABLE ID IDLE MOVE";
constexpr const char* kMailRu =
    "IMAP4rev1 ID XLIST UIDPLUS UNSELECT MOVE LIST-STATUS IDLE AUTH=PLAIN AUTH=XOAUTH2";

// A token that never changes.
class OneToken final : public adapters::AccessTokens {
 public:
  Result<Secret> token(const Secret&) override { return Secret{"token-1"}; }
  void interrupt() override {}
};

class Provider : public IntakeTest {
 protected:
  // Whatever the habit: no mail is nowhere.
  void TearDown() override {
    box_.reset();
    expect_ledger_holds();
  }
  ScriptedImapServer& play(const char* capabilities) {
    imap_ = std::make_unique<ScriptedImapServer>(ScriptedImapOptions{.capabilities = capabilities});
    imap_->on("NAMESPACE", [](ImapConnection& client, const ImapCommand& command) {
      client.line(R"(* NAMESPACE (("" "/")) NIL NIL)");
      client.ok(command);
    });
    return *imap_;
  }
  ScriptedImapServer& imap() { return *imap_; }

  ingest::Poller& box() {
    if (box_) return *box_;
    ingest::imap::ImapOptions account;
    account.host = "127.0.0.1";
    account.port = imap_->port();
    account.tls = ingest::imap::TlsMode::none;
    account.username = tokens_ ? "info@company.example" : "ann";
    if (!tokens_) account.password = Secret("secret");
    account.command_timeout = std::chrono::seconds(30);
    box_ = std::make_unique<ingest::Poller>(
        mailbox_id(), settings,
        [account, tokens = tokens_] { return ingest::imap::make_imap_mailbox(account, tokens); },
        ingest::PollerPorts{database, inboxes, leases, workers, options, quiet.observer, clock});
    return *box_;
  }
  void expect_pass() {
    const auto passed = box().pass();
    ASSERT_TRUE(passed) << passed.error().detail;
  }
  Error failed_pass() {
    const auto passed = box().pass();
    EXPECT_FALSE(passed);
    return passed ? Error{} : passed.error();
  }
  std::string deals() { return one("SELECT count(*) FROM crm.deal"); }
  long count_of(const std::string& command) {
    return std::ranges::count_if(imap().transcript(), [&](const std::string& line) {
      return line == command || line.starts_with(command + " ");
    });
  }
  // Answers the next `times` of a command by itself, then honestly.
  void once(const std::string& command,
            std::function<void(ImapConnection&, const ImapCommand&)> handler, int times = 1) {
    auto left = std::make_shared<std::atomic<int>>(times);
    imap().on(command, [this, left, handler = std::move(handler)](ImapConnection& client,
                                                                  const ImapCommand& command_line) {
      if (left->fetch_sub(1) > 0) return handler(client, command_line);
      imap().answer(client, command_line);
    });
  }
  // Hangs up when the command comes for the second time.
  void hang_up_at_second(const std::string& command, const std::string& last_words) {
    auto seen = std::make_shared<std::atomic<int>>(0);
    imap().on(command, [this, seen, last_words](ImapConnection& client, const ImapCommand& line) {
      if (seen->fetch_add(1) != 1) return imap().answer(client, line);
      if (!last_words.empty()) client.line(last_words);
      client.close();
    });
  }
  bool eventually(const std::function<bool()>& what) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (std::chrono::steady_clock::now() < until) {
      if (what()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return false;
  }

  std::shared_ptr<adapters::AccessTokens> tokens_;
  std::unique_ptr<ScriptedImapServer> imap_;
  std::unique_ptr<ingest::Poller> box_;  // last: its thread talks to the server
};

// -- Gmail ---------------------------------------------------------------------------------------

class Gmail : public Provider {
 protected:
  Gmail() { play(kGmail); }

  // The folders of an account in Russian.
  void list_folders() {
    imap().on("LIST", [this](ImapConnection& client, const ImapCommand& command) {
      client.line(R"(* LIST (\HasNoChildren) "/" "INBOX")");
      client.line(R"(* LIST (\HasChildren \Noselect) "/" "[Gmail]")");
      client.line(R"(* LIST (\All \HasNoChildren) "/" ")" + kAll + "\"");
      client.line(R"(* LIST (\HasNoChildren \Trash) "/" ")" + kBin + "\"");
      client.ok(command);
    });
    imap().account().change([this](auto& folders) {
      folders[kBin];
      folders[kAll];
    });
  }

  const std::string kBin = *ingest::imap::to_modified_utf7("[Gmail]/Корзина");
  const std::string kAll = *ingest::imap::to_modified_utf7("[Gmail]/Вся почта");
};

TEST_F(Gmail, DeletesIntoItsBinByWhateverNameItHas) {
  list_folders();
  settings.delete_after = true;
  imap().account().add("INBOX", form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_TRUE(imap().account().messages("INBOX").empty());
  EXPECT_EQ(imap().account().messages(kBin).size(), 1U);
  EXPECT_EQ(count_of("UID EXPUNGE"), 0);
}

TEST_F(Gmail, WithoutABinInSightTheMailIsTakenOnceAndTheRefusalIsCounted) {
  imap().on("LIST", [](ImapConnection& client, const ImapCommand& command) { client.ok(command); });
  settings.delete_after = true;
  imap().account().add("INBOX", form_mail(1));

  expect_pass();
  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_EQ(imap().account().messages("INBOX").size(), 1U);
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_mail_flag_failures_total{mailbox=\"crm\"} "));
}

TEST_F(Gmail, AFolderIsReadByItsUseWhateverItIsCalled) {
  list_folders();
  settings.folders = {"INBOX", "\\All"};
  imap().account().add(kAll, form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_THAT(imap().transcript(), Contains("SELECT \"" + kAll + "\""));
}

TEST_F(Gmail, OneMessageUnderTwoLabelsIsOneRecord) {
  list_folders();
  settings.folders = {"INBOX", "[Gmail]/Вся почта"};
  imap().account().add("INBOX", form_mail(1));
  imap().account().add(kAll, form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_EQ(query("SELECT folder || ' ' || outcome FROM ops.mail ORDER BY id"),
            (std::vector<std::string>{"INBOX deal_created", "[Gmail]/Вся почта duplicate"}));
}

TEST_F(Gmail, TheEndOfATokensSessionBetweenTwoPassesIsNoFailure) {
  tokens_ = std::make_shared<OneToken>();
  const BearerSignIn sign_in{imap(), [](const std::string& token) { return token == "token-1"; }};
  hang_up_at_second("SELECT", "* BYE Session expired, please login again.");
  expect_pass();
  imap().account().add("INBOX", form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_EQ(count_of("AUTHENTICATE"), 2);
}

TEST_F(Gmail, TheEndOfASessionWhileItIdlesIsNoFailure) {
  settings.use_idle = true;
  settings.delay = std::chrono::milliseconds{500};
  once("IDLE", [](ImapConnection& client, const ImapCommand&) {
    client.line("+ idling");
    client.line("* BYE Session expired, please login again.");
    client.close();
  });
  box().start();
  ASSERT_TRUE(imap().wait_for("IDLE"));
  imap().account().add("INBOX", form_mail(1));

  EXPECT_TRUE(eventually([&] { return deals() == "1"; }));
  EXPECT_EQ(box().status().consecutive_failures, 0);
  EXPECT_THAT(quiet.metrics.serialize(), Not(HasSubstr("client360_mailbox_failures_total{")));
}

TEST_F(Gmail, TooManyConnectionsAskForPatienceAndNotForAnotherPassword) {
  once("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "[ALERT] Too many simultaneous connections. (Failure)");
  });
  imap().account().add("INBOX", form_mail(1));

  EXPECT_EQ(failed_pass().code, ErrorCode::rate_limited);
  expect_pass();

  EXPECT_EQ(deals(), "1");
}

TEST_F(Gmail, ABandwidthLimitInAFetchIsNotChargedToTheMail) {
  once("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "[OVERQUOTA] Account exceeded command or bandwidth limits.");
  });
  imap().account().add("INBOX", form_mail(1));

  EXPECT_EQ(failed_pass().code, ErrorCode::rate_limited);
  EXPECT_EQ(one("SELECT state || ' ' || attempts FROM ops.mail"), "listed 0");
  expect_pass();

  EXPECT_EQ(deals(), "1");
}

TEST_F(Gmail, AnOrdinaryPasswordIsRefusedInItsOwnWords) {
  imap().on("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command,
              "[ALERT] Application-specific password required: "
              "https://support.google.com/accounts/answer/185833 (Failure)");
  });

  const Error error = failed_pass();

  EXPECT_EQ(error.code, ErrorCode::upstream_auth);
  EXPECT_THAT(error.detail, HasSubstr("Application-specific password required"));
}

// -- Microsoft 365 -------------------------------------------------------------------------------

class Microsoft365 : public Provider {
 protected:
  Microsoft365() { play(kMicrosoft); }
};

TEST_F(Microsoft365, TheWaitItAsksForIsObeyed) {
  using std::chrono::steady_clock;
  settings.delay = std::chrono::milliseconds{50};
  std::atomic<steady_clock::rep> throttled{0};
  std::atomic<steady_clock::rep> back{0};
  imap().on("SELECT", [&](ImapConnection& client, const ImapCommand& command) {
    const auto now = steady_clock::now().time_since_epoch().count();
    if (throttled == 0) {
      throttled = now;
      client.line(command.tag +
                  " BAD Request is throttled. Suggested Backoff Time: 2000 milliseconds");
      return;
    }
    if (back == 0) back = now;
    imap().answer(client, command);
  });
  imap().account().add("INBOX", form_mail(1));

  box().start();

  EXPECT_TRUE(eventually([&] { return deals() == "1"; }));
  EXPECT_GE(steady_clock::duration(back - throttled), std::chrono::seconds{2});
}

TEST_F(Microsoft365, ALingeringSessionIsWaitedForOnAnotherConnection) {
  once("SELECT", [](ImapConnection& client, const ImapCommand& command) {
    client.line(command.tag + " BAD User is authenticated but not connected.");
  });
  imap().account().add("INBOX", form_mail(1));
  box().start();

  EXPECT_TRUE(eventually([&] { return deals() == "1"; }));
  EXPECT_GE(count_of("AUTHENTICATE"), 2);
}

TEST_F(Microsoft365, ASizeThatIsOnlyAnEstimateCostsNoMail) {
  imap().on("UID FETCH", [&](ImapConnection& client, const ImapCommand& command) {
    for (const auto& message : imap().account().messages("INBOX")) {
      client.send("* 1 FETCH (UID " + std::to_string(message.uid) +
                  " RFC822.SIZE 99 INTERNALDATE \"22-Nov-2026 09:00:00 +0300\" FLAGS () BODY[] {" +
                  std::to_string(message.bytes.size()) + "}\r\n" + message.bytes + ")\r\n");
    }
    client.ok(command);
  });
  imap().account().add("INBOX", form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_EQ(count_of("UID FETCH"), 2);
  EXPECT_EQ(one("SELECT size_bytes FROM ops.mail"), std::to_string(form_mail(1).size()));
  EXPECT_THAT(imap().transcript(), Not(Contains(HasSubstr("BODYSTRUCTURE"))));
}

TEST_F(Microsoft365, APasswordIsRefusedAlthoughPlainIsListed) {
  imap().on("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "AUTHENTICATE failed.");
  });

  EXPECT_EQ(failed_pass().code, ErrorCode::upstream_auth);
  EXPECT_EQ(count_of("AUTHENTICATE"), 1);
}

TEST_F(Microsoft365, ASharedMailboxIsOpenedByItsOwnAddressAndSomebodysToken) {
  tokens_ = std::make_shared<OneToken>();
  const BearerSignIn sign_in{imap(), [](const std::string& token) { return token == "token-1"; }};
  imap().account().add("INBOX", form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_EQ(sign_in.messages().front(),
            "user=info@company.example\x01"
            "auth=Bearer token-1\x01\x01");
}

TEST_F(Microsoft365, AServerThatIsAwayDuringTheSignInIsTriedAgain) {
  once("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "Server Unavailable. 15");
  });
  imap().account().add("INBOX", form_mail(1));

  EXPECT_EQ(failed_pass().code, ErrorCode::unavailable);
  expect_pass();

  EXPECT_EQ(deals(), "1");
}

// -- Yandex --------------------------------------------------------------------------------------

class Yandex : public Provider {
 protected:
  Yandex() { play(kYandex); }
};

TEST_F(Yandex, NeitherInitialResponsesNorEsearchNorCondstoreAreNeeded) {
  imap().account().add("INBOX", form_mail(1));
  imap().account().add("INBOX", form_mail(2));

  expect_pass();
  expect_pass();

  EXPECT_EQ(deals(), "2");
  EXPECT_EQ(count_of("LOGIN"), 1);
  EXPECT_THAT(imap().transcript(), Not(Contains(HasSubstr("RETURN"))));
  EXPECT_THAT(imap().transcript(), Not(Contains(HasSubstr("CONDSTORE"))));
}

TEST_F(Yandex, ATokenSignsInAlthoughTheMechanismIsNotListed) {
  tokens_ = std::make_shared<OneToken>();
  const BearerSignIn sign_in{imap(), [](const std::string& token) { return token == "token-1"; }};
  imap().account().add("INBOX", form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_THAT(imap().transcript(), Contains("AUTHENTICATE XOAUTH2"));
}

TEST_F(Yandex, ADropAtAnyTimeBetweenPassesIsNoFailure) {
  hang_up_at_second("SELECT", "");
  expect_pass();
  imap().account().add("INBOX", form_mail(1));

  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_EQ(count_of("LOGIN"), 2);
}

TEST_F(Yandex, ADropOnEveryConnectionIsAFailure) {
  expect_pass();
  imap().on("NAMESPACE", [](ImapConnection& client, const ImapCommand&) { client.close(); });
  settings.folders = {"Готово"};
  box_.reset();

  EXPECT_EQ(failed_pass().reason, "connection_lost");
}

TEST_F(Yandex, SeveralFoldersAreReadOverOneConnectionByLocalisedNames) {
  const std::string spam = *ingest::imap::to_modified_utf7("Спам");
  const std::string orders = *ingest::imap::to_modified_utf7("Заявки");
  imap().on("XLIST", [&](ImapConnection& client, const ImapCommand& command) {
    client.line(R"(* XLIST (\HasNoChildren \Inbox) "/" INBOX)");
    client.line(R"(* XLIST (\HasNoChildren \Spam) "/" ")" + spam + "\"");
    client.ok(command);
  });
  imap().account().add("INBOX", form_mail(1));
  imap().account().add(orders, form_mail(2));
  imap().account().add(spam, form_mail(3));
  settings.folders = {"INBOX", "Заявки", "\\Junk"};

  expect_pass();
  expect_pass();

  EXPECT_EQ(deals(), "3");
  EXPECT_EQ(count_of("LOGIN"), 1);
}

TEST_F(Yandex, WhatSupportWillAskForStandsInTheReason) {
  imap().on("LOGIN", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command,
              "[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled, sc=TESTSC");
  });

  const Error error = failed_pass();

  EXPECT_EQ(error.code, ErrorCode::upstream_auth);
  EXPECT_THAT(error.detail, HasSubstr("sc=TESTSC"));
}

TEST_F(Yandex, AnInternalErrorOfTheSignInPasses) {
  once("LOGIN", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "[UNAVAILABLE] LOGIN internal server error sc=TESTSC");
  });
  imap().account().add("INBOX", form_mail(1));

  EXPECT_EQ(failed_pass().code, ErrorCode::unavailable);
  expect_pass();

  EXPECT_EQ(deals(), "1");
}

TEST_F(Yandex, ClearTextThatIsRefusedIsSaidSo) {
  imap().on("LOGIN", [](ImapConnection& client, const ImapCommand& command) {
    client.line(command.tag +
                " BAD [PRIVACYREQUIRED] LOGIN Working without SSL/TLS encryption is not allowed");
  });

  const Error error = failed_pass();

  EXPECT_EQ(error.code, ErrorCode::upstream_rejected);
  EXPECT_THAT(error.detail, HasSubstr("SSL/TLS"));
}

// -- Mail.ru -------------------------------------------------------------------------------------

class MailRu : public Provider {
 protected:
  MailRu() { play(kMailRu); }
};

TEST_F(MailRu, TheWantOfAnApplicationPasswordIsSaidInItsOwnWords) {
  imap().on("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.line("+ ");
    client.read_line();
    client.no(command,
              "[AUTHENTICATIONFAILED] NEOBHODIM parol prilozheniya "
              "https://help.mail.ru/mail/security/protection/external / "
              "Application password is REQUIRED");
  });

  const Error error = failed_pass();

  EXPECT_EQ(error.code, ErrorCode::upstream_auth);
  EXPECT_THAT(error.detail, HasSubstr("Application password is REQUIRED"));
}

// Its IDLE says nothing: the polling is the guarantee.
TEST_F(MailRu, MailIsFoundAlthoughTheIdleNeverTellsOfIt) {
  settings.use_idle = true;
  settings.delay = std::chrono::milliseconds{300};
  imap().on("IDLE", [](ImapConnection& client, const ImapCommand& command) {
    client.line("+ idling");
    client.read_line();
    client.ok(command);
  });
  box().start();
  ASSERT_TRUE(imap().wait_for("IDLE"));

  imap().account().add("INBOX", form_mail(1));

  EXPECT_TRUE(eventually([&] { return deals() == "1"; }));
}

TEST_F(MailRu, APasswordWithoutTheRightToFlagMakesNoSecondRecord) {
  imap().on("UID STORE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "STORE not permitted");
  });
  imap().account().add("INBOX", form_mail(1));

  expect_pass();
  expect_pass();

  EXPECT_EQ(deals(), "1");
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_mail_flag_failures_total{mailbox=\"crm\"} "));
}

TEST_F(MailRu, ADropInTheMiddleOfAFetchLosesNothing) {
  once("UID FETCH", [](ImapConnection& client, const ImapCommand&) {
    client.send("* 1 FETCH (UID 1 RFC822.SIZE 900 BODY[] {900}\r\nFrom: x");
    client.close();
  });
  imap().account().add("INBOX", form_mail(1));

  EXPECT_EQ(failed_pass().reason, "connection_lost");
  expect_pass();

  EXPECT_EQ(deals(), "1");
}

}  // namespace
}  // namespace c360::testing
