#include "parsers/reply.h"

#include <algorithm>
#include <array>
#include <optional>

#include "daemon/base/text.h"
#include "parsers/header_fields.h"

namespace c360::parsers {
namespace {

constexpr std::size_t kHeaderLines = 8;    // of a quoted mail, from its separator on
constexpr std::size_t kLongestMark = 400;  // bytes of a line that may introduce a quote

template <std::size_t N>
using Words = std::array<std::string_view, N>;

// All lower case.
constexpr auto kFrom = std::to_array<std::string_view>(
    {"from", "от", "от кого", "de", "da", "von", "fra", "van", "od"});
constexpr auto kSent = std::to_array<std::string_view>(
    {"sent", "date", "дата", "отправлено", "дата отправки", "envoyé", "envoyé le", "inviato",
     "gesendet", "datum", "dato", "sendt", "enviado", "enviado el", "fecha", "data", "verzonden",
     "wysłano"});
constexpr auto kTo = std::to_array<std::string_view>(
    {"to", "кому", "à", "a", "an", "til", "para", "aan", "do", "cc", "копия"});
constexpr auto kSubject =
    std::to_array<std::string_view>({"subject", "тема", "objet", "oggetto", "betreff", "emne",
                                     "asunto", "assunto", "onderwerp", "temat"});

constexpr auto kForwardWords = std::to_array<std::string_view>(
    {"forwarded message", "forwarded by", "пересылаемое сообщение", "пересланное сообщение",
     "перенаправленное сообщение", "пересылаемое письмо", "пересланное письмо",
     "переадресованное сообщение", "weitergeleitete nachricht", "message transféré",
     "mensaje reenviado", "messaggio inoltrato", "mensagem encaminhada"});
constexpr auto kOriginalWords = std::to_array<std::string_view>(
    {"original message", "original appointment", "исходное сообщение", "оригинальное сообщение",
     "первоначальное сообщение", "исходное письмо", "message d'origine", "message d’origine",
     "ursprüngliche nachricht", "oprindelig besked", "mensaje original", "messaggio originale",
     "mensagem original", "oorspronkelijk bericht", "wiadomość oryginalna"});

constexpr auto kVerbs = std::to_array<std::string_view>(
    {"wrote", "писал", "пишет", "пишут", "a écrit", "schrieb", "ha scritto", "escribió", "escreveu",
     "schreef", "skrev", "napisał", "пише:"});
// How the first line of an attribution begins.
constexpr auto kOpeners = std::to_array<std::string_view>(
    {"on ",     "le ",     "am ",       "il ",        "el ",         "em ",     "op ",
     "den ",    "w dniu ", "вы писали", "в ",         "пн,",         "вт,",     "ср,",
     "чт,",     "пт,",     "сб,",       "вс,",        "понедельник", "вторник", "среда",
     "четверг", "пятница", "суббота",   "воскресенье"});
constexpr auto kSentFrom = std::to_array<std::string_view>(
    {"sent from ",         "sent with ",     "sent via ",        "get outlook for ",
     "отправлено из ",     "отправлено с ",  "отправлено от ",   "отправлено через ",
     "отправлено мобильн", "gesendet von ",  "gesendet mit ",    "von meinem ",
     "envoyé depuis ",     "envoyé de mon ", "envoyé à partir ", "inviato da ",
     "enviado desde ",     "enviado do ",    "посланo с ",       "послано с "});

template <std::size_t N>
bool starts_with_any(std::string_view text, const Words<N>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

template <std::size_t N>
bool contains_any(std::string_view text, const Words<N>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != text.npos; });
}

template <std::size_t N>
bool is_any(std::string_view text, const Words<N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "12:30" or "12.30": mails are sent at a time of day.
bool has_time_of_day(std::string_view text) {
  for (std::size_t i = 1; i + 2 < text.size(); ++i) {
    if ((text[i] == ':' || text[i] == '.') && is_digit(text[i - 1]) && is_digit(text[i + 1]) &&
        is_digit(text[i + 2])) {
      return true;
    }
  }
  return false;
}

bool has_digit(std::string_view text) { return std::any_of(text.begin(), text.end(), is_digit); }

struct Line {
  Span place;        // with its line end
  std::string text;  // lower case, blanks at the ends, no-break spaces and marks of bold removed
  bool blank = false;
  bool quoted = false;  // begins with ">"
};

std::string folded(std::string_view line) {
  std::string text = to_lower(line.substr(0, kLongestMark));
  for (const std::string_view blank : {"\xC2\xA0", "\xE2\x80\xAF"}) {
    for (std::size_t at = text.find(blank); at != text.npos; at = text.find(blank, at)) {
      text.replace(at, blank.size(), " ");
    }
  }
  std::erase(text, '*');
  return std::string(trimmed(text));
}

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find('\n', at);
    end = end == text.npos ? text.size() : end + 1;
    const std::string_view raw = text.substr(at, end - at);
    Line line;
    line.place = {at, end};
    const std::size_t first = raw.find_first_not_of(" \t\r\n");
    line.blank = first == raw.npos;
    line.quoted = !line.blank && raw[first] == '>';
    if (!line.blank) line.text = folded(utf8_prefix(raw, kLongestMark));
    line.blank = line.text.empty();
    lines.push_back(std::move(line));
    at = end;
  }
  return lines;
}

enum class LabelKind : std::uint8_t { none, from, sent, to, subject };

// "Отправлено:", "Envoyé le :".
LabelKind label_kind(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return LabelKind::none;
  const std::string_view label = trimmed(line.substr(0, colon));
  if (is_any(label, kFrom)) return LabelKind::from;
  if (is_any(label, kSent)) return LabelKind::sent;
  if (is_any(label, kTo)) return LabelKind::to;
  return is_any(label, kSubject) ? LabelKind::subject : LabelKind::none;
}

class Splitter {
 public:
  Splitter(std::string_view text, std::string_view subject)
      : text_(text), lines_(split_lines(text)), subject_(subject_kind(subject)) {}

  ReplySplit split() {
    for (at_ = 0; at_ < lines_.size();) step();
    if (!split_.quoted.empty() && split_.kind == QuoteKind::none) split_.kind = QuoteKind::reply;
    return std::move(split_);
  }

 private:
  void step() {
    const Line& line = lines_[at_];
    if (line.blank) return take_own_line();
    if (line.quoted) return take_quoted_lines();
    if (const auto end = separator(at_)) return take_rest(*end);
    if (is_header_block(at_)) return take_rest(subject_);
    if (const auto next = attribution(at_)) return take_attribution(*next);
    if (begins_signature(at_)) in_signature_ = true;
    take_own_line();
  }

  void take_own_line() { mark(in_signature_ ? split_.signature : split_.typed, at_ + 1); }

  // Lines [at_, end) belong to `spans`; neighbours are joined.
  void mark(std::vector<Span>& spans, std::size_t end) {
    const Span place{lines_[at_].place.begin, lines_[end - 1].place.end};
    if (!spans.empty() && spans.back().end == place.begin) {
      spans.back().end = place.end;
    } else {
      spans.push_back(place);
    }
    at_ = end;
  }

  std::size_t next_filled(std::size_t from) const {
    while (from < lines_.size() && lines_[from].blank) ++from;
    return from;
  }

  // ">" lines, blank ones between them, and single lines that a mail program has broken off.
  void take_quoted_lines() {
    in_signature_ = false;
    std::size_t end = at_;
    while (end < lines_.size()) {
      if (lines_[end].quoted) {
        ++end;
        continue;
      }
      if (lines_[end].blank) {
        const std::size_t next = next_filled(end);
        if (next < lines_.size() && lines_[next].quoted) {
          end = next;
          continue;
        }
        break;
      }
      if (end + 1 < lines_.size() && lines_[end + 1].quoted && end > at_ &&
          lines_[end - 1].quoted) {
        ++end;
        continue;
      }
      break;
    }
    mark(split_.quoted, end);
  }

  // Behind "From:" of a header block, or in «5.02.2024, 12:00, "Анна" <a@x.example>:».
  void note_author() {
    for (std::size_t i = at_; i < std::min(lines_.size(), at_ + kHeaderLines); ++i) {
      const Span place = lines_[i].place;
      const std::string_view raw = text_.substr(place.begin, place.end - place.begin);
      std::size_t begin = 0;
      std::size_t end = raw.size();
      if (label_kind(lines_[i].text) == LabelKind::from) {
        begin = raw.find(':') + 1;
      } else if (lines_[i].text.ends_with(':') && has_time_of_day(lines_[i].text)) {
        begin = std::min(raw.find('"'), raw.rfind(", ") + 1);
        end = raw.rfind(':');
      } else {
        continue;
      }
      begin = raw.find_first_not_of(" \t*", begin);
      if (begin == raw.npos || begin >= end) continue;
      end = raw.find_last_not_of(" \t\r\n*", end - 1) + 1;
      split_.author = {place.begin + begin, place.begin + end};
      return;
    }
  }

  void take_rest(QuoteKind kind) {
    if (split_.author == Span{}) note_author();
    if (kind != QuoteKind::none && split_.kind == QuoteKind::none) split_.kind = kind;
    mark(split_.quoted, lines_.size());
  }

  // The attribution ends before line `next`. Where the quote is not marked with ">", it is all the
  // rest; otherwise the ">" lines are found as such.
  void take_attribution(std::size_t next) {
    if (split_.kind == QuoteKind::none) split_.kind = QuoteKind::reply;
    in_signature_ = false;
    const std::size_t filled = next_filled(next);
    if (filled < lines_.size() && lines_[filled].quoted) {
      mark(split_.quoted, filled);
    } else {
      mark(split_.quoted, lines_.size());
    }
  }

  // "-----Original Message-----", "Begin forwarded message:", "________" over a header block.
  std::optional<QuoteKind> separator(std::size_t at) const {
    const std::string_view text = lines_[at].text;
    if (text.starts_with("begin forwarded message") ||
        text.starts_with("начало переадресованного")) {
      return QuoteKind::forward;
    }
    if (text.size() >= 10 && text.find_first_not_of('_') == text.npos) {
      const std::size_t next = next_filled(at + 1);
      if (next < lines_.size() && is_header_block(next)) return subject_;
      return std::nullopt;
    }
    if (!text.starts_with("--") || !text.ends_with("--")) return std::nullopt;
    const std::size_t first = text.find_first_not_of("- ");
    if (first == text.npos) return std::nullopt;
    if (contains_any(text, kForwardWords)) return QuoteKind::forward;
    if (contains_any(text, kOriginalWords)) {
      return subject_ == QuoteKind::forward ? QuoteKind::forward : QuoteKind::reply;
    }
    const std::size_t next = next_filled(at + 1);
    if (next < lines_.size() && label_kind(lines_[next].text) == LabelKind::from) return subject_;
    return std::nullopt;
  }

  // A sender, and a date with one more, or recipient and subject: a website form has a sender and a
  // subject at most.
  bool is_header_block(std::size_t at) const {
    if (label_kind(lines_[at].text) != LabelKind::from) return false;
    bool sent = false;
    bool to = false;
    bool subject = false;
    for (std::size_t i = at + 1; i < std::min(lines_.size(), at + 7); ++i) {
      const LabelKind kind = label_kind(lines_[i].text);
      sent = sent || kind == LabelKind::sent;
      to = to || kind == LabelKind::to;
      subject = subject || kind == LabelKind::subject;
    }
    return (sent && (to || subject)) || (to && subject);
  }

  // The line after an attribution that begins at `at`, such as "On … wrote:" on up to three lines.
  std::optional<std::size_t> attribution(std::size_t at) const {
    std::string joined;
    for (std::size_t end = at; end < std::min(lines_.size(), at + 3); ++end) {
      const Line& line = lines_[end];
      if (line.blank || line.quoted) break;
      if (!joined.empty()) joined += ' ';
      joined += line.text;
      if (joined.size() > kLongestMark) break;
      if (!joined.ends_with(':')) continue;
      // Longer ones must begin as one, or the last line typed would be taken with them.
      const bool opened = starts_with_any(joined, kOpeners) || is_digit(joined.front());
      if ((end == at || opened) && is_attribution(joined, end + 1)) return end + 1;
    }
    return std::nullopt;
  }

  bool is_attribution(std::string_view text, std::size_t next) const {
    const bool address = text.find('@') != text.npos;
    const bool time = has_time_of_day(text);
    const bool timed = time || has_digit(text);
    if (contains_any(text, kVerbs)) {
      const std::size_t filled = next_filled(next);
      const bool quote_follows = filled < lines_.size() && lines_[filled].quoted;
      return (address && timed) || time || quote_follows;
    }
    // "2017-11-24 16:32 GMT+01:00 Name <address>:"
    return address && time && (text.ends_with(">:") || text.ends_with("):"));
  }

  bool begins_signature(std::size_t at) const {
    const std::string_view text = lines_[at].text;
    return text == "--" || starts_with_any(text, kSentFrom);
  }

  std::string_view text_;
  std::vector<Line> lines_;
  QuoteKind subject_;
  ReplySplit split_;
  std::size_t at_ = 0;
  bool in_signature_ = false;
};

std::string joined(std::string_view text, const std::vector<Span>& spans) {
  std::string out;
  for (const Span& span : spans) out += text.substr(span.begin, span.end - span.begin);
  const std::size_t first = out.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  out.erase(out.find_last_not_of(" \t\n") + 1);
  // Leading blanks of the first line stay: an indented list is content.
  const std::size_t line = out.rfind('\n', first);
  return line == std::string::npos ? out : out.substr(line + 1);
}

struct Prefix {
  std::string_view word;
  QuoteKind kind;
};

constexpr auto kReply = QuoteKind::reply;
constexpr auto kForward = QuoteKind::forward;
// As mail programs write them in their users' languages, in lower case.
constexpr auto kPrefixes = std::to_array<Prefix>({
    {"re", kReply},
    {"ответ", kReply},
    {"отв", kReply},
    {"на", kReply},
    {"відп", kReply},
    {"отг", kReply},
    {"одг", kReply},  // ru, uk, bg, sr
    {"aw", kReply},
    {"antw", kReply},
    {"antwort", kReply},  // de, nl
    {"sv", kReply},
    {"vs", kReply},
    {"odp", kReply},  // sv, fi, pl
    {"odg", kReply},
    {"ats", kReply},
    {"atb", kReply},  // hr, lt, lv
    {"r", kReply},
    {"rif", kReply},
    {"res", kReply},  // it, pt
    {"rép", kReply},
    {"réf", kReply},
    {"ynt", kReply},  // fr, tr
    {"vá", kReply},
    {"απ", kReply},
    {"σχετ", kReply},  // hu, el
    {"回复", kReply},
    {"回覆", kReply},
    {"答复", kReply},  // zh
    {"返信", kReply},
    {"답장", kReply},
    {"回信", kReply},  // ja, ko
    {"תשובה", kReply},
    {"השב", kReply},
    {"رد", kReply},  // he, ar
    {"fw", kForward},
    {"fwd", kForward},
    {"пересл", kForward},
    {"переслано", kForward},
    {"пд", kForward},
    {"препр", kForward},
    {"wg", kForward},  // uk, bg, de
    {"doorst", kForward},
    {"vb", kForward},
    {"vl", kForward},  // nl, sv, fi
    {"pd", kForward},
    {"rv", kForward},
    {"tr", kForward},  // pl, es, fr
    {"enc", kForward},

    {"ilt", kForward},  // pt, tr
    {"továbbítva", kForward},
    {"tovább", kForward},
    {"πρθ", kForward},  // hu, el
    {"ΑΠ", kReply},
    {"ΣΧΕΤ", kReply},
    {"ΠΡΘ", kForward},  // to_lower() knows no Greek
    {"转发", kForward},
    {"轉寄", kForward},
    {"転送", kForward},
    {"전달", kForward},
    {"הועבר", kForward},
    {"إعادة توجيه", kForward},
});

// The length of the first prefix with its colon and the blanks around; 0 when there is none.
std::size_t prefix_length(std::string_view subject, QuoteKind& kind) {
  std::size_t begin = 0;
  while (begin < subject.size() && (subject[begin] == ' ' || subject[begin] == '\t')) ++begin;
  const std::string lower = to_lower(utf8_prefix(subject.substr(begin), 40));
  for (const Prefix& prefix : kPrefixes) {
    if (!lower.starts_with(prefix.word)) continue;
    std::size_t at = prefix.word.size();
    const auto skip_blanks = [&] {
      while (at < lower.size() && lower[at] == ' ') ++at;
    };
    skip_blanks();
    if (at < lower.size() && lower[at] == '[') {  // "Re[2]:"
      while (at < lower.size() && lower[at] != ']') ++at;
      ++at;
      skip_blanks();
    }
    constexpr std::string_view kWideColon = "：";
    const std::string_view rest = std::string_view(lower).substr(std::min(at, lower.size()));
    if (!rest.starts_with(':') && !rest.starts_with(kWideColon)) continue;
    at += rest.front() == ':' ? 1 : kWideColon.size();
    skip_blanks();
    kind = prefix.kind;
    return begin + at;
  }
  return 0;
}

}  // namespace

std::string_view to_string(QuoteKind kind) {
  switch (kind) {
    case QuoteKind::none:
      return "none";
    case QuoteKind::reply:
      return "reply";
    case QuoteKind::forward:
      break;
  }
  return "forward";
}

std::string ReplySplit::typed_text(std::string_view text) const { return joined(text, typed); }
std::string ReplySplit::quoted_text(std::string_view text) const { return joined(text, quoted); }

ReplySplit split_reply(std::string_view text, std::string_view subject) {
  return Splitter(text, subject).split();
}

std::optional<Address> original_sender(std::string_view text, const ReplySplit& split) {
  if (split.kind != QuoteKind::forward || split.author == Span{}) return std::nullopt;
  std::string value(text.substr(split.author.begin, split.author.end - split.author.begin));
  // Outlook: "Ann [mailto:a@x.example]".
  constexpr std::string_view kLink = "[mailto:";
  if (const auto at = value.find(kLink); at != value.npos) {
    value.replace(at, kLink.size(), "<");
    std::ranges::replace(value, ']', '>');
  }
  auto addresses = parse_addresses(value, "utf-8", 1);
  if (!addresses.empty() && addresses.front().address.contains('@'))
    return std::move(addresses.front());
  std::erase(value, '"');
  return Address{.name = std::string(trimmed(value)), .address = {}};
}

QuoteKind subject_kind(std::string_view subject) {
  QuoteKind kind = QuoteKind::none;
  prefix_length(subject, kind);
  return kind;
}

std::string_view bare_subject(std::string_view subject) {
  QuoteKind kind = QuoteKind::none;
  while (const std::size_t length = prefix_length(subject, kind)) subject.remove_prefix(length);
  return trimmed(subject);
}

}  // namespace c360::parsers
