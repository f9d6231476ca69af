// From the connection to the signed-in state, against servers that are broken, careless or hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ingest/imap/client_rig.h"
#include "tests/support/temp_folder.h"

namespace c360::ingest::imap {
namespace {

using namespace c360::testing;  // NOLINT: the rig is all this file talks about
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Nothing in the transcript that carries the password.
void expect_no_password_sent(const ScriptedImapServer& server) {
  EXPECT_THAT(server.transcript(), Not(Contains(StartsWith("LOGIN"))));
  EXPECT_THAT(server.transcript(), Not(Contains(StartsWith("AUTHENTICATE"))));
}

class Tls : public ::testing::Test {
 protected:
  Error refused_with(const CertificateRequest& request, TlsMode mode = TlsMode::imaps) {
    ScriptedImapServer server(
        {.tls = mode == TlsMode::imaps, .certificate = authority_.issue("server", request)});
    ImapOptions options = options_for(server);
    options.tls = mode;
    options.ca_file = authority_.ca_file();
    const Error error = refused_connect(options);
    expect_no_password_sent(server);
    return error;
  }

  TempFolder folder_;
  TestAuthority authority_{folder_.path()};
};

TEST_F(Tls, AnExpiredCertificateIsRefused) {
  const Error error = refused_with({.valid_from_days = -20, .valid_to_days = -1});
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_EQ(error.reason, "certificate_refused");
  EXPECT_THAT(error.detail, HasSubstr("expired"));
}

TEST_F(Tls, ACertificateOfAnotherNameIsRefusedAlsoOnLoopback) {
  const Error error = refused_with({.names = {"mail.example.test"}});
  EXPECT_EQ(error.reason, "certificate_refused");
  EXPECT_THAT(error.detail, HasSubstr("imap.example.test"));
  EXPECT_EQ(refused_with({.names = {"mail.example.test"}}, TlsMode::starttls).reason,
            "certificate_refused");
}

TEST_F(Tls, ASelfSignedCertificateIsRefused) {
  EXPECT_EQ(refused_with({.self_signed = true}).reason, "certificate_refused");
}

TEST_F(Tls, ACertificateOfAnUnknownAuthorityIsRefused) {
  ScriptedImapServer server({.tls = true, .certificate = authority_.issue("server")});
  ImapOptions options = options_for(server);
  options.tls = TlsMode::imaps;

  EXPECT_EQ(refused_connect(options).reason, "certificate_refused");
}

TEST_F(Tls, AnAddressIsANameToo) {
  ScriptedImapServer server(
      {.tls = true, .certificate = authority_.issue("server", {.names = {}})});
  ImapOptions options = options_for(server);
  options.tls = TlsMode::imaps;
  options.ca_file = authority_.ca_file();
  options.server_name = "";  // the host: 127.0.0.1

  EXPECT_TRUE(make_imap_mailbox(options)->connect());
}

TEST_F(Tls, AnAuthorityFileThatIsNotThereIsNamed) {
  ScriptedImapServer server({.tls = true, .certificate = authority_.issue("server")});
  ImapOptions options = options_for(server);
  options.tls = TlsMode::imaps;
  options.ca_file = folder_.path() / "nothing.pem";

  const Error error = refused_connect(options);

  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.detail, HasSubstr("nothing.pem"));
}

TEST_F(Tls, AServerWithoutTlsOnATlsPortIsNoticed) {
  ScriptedImapServer server;
  ImapOptions options = options_for(server);
  options.tls = TlsMode::imaps;

  EXPECT_EQ(refused_connect(options).reason, "connection_lost");
}

TEST_F(Tls, StarttlsThatIsNotOfferedIsNotGivenUp) {
  ScriptedImapServer server({.capabilities = "IMAP4rev1 AUTH=PLAIN"});
  ImapOptions options = options_for(server);
  options.tls = TlsMode::starttls;

  EXPECT_EQ(refused_connect(options).reason, "tls_required");
  expect_no_password_sent(server);
}

TEST_F(Tls, StarttlsThatIsRefusedIsNotGivenUp) {
  ScriptedImapServer server;
  server.on("STARTTLS", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "not today");
  });
  ImapOptions options = options_for(server);
  options.tls = TlsMode::starttls;

  EXPECT_EQ(refused_connect(options).reason, "tls_required");
  expect_no_password_sent(server);
}

TEST_F(Tls, SignedInBeforeStarttlsIsNotAccepted) {
  ScriptedImapServer server({.greeting = "* PREAUTH welcome"});
  ImapOptions options = options_for(server);
  options.tls = TlsMode::starttls;

  EXPECT_EQ(refused_connect(options).reason, "tls_required");
}

TEST_F(Tls, BytesBetweenStarttlsAndTlsAreRefused) {
  ScriptedImapServer server({.certificate = authority_.issue("server")});
  server.on("STARTTLS", [](ImapConnection& client, const ImapCommand& command) {
    client.send(command.tag + " OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n");
    client.start_tls();
  });
  ImapOptions options = options_for(server);
  options.tls = TlsMode::starttls;
  options.ca_file = authority_.ca_file();

  EXPECT_EQ(refused_connect(options).reason, "tls_required");
  expect_no_password_sent(server);
}

TEST_F(Tls, WhatWasSaidBeforeTlsIsForgotten) {
  ScriptedImapServer server({.certificate = authority_.issue("server")});
  server.on("CAPABILITY", [](ImapConnection& client, const ImapCommand& command) {
    client.line(client.encrypted() ? "* CAPABILITY IMAP4rev1 LOGINDISABLED"
                                   : "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR");
    client.ok(command);
  });
  ImapOptions options = options_for(server);
  options.tls = TlsMode::starttls;
  options.ca_file = authority_.ca_file();

  const Error error = refused_connect(options);

  EXPECT_EQ(error.reason, "login_disabled") << error.detail;
  expect_no_password_sent(server);
}

TEST_F(Tls, AServerThatSaysNothingInTheHandshakeIsGivenUp) {
  ScriptedImapServer server;
  server.on("", [](ImapConnection& client, const ImapCommand&) { client.hang(); });
  ImapOptions options = options_for(server);
  options.tls = TlsMode::imaps;
  options.connect_timeout = std::chrono::milliseconds(50);

  EXPECT_EQ(refused_connect(options).code, ErrorCode::timeout);
}

TEST(Greeting, OfAServerThatSaysGoodbyeIsItsReason) {
  ScriptedImapServer server({.greeting = "* BYE too many connections"});

  const Error error = refused_connect(options_for(server));

  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_EQ(error.reason, "server_bye");
  EXPECT_THAT(error.detail, HasSubstr("too many connections"));
}

TEST(Greeting, OfAnotherProtocolIsRefused) {
  for (const char* greeting : {"HTTP/1.1 400 Bad Request", "220 smtp ready", "* 3 EXISTS", ""}) {
    ScriptedImapServer server({.greeting = greeting});
    EXPECT_EQ(refused_connect(options_for(server)).reason, "malformed_response") << greeting;
  }
}

TEST(Greeting, ThatSignsUsInSparesThePassword) {
  ScriptedImapServer server({.greeting = "* PREAUTH welcome"});

  EXPECT_TRUE(opened(server)->search({}));
  expect_no_password_sent(server);
}

TEST(Greeting, ThatDripsIsCutAtTheDeadline) {
  ScriptedImapServer server;
  server.on("", [](ImapConnection& client, const ImapCommand&) {
    client.drip("* OK " + std::string(1'000'000, '.'));
  });
  ImapOptions options = options_for(server);
  options.connect_timeout = std::chrono::milliseconds(100);

  EXPECT_EQ(refused_connect(options).code, ErrorCode::timeout);
}

TEST(Connect, ToAPortWhereNobodyListensFails) {
  ImapOptions options;
  {
    const ScriptedImapServer server;
    options = options_for(server);
  }
  const Error error = refused_connect(options);
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_EQ(error.reason, "connection_lost");
}

TEST(Connect, ToANameThatDoesNotExistFails) {
  ScriptedImapServer server;
  ImapOptions options = options_for(server);
  options.host = "nowhere.invalid";

  EXPECT_TRUE(refused_connect(options).temporary());
}

TEST(Connect, ByNameFindsTheAddress) {
  ScriptedImapServer server;
  ImapOptions options = options_for(server);
  options.host = "localhost";

  EXPECT_TRUE(make_imap_mailbox(options)->connect());
}

TEST(SignIn, IsNotTriedWhereTheServerForbidsIt) {
  ScriptedImapServer server({.capabilities = "IMAP4rev1 LOGINDISABLED"});

  const Error error = refused_connect(options_for(server));

  EXPECT_EQ(error.code, ErrorCode::upstream_auth);
  EXPECT_EQ(error.reason, "login_disabled");
  expect_no_password_sent(server);
}

TEST(SignIn, CarriesEveryPasswordWhole) {
  for (const char* password :
       {"plain", "with \"quotes\" and \\", "", "кириллица", "a\r\nb LOGOUT", "a {3}", " blanks "}) {
    for (const char* capabilities : {"IMAP4rev1", "IMAP4rev1 LITERAL+", "IMAP4rev1 LITERAL-",
                                     "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1 AUTH=PLAIN SASL-IR"}) {
      ScriptedImapServer server({.capabilities = capabilities, .password = password});
      ImapOptions options = options_for(server);
      options.password = Secret(password);
      const auto connected = make_imap_mailbox(options)->connect();
      EXPECT_TRUE(connected) << password << " / " << capabilities << ": "
                             << connected.error().detail;
    }
  }
}

TEST(SignIn, ByTheMechanismThatWasChosen) {
  ScriptedImapServer server;
  ImapOptions options = options_for(server);
  options.auth = AuthMechanism::login;
  EXPECT_TRUE(make_imap_mailbox(options)->connect());
  EXPECT_THAT(server.transcript(), Contains(StartsWith("LOGIN")));

  ScriptedImapServer other({.capabilities = "IMAP4rev1"});
  options = options_for(other);
  options.auth = AuthMechanism::plain;  // not announced, but told to use it
  EXPECT_TRUE(make_imap_mailbox(options)->connect());
}

TEST(SignIn, NeverShowsThePasswordAServerSendsBack) {
  for (const char* name : {"LOGIN", "AUTHENTICATE"}) {
    ScriptedImapServer server;
    server.on(name, [](ImapConnection& client, const ImapCommand& command) {
      client.line(command.tag + " BAD what is " + command.arguments + "?");
    });
    ImapOptions options = options_for(server);
    options.password = Secret("hunter2\"x");
    options.auth = std::string_view(name) == "LOGIN" ? AuthMechanism::login : AuthMechanism::plain;

    const Error error = refused_connect(options);

    EXPECT_THAT(error.detail, HasSubstr("***"));
    EXPECT_THAT(error.detail, Not(HasSubstr("hunter2")));
    EXPECT_THAT(error.detail, Not(HasSubstr("AGFubgBodW50ZXIyIng=")));  // the same in base64
  }
}

TEST(SignIn, EndsWhenAServerAsksForMoreAndMore) {
  ScriptedImapServer server;
  server.on("AUTHENTICATE", [](ImapConnection& client, const ImapCommand&) {
    for (;;) {
      client.line("+ more");
      if (client.read_line().empty()) client.close();
    }
  });

  EXPECT_EQ(refused_connect(options_for(server)).reason, "limit_crossed");
}

TEST(SignIn, RefusesANulBeforeTheServerSeesIt) {
  ScriptedImapServer server;
  ImapOptions options = options_for(server);
  options.password = Secret(std::string("a\0b", 3));

  EXPECT_EQ(refused_connect(options).code, ErrorCode::upstream_auth);
  EXPECT_TRUE(server.transcript().empty());
}

TEST(SignIn, TakesTheCapabilitiesThatHoldAfterIt) {
  ScriptedImapServer server({.capabilities = "IMAP4rev1 AUTH=PLAIN SASL-IR"});
  server.on("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.ok(command, "[CAPABILITY IMAP4rev1 UIDPLUS] welcome");
  });
  auto mailbox = make_imap_mailbox(options_for(server));
  ASSERT_TRUE(mailbox->connect());
  EXPECT_TRUE(mailbox->features().has("UIDPLUS"));
  EXPECT_FALSE(mailbox->features().has("SASL-IR"));
}

TEST(SignIn, ThatTheServerPutsOffIsTemporary) {
  ScriptedImapServer server;
  server.on("AUTHENTICATE", [](ImapConnection& client, const ImapCommand& command) {
    client.line(command.tag +
                " BAD Request is throttled. Suggested Backoff Time: 1500 milliseconds");
  });

  const Error error = refused_connect(options_for(server));

  EXPECT_EQ(error.code, ErrorCode::rate_limited);
  EXPECT_EQ(error.retry_after, std::chrono::seconds(2));
}

}  // namespace
}  // namespace c360::ingest::imap
