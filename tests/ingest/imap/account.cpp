#include "tests/ingest/imap/account.h"

#include "ingest/imap/mailbox_name.h"
#include "tests/support/courier.h"
#include "tests/support/cyrus.h"
#include "tests/support/dovecot.h"
#include "tests/support/scripted_imap_server.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {
namespace {

using ingest::imap::ImapOptions;
using ingest::imap::TlsMode;

constexpr const char* kBare = "IMAP4rev1";

ImapOptions basic_options(TlsMode tls, std::uint16_t port, std::uint16_t imaps_port,
                          std::string ca_file, std::string user) {
  ImapOptions options;
  options.host = "127.0.0.1";
  options.server_name = "imap.example.test";
  options.command_timeout = std::chrono::seconds(30);
  options.tls = tls;
  options.port = tls == TlsMode::imaps ? imaps_port : port;
  options.ca_file = std::move(ca_file);
  options.username = std::move(user);
  options.password = Secret("secret");
  return options;
}

std::string wire_name(const std::string& folder) {
  return ingest::imap::to_modified_utf7(folder).value();
}

// A user nobody had before.
std::string new_user() {
  static int users = 0;
  return "user" + std::to_string(++users);
}

class ScriptedAccount final : public Account {
 public:
  explicit ScriptedAccount(const Kind& kind) : kind_(kind) {
    ScriptedImapOptions options;
    options.tls = kind.tls == TlsMode::imaps;
    options.certificate = authority_.issue("server");
    if (kind.bare) options.capabilities = std::string(kBare) + " AUTH=PLAIN STARTTLS";
    server_ = std::make_unique<ScriptedImapServer>(options);
  }
  ImapOptions options() override {
    const std::uint16_t port = server_->port();
    return basic_options(kind_.tls, port, port, authority_.ca_file().string(), "ann");
  }
  void deliver(std::span<const std::string> mails) override {
    for (const std::string& mail : mails) server_->account().add("INBOX", mail);
  }
  bool takes(const std::string&) const override { return true; }
  std::vector<std::string> contents(const std::string& folder) override {
    std::vector<std::string> all;
    for (const auto& message : server_->account().messages(wire_name(folder))) {
      all.push_back(message.bytes);
    }
    return all;
  }

 private:
  Kind kind_;
  TempFolder folder_;
  TestAuthority authority_{folder_.path()};
  std::unique_ptr<ScriptedImapServer> server_;
};

Dovecot& shared_dovecot(bool bare) {
  static Dovecot full;
  static std::unique_ptr<Dovecot> without;
  if (!bare) return full;
  if (!without) without = std::make_unique<Dovecot>(DovecotOptions{.capabilities = kBare});
  return *without;
}

class DovecotAccount final : public Account {
 public:
  explicit DovecotAccount(const Kind& kind) : kind_(kind), server_(shared_dovecot(kind.bare)) {}
  ImapOptions options() override {
    return basic_options(kind_.tls, server_.imap_port(), server_.imaps_port(), server_.ca_file(),
                         user_);
  }
  void deliver(std::span<const std::string> mails) override {
    for (const std::string& mail : mails) server_.deliver(user_, mail);
  }
  bool takes(const std::string&) const override { return true; }
  std::vector<std::string> contents(const std::string& folder) override {
    std::vector<std::string> all;
    for (auto& mail : server_.stored(user_, wire_name(folder))) all.push_back(mail.bytes);
    return all;
  }

 private:
  Kind kind_;
  Dovecot& server_;
  std::string user_ = new_user();
};

Cyrus& shared_cyrus() {
  static Cyrus server;
  return server;
}

class CyrusAccount final : public Account {
 public:
  explicit CyrusAccount(const Kind& kind) : kind_(kind) {}
  ImapOptions options() override {
    return basic_options(kind_.tls, server_.imap_port(), server_.imaps_port(), server_.ca_file(),
                         user_);
  }
  void deliver(std::span<const std::string> mails) override { server_.deliver(user_, mails); }
  bool takes(const std::string& mail) const override { return mail.starts_with("Subject:"); }
  std::vector<std::string> contents(const std::string& folder) override {
    return server_.stored(user_, wire_name(folder));
  }

 private:
  Kind kind_;
  Cyrus& server_ = shared_cyrus();
  std::string user_ = new_user();
};

Courier& shared_courier() {
  static Courier server;
  return server;
}

class CourierAccount final : public Account {
 public:
  explicit CourierAccount(const Kind& kind) : kind_(kind) { server_.add_user(user_); }
  ImapOptions options() override {
    return basic_options(kind_.tls, server_.imap_port(), server_.imaps_port(), server_.ca_file(),
                         user_);
  }
  void deliver(std::span<const std::string> mails) override {
    for (const std::string& mail : mails) server_.deliver(user_, mail);
  }
  bool takes(const std::string&) const override { return true; }
  std::vector<std::string> contents(const std::string& folder) override {
    return server_.stored(user_, folder);
  }

 private:
  Kind kind_;
  Courier& server_ = shared_courier();
  std::string user_ = new_user();
};

}  // namespace

std::unique_ptr<Account> make_account(const Kind& kind) {
  switch (kind.peer) {
    case Peer::dovecot:
      return std::make_unique<DovecotAccount>(kind);
    case Peer::cyrus:
      return std::make_unique<CyrusAccount>(kind);
    case Peer::courier:
      return std::make_unique<CourierAccount>(kind);
    case Peer::scripted:
      break;
  }
  return std::make_unique<ScriptedAccount>(kind);
}

}  // namespace c360::testing
