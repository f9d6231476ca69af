// A throw-away PostgreSQL cluster for a test binary: made by initdb in a temporary folder, on a
// unix socket (and a TCP port of 127.0.0.1 on request), gone when the process ends in any way.
//
//   Database database = …(TempPostgres::shared().create_options(), observer);
//
// PostgreSQL refuses to run as root, so the server then runs as the OS user `postgres`. Failing to
// start throws std::runtime_error with the server's log.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace c360::testing {

class TempPostgres;

struct TempPostgresOptions {
  bool durable = false;               // fsync and synchronous_commit on: for benches and outages
  bool tcp = false;                   // also 127.0.0.1 on a free port, without a password
  std::vector<std::string> settings;  // further "name=value" of postgresql.conf
  // A streaming standby of this one, copied from it; `settings` of the primary hold kReplicated.
  const TempPostgres* standby_of = nullptr;
  bool fillable = false;  // fill_disk() works
};

// What a server needs to have a standby, or to become one.
inline const std::vector<std::string> kReplicated = {"wal_level = replica", "max_wal_senders = 10",
                                                     "hot_standby = on"};

class TempPostgres {
 public:
  explicit TempPostgres(TempPostgresOptions options = {});
  ~TempPostgres();
  TempPostgres(const TempPostgres&) = delete;
  TempPostgres& operator=(const TempPostgres&) = delete;

  // One per process, made at the first call. Tests that stop the server make their own.
  static TempPostgres& shared();

  // A fresh database with all migrations applied (copied from a migrated template: some 50 ms);
  // its libpq URI, connecting as the superuser over the socket. One made within a test is there
  // for that test alone: the next one that makes a database drops it.
  std::string create_database();
  std::string create_empty_database();
  // create_database() as options for store::Database.
  store::DatabaseOptions create_options();

  // URI over the socket, or over TCP where asked for.
  std::string url(std::string_view database = "postgres", std::string_view user = "postgres") const;
  std::string tcp_url(std::string_view database = "postgres",
                      std::string_view user = "postgres") const;
  const std::string& socket_folder() const { return folder_; }
  std::uint16_t port() const { return port_; }

  // SQL outside the store, on a connection of its own; throws on an error. query() gives the first
  // column of every row.
  void execute(const std::string& url, const std::string& sql) const;
  std::vector<std::string> query(const std::string& url, const std::string& sql) const;

  void stop();   // fast shutdown: sessions are ended, then everything is written
  void start();  // after stop() or kill(); same folder, same port
  void kill();   // SIGKILL to all of it, as a power cut
  // From the next start on it only reads, as a standby without a primary, until promote().
  void become_read_only();
  // No table or index can grow while it is full; what was allocated before can be written.
  void fill_disk(bool full) const;
  void promote();  // a standby takes writes from now on; waits until it does
  bool running() const { return postmaster_ > 0; }

 private:
  // A database and the test it was made in (a ::testing::TestInfo); null: of no test.
  struct Made {
    std::string name;
    const void* test = nullptr;
  };

  std::string create_database_from(const std::string& source);
  void drop_databases_of_ended_tests();
  void start_guard();
  void initialise() const;
  void copy_primary() const;
  void write_settings() const;
  std::string log() const;

  TempPostgresOptions options_;
  std::string folder_;
  std::uint16_t port_ = 5432;
  pid_t postmaster_ = 0;
  pid_t guard_ = 0;
  int guard_pipe_ = -1;
  std::mutex mutex_;
  int databases_ = 0;  // made so far
  std::vector<Made> lying_;
  bool template_ready_ = false;
};

}  // namespace c360::testing
