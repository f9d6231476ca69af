// Faults of a server at the commands that only some mailboxes need: STARTTLS, LOGIN, ENABLE, what
// removes, moves and copies, IDLE; at the nth time of a command; and words that nobody asked for,
// around every one of them. Each mail ends once, with its own bytes, and is where it belongs.
#include <gmock/gmock.h>

#include <map>

#include "tests/ingest/hostile_fixture.h"
#include "tests/ingest/misbehaviours.h"
#include "tests/support/test_certificates.h"

namespace c360::testing {
namespace {

using ingest::MailboxSettings;
using ingest::imap::AuthMechanism;
using ingest::imap::TlsMode;

// How a mailbox comes to use a command, and what a refusal of it amounts to.
struct Way {
  enum class Refusal : std::uint8_t {
    ends_the_pass,
    is_told,     // mail is taken in and cannot be marked
    is_nothing,  // it goes without
  };
  const char* name;
  const char* command;
  Refusal refusal;
  bool silent;   // a loss of the connection there is no failure: it is only waited
  bool dripped;  // tried with drips too: they take as long as silence, and end the same way
  std::string capabilities;
  std::function<void(MailboxSettings&)> set_up;
};

std::vector<Way> every_way() {
  using enum Way::Refusal;
  const std::string plain = "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS";
  const auto nothing = [](MailboxSettings&) {};
  const auto deletes = [](MailboxSettings& box) { box.delete_after = true; };
  const auto moves = [](MailboxSettings& box) { box.move_to = "Done"; };
  return {
      {"Starttls", "STARTTLS", ends_the_pass, false, true, plain + " STARTTLS",
       [](MailboxSettings& box) { box.imap.tls = TlsMode::starttls; }},
      {"Login", "LOGIN", ends_the_pass, false, true, "IMAP4rev1 UIDPLUS",
       [](MailboxSettings& box) { box.imap.auth = AuthMechanism::login; }},
      {"Id", "ID", is_nothing, false, false, plain + " ID", nothing},
      {"Enable", "ENABLE", is_nothing, false, false, plain + " ENABLE CONDSTORE", nothing},
      {"Namespace", "NAMESPACE", is_nothing, false, false, plain + " MOVE NAMESPACE", moves},
      {"List", "LIST", is_told, false, false, plain + " MOVE SPECIAL-USE",
       [](MailboxSettings& box) { box.move_to = "\\Trash"; }},
      {"Move", "UID MOVE", is_told, false, true, plain + " MOVE", moves},
      {"Copy", "UID COPY", is_told, false, false, plain, moves},
      {"ExpungeOfWhatWasCopied", "UID EXPUNGE", is_told, false, false, plain, moves},
      {"Store", "UID STORE", is_told, false, false, plain, deletes},
      {"Expunge", "UID EXPUNGE", is_told, false, false, plain, deletes},
      {"ExpungeWithoutUidplus", "EXPUNGE", is_told, false, false, "IMAP4rev1 AUTH=PLAIN SASL-IR",
       deletes},
      {"CopyBeside", "UID COPY", is_told, false, false, plain,
       [](MailboxSettings& box) { box.copy_to = "Done"; }},
      {"CopyOfWhatGoes", "UID EXPUNGE", is_told, false, false, plain,
       [](MailboxSettings& box) {
         box.copy_to = "Done";
         box.delete_after = true;
       }},
      {"Idle", "IDLE", is_nothing, true, true, plain + " IDLE",
       [](MailboxSettings& box) { box.use_idle = true; }},
  };
}

struct Fault {
  const char* name;
  Handler handler;
  bool takes_time = false;
  bool is_a_refusal = false;
  bool drips = false;
};

std::vector<Fault> every_fault() {
  return {
      {"closes", closes},
      {"hangs", hangs, /*takes_time=*/true},
      {"drips", drips, /*takes_time=*/true, /*is_a_refusal=*/false, /*drips=*/true},
      {"says NO", answers("NO not now"), false, /*is_a_refusal=*/true},
      {"says BAD", answers("BAD what?"), false, /*is_a_refusal=*/true},
      {"says BYE", says("* BYE the house is on fire\r\n")},
  };
}

class MailboxOf : public HostileTest {
 protected:
  ~MailboxOf() override { intake.reset(); }  // before its server

  void open(const Way& way) {
    way.set_up(crm);
    crm.imap.ca_file = authority_.ca_file();
    wants_flags = crm.move_to.empty() && !crm.delete_after;
    ScriptedImapOptions how;
    how.capabilities = way.capabilities;
    how.certificate = authority_.issue("good");
    peer_ = std::make_unique<ScriptedImapServer>(how);
    peer_->account().change([](auto& folders) {
      folders["Done"];
      folders["Bin"];
    });
    for (int i = 0; i < 3; ++i) add();
  }
  void add() {
    const std::string bytes = form_mail(++forms_);
    mails_.emplace(peer_->account().add("INBOX", bytes), bytes);
  }
  bool told() { return wants_flags ? all_seen() : peer_->account().messages("INBOX").empty(); }
  bool taken() {
    return one("SELECT count(*) FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id WHERE "
               "b.code = 'crm' AND outcome = 'deal_created'") == std::to_string(mails_.size());
  }
  // All there is ended as its own record and the server was told; nothing else was made or moved.
  void expect_all_in_their_place() {
    EXPECT_TRUE(comes_true([&] { return taken() && told(); }));
    for (const auto& [uid, bytes] : mails_)
      EXPECT_EQ(one("SELECT encode(raw_sha256, 'hex') || ' ' || outcome" + of_mail(uid)),
                to_hex(sha256(bytes)) + " deal_created")
          << "uid " << uid;
    EXPECT_EQ(one("SELECT count(*) || ' ' || count(DISTINCT d.company_text) FROM crm.deal d JOIN "
                  "ops.mail m ON m.id = d.mail_message_id JOIN ops.mailbox b ON b.id = "
                  "m.mailbox_id WHERE b.code = 'crm'"),
              std::to_string(mails_.size()) + " " + std::to_string(mails_.size()));
    if (!crm.move_to.empty()) expect_there(crm.move_to == "\\Trash" ? "Bin" : crm.move_to);
    if (!crm.copy_to.empty()) expect_there(crm.copy_to);
    expect_equation();
  }
  // Each mail at least once: who copies and loses the connection before it can expunge has to copy
  // again.
  void expect_there(const std::string& folder) {
    std::set<std::string> there;
    for (const auto& message : peer_->account().messages(folder)) there.insert(message.bytes);
    std::set<std::string> wanted;
    for (const auto& [uid, bytes] : mails_) wanted.insert(bytes);
    EXPECT_EQ(there, wanted);
  }
  // By what nobody asked for, before the answer and after it.
  void expect_undisturbed(const std::string& command) {
    for (const char* noise :
         {"* 9 EXISTS\r\n* 2 RECENT\r\n", "* 1 EXPUNGE\r\n", "* 2 FETCH (FLAGS (\\Seen) UID 2)\r\n",
          "* VANISHED 1:2\r\n* VANISHED (EARLIER) 3\r\n",
          "* OK [ALERT] disk\r\n* NO weather\r\n"}) {
      SCOPED_TRACE(command + ": " + noise);
      // After its OK STARTTLS is followed by TLS, and IDLE ends: there the words are others'.
      const bool also_after = command != "STARTTLS" && command != "IDLE";
      peer_->misbehave(
          command, 0,
          [peer = peer_.get(), noise, also_after](ImapConnection& client, const ImapCommand& line) {
            client.send(noise);
            peer->answer(client, line);
            if (also_after) client.send(noise);
          });
      add();
      peer_->hang_up();
      EXPECT_TRUE(comes_true([&] { return taken() && told(); })) << "meanwhile";
      peer_->heal();
    }
  }
  // The server is honest again.
  void expect_recovered() {
    peer_->heal();
    EXPECT_TRUE(comes_true([&] {
      const auto now = status();
      return taken() && told() && now.ready && now.reason.empty();
    }));
    expect_calm();
    expect_all_in_their_place();
    well_until_ = log().size();
    well_metrics_ = quiet.metrics.serialize();
  }

  TempFolder folder_;
  TestAuthority authority_{folder_.path()};
  std::unique_ptr<ScriptedImapServer> peer_;
  std::map<std::uint32_t, std::string> mails_;
};

class EveryWay : public MailboxOf, public ::testing::WithParamInterface<Way> {};

TEST_P(EveryWay, CanFailWithoutHarm) {
  const Way& way = GetParam();
  crm.imap.connect_timeout = crm.imap.command_timeout = kSoon;
  open(way);
  start(*peer_);
  expect_recovered();  // it was never ill

  for (const Fault& fault : every_fault()) {
    if (fault.drips && !way.dripped) continue;
    SCOPED_TRACE(fault.name);
    peer_->misbehave(way.command, 0, fault.handler);
    const auto before = count_of(way.command);
    add();
    peer_->hang_up();

    const bool passes_by =
        way.silent || (fault.is_a_refusal && way.refusal == Way::Refusal::is_nothing);
    if (passes_by) {
      EXPECT_TRUE(peer_->wait_for(way.command, static_cast<int>(before) + 1));
      EXPECT_TRUE(comes_true([&] { return taken() && told(); })) << "meanwhile";
    } else {
      const bool is_told = fault.is_a_refusal && way.refusal == Way::Refusal::is_told;
      expect_trouble(fault.takes_time ? "in time" : "", is_told ? kFlagFailures : kFailures);
    }
    expect_recovered();
  }
}

TEST_P(EveryWay, IsNotDisturbedByWhatIsSaidUnasked) {
  const Way& way = GetParam();
  open(way);
  start(*peer_);
  expect_recovered();

  expect_undisturbed(way.command);
  expect_recovered();
}

INSTANTIATE_TEST_SUITE_P(Servers, EveryWay, ::testing::ValuesIn(every_way()),
                         [](const auto& way) { return std::string(way.param.name); });

using UsualCommands = MailboxOf;

TEST_F(UsualCommands, AreNotDisturbedByWhatIsSaidUnasked) {
  open(every_way().front());
  crm.imap.tls = TlsMode::none;
  start(*peer_);
  expect_recovered();

  for (const char* command :
       {"CAPABILITY", "AUTHENTICATE", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE"})
    expect_undisturbed(command);
  expect_recovered();
}

using CopiedMail = MailboxOf;

TEST_F(CopiedMail, ThatCannotBeMarkedIsNotCopiedAgainAndAgain) {
  open({"Copied", "", Way::Refusal::is_told, false, false, "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS",
        [](MailboxSettings& box) { box.copy_to = "Done"; }});
  peer_->misbehave("UID STORE", 0, answers("NO not now"));
  start(*peer_);
  ASSERT_TRUE(comes_true([&] { return taken(); }));
  ASSERT_TRUE(peer_->wait_for("UID STORE", 5));

  EXPECT_EQ(peer_->account().messages("Done").size(), mails_.size());
  expect_recovered();
  EXPECT_EQ(peer_->account().messages("Done").size(), mails_.size());
}

// ---------------------------------------------------------------- the nth time

struct Mode {
  const char* name;
  std::string capabilities;
  std::function<void(MailboxSettings&)> set_up;
  std::vector<const char*> commands;
};

class EveryTime : public MailboxOf, public ::testing::WithParamInterface<Mode> {};

// Of three batches any one may be hit.
TEST_P(EveryTime, ACommandThatFailsOnceDoesNoHarm) {
  const Mode& mode = GetParam();
  crm.batch_messages = 2;
  open({mode.name, "", Way::Refusal::is_told, false, false, mode.capabilities, mode.set_up});
  start(*peer_);
  expect_recovered();

  for (const char* command : mode.commands) {
    for (int nth = 1; nth <= 3; ++nth) {
      for (const Fault& fault : every_fault()) {
        if (fault.takes_time || fault.name == std::string_view("says BYE")) continue;
        SCOPED_TRACE(std::string(command) + " " + std::to_string(nth) + " " + fault.name);
        peer_->misbehave_at(command, nth, fault.handler);
        for (int i = 0; i < 6; ++i) add();
        EXPECT_TRUE(comes_true([&] { return taken() && told(); }));
        // A batch that is refused is asked for mail by mail before anything is said of it, and
        // where a copy is refused the folder may have been missing: both are tried once more at
        // once.
        const bool tried_again = fault.is_a_refusal && (command == std::string_view("UID FETCH") ||
                                                        command == std::string_view("UID MOVE") ||
                                                        command == std::string_view("UID COPY"));
        if (!tried_again) {
          EXPECT_TRUE(comes_true([&] { return troubled("crm"); })) << log();
        }
        expect_recovered();
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, EveryTime,
                         ::testing::Values(Mode{"Flagged",
                                                "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS",
                                                [](MailboxSettings&) {},
                                                {"UID FETCH", "UID STORE"}},
                                           Mode{"Deleted",
                                                "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS",
                                                [](MailboxSettings& box) {
                                                  box.delete_after = true;
                                                },
                                                {"UID STORE", "UID EXPUNGE"}},
                                           Mode{"Moved",
                                                "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS MOVE",
                                                [](MailboxSettings& box) { box.move_to = "Done"; },
                                                {"UID FETCH", "UID MOVE"}},
                                           Mode{"Copied",
                                                "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS",
                                                [](MailboxSettings& box) { box.move_to = "Done"; },
                                                {"UID COPY", "UID EXPUNGE"}}),
                         [](const auto& mode) { return std::string(mode.param.name); });

}  // namespace
}  // namespace c360::testing
