#include "api/explain_page.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "daemon/base/digest.h"
#include "daemon/base/json_lookup.h"
#include "daemon/base/text.h"
#include "daemon/base/unicode_forms.h"

namespace c360::api {
namespace {

constexpr std::size_t kHues = 6;              // as many as the style has
constexpr std::size_t kCellCharacters = 300;  // of a value in the table; the text has the rest
constexpr std::size_t kMarkedFields = 200;    // those behind are in the table only

// Light and dark by the reader's system. Nothing here comes from the mail.
constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--fg:#1d2329;--dim:#5b6670;--bg:#fff;--card:#f5f7f9;--line:#d5dbe1;
--accent:#0b57d0;--good:#14713d;--bad:#b3261e;--h0:#fff0b3;--h1:#c9ecd2;--h2:#cfe3ff;--h3:#f3d6f0;
--h4:#ffd9c7;--h5:#d5f0f2}
@media(prefers-color-scheme:dark){:root{--fg:#e4e8ec;--dim:#9aa6b1;--bg:#14181c;--card:#1d2329;
--line:#36404a;--accent:#8ab4f8;--good:#6dd58c;--bad:#f2b8b5;--h0:#574a12;--h1:#1d4a2b;--h2:#1c3d66;
--h3:#542b50;--h4:#5c3120;--h5:#1b494d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem 1rem 4rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.35rem;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:1.8rem 0 .5rem}
p{margin:.2rem 0}
.dim{color:var(--dim)}
.good{color:var(--good)}.bad{color:var(--bad)}
.verdict{font-weight:600}
pre{margin:0;padding:.8rem 1rem;background:var(--card);border:1px solid var(--line);
border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;
font:13.5px/1.6 ui-monospace,"DejaVu Sans Mono",monospace}
pre.subject{margin-bottom:.6rem;font-weight:600}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line);
overflow-wrap:anywhere;unicode-bidi:isolate}
th{color:var(--dim);font-weight:600;white-space:nowrap}
td.n,td.f,.w{white-space:nowrap}
a{color:inherit;text-decoration:none}
td a{color:var(--accent);text-decoration:underline}
a.m{border-radius:3px;padding:.1em 0}
a.m:hover,a:focus-visible{outline:2px solid var(--accent)}
sup{color:var(--dim);font-size:.7em}
.h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}
.h3{background:var(--h3)}.h4{background:var(--h4)}.h5{background:var(--h5)}
tr:target{outline:2px solid var(--accent);outline-offset:-2px}
span:target+.m{outline:2px solid var(--accent)}
b.c{font-weight:400;font-size:.75em;color:var(--bad);border:1px solid var(--bad);border-radius:3px;
padding:0 .2em;unicode-bidi:isolate;direction:ltr}
)css";

// Text of a mail as text of a page: nothing in it is markup, turns the direction of reading or
// hides.
void append_inert(std::string& html, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text, at);
    switch (c) {
      case U'&':
        html += "&amp;";
        continue;
      case U'<':
        html += "&lt;";
        continue;
      case U'>':
        html += "&gt;";
        continue;
      case U'"':
        html += "&quot;";
        continue;
      case U'\'':
        html += "&#39;";
        continue;
      case U'\n':
      case U'\t':
        break;
      default:
        if (c < 0x20 || (c >= 0x7F && c < 0xA0) || is_invisible(c)) {
          html += fmt::format("<b class=\"c\">U+{:04X}</b>", static_cast<std::uint32_t>(c));
          continue;
        }
    }
    html += text.substr(begin, at - begin);
  }
}

std::string inert(std::string_view text) {
  std::string html;
  append_inert(html, text);
  return html;
}

std::string shortened(std::string_view text) {
  if (utf8_length(text) <= kCellCharacters) return inert(text);
  std::size_t at = 0;
  for (std::size_t i = 0; i < kCellCharacters; ++i) next_code_point(text, at);
  return inert(text.substr(0, at)) + "…";
}

// A field that stands in the text; `number` is its place in the table, from 1.
struct Mark {
  std::size_t number = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string field;
};

class Page {
 public:
  explicit Page(const Json& explanation) : json_(explanation) {
    if (const Json* fields = member(json_, "fields")) fields_ = fields->as_array();
  }

  ExplainPage write() {
    const std::string style = std::string(kStyle) + links_by_hover();
    const std::string title = "Mail " + text_of(mail(), "id");
    html_ += "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>" +
             inert(title) +
             "</title>\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
             "<style>" +
             style + "</style></head>\n<body>\n";
    head();
    why_not();
    text();
    table("Fields", fields_, true);
    if (const Json* unusable = member(json_, "unusable");
        unusable != nullptr && !unusable->as_array().empty())
      table("Found, but not usable", unusable->as_array(), false);
    notes();
    html_ += "</body></html>\n";
    return {.html = std::move(html_),
            .content_security_policy =
                "default-src 'none'; style-src 'sha256-" + to_base64(as_bytes_view(sha256(style))) +
                "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"};
  }

 private:
  const Json& mail() const { return *json_.find("mail"); }
  const Json& outcome() const { return *json_.find("outcome"); }

  void head() {
    const Json* text = member(json_, "text");
    const std::string subject =
        text == nullptr ? text_of(mail(), "subject") : text_of(*text, "subject");
    html_ += "<h1>" + (subject.empty() ? "(no subject)" : shortened(subject)) + "</h1>\n<p>";
    const std::string name = text_of(mail(), "from_name");
    html_ += shortened(name.empty() ? text_of(mail(), "from_address")
                                    : name + " <" + text_of(mail(), "from_address") + ">");
    html_ += " <span class=\"dim\">" + inert(text_of(mail(), "date")) + ", mailbox " +
             inert(text_of(mail(), "mailbox")) + ", mail " + text_of(mail(), "id") +
             "</span></p>\n";
    verdict();
  }

  void verdict() {
    const bool made = member(json_, "why_not") == nullptr;
    const std::string code = text_of(outcome(), "code");
    html_ += fmt::format("<p class=\"verdict {}\">{}", made ? "good" : "bad",
                         inert(code.empty() ? text_of(outcome(), "state") : code));
    if (const Json* record = member(outcome(), "record"))
      html_ += " " + inert(text_of(*record, "kind")) + " " + text_of(*record, "id");
    html_ += "</p>\n<p class=\"dim\">";
    if (const std::string rule = text_of(outcome(), "rule"); !rule.empty())
      html_ += "by the rule " + inert(rule);
    if (const Json* set = member(outcome(), "rule_set"))
      html_ += " of rule set " + text_of(*set, "version");
    if (const Json* same = member(json_, "reproduced"); same != nullptr && same->is_bool())
      html_ += same->as_bool() ? "; reading it again gives the same"
                               : "; <span class=\"bad\">reading it again today gives something "
                                 "else: places are shown only where they still hold</span>";
    html_ += "</p>\n";
  }

  void why_not() {
    const Json* why = member(json_, "why_not");
    if (why == nullptr) return;
    html_ += "<h2>Why it made nothing</h2>\n<p>" + inert(text_of(*why, "stage")) + ": <b>" +
             inert(text_of(*why, "reason")) + "</b> " + shortened(text_of(*why, "detail")) +
             "</p>\n";
    if (const std::string next = text_of(*why, "would_match"); !next.empty())
      html_ += "<p>Without that the rule " + inert(next) + " would have taken it.</p>\n";
    const Json* nearest = member(*why, "nearest");
    if (nearest == nullptr || nearest->as_array().empty()) return;
    html_ +=
        "<div class=\"scroll\"><table><tr><th>nearest rule</th><th>met</th>"
        "<th>first condition that failed</th><th>because</th></tr>\n";
    for (const Json& rule : nearest->as_array())
      html_ += "<tr><td class=\"f\">" + inert(text_of(rule, "rule")) + "</td><td class=\"n\">" +
               text_of(rule, "conditions_met") + " of " + text_of(rule, "conditions") +
               "</td><td class=\"f\">" + inert(text_of(rule, "condition")) + "</td><td>" +
               shortened(text_of(rule, "detail")) + "</td></tr>\n";
    html_ += "</table></div>\n";
  }

  void text() {
    const Json* text = member(json_, "text");
    if (text == nullptr) return;
    html_ += "<h2>What the rules read</h2>\n<p class=\"dim\">";
    if (const std::string part = text_of(*text, "part"); !part.empty()) {
      html_ += "part " + inert(part) + ", " + inert(text_of(*text, "media_type")) + ", " +
               inert(text_of(*text, "transfer_encoding")) + ", charset " +
               inert(text_of(*text, "charset")) + " (" + inert(text_of(*text, "charset_path")) +
               ")";
    } else {
      html_ += "the mail has no text";
    }
    if (const Json* cut = member(*text, "truncated"); cut != nullptr && cut->as_bool())
      html_ += "; <span class=\"bad\">cut at a limit</span>";
    html_ += "</p>\n<pre class=\"subject\">";
    marked(text_of(*text, "subject"), marks_in("subject"));
    html_ += "</pre>\n<pre>";
    marked(text_of(*text, "body"), marks_in("body"));
    html_ += "</pre>\n";
  }

  std::vector<Mark> marks_in(std::string_view where) const {
    std::vector<Mark> marks;
    for (std::size_t i = 0; i < fields_.size() && marks.size() < kMarkedFields; ++i) {
      const Json* place = member(fields_[i], "prepared");
      // Not those that are the whole text: everything would be marked.
      if (place == nullptr || text_of(*place, "in") != where) continue;
      if (member(fields_[i], "value") == nullptr) continue;
      marks.push_back({.number = i + 1,
                       .begin = offset_of(*place, "begin"),
                       .end = offset_of(*place, "end"),
                       .field = text_of(fields_[i], "field")});
    }
    return marks;
  }

  // The text cut where a mark begins or ends; each piece knows all fields it belongs to.
  void marked(const std::string& text, const std::vector<Mark>& marks) {
    std::vector<std::size_t> cuts = {0, text.size()};
    for (const Mark& mark : marks)
      for (const std::size_t at : {mark.begin, mark.end}) cuts.push_back(std::min(at, text.size()));
    std::ranges::sort(cuts);
    const auto repeated = std::ranges::unique(cuts);
    cuts.erase(repeated.begin(), repeated.end());
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
      piece(std::string_view(text).substr(cuts[i], cuts[i + 1] - cuts[i]), cuts[i], marks);
  }

  void piece(std::string_view text, std::size_t begin, const std::vector<Mark>& marks) {
    const std::size_t end = begin + text.size();
    std::string classes;
    std::string names;
    std::string ends;
    std::size_t first = 0;
    for (const Mark& mark : marks) {
      if (mark.begin > begin || mark.end < end || mark.begin == mark.end) continue;
      if (first == 0) first = mark.number;
      if (mark.begin == begin) html_ += fmt::format("<span id=\"t{}\"></span>", mark.number);
      classes += fmt::format(" s{}", mark.number);
      names += (names.empty() ? "" : ", ") + mark.field;
      if (mark.end == end) ends += fmt::format("{}{}", ends.empty() ? "" : ",", mark.number);
    }
    if (first == 0) return append_inert(html_, text);
    html_ += fmt::format("<a class=\"m h{}{}\" href=\"#f{}\" title=\"{}\">", first % kHues, classes,
                         first, inert(names));
    append_inert(html_, text);
    html_ += "</a>";
    if (!ends.empty()) html_ += "<sup>" + ends + "</sup>";
  }

  void table(std::string_view title, const Json::Array& fields, bool linked) {
    html_ += fmt::format("<h2>{}</h2>\n", title);
    if (fields.empty()) {
      html_ += "<p class=\"dim\">none</p>\n";
      return;
    }
    html_ +=
        "<div class=\"scroll\"><table><tr><th></th><th>field</th><th>value</th><th>read from</th>"
        "<th>in the raw mail</th><th>transformations</th></tr>\n";
    for (std::size_t i = 0; i < fields.size(); ++i) row(fields[i], i + 1, linked);
    html_ += "</table></div>\n";
  }

  void row(const Json& field, std::size_t number, bool linked) {
    html_ += linked ? fmt::format("<tr id=\"f{}\"><td class=\"n\">", number)
                    : std::string("<tr><td class=\"n\">");
    const bool marked = linked && number <= kMarkedFields && member(field, "prepared") != nullptr &&
                        member(field, "value") != nullptr;
    html_ += marked ? fmt::format("<a href=\"#t{0}\" class=\"h{1}\">{0}</a>", number,
                                  painter_of(field, number) % kHues)
                    : fmt::format("{}", number);
    html_ += "</td><td class=\"f\">" + inert(text_of(field, "field"));
    if (const std::string kind = text_of(field, "record_kind"); !kind.empty())
      html_ += " <span class=\"dim\">" + inert(kind) + "</span>";
    html_ += "</td><td>";
    html_ += member(field, "value") == nullptr ? "<span class=\"dim\">the whole text</span>"
                                               : shortened(text_of(field, "value"));
    if (const std::string why = text_of(field, "rejected"); !why.empty())
      html_ += " <span class=\"bad\">" + inert(why) + "</span>";
    html_ += "</td><td>" + origin(field) + "</td><td>" + raw_place(field) + "</td><td>";
    if (const Json* steps = member(field, "transformations"))
      for (const Json& step : steps->as_array())
        html_ += "<span class=\"w\">" + inert(step.as_string()) + "</span> ";
    html_ += "</td></tr>\n";
  }

  // The first field that stands where this one begins: the colour of that place in the text.
  std::size_t painter_of(const Json& field, std::size_t number) const {
    const Json& place = *member(field, "prepared");
    const std::size_t begin = offset_of(place, "begin");
    for (const Mark& mark : marks_in(text_of(place, "in")))
      if (mark.begin <= begin && begin < mark.end) return mark.number;
    return number;
  }

  static std::string origin(const Json& field) {
    std::string text = inert(text_of(field, "source"));
    if (const std::string header = text_of(field, "header"); !header.empty())
      text += " " + inert(header);
    if (const std::string part = text_of(field, "part"); !part.empty())
      text += ", part " + inert(part);
    if (const std::string charset = text_of(field, "charset"); !charset.empty())
      text += ", " + inert(charset) + " (" + inert(text_of(field, "charset_path")) + ")";
    return text;
  }

  static std::string raw_place(const Json& field) {
    std::string text;
    if (const Json* place = member(field, "raw_mail"))
      text = fmt::format("<span class=\"w\">bytes {}–{}</span>", text_of(*place, "begin"),
                         text_of(*place, "end"));
    if (const std::string reason = text_of(field, "raw_mail_reason"); !reason.empty())
      text += (text.empty() ? "<span class=\"dim\">" : " <span class=\"dim\">") + inert(reason) +
              "</span>";
    return text;
  }

  void notes() {
    const Json* notes = member(json_, "notes");
    if (notes == nullptr) return;
    for (const Json& note : notes->as_array())
      html_ += "<p class=\"dim\">" + inert(note.as_string()) + "</p>\n";
  }

  // Where the pointer is on a row its place in the text shows, and the other way round.
  std::string links_by_hover() const {
    std::string rules;
    for (std::size_t i = 1; i <= std::min(fields_.size(), kMarkedFields); ++i)
      rules += fmt::format(
          "body:has(#f{0}:hover) .s{0},body:has(.s{0}:hover) #f{0}"
          "{{outline:2px solid var(--accent)}}\n",
          i);
    return rules;
  }

  const Json& json_;
  Json::Array fields_;
  std::string html_;
};

}  // namespace

ExplainPage explain_page(const Json& explanation) { return Page(explanation).write(); }

}  // namespace c360::api
