// What the configuration says about one mailbox: a value, compared to see whether a reload changed
// it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/oauth.h"
#include "ingest/imap/options.h"
#include "parsers/mailbox_uri.h"

namespace c360::ingest {

enum class MailboxKind : std::uint8_t { crm, activity, support };
enum class MailTarget : std::uint8_t { deal, lead };

constexpr std::string_view to_string(MailboxKind kind) {
  return kind == MailboxKind::crm ? "crm" : kind == MailboxKind::activity ? "activity" : "support";
}
// crm for every other word.
constexpr MailboxKind mailbox_kind_of(std::string_view name) {
  return name == "activity"  ? MailboxKind::activity
         : name == "support" ? MailboxKind::support
                             : MailboxKind::crm;
}
constexpr std::string_view to_string(MailTarget target) {
  return target == MailTarget::deal ? "deal" : "lead";
}

struct MailboxSettings {
  std::string code;  // [mailbox.NAME], or the kind for the plain keys
  MailboxKind kind = MailboxKind::crm;
  imap::ImapOptions imap;
  std::optional<adapters::OAuthSettings> oauth;  // tokens sign in, instead of imap.password
  std::string maildir;                           // a drop folder instead of a server; empty: none
  std::vector<std::string> folders{"INBOX"};     // decoded names
  bool unseen_only = true;                       // `unseen` of domain 17.3
  bool delete_after = false;                     // `delete`: \Deleted and expunge instead of \Seen
  std::string move_to;                           // move after success; empty: stay
  std::string copy_to;                           // a copy there after success; empty: none
  parsers::MailboxSearch search;                 // only these mails of the folders; empty: all
  bool flag_quarantined = false;                 // quarantined mail is flagged like the others
  std::chrono::milliseconds delay{60'000};       // between passes; IDLE shortens the wait
  std::chrono::milliseconds initial_delay{0};
  bool use_idle = true;
  MailTarget target = MailTarget::deal;
  std::string rules;        // name of the rules that read its mail; empty: those of its kind
  std::string responsible;  // of what is made: login, e-mail or id of an employee; empty: nobody
  std::size_t first_sync_limit = 0;            // of the first listing only its newest mails; 0: all
  std::optional<std::chrono::sys_days> since;  // older mail is not listed
  // The authserv-id of our own mail server (RFC 8601): its word on senders is taken, nobody else's.
  std::string authserv_id;
  std::vector<std::string> own_addresses;  // our own senders: their mail is ignored
  // More answers of one sender within the window are a loop; 0: they are not counted.
  std::int64_t loop_limit = 200;
  std::chrono::minutes loop_window{60};
  std::chrono::days reopen_within{7};  // a closed support request; later a new one is made
  std::size_t batch_messages = 100;
  std::size_t batch_bytes = 8U << 20U;
  std::string uri_masked;  // for people; never holds the password
  std::string secret_ref;  // where the password came from, such as a file name

  std::string_view rules_name() const {
    return rules.empty() ? to_string(kind) : std::string_view{rules};
  }
  bool operator==(const MailboxSettings&) const = default;
};

}  // namespace c360::ingest
