// Stands between a program and its database and mail server, and ends the program before or after
// any step of it that lasts: the k-th of what it sends that changes the database or the mailbox.
//
// Nobody has to say which statements those are. What was said in a transaction so far (the names of
// its prepared statements) is remembered as lasting when a transaction that had an id ended at
// the server in the time; an IMAP command lasts unless it is known only to look. So an undisturbed
// run finds the steps, and one that is added to the program later is among them.
//
// Plain connections only. One thread; throws std::runtime_error where a socket fails.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temp_postgres.h"

namespace c360::testing {

class StepRelay {
 public:
  enum class Moment : std::uint8_t {
    before,  // nothing of the step leaves the program
    after,   // the server has done it and answered, the program never hears of it
  };
  struct Abort {
    std::size_t step;  // the first is 1
    Moment moment;
  };
  struct Watched {
    std::vector<std::string> steps;  // the last one is the one it ended at
    bool aborted = false;
    int status = 0;  // as waitpid() says
  };

  StepRelay(const TempPostgres& postgres, std::uint16_t imap_port);
  ~StepRelay();
  StepRelay(const StepRelay&) = delete;
  StepRelay& operator=(const StepRelay&) = delete;

  // Where the program connects to instead: the socket's folder, and a port of 127.0.0.1.
  std::string postgres_folder() const;
  std::uint16_t imap_port() const;

  // Of a program that does much besides: only steps whose name holds one of these are counted.
  void count_only(std::vector<std::string> parts);

  // Until the child process has ended, by itself or (SIGKILL) where `abort` says or because it is
  // `done`, which is asked now and then, and the servers have noticed; reaps it.
  Watched watch(pid_t program, std::optional<Abort> abort = {},
                const std::function<bool()>& done = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::testing
