// One empty account on a server of every kind, so that the same cases run against all of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ingest/imap/options.h"

namespace c360::testing {

enum class Peer { scripted, dovecot, cyrus, courier };

struct Kind {
  const char* name;
  Peer peer;
  ingest::imap::TlsMode tls;
  bool bare = false;  // no UIDPLUS, MOVE, ESEARCH, IDLE, SASL-IR, LITERAL+
};

class Account {
 public:
  virtual ~Account() = default;
  virtual ingest::imap::ImapOptions options() = 0;
  virtual void deliver(std::span<const std::string> mails) = 0;
  // Whether the server can hold such a mail at all.
  virtual bool takes(const std::string& mail) const = 0;
  // What a folder holds, sorted as delivered, without the client under test. The name is UTF-8.
  virtual std::vector<std::string> contents(const std::string& folder) = 0;
};

// Real servers are shared by all accounts of a process.
std::unique_ptr<Account> make_account(const Kind& kind);

}  // namespace c360::testing
