// Takes a new configuration while the daemon runs, or refuses it whole.
//
// Everything that can fail comes first: reading, checking, the rules and their examples, another
// database, new listeners. Only then what runs is changed, and only what differs: a mailbox whose
// settings are the same keeps its connection. Main thread only.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "daemon/parts.h"

namespace c360::daemon {

class Reloader {
 public:
  // `parts` outlives it.
  Reloader(Parts& parts, std::string config_file) : parts_(parts), file_(std::move(config_file)) {}

  // `trigger`: "signal", "file" or "request", for the log.
  ReloadAnswer reload(std::string_view trigger);

 private:
  // What was built and not yet taken.
  struct Prepared {
    std::shared_ptr<const Config> config;
    std::shared_ptr<const parsers::RuleSet> rules;
    std::vector<std::string> changed;
    std::unique_ptr<api::HttpServer> api;    // null: unchanged
    std::unique_ptr<api::HttpServer> admin;  // null: unchanged
  };

  std::expected<Prepared, Problems> prepare();
  Problems check_rule_values(const parsers::RuleSet& rules) const;
  Problems prepare_database(const Prepared& prepared) const;
  Problems prepare_seals(const Prepared& prepared) const;
  Problems prepare_listeners(Prepared& prepared);
  void commit(Prepared prepared);
  void replace_business();
  void restart_jobs();
  void restart_messages();
  void update_business(const Prepared& prepared);
  ReloadAnswer report(ReloadAnswer answer, std::string_view trigger);

  Parts& parts_;
  const std::string file_;
};

// Whether a key of `changed` lies under one of `prefixes`.
bool touches(const std::vector<std::string>& changed, std::span<const std::string_view> prefixes);
bool touches(const std::vector<std::string>& changed, std::string_view prefix);

}  // namespace c360::daemon
