// The table of everything `client360` can do: help, completion and dispatch come from it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http_client.h"
#include "daemon/base/error.h"
#include "daemon/cli.h"
#include "daemon/command/output.h"
#include "daemon/config.h"
#include "store/database.h"

namespace c360::daemon::command {

// What stands behind a noun and verb on the command line, checked against the verb's row.
struct Arguments {
  std::vector<std::string> positional;
  std::map<std::string, std::vector<std::string>, std::less<>> options;  // without the dashes

  std::string option(std::string_view name, std::string_view otherwise = {}) const;
  bool has(std::string_view name) const { return options.contains(name); }
  // Values of an option that may repeat or hold a comma list.
  std::vector<std::string> list(std::string_view name) const;
};

// The surroundings of one call. Configuration, database and connections are made when first asked
// for, because not every verb needs them.
class Context {
 public:
  explicit Context(Arguments globals);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  bool json() const { return globals_.has("json"); }
  const Style& style() const { return style_; }
  std::string config_file() const;

  // Every mistake of the file is in the error.
  Result<const Config*> config();
  // By the service's configuration.
  Result<store::Database*> database();
  const Observer& observer() const { return observer_; }
  const Clock& clock() const { return clock_; }

  // JSON of the admin listener, which needs no token. `accepted`: a status besides 2xx that is an
  // answer too.
  Result<Json> admin(std::string_view method, std::string_view path, int accepted = 0);
  // JSON of the API, with the token of --token-file or $CLIENT360_TOKEN.
  Result<Json> api(std::string_view method, std::string_view path, std::string body = {},
                   std::string_view media_type = "application/json");
  // The same with a body of any length, which takes as long as the service needs for it.
  Result<Json> api_upload(std::string_view path, adapters::HttpUpload upload,
                          std::string_view media_type);
  bool has_token() const;

  // Prints the value as JSON with --json, else calls `human`.
  void show(const Json& value, const std::string& human) const;

 private:
  struct Connections;
  Result<std::string> base_url(std::string_view option, bool admin);
  Result<Json> call(adapters::HttpRequest request, std::string_view media_type,
                    const std::string& token, int accepted);
  Result<std::string> token() const;

  Arguments globals_;
  Style style_;
  Log log_;
  Metrics metrics_;
  Observer observer_;
  SystemClock clock_;
  std::unique_ptr<Config> config_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Connections> connections_;
};

struct Option {
  std::string_view name;   // "user"
  std::string_view value;  // "LOGIN"; empty: a switch
  std::string_view sentence;
};

struct Verb {
  std::string_view noun;
  std::string_view name;       // empty: the noun alone
  std::string_view arguments;  // "ID", "[DIR]", "FILE..."; the number of words is checked
  std::string_view sentence;
  std::vector<Option> options;
  Result<ExitCode> (*run)(Context&, const Arguments&);
};

// One function per file of this folder.
std::vector<Verb> check_verbs();
std::vector<Verb> mailbox_verbs();
std::vector<Verb> mail_verbs();
std::vector<Verb> import_verbs();
std::vector<Verb> quarantine_verbs();
std::vector<Verb> rules_verbs();
std::vector<Verb> job_verbs();
std::vector<Verb> report_verbs();
std::vector<Verb> adapter_verbs();
std::vector<Verb> token_verbs();
std::vector<Verb> user_verbs();
std::vector<Verb> service_verbs();  // reload, migrate
std::vector<Verb> doctor_verbs();
std::vector<Verb> completion_verbs();

const std::vector<Verb>& all_verbs();
std::span<const Option> global_options();

// The whole program. Never throws.
ExitCode run_client360(std::span<const std::string_view> arguments);

}  // namespace c360::daemon::command
