#include "parsers/mailbox_uri.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "daemon/base/text.h"
#include "parsers/mailbox_uri_options.h"
#include "parsers/punycode.h"

namespace c360::parsers {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMaximumDelay = std::chrono::hours(24 * 7);
constexpr milliseconds kMaximumTimeout = std::chrono::minutes(10);
constexpr std::int64_t kMaximumBatch = 10000;
constexpr std::size_t kMaximumOptions = 100;
// What clocks on earth show.
constexpr std::chrono::hours kMostBehindUtc{12};
constexpr std::chrono::hours kMostAheadOfUtc{14};

// One `name=value` as written.
struct RawOption {
  std::string_view name;
  std::string_view value;
  bool verbatim = false;  // was inside RAW(...)
};

// The length of `RAW(...)` or `RAW{...}` at the start of `text`, ending at the bracket that is
// followed by & or the end; 0 when there is none.
std::size_t raw_length(std::string_view text) {
  if (!text.starts_with("RAW(") && !text.starts_with("RAW{")) return 0;
  const char close = text[3] == '(' ? ')' : '}';
  for (std::size_t i = 4; i < text.size(); ++i) {
    if (text[i] == close && (i + 1 == text.size() || text[i + 1] == '&')) return i + 1;
  }
  return 0;
}

// Whether the "://" at `mark` ends a scheme, and does not stand in what follows a missing one.
bool ends_scheme(std::string_view text, std::size_t mark) {
  return mark != text.npos && text.substr(0, mark).find_first_of("?/@&=") == text.npos;
}

std::vector<RawOption> split_options(std::string_view query) {
  std::vector<RawOption> options;
  while (!query.empty()) {
    RawOption option;
    const std::size_t equals = query.find('=');
    const std::size_t ampersand = query.find('&');
    if (ampersand < equals || equals == query.npos) {
      option.name = query.substr(0, ampersand);
      query.remove_prefix(std::min(query.size(), option.name.size() + 1));
    } else {
      option.name = query.substr(0, equals);
      query.remove_prefix(equals + 1);
      const std::size_t raw = raw_length(query);
      option.verbatim = raw != 0;
      const std::string_view value =
          raw != 0 ? query.substr(0, raw) : query.substr(0, query.find('&'));
      option.value = raw != 0 ? value.substr(4, raw - 5) : value;
      query.remove_prefix(std::min(query.size(), value.size() + 1));
    }
    if (!option.name.empty() || !option.value.empty()) options.push_back(option);
  }
  return options;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  std::int64_t ms;
};

// java.util.concurrent.TimeUnit, less the two below a millisecond.
constexpr Unit kTimeUnits[] = {{"MILLISECONDS", 1},
                               {"SECONDS", 1000},
                               {"MINUTES", 60000},
                               {"HOURS", 3600000},
                               {"DAYS", 86400000}};
constexpr Unit kSuffixes[] = {
    {"ms", 1}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};

// A bare number of `unit`, or "1h2m3s".
std::optional<std::int64_t> duration_ms(std::string_view text, std::int64_t unit) {
  constexpr std::int64_t kLargest = 1'000'000'000'000;
  if (const auto plain = number(text)) {
    if (*plain > kLargest / unit || *plain < -kLargest / unit) return kLargest;
    return *plain * unit;
  }
  std::int64_t total = 0;
  while (!text.empty()) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    const auto value = number(text.substr(0, digits));
    if (digits == 0 || digits > 12 || !value) return std::nullopt;
    text.remove_prefix(digits);
    const auto* suffix = std::find_if(std::begin(kSuffixes), std::end(kSuffixes),
                                      [&](const Unit& u) { return text.starts_with(u.name); });
    if (suffix == std::end(kSuffixes)) return std::nullopt;
    if (*value > kLargest / suffix->ms) return kLargest;
    total += *value * suffix->ms;
    text.remove_prefix(suffix->name.size());
  }
  return total == 0 ? std::nullopt : std::optional(std::min(total, kLargest));
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_relative(std::string_view bound) { return bound.starts_with("now"); }

// "yyyy-MM-dd HH:mm:SS", or "now" with an offset such as -24h.
std::optional<Instant> search_moment(std::string_view text, Instant now) {
  if (is_relative(text)) {
    text.remove_prefix(3);
    if (text.empty()) return now;
    const char sign = text.front();
    if (sign != '-' && sign != '+') return std::nullopt;
    const auto offset = duration_ms(text.substr(1), 1);
    if (!offset) return std::nullopt;
    return now + milliseconds{sign == '-' ? -*offset : *offset};
  }
  if (text.size() == 10) return from_rfc3339(std::string(text) + "T00:00:00Z");
  if (text.size() != 19 || text[10] != ' ') return std::nullopt;
  std::string iso(text);
  iso[10] = 'T';
  return from_rfc3339(iso + "Z");
}
bool is_search_date(std::string_view text) { return search_moment(text, Instant{}).has_value(); }

class Reader {
 public:
  Reader(std::string_view text, bool password_elsewhere)
      : text_(text), password_elsewhere_(password_elsewhere) {}

  MailboxSetting read() {
    if (text_.size() > kMaximumMailboxUriBytes) {
      error("", "the mailbox string is longer than " + std::to_string(kMaximumMailboxUriBytes) +
                    " bytes");
      return std::move(setting_);
    }
    if (text_.empty()) {
      warn("", "empty value treated as disabled");
      return std::move(setting_);
    }
    if (equal_ignoring_case(text_, "disabled")) return std::move(setting_);
    if (!is_valid_utf8(text_)) {
      error("", "the mailbox string is not valid UTF-8");
      return std::move(setting_);
    }
    read_scheme();
    const std::size_t query = text_.find('?');
    read_location(text_.substr(0, query));
    if (query != text_.npos) read_options(text_.substr(query + 1));
    check();
    if (setting_.errors.empty() && !off_) setting_.mailbox = std::move(uri_);
    return std::move(setting_);
  }

 private:
  void warn(std::string_view option, std::string text) {
    setting_.warnings.push_back({std::string(option), std::move(text)});
  }
  void error(std::string_view option, std::string text) {
    setting_.errors.push_back({std::string(option), std::move(text)});
  }

  void read_scheme() {
    const std::size_t mark = text_.find("://");
    std::string scheme;
    if (ends_scheme(text_, mark)) {
      scheme = to_lower(text_.substr(0, mark));
      text_.remove_prefix(mark + 3);
    } else {
      scheme = "imap";
      warn("scheme", "the scheme is missing, imap:// is assumed");
    }
    if (scheme == "imap") {
      uri_.tls = MailboxTls::starttls;
      uri_.port = 143;
      warn("scheme",
           "starttls required: imap:// is used with STARTTLS only; write imaps:// for TLS "
           "from the start");
    } else if (scheme != "imaps") {
      error("scheme", "scheme " + scheme.substr(0, 20) + " is not supported");
    }
  }

  void read_location(std::string_view location) {
    const std::size_t slash = location.find('/');
    std::string_view authority = location.substr(0, slash);
    if (slash != location.npos && slash + 1 < location.size()) {
      path_folder_ = percent_decoded(location.substr(slash + 1), false);
    }
    if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
      read_credentials(authority.substr(0, at));
      authority.remove_prefix(at + 1);
    }
    read_host(authority);
  }

  void read_credentials(std::string_view info) {
    const std::size_t colon = info.find(':');
    uri_.username = percent_decoded(info.substr(0, colon), false);
    if (colon != info.npos) uri_.password = Secret(percent_decoded(info.substr(colon + 1), false));
    warn("username", "credentials in authority: write them as options, or better in a secret file");
  }

  void read_host(std::string_view authority) {
    std::size_t colon = authority.rfind(':');
    const bool bracketed = authority.starts_with('[');
    const std::size_t bracket = authority.find(']');
    if (bracketed && (bracket == authority.npos || colon < bracket)) colon = authority.npos;
    std::string_view host = authority.substr(0, colon);
    if (colon != authority.npos) {
      const auto port = number(authority.substr(colon + 1));
      if (!port || *port < 1 || *port > 65535) {
        error("port", "port out of range");
      } else {
        uri_.port = static_cast<std::uint16_t>(*port);
      }
    }
    if (host.empty()) return error("host", "host missing");
    if (bracketed && bracket + 1 == host.size()) {
      uri_.host = std::string(host.substr(1, bracket - 1));
      if (uri_.host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string::npos) {
        error("host", "the host is no IPv6 address");
      }
      return;
    }
    auto name = ascii_host_name(percent_decoded(host, false));
    if (!name) return error("host", "the host is no valid name");
    uri_.host = std::move(*name);
  }

  void read_options(std::string_view query) {
    const std::vector<RawOption> options = split_options(query);
    if (options.size() > kMaximumOptions) {
      return error("", "more than " + std::to_string(kMaximumOptions) + " options");
    }
    // The unit counts for options before it too.
    for (const RawOption& option : options) {
      if (option.name == "timeUnit" || option.name == "consumer.timeUnit")
        read_time_unit(option.value);
    }
    std::string_view previous;
    for (const RawOption& option : options) {
      read_option(option, previous);
      previous = option.name;
    }
  }

  void read_time_unit(std::string_view value) {
    for (const Unit& unit : kTimeUnits) {
      if (equal_ignoring_case(unit.name, value)) {
        unit_ms_ = unit.ms;
        return;
      }
    }
    error("timeUnit", "timeUnit must be MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS");
  }

  void read_option(const RawOption& option, std::string_view previous) {
    std::string name(option.name);
    for (const std::string_view prefix : {"consumer.", "additionalJavaMailProperties."}) {
      if (!name.starts_with(prefix)) continue;
      name.erase(0, prefix.size());
      warn(name, std::string(prefix) + name + " is read as " + name);
    }
    if (!seen_.insert(name).second) return error(name, "option " + name + " given twice");
    const std::string value =
        option.verbatim ? std::string(option.value) : percent_decoded(option.value, true);
    if ((name == "username" || name == "password") && !option.verbatim &&
        option.value.find('+') != option.value.npos) {
      warn(name, name + ": a bare + is read as a blank; write %2B for a plus");
    }
    if (!is_valid_utf8(value) || has_control(value)) {
      return error(name, name + " contains control characters or is not valid UTF-8");
    }
    if (name.starts_with("searchTerm.")) return read_search(name, value);
    if (name.starts_with("mail.")) return read_property(name, value);
    if (name.starts_with("scheduler.")) {
      return error(name, "scheduler is not taken from the mailbox string; use the job schedule");
    }
    const OptionRow* row = find_option(name);
    if (row == nullptr) return unknown(name, previous);
    if (!option.verbatim && value.starts_with('#') && row->use != OptionUse::reference &&
        name != "password" && name != "username") {
      return error(name, name + " names an object of the other platform");
    }
    use(*row, name, value);
  }

  void use(const OptionRow& row, const std::string& name, const std::string& value) {
    switch (row.use) {
      case OptionUse::setting:
        return set(name, value);
      case OptionUse::boolean:
        if (!boolean(name, value)) return;
        [[fallthrough]];
      case OptionUse::ignored:
        return warn(name, name + ": " + std::string(row.remark));
      case OptionUse::reference:
      case OptionUse::refused:
        return error(name, row.remark.starts_with("object reference")
                               ? std::string(row.remark)
                               : name + " " + std::string(row.remark));
    }
  }

  // After a password with a bare & inside, the "name" may be the rest of the password.
  void unknown(const std::string& name, std::string_view previous) {
    const auto nearest = nearest_option(name);
    if (nearest) {
      return error(name,
                   "unknown option " + name + " (did you mean " + std::string(*nearest) + "?)");
    }
    if (previous == "password") {
      return error("password",
                   "what follows password is no known option: if the password contains "
                   "&, write %26 or RAW(...)");
    }
    error(name, "unknown option " + name);
  }

  std::optional<bool> boolean(const std::string& name, const std::string& value) {
    if (equal_ignoring_case(value, "true")) return true;
    if (equal_ignoring_case(value, "false")) return false;
    error(name, name + " must be true or false");
    return std::nullopt;
  }

  void set_bool(const std::string& name, const std::string& value, bool& target) {
    if (const auto read = boolean(name, value)) target = *read;
  }

  void set_duration(const std::string& name, const std::string& value, std::int64_t unit,
                    milliseconds maximum, bool zero_allowed, milliseconds& target) {
    const auto ms = duration_ms(value, unit);
    if (!ms) return error(name, name + " is not a duration");
    if (*ms < 0 || (*ms == 0 && !zero_allowed)) return error(name, name + " must be positive");
    if (milliseconds(*ms) > maximum) {
      return error(name, name + " is longer than " + std::to_string(maximum.count()) + " ms");
    }
    target = milliseconds(*ms);
  }

  void set(const std::string& name, const std::string& value) {
    if (name == "username") {
      uri_.username = value;
    } else if (name == "password") {
      uri_.password = Secret(value);
    } else if (name == "folderName") {
      folder_given_ = true;
      uri_.folder = value;
    } else if (name == "delete") {
      set_bool(name, value, uri_.delete_after);
    } else if (name == "unseen") {
      unseen_ = boolean(name, value);
    } else if (name == "delay") {
      set_delay(value);
    } else if (name == "initialDelay") {
      set_duration(name, value, unit_ms_, kMaximumDelay, true, uri_.initial_delay);
    } else if (name == "connectionTimeout") {
      set_duration(name, value, 1, kMaximumTimeout, false, uri_.connect_timeout);
      uri_.read_timeout = uri_.connect_timeout;
    } else if (name == "moveTo" || name == "copyTo") {
      (name == "moveTo" ? uri_.move_to : uri_.copy_to) = value;
      if (value.empty()) error(name, name + " names no folder");
    } else if (name == "greedy") {
      set_bool(name, value, uri_.greedy);
    } else if (name == "fetchSize" || name == "maxMessagesPerPoll") {
      set_batch(name, value);
    } else if (name != "timeUnit") {
      set_switch(name, value);
    }
  }

  void set_delay(const std::string& value) {
    set_duration("delay", value, unit_ms_, kMaximumDelay, false, uri_.delay);
    if (uri_.delay >= kMinimumDelay) return;
    warn("delay", "delay of " + std::to_string(uri_.delay.count()) + " ms is raised to " +
                      std::to_string(kMinimumDelay.count()) +
                      " ms (a bare number is milliseconds)");
    uri_.delay = kMinimumDelay;
  }

  void set_batch(const std::string& name, const std::string& value) {
    const bool fetch_size = name == "fetchSize";
    const auto count = number(value);
    if (!count || *count < (fetch_size ? -1 : 0) || *count > kMaximumBatch) {
      return error(name, name + " must be a number from 1 to " + std::to_string(kMaximumBatch));
    }
    if (*count == 0 && fetch_size) return error(name, "fetchSize=0 would never fetch anything");
    if (*count <= 0) return;
    const auto batch = static_cast<std::uint32_t>(*count);
    uri_.batch = uri_.batch ? std::min(*uri_.batch, batch) : batch;
  }

  // Switches of which one position only has a meaning here.
  void set_switch(const std::string& name, const std::string& value) {
    if (name == "scheduler") {
      if (!equal_ignoring_case(value, "none")) {
        error(name, "scheduler is not taken from the mailbox string; use the job schedule");
      }
      return;
    }
    if (name == "repeatCount") {
      const auto count = number(value);
      if (!count || *count > 0) error(name, "repeatCount would stop the mailbox; use disabled");
      return;
    }
    const auto on = boolean(name, value);
    if (!on) return;
    if (name == "dummyTrustManager" && *on) {
      error(name, "certificate checks cannot be switched off by the URI");
    } else if (name == "sendEmptyMessageWhenIdle" && *on) {
      error(name, "sendEmptyMessageWhenIdle is not supported");
    } else if (name == "startScheduler") {
      off_ = off_ || !*on;
    } else if (name == "peek" && !*on) {
      warn(name, "peek=false is ignored: mails are always fetched without setting \\Seen");
    } else if (name == "useFixedDelay" && !*on) {
      warn(name, "useFixedDelay=false is ignored: the interval begins after the end of a poll");
    } else if (name == "disconnect") {
      uri_.keep_connection = !*on;
      warn(name,
           *on ? "disconnect=true logs in at every poll; some servers (Microsoft 365) limit that"
               : "disconnect=false is what is done anyway");
    }
  }

  void read_search(const std::string& name, const std::string& value) {
    const std::string_view term = std::string_view(name).substr(11);
    search_given_ = true;
    MailboxSearch& search = uri_.search;
    struct Term {
      std::string_view name;
      std::string* target;
      bool date;
    };
    const Term terms[] = {{"subject", &search.subject, false},
                          {"body", &search.body, false},
                          {"subjectOrBody", &search.subject_or_body, false},
                          {"from", &search.from, false},
                          {"to", &search.to, false},
                          {"fromSentDate", &search.sent_since, true},
                          {"toSentDate", &search.sent_before, true},
                          {"fromReceivedDate", &search.received_since, true},
                          {"toReceivedDate", &search.received_before, true}};
    if (term == "unseen") {
      search_unseen_ = boolean(name, value);
      return;
    }
    for (const Term& one : terms) {
      if (one.name != term) continue;
      if (one.date && !is_search_date(value)) {
        return error(name, name + " must be yyyy-MM-dd HH:mm:ss or now-24h");
      }
      *one.target = value;
      return;
    }
    error(name, "unknown option " + name);
  }

  void read_property(const std::string& name, const std::string& value) {
    std::string_view key = name;
    for (const std::string_view prefix : {"mail.imaps.", "mail.imap.", "mail."}) {
      if (!key.starts_with(prefix)) continue;
      key.remove_prefix(prefix.size());
      break;
    }
    if (key == "connectiontimeout") {
      set_duration(name, value, 1, kMaximumTimeout, false, uri_.connect_timeout);
    } else if (key == "timeout") {
      set_duration(name, value, 1, kMaximumTimeout, false, uri_.read_timeout);
    } else if (key == "auth.mechanisms") {
      std::string spaced = value;
      std::replace(spaced.begin(), spaced.end(), ',', ' ');
      for (const std::string_view word : split(spaced, ' ')) {
        if (!word.empty()) uri_.auth_mechanisms.emplace_back(word);
      }
    } else if (key == "ssl.trust") {
      error(name, "certificate checks cannot be switched off by the URI");
    } else if (key == "ssl.checkserveridentity") {
      const auto on = boolean(name, value);
      if (on && !*on) error(name, "certificate checks cannot be switched off by the URI");
    } else if (key == "ssl.enable") {
      const auto on = boolean(name, value);
      if (on && *on) uri_.tls = MailboxTls::implicit;
      if (on && !*on) warn(name, name + "=false is ignored: the scheme decides");
    } else if (key == "starttls.enable" || key == "starttls.required") {
      const auto on = boolean(name, value);
      if (on && !*on) warn(name, name + "=false is ignored: without TLS no password is sent");
    } else {
      warn(name, name + " has no meaning here and is ignored");
    }
  }

  void check() {
    if (uri_.username.empty()) error("username", "username missing");
    if (uri_.password.empty() && !password_elsewhere_) {
      error("password", "password or OAuth settings missing");
    }
    for (const std::string_view decoded : {std::string_view(uri_.username), uri_.password.reveal(),
                                           std::string_view(path_folder_)}) {
      if (is_valid_utf8(decoded) && !has_control(decoded)) continue;
      error("", "username, password or folder contains control characters or is not valid UTF-8");
      break;
    }
    if (!path_folder_.empty()) {
      if (folder_given_) {
        warn("folderName", "the folder is given twice: folderName counts, not the path");
      } else {
        uri_.folder = path_folder_;
      }
    }
    if (uri_.folder.empty()) error("folderName", "folderName names no folder");
    decide_unseen();
  }

  // A search term replaces the option `unseen`; what counts then is its own, true by default.
  void decide_unseen() {
    if (search_given_) {
      uri_.unseen_only = search_unseen_.value_or(true);
      if (unseen_ && *unseen_ != uri_.unseen_only) {
        warn("unseen", "unseen is replaced by searchTerm.unseen, which differs");
      }
    } else {
      uri_.unseen_only = unseen_.value_or(true);
    }
    if (!uri_.unseen_only) {
      warn("unseen",
           "unseen=false: mails that somebody has read are taken too; what was taken before is "
           "known from our own ledger");
    }
  }

  std::string_view text_;
  bool password_elsewhere_;
  MailboxSetting setting_;
  MailboxUri uri_;
  std::set<std::string> seen_;
  std::int64_t unit_ms_ = 1;
  std::string path_folder_;
  bool folder_given_ = false;
  bool off_ = false;
  bool search_given_ = false;
  std::optional<bool> unseen_;
  std::optional<bool> search_unseen_;
};

// Byte for byte, so that places in both are the same.
std::string ascii_lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// Where the password of the authority that begins at `begin` stands; empty when there is none.
std::pair<std::size_t, std::size_t> authority_password(std::string_view text, std::size_t begin) {
  const std::size_t end = std::min(text.find_first_of("/?", begin), text.size());
  const std::size_t colon = text.find(':', begin);
  if (colon == text.npos || colon >= end) return {0, 0};
  const std::size_t at = text.substr(0, end).rfind('@');
  if (at != text.npos && at > colon) return {colon + 1, at};
  // No "@" where one should be: unless it is a port, the password has a "/" or "?" inside.
  const std::string_view rest = text.substr(colon + 1, end - colon - 1);
  if (rest.find_first_not_of("0123456789") == rest.npos) return {0, 0};
  const std::size_t last = text.rfind('@');
  return {colon + 1, last != text.npos && last > colon ? last : end};
}

}  // namespace

std::string_view to_string(MailboxTls tls) {
  return tls == MailboxTls::implicit ? "implicit" : "starttls";
}

MailboxSetting read_mailbox_uri(std::string_view text, bool password_elsewhere) {
  const std::string inner(trimmed(text));
  return Reader(inner, password_elsewhere).read();
}

std::string masked_mailbox_uri(std::string_view text) {
  std::string masked(text);
  // Without a scheme the authority begins at once; a "://" further on may still have been meant as
  // one. From the back, so that the places stay.
  const std::size_t mark = text.find("://");
  const std::size_t after_mark = mark == text.npos ? 0 : mark + 3;
  std::size_t masked_from = text.size();
  for (const std::size_t authority : {after_mark, std::size_t{0}}) {
    if (authority == 0 && ends_scheme(text, mark)) continue;
    const auto [begin, end] = authority_password(text, authority);
    if (begin >= end || begin >= masked_from) continue;
    masked.replace(begin, std::min(end, masked_from) - begin, kMasked);
    masked_from = begin;
  }
  std::string lower = ascii_lower(masked);
  for (const std::string_view key : {"password=", "secret=", "token="}) {
    for (std::size_t at = lower.find(key); at != lower.npos; at = lower.find(key, at)) {
      at += key.size();
      const std::size_t raw = raw_length(std::string_view(masked).substr(at));
      const std::size_t length =
          raw != 0 ? raw : std::min(masked.find('&', at), masked.size()) - at;
      masked.replace(at, length, kMasked);
      lower.replace(at, length, kMasked);
    }
  }
  return masked;
}

bool MailboxSearch::widens() const {
  return is_relative(sent_before) || is_relative(received_before);
}

std::optional<std::chrono::sys_days> search_day(std::string_view bound, Instant now,
                                                SearchBound side) {
  const auto moment = search_moment(bound, now);
  if (!moment) return std::nullopt;
  const auto shown = !is_relative(bound)             ? *moment
                     : side == SearchBound::earliest ? *moment - kMostBehindUtc
                                                     : *moment + kMostAheadOfUtc;
  return std::chrono::floor<std::chrono::days>(shown);
}

}  // namespace c360::parsers
