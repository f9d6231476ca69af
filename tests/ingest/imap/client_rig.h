// The client and a scripted server that know each other's ports and secrets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "ingest/imap/imap_mailbox.h"
#include "tests/support/message_collector.h"
#include "tests/support/scripted_imap_server.h"

namespace c360::testing {

inline ingest::imap::ImapOptions options_for(const ScriptedImapServer& server) {
  ingest::imap::ImapOptions options;
  options.host = "127.0.0.1";
  options.port = server.port();
  options.tls = ingest::imap::TlsMode::none;
  options.server_name = "imap.example.test";
  options.username = "ann";
  options.password = Secret("secret");
  options.connect_timeout = std::chrono::seconds(20);
  options.command_timeout = std::chrono::seconds(20);
  return options;
}

inline std::unique_ptr<ingest::Mailbox> opened(const ingest::imap::ImapOptions& options) {
  auto mailbox = ingest::imap::make_imap_mailbox(options);
  const auto connected = mailbox->connect();
  EXPECT_TRUE(connected) << connected.error().detail;
  const auto selected = mailbox->select("INBOX", false);
  EXPECT_TRUE(selected) << selected.error().detail;
  return mailbox;
}
inline std::unique_ptr<ingest::Mailbox> opened(const ScriptedImapServer& server) {
  return opened(options_for(server));
}

// The error of a connect() that must fail.
inline Error refused_connect(const ingest::imap::ImapOptions& options) {
  auto mailbox = ingest::imap::make_imap_mailbox(options);
  const auto connected = mailbox->connect();
  EXPECT_FALSE(connected);
  return connected ? Error{} : connected.error();
}

}  // namespace c360::testing
