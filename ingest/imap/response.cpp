#include "ingest/imap/response.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/base/text.h"

namespace c360::ingest::imap {
namespace {

constexpr std::array<std::string_view, 5> kStatusWords{"OK", "NO", "BAD", "PREAUTH", "BYE"};

std::optional<Status> status_from(std::string_view word) {
  for (std::size_t i = 0; i < kStatusWords.size(); ++i) {
    if (equal_ignoring_case(word, kStatusWords[i])) return static_cast<Status>(i);
  }
  return std::nullopt;
}

std::string upper_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

class ResponseParser {
 public:
  ResponseParser(Lexer& lexer, const ImapLimits& limits, BodyHandler& body)
      : in_(lexer), limits_(limits), body_(body) {}

  Result<Response> parse() {
    in_.begin_response();
    if (in_.accept('+')) {
      continuation();
    } else if (in_.accept('*')) {
      in_.expect_space();
      untagged();
    } else {
      tagged();
    }
    in_.expect_line_end();
    if (!in_.ok()) return in_.error();
    return std::move(out_);
  }

 private:
  void continuation() {
    out_.kind = Response::Kind::continuation;
    in_.accept(' ');
    out_.text = in_.text(kKeptText);
  }

  void tagged() {
    out_.kind = Response::Kind::tagged;
    out_.tag = in_.atom();
    in_.expect_space();
    const auto status = status_from(in_.atom());
    if (!status) return in_.refuse("a tagged response that is not OK, NO or BAD");
    out_.status = *status;
    status_text();
  }

  // The blank before the text is missing in some servers when the text is empty.
  void status_text() {
    in_.accept(' ');
    if (in_.accept('[')) {
      out_.code.name = upper_case(code_name());
      if (in_.accept(' ')) out_.code.arguments = code_arguments();
      in_.expect(']');
      in_.accept(' ');
    }
    out_.text = in_.text(kKeptText);
  }

  std::string code_name() {
    std::string name;
    while (in_.ok() && in_.peek() != ' ' && in_.peek() != ']' && !in_.at_line_end()) {
      name += static_cast<char>(in_.take());
    }
    return name;
  }

  // To the closing bracket, which a quoted string may hold too.
  std::string code_arguments() {
    std::string text;
    bool quoted = false;
    while (in_.ok() && !in_.at_line_end()) {
      const int c = in_.peek();
      if (c == ']' && !quoted) break;
      if (c == '"') quoted = !quoted;
      text += static_cast<char>(in_.take());
    }
    return text;
  }

  void untagged() {
    const int first = in_.peek();
    if (first >= '0' && first <= '9') return numbered();
    const std::string word = upper_case(in_.atom());
    if (const auto status = status_from(word)) {
      out_.kind = Response::Kind::status;
      out_.status = *status;
      return status_text();
    }
    if (word == "CAPABILITY") return capability();
    if (word == "SEARCH") return search();
    if (word == "ESEARCH") return esearch();
    if (word == "FLAGS") return flags();
    if (word == "ID") return id();
    if (word == "VANISHED") return vanished();
    if (word == "NAMESPACE") return namespaces();
    if (word == "LIST" || word == "XLIST") return list();
    skip_rest();
  }

  void numbered() {
    out_.number = static_cast<std::uint32_t>(in_.number(UINT32_MAX));
    in_.expect_space();
    const std::string word = upper_case(in_.atom());
    if (word == "EXISTS") {
      out_.kind = Response::Kind::exists;
    } else if (word == "EXPUNGE") {
      out_.kind = Response::Kind::expunge;
    } else if (word == "FETCH") {
      fetch();
    } else {
      skip_rest();
    }
  }

  // Unknown responses hold any values; a text that is not made of values is taken as it comes.
  void skip_rest() {
    while (in_.ok() && !in_.at_line_end()) {
      if (in_.accept(' ') || in_.accept(')')) continue;
      in_.skip_value();
    }
  }

  void capability() {
    out_.kind = Response::Kind::capability;
    while (in_.ok() && !in_.at_line_end()) {
      if (in_.accept(' ')) continue;
      out_.words.push_back(upper_case(in_.atom()));
      if (out_.words.size() > limits_.capabilities) in_.refuse("too many capabilities");
    }
  }

  void flags() {
    out_.kind = Response::Kind::flags;
    in_.expect_space();
    out_.words = flag_list();
    skip_rest();
  }

  std::vector<std::string> flag_list() {
    std::vector<std::string> list;
    const Value value = in_.value();
    for (const Value& item : value.items) {
      if (item.kind == Value::Kind::atom) list.push_back(item.text);
    }
    return list;
  }

  void id() {
    out_.kind = Response::Kind::id;
    in_.expect_space();
    for (const Value& item : in_.value().items) out_.words.push_back(item.text);
    skip_rest();
  }

  // The user's own, other users' and shared ones, each NIL or a list of (prefix delimiter ...):
  // RFC 2342, section 5.
  void namespaces() {
    out_.kind = Response::Kind::namespaces;
    for (int kind = 0; kind < 3 && in_.ok(); ++kind) {
      in_.expect_space();
      for (const Value& each : in_.value().items) {
        if (!each.items.empty()) out_.words.push_back(each.items.front().text);
      }
      if (kind == 0) out_.number = static_cast<std::uint32_t>(out_.words.size());
    }
    skip_rest();
  }

  // (attributes) "delimiter" name (RFC 9051, 7.3.1). An unquoted name may hold brackets.
  void list() {
    out_.kind = Response::Kind::list;
    in_.expect_space();
    out_.words = flag_list();
    in_.expect_space();
    in_.skip_value();
    in_.expect_space();
    const bool is_string = in_.peek() == '"' || in_.literal_ahead();
    out_.text = is_string ? in_.nstring().value_or("") : in_.text(kKeptText);
    skip_rest();
  }

  void search() {
    out_.kind = Response::Kind::search;
    while (in_.ok() && !in_.at_line_end()) {
      if (in_.accept(' ')) continue;
      if (in_.peek() == '(') {  // "(MODSEQ 917162500)", RFC 7162
        in_.skip_value();
        continue;
      }
      const Uid uid = in_.nonzero_number32();
      if (in_.ok()) add_found(uid, uid);
    }
  }

  void esearch() {
    out_.kind = Response::Kind::esearch;
    while (in_.ok() && !in_.at_line_end()) {
      if (in_.accept(' ')) continue;
      if (in_.peek() == '(') {
        correlator();
        continue;
      }
      const std::string item = upper_case(in_.atom());
      if (item == "UID") continue;
      in_.expect_space();
      if (item == "ALL") {
        sequence_set([this](Uid first, Uid last) { add_found(first, last); });
      } else {
        in_.skip_value();
      }
    }
  }

  void correlator() {  // (TAG "a7")
    const Value value = in_.value();
    if (value.items.size() == 2 && equal_ignoring_case(value.items[0].text, "TAG")) {
      out_.tag = value.items[1].text;
    }
  }

  void vanished() {
    out_.kind = Response::Kind::vanished;
    in_.expect_space();
    if (in_.peek() == '(') {
      out_.earlier = true;
      in_.skip_value();
      in_.expect_space();
    }
    sequence_set([this](Uid first, Uid last) { add_vanished(first, last); });
  }

  template <typename Add>
  void sequence_set(const Add& add) {
    do {
      const Uid first = in_.nonzero_number32();
      const Uid last = in_.accept(':') ? in_.nonzero_number32() : first;
      if (in_.ok()) add(std::min(first, last), std::max(first, last));
    } while (in_.accept(','));
  }

  // Counts what it stands for, not its letters: "1:4294967295" is short.
  void add_found(Uid first, Uid last) {
    if (!is_within_limit(UidRange{first, last}.size())) return;
    out_.found.add(first, last);
  }

  // Uids that vanished are never spelled out, and a server may name all that are not there (RFC
  // 7162, 3.2.10.1): of them the ranges count, and a list too long to be used is not kept.
  void add_vanished(Uid first, Uid last) {
    if (!is_within_limit(1)) return;
    if (!out_.uids.empty() && first == std::uint64_t{out_.uids.back().last} + 1) {
      out_.uids.back().last = last;
    } else if (out_.uids.size() <= limits_.values) {
      out_.uids.push_back({first, last});
    }
  }

  bool is_within_limit(std::uint64_t more) {
    uid_count_ += more;
    if (uid_count_ > limits_.uids) {
      in_.refuse("more than " + std::to_string(limits_.uids) + " messages in one list");
      return false;
    }
    in_.forgive_line();
    return true;
  }

  void fetch() {
    out_.kind = Response::Kind::fetch;
    out_.fetch.sequence = out_.number;
    in_.expect_space();
    in_.expect('(');
    while (in_.ok() && !in_.accept(')')) {
      if (in_.accept(' ')) continue;
      fetch_item();
    }
  }

  void fetch_item() {
    const std::string item = upper_case(in_.fetch_item());
    in_.expect_space();
    if (item == "UID") {
      out_.fetch.uid = in_.nonzero_number32();
    } else if (item == "RFC822.SIZE") {
      out_.fetch.rfc822_size = in_.number();
    } else if (item == "INTERNALDATE") {
      out_.fetch.internal_date = parse_internal_date(in_.nstring().value_or(""));
    } else if (item == "FLAGS") {
      out_.fetch.flags = flag_list();
    } else if (item == "BODY[]" || item == "RFC822") {
      message_body();
    } else {
      in_.skip_value();
    }
  }

  void message_body() {
    if (!in_.ok()) return;
    if (out_.fetch.body == FetchItems::Body::handled) {
      return in_.refuse("two bodies of one message in one response");
    }
    if (in_.literal_ahead()) {
      const std::uint64_t size = in_.literal_size();
      if (in_.ok())
        deliver(size, [this](std::uint64_t bytes, bool wanted) {
          if (wanted) {
            in_.stream(bytes, [this](std::string_view piece) { return body_.bytes(piece); });
          } else {
            in_.skip(bytes);
          }
        });
      return;
    }
    // A short body may come as a quoted string, and a body that cannot be had as NIL.
    const auto text = in_.nstring();
    if (!in_.ok()) return;
    if (!text) {
      out_.fetch.body = FetchItems::Body::nil;
      return;
    }
    deliver(text->size(), [this, &text](std::uint64_t, bool wanted) {
      if (!wanted || text->empty()) return;
      if (auto taken = body_.bytes(*text); !taken) in_.stop(taken.error());
    });
  }

  template <typename Deliver>
  void deliver(std::uint64_t size, const Deliver& bytes) {
    auto wanted = body_.begin(size, out_.fetch);
    if (!wanted) return in_.stop(wanted.error());
    out_.fetch.body = FetchItems::Body::handled;
    bytes(size, *wanted);
  }

  Lexer& in_;
  const ImapLimits& limits_;
  BodyHandler& body_;
  Response out_;
  std::uint64_t uid_count_ = 0;
};

// The number that makes up the whole of `text`.
std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

Result<Response> read_response(Lexer& lexer, const ImapLimits& limits, BodyHandler& body) {
  return ResponseParser(lexer, limits, body).parse();
}

std::optional<Instant> parse_internal_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  text = trimmed(text);
  const auto dash = text.find('-');
  if (dash == std::string_view::npos || dash > 2 || text.size() != dash + 24) return std::nullopt;
  const auto day = whole_number(text.substr(0, dash));
  const auto rest = text.substr(dash + 1);  // "Jul-1996 02:44:25 -0700"
  const auto month = kMonths.find(rest.substr(0, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  const auto year = whole_number(rest.substr(4, 4));
  const auto hour = whole_number(rest.substr(9, 2));
  const auto minute = whole_number(rest.substr(12, 2));
  const auto second = whole_number(rest.substr(15, 2));
  const auto zone_hour = whole_number(rest.substr(19, 2));
  const auto zone_minute = whole_number(rest.substr(21, 2));
  const char sign = rest[18];
  if (!day || !year || !hour || !minute || !second || !zone_hour || !zone_minute) {
    return std::nullopt;
  }
  if (*hour > 23 || *minute > 59 || *second > 60 || *zone_hour > 23 || *zone_minute > 59) {
    return std::nullopt;
  }
  if (sign != '+' && sign != '-') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(month / 3 + 1)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const auto zone = std::chrono::hours{*zone_hour} + std::chrono::minutes{*zone_minute};
  const auto local = std::chrono::sys_days{date} + std::chrono::hours{*hour} +
                     std::chrono::minutes{*minute} + std::chrono::seconds{*second};
  return Instant{sign == '+' ? local - zone : local + zone};
}

std::vector<std::string> upper_case_words(std::string_view text, std::size_t limit) {
  std::vector<std::string> words;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (words.size() == limit) break;
    words.push_back(upper_case(std::string(word)));
  }
  return words;
}

std::vector<std::string> flag_words(std::string_view text) {
  std::vector<std::string> words;
  text = trimmed(text);
  if (text.starts_with('(')) text.remove_prefix(1);
  if (text.ends_with(')')) text.remove_suffix(1);
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

}  // namespace c360::ingest::imap
