#include "store/connection_options.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

namespace c360::store {
namespace {

using Keywords = std::vector<std::pair<std::string, std::string>>;

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

// A dead peer is noticed in half a minute also where nothing is being sent.
constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
    {"connect_timeout", "3"},     {"target_session_attrs", "read-write"}, {"keepalives", "1"},
    {"keepalives_idle", "10"},    {"keepalives_interval", "5"},           {"keepalives_count", "4"},
    {"tcp_user_timeout", "30000"}};

std::string* find(Keywords& keywords, std::string_view name) {
  const auto found = std::ranges::find(keywords, name, &Keywords::value_type::first);
  return found == keywords.end() ? nullptr : &found->second;
}

void set(Keywords& keywords, std::string_view name, std::string_view value) {
  if (std::string* present = find(keywords, name)) {
    *present = value;
  } else {
    keywords.emplace_back(name, value);
  }
}

// One "-c name=value" of `options`: blanks and backslashes are escaped (libpq, 34.1.2).
std::string command_line(const Keywords& settings) {
  std::string out;
  for (const auto& [name, value] : settings) {
    out += (out.empty() ? "-c " : " -c ") + name + "=";
    for (const char c : value) {
      if (c == ' ' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace

Keywords session_settings(const ConnectionOptions& options) {
  const auto ms = [](std::chrono::milliseconds value) { return std::to_string(value.count()); };
  return {
      {"TimeZone", "UTC"},
      {"DateStyle", "ISO, YMD"},
      {"IntervalStyle", "iso_8601"},
      {"bytea_output", "hex"},
      {"search_path", "public"},  // operators of the extensions; our tables are always qualified
      {"jit", "off"},             // costs more than it brings on short statements
      {"statement_timeout", ms(options.statement_timeout)},
      {"lock_timeout", ms(options.lock_timeout)},
      {"idle_in_transaction_session_timeout", ms(options.idle_in_transaction_timeout)}};
}

Result<Keywords> connection_keywords(const ConnectionOptions& options) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(
      PQconninfoParse(options.url.c_str(), &complaint));
  PQfreemem(complaint);
  if (!parsed) {
    return fail(
        ErrorCode::invalid_request,
        "The database address is neither a libpq URI (postgresql://user@host:port/name) nor "
        "a keyword string (host=… dbname=…). Percent-encode special characters of a URI.",
        "database_url");
  }
  Keywords keywords;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) keywords.emplace_back(option->keyword, option->val);
  }
  for (const auto& [name, value] : kDefaults) {
    if (find(keywords, name) == nullptr) keywords.emplace_back(name, value);
  }
  set(keywords, "client_encoding", "UTF8");
  if (find(keywords, "application_name") == nullptr) {
    keywords.emplace_back("application_name", options.application_name);
  }
  if (!options.password.empty()) set(keywords, "password", options.password.reveal());
  if (!options.pooled) {
    std::string line = command_line(session_settings(options));
    if (const std::string* own = find(keywords, "options")) line += " " + *own;
    set(keywords, "options", line);
  }
  return keywords;
}

}  // namespace c360::store
