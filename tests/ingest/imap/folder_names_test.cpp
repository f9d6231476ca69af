// Folder names on the wire: namespaces, modified UTF-7 and UTF-8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ingest/imap/client_rig.h"

namespace c360::ingest::imap {
namespace {

using namespace c360::testing;  // NOLINT: the rig is all this file talks about
using ::testing::Contains;

ScriptedImapOptions with(const std::string& capability) {
  ScriptedImapOptions options;
  options.capabilities += " " + capability;
  return options;
}

// Signs in and opens a folder; whether that succeeds does not matter here.
void try_to_open(const ScriptedImapServer& server, std::initializer_list<const char*> names) {
  auto mailbox = make_imap_mailbox(options_for(server));
  ASSERT_TRUE(mailbox->connect());
  for (const char* name : names) {
    const auto selected = mailbox->select(name, false);
    ASSERT_TRUE(selected || selected.error().code == ErrorCode::upstream_rejected);
  }
}

ScriptedImapServer::Handler namespaces(std::string answer) {
  return [answer = std::move(answer)](ImapConnection& client, const ImapCommand& command) {
    client.line("* NAMESPACE " + answer);
    client.ok(command);
  };
}

TEST(FolderNames, AreBelowTheUsersOwnPrefix) {
  ScriptedImapServer server(with("NAMESPACE"));
  server.on("NAMESPACE",
            namespaces(R"((("INBOX." ".")) NIL (("#shared." ".")("other." "." "X" ("a")))))"));

  try_to_open(server, {"Готово", "INBOX", "inbox", "INBOX.Done", "Inbox.Done", "#shared.all"});

  for (const char* command :
       {R"(SELECT "INBOX.&BBMEPgRCBD4EMgQ+-")", R"(SELECT "INBOX")", R"(SELECT "inbox")",
        R"(SELECT "INBOX.Done")", R"(SELECT "Inbox.Done")", R"(SELECT "#shared.all")"}) {
    EXPECT_THAT(server.transcript(), Contains(command));
  }
  EXPECT_EQ(std::ranges::count(server.transcript(), "NAMESPACE"), 1);
}

TEST(FolderNames, StandAloneWhereThereIsNoPrefix) {
  for (const char* answer :
       {R"((("" "/")) (("~" "/")) NIL)", "NIL NIL NIL", "((\"a\xff\x01\" \".\")) NIL NIL"}) {
    ScriptedImapServer server(with("NAMESPACE"));
    server.on("NAMESPACE", namespaces(answer));

    try_to_open(server, {"Done"});

    EXPECT_THAT(server.transcript(), Contains(R"(SELECT "Done")")) << answer;
  }
}

TEST(FolderNames, DoNotNeedAServerThatTellsItsNamespaces) {
  ScriptedImapServer server(with("NAMESPACE"));
  server.on("NAMESPACE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "not for you");
  });

  try_to_open(server, {"Done"});

  EXPECT_THAT(server.transcript(), Contains(R"(SELECT "Done")"));
}

TEST(FolderNames, AreUtf8OnceTheServerAcceptsIt) {
  ScriptedImapServer server(with("ENABLE UTF8=ACCEPT"));
  server.on("ENABLE", [](ImapConnection& client, const ImapCommand& command) {
    client.line("* ENABLED UTF8=ACCEPT");
    client.ok(command);
  });
  server.account().add("Входящие \"A\"", "Subject: x\r\n\r\n");
  auto mailbox = make_imap_mailbox(options_for(server));
  ASSERT_TRUE(mailbox->connect());

  const auto selected = mailbox->select("Входящие \"A\"", false);

  ASSERT_TRUE(selected) << selected.error().detail;
  EXPECT_EQ(selected->exists, 1U);
  EXPECT_THAT(server.transcript(), Contains("ENABLE UTF8=ACCEPT"));
}

TEST(FolderNames, AreModifiedUtf7WhereUtf8IsOfferedAndRefused) {
  ScriptedImapServer server(with("UTF8=ACCEPT"));
  server.on("ENABLE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "not today");
  });

  try_to_open(server, {"Готово"});

  EXPECT_THAT(server.transcript(), Contains(R"(SELECT "&BBMEPgRCBD4EMgQ+-")"));
}

TEST(FolderNames, AMissingFolderIsMadeEvenWhereTheServerDoesNotSayThatItIsMissing) {
  ScriptedImapServer server;
  server.account().add("INBOX", "Subject: x\r\n\r\n");
  server.on("UID MOVE", [&](ImapConnection& client, const ImapCommand& command) {
    if (!server.account().has_folder("Done")) return client.no(command, "Error in IMAP command");
    server.answer(client, command);
  });
  auto mailbox = opened(server);

  EXPECT_EQ(mailbox->move(std::vector<Uid>{1}, "Done"), Removal::done);
  EXPECT_EQ(server.account().messages("Done").size(), 1U);
}

// Under a new uid it would be taken in again, and moved again.
TEST(FolderNames, AMessageIsNotMovedToTheFolderItIsIn) {
  ScriptedImapServer server;
  server.on("LIST", [](ImapConnection& client, const ImapCommand& command) {
    client.line(R"(* LIST (\HasNoChildren \Archive) "/" "INBOX")");
    client.ok(command);
  });
  server.account().add("INBOX", "Subject: x\r\n\r\n");
  auto mailbox = opened(server);

  EXPECT_EQ(mailbox->move(std::vector<Uid>{1}, "\\Archive"), Removal::stayed);

  const auto kept = mailbox->list_all();
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_EQ(kept->front().uid, 1U);
  EXPECT_TRUE(kept->front().seen);
}

TEST(FolderNames, NoFolderIsMadeForWantOfRoom) {
  ScriptedImapServer server;
  server.account().add("INBOX", "Subject: x\r\n\r\n");
  server.on("UID MOVE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "[OVERQUOTA] full");
  });

  EXPECT_FALSE(opened(server)->move(std::vector<Uid>{1}, "Done"));
  EXPECT_FALSE(server.account().has_folder("Done"));
}

}  // namespace
}  // namespace c360::ingest::imap
