// All mail intake of one daemon: a thread per mailbox, a small pool that reads mail, and the leases
// that make sure no other daemon works on the same mailbox.
//
// configure() is how a reload reaches it: mailboxes whose settings did not change keep their
// connection and are not touched. Thread-safe; owned by the App.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"
#include "daemon/base/retry.h"
#include "daemon/base/secret.h"
#include "daemon/base/snapshot.h"
#include "ingest/first_sync.h"
#include "ingest/mailbox_settings.h"
#include "store/database.h"

namespace c360::parsers {
class RuleSet;
}

namespace c360::adapters {
class VirusScanner;
}

namespace c360::store {
class Records;
class Registry;
}  // namespace c360::store

namespace c360::ingest {

class Inboxes;

// How long intake waits after what kind of failure.
struct IntakePace {
  // A pass that failed: connection, server.
  BackoffOptions failure{.first = std::chrono::seconds{1}, .limit = std::chrono::minutes{5}};
  // A refused sign-in locks accounts when it is repeated quickly, and a server that asks for
  // patience without saying how much does not mean a second.
  BackoffOptions refusal{.first = std::chrono::seconds{30}, .limit = std::chrono::minutes{15}};
  // Our database: the server of the mail is not to blame, and intake goes on within seconds.
  BackoffOptions database{.first = std::chrono::seconds{1}, .limit = std::chrono::seconds{4}};
  // What the server itself asks for is obeyed within these bounds.
  std::chrono::milliseconds shortest_patience{1'000};
  std::chrono::milliseconds longest_patience{3'600'000};
  // One mail that cannot be fetched or applied; the others go on.
  BackoffOptions mail{.first = std::chrono::seconds{5}, .limit = std::chrono::hours{1}};
  // Announcements of mail that turn out to be nothing new.
  BackoffOptions false_alarm{.first = std::chrono::seconds{1}, .limit = std::chrono::minutes{1}};
};

struct IntakeOptions {
  std::string holder;                 // this daemon in the lease table, such as host:pid:random
  std::string spool_folder = "/tmp";  // unlinked temporary files of mails over spool_bytes
  std::size_t spool_bytes = 1U << 20U;
  std::size_t prepare_threads = 4;  // one reads a batch while another applies the former
  int attempt_limit = 5;            // failed tries of one mail, then quarantine
  IntakePace pace;
  std::chrono::seconds compare_interval{900};  // full comparison with the server
  // A pass that has more to take ends after this and begins again: new mail and other folders wait
  // no longer, however large the backlog is.
  std::chrono::milliseconds pass_slice{10'000};
  // A first sync of more mails than this begins with the newest; a smaller one goes in their order,
  // so that an answer finds what it answers.
  std::int64_t newest_first_above = 1'000;
  std::chrono::seconds pass_limit{300};  // a pass without progress for longer is an alarm
  std::string default_phone_region = "RU";
  Secret thread_key;                   // of the ids in what we send
  std::uint64_t attachment_bytes = 0;  // a mail with a larger attachment is held; 0: no limit
  std::shared_ptr<const adapters::VirusScanner> scanner;  // null: attachments are not looked at
  // Called by every loop at least each `beat_interval` while it works: the watchdog's food.
  std::function<void(std::string_view loop)> beat = [](std::string_view) {};
  std::function<void(std::string_view loop)> retire = [](std::string_view) {};  // the loop ended
};

struct MailboxStatus {
  std::string code;
  MailboxKind kind = MailboxKind::crm;
  bool holds_lease = false;  // another daemon may hold it: then that is fine
  bool ready = false;        // the last pass succeeded, or another daemon holds the lease
  std::string reason;        // why not, for a person; also what is wrong though mail comes in
  std::optional<Instant> last_pass;
  int consecutive_failures = 0;
  SyncStatus sync;
};

class Intake {
 public:
  // `rules` must hold a rule set; everything referred to outlives the intake.
  Intake(store::Database& database, const store::Registry& registry, store::Records& records,
         std::shared_ptr<const parsers::RuleSet> rules, IntakeOptions options,
         const Observer& observer, const Clock& clock);
  ~Intake();  // stop()
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Starts, stops and replaces pollers so that exactly `mailboxes` run. Returns at once; stopped
  // pollers finish what is under way first.
  void configure(std::vector<MailboxSettings> mailboxes);
  // The next mail is matched by the new set; while the database is away, or slow for more than half
  // a second, the first one after the set could be registered there.
  void use_rules(std::shared_ptr<const parsers::RuleSet> rules);

  std::vector<MailboxStatus> status() const;
  // Reads and applies mails; shared with the dry run and with what a person does in quarantine.
  const Inboxes& inboxes() const;
  // The settings of a configured mailbox; nullopt when there is none of that code.
  std::optional<MailboxSettings> settings(std::string_view code) const;
  // Ends the wait of the mailbox, or of all when `code` is empty.
  void poll_now(std::string_view code = {});
  // No new work; network calls are cut, a batch being applied is finished, leases are released. The
  // database's statement timeout bounds it; Database::shut_down() from another thread cuts it
  // short.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::ingest
