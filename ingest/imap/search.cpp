#include "ingest/imap/search.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "ingest/imap/uid_set.h"

namespace c360::ingest::imap {
namespace {

class SearchListener final : public Listener {
 public:
  explicit SearchListener(std::uint64_t limit) : limit_(limit) {}

  // SEARCH, or ESEARCH with RETURN (ALL). Some servers split a long answer in several.
  Result<void> untagged(Response& response) override {
    if (response.kind != Response::Kind::search && response.kind != Response::Kind::esearch) {
      return {};
    }
    found_.add(std::move(response.found));
    if (found_.told() > limit_) {
      return fail(ErrorCode::unavailable,
                  "more than " + std::to_string(limit_) + " messages in one search",
                  "limit_crossed");
    }
    return {};
  }
  std::vector<Uid> uids() { return found_.take(); }

 private:
  UidSet found_;
  std::uint64_t limit_;
};

// Search keys as they are sent: a text that no quoted string can hold is a literal, which the
// server asks for (RFC 9051, 4.3).
class Keys {
 public:
  Keys(const Session& session, std::string first)
      : utf8_(session.utf8()),
        at_once_(session.has("LITERAL+") || session.has("LITERAL-")),
        pieces_{std::move(first)} {}

  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    pieces_.back() += ' ' + std::string(key) + ' ';
    if (fits_quoted(value)) {
      pieces_.back() += quoted(value);
      return;
    }
    pieces_.back() += '{' + std::to_string(value.size()) + (at_once_ ? "+}\r\n" : "}");
    if (!at_once_) pieces_.emplace_back();
    pieces_.back() += value;
  }
  void day(std::string_view key, std::optional<std::chrono::sys_days> value) {
    if (value) pieces_.back() += ' ' + std::string(key) + ' ' + search_date(*value);
  }
  const std::vector<std::string>& pieces() const { return pieces_; }

 private:
  bool fits_quoted(std::string_view text) const {
    return std::ranges::all_of(text, [this](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte >= 0x20 && byte != 0x7f && (byte < 0x80 || utf8_);
    });
  }
  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + '"';
  }

  bool utf8_;
  bool at_once_;
  std::vector<std::string> pieces_;
};

// RFC 6855, 3: with UTF8=ACCEPT no charset may be named.
bool wants_charset(const Session& session, const MailTerms& terms) {
  const std::string all =
      terms.subject + terms.body + terms.subject_or_body + terms.from + terms.to;
  return !session.utf8() &&
         std::ranges::any_of(all, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

std::string search_date(std::chrono::sys_days day) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::year_month_day date{day};
  return std::to_string(static_cast<unsigned>(date.day())) + "-" +
         std::string(kMonths[static_cast<unsigned>(date.month()) - 1]) + "-" +
         std::to_string(static_cast<int>(date.year()));
}

Result<std::vector<Uid>> search_uids(Session& session, std::string_view criteria) {
  return search_uids(session, criteria, {});
}

Result<std::vector<Uid>> search_uids(Session& session, std::string_view criteria,
                                     const MailTerms& terms) {
  SearchListener listener{session.options().limits.uids};
  std::string begin = "UID SEARCH ";
  if (session.has("ESEARCH")) begin += "RETURN (ALL) ";
  if (wants_charset(session, terms)) begin += "CHARSET UTF-8 ";
  Keys keys{session, begin + std::string(criteria)};
  keys.text("SUBJECT", terms.subject);
  keys.text("BODY", terms.body);
  keys.text("OR SUBJECT", terms.subject_or_body);
  keys.text("BODY", terms.subject_or_body);
  keys.text("FROM", terms.from);
  keys.text("TO", terms.to);
  keys.day("SENTSINCE", terms.sent_since);
  keys.day("SENTBEFORE", terms.sent_before);
  keys.day("SINCE", terms.received_since);
  keys.day("BEFORE", terms.received_before);
  const auto& pieces = keys.pieces();
  auto completion = pieces.size() == 1
                        ? session.run(pieces.front(), listener)
                        : session.converse(pieces.front(), std::span(pieces).subspan(1), listener,
                                           session.options().limits.responses);
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok()) return std::unexpected(session.refused(*completion, "searching"));
  return listener.uids();
}

}  // namespace c360::ingest::imap
