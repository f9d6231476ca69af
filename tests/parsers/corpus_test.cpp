// The mails of the shared corpus, each against what it is known to say (corpus/README.md).
//
// The corpus lies outside the repository (other owners' mails): see tests/support/shared_corpus.h.
#include <glib.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "parsers/file_type.h"
#include "parsers/html_text.h"
#include "parsers/mime_reader.h"
#include "tests/support/shared_corpus.h"

namespace c360::parsers {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

bool is_invisible(char32_t c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF || c == 0xAD || c == 0x34F || c == 0x61C ||
         (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0);
}

bool is_blank(char32_t c) {
  return c == ' ' || (c >= 9 && c <= 13) || c == 0xA0 || c == 0x3000 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x2028 || c == 0x2029;
}

// NFC, invisible characters dropped, white space folded, ends trimmed.
std::string comparable(std::string_view raw) {
  std::string text(raw);
  std::erase(text, '\0');
  gchar* normal = g_utf8_normalize(text.data(), static_cast<gssize>(text.size()), G_NORMALIZE_NFC);
  const std::string nfc = normal == nullptr ? text : std::string(normal);
  g_free(normal);
  std::string out;
  bool blank = false;
  for (std::size_t at = 0; at < nfc.size();) {
    const char32_t c = next_code_point(nfc, at);
    if (is_blank(c)) {
      blank = true;
    } else if (!is_invisible(c)) {
      if (blank && !out.empty()) out += ' ';
      blank = false;
      append_utf8(out, c);
    }
  }
  return out;
}

// U+FFFD in `expected` stands for any few characters of `actual`, from `at` on; npos or the end.
std::size_t match_at(std::string_view expected, std::string_view actual, std::size_t at) {
  const std::size_t mark = expected.find("\xEF\xBF\xBD");
  const std::string_view head = expected.substr(0, mark);
  if (actual.substr(at, head.size()) != head) return std::string_view::npos;
  at += head.size();
  if (mark == std::string_view::npos) return at;
  std::string_view tail = expected.substr(mark);
  while (tail.starts_with("\xEF\xBF\xBD")) tail.remove_prefix(3);
  for (std::size_t skipped = 0; skipped <= 24 && at + skipped <= actual.size(); ++skipped) {
    const std::size_t end = match_at(tail, actual, at + skipped);
    if (end != std::string_view::npos) return end;
  }
  return std::string_view::npos;
}

bool same_text(std::string_view expected, std::string_view actual) {
  const std::string want = comparable(expected);
  const std::string have = comparable(actual);
  if (want.find("\xEF\xBF\xBD") == std::string::npos) return want == have;
  const std::string sentinel = have + '\x01';
  return match_at(want + '\x01', sentinel, 0) == sentinel.size();
}

bool contains_text(std::string_view expected, const std::string& actual) {
  const std::string want = comparable(expected);
  if (want.find("\xEF\xBF\xBD") == std::string::npos) return actual.find(want) != std::string::npos;
  for (std::size_t at = 0; at <= actual.size(); ++at) {
    if (match_at(want, actual, at) != std::string_view::npos) return true;
  }
  return false;
}

// Compares one mail; what differs is collected.
class Comparison {
 public:
  Comparison(const Json& expected, const ParsedMail& mail)
      : expected_(expected), mail_(mail), message_(mail.message()) {}

  std::vector<std::string> differences() {
    text("message_id", message_.message_id);
    text("subject", message_.subject);
    date();
    addresses("from", message_.from);
    addresses("to", message_.to);
    addresses("cc", message_.cc);
    flag("html_present", !message_.html.empty());
    flag("is_auto_reply", message_.is_auto_reply);
    flag("is_bounce", message_.is_bounce);
    references();
    bodies();
    attachments();
    return std::move(differences_);
  }

 private:
  void differs(std::string_view field, const std::string& want, const std::string& have) {
    differences_.push_back(std::string(field) + ": expected [" + want + "], read [" + have + "]");
  }

  void text(std::string_view field, const std::string& have) {
    const Json* want = expected_.find(field);
    if (want == nullptr) return;
    const std::string value = want->is_null() ? std::string() : want->as_string();
    if (!same_text(value, have)) differs(field, value, have);
  }

  void flag(std::string_view field, bool have) {
    const Json* want = expected_.find(field);
    if (want == nullptr || want->as_bool() == have) return;
    differs(field, want->as_bool() ? "true" : "false", have ? "true" : "false");
  }

  void date() {
    const Json* want = expected_.find("date_utc");
    if (want == nullptr) return;
    const std::string value = want->is_null() ? std::string() : want->as_string();
    const std::string have = message_.date ? to_rfc3339(*message_.date).substr(0, 19) + "Z" : "";
    if (value != have) differs("date_utc", value, have);
  }

  void addresses(std::string_view field, const std::vector<Address>& have) {
    const Json* want = expected_.find(field);
    if (want == nullptr) return;
    std::string read;
    for (const Address& a : have) read += a.name + " <" + a.address + ">, ";
    const Json::Array empty;
    const Json::Array& list = want->is_null() ? empty : want->as_array();
    bool same = list.size() == have.size();
    for (std::size_t i = 0; same && i < list.size(); ++i) {
      const Json* name = list[i].find("name");
      const Json* address = list[i].find("address");
      if (name != nullptr && name->is_string()) {
        same = same_text(name->as_string(), have[i].name);
      }
      if (address != nullptr && address->is_string()) {
        same = same && same_text(to_lower(address->as_string()), to_lower(have[i].address));
      }
    }
    if (!same) differs(field, want->dump(), read);
  }

  void references() {
    const Json* want = expected_.find("references");
    if (want == nullptr || want->is_null()) return;
    bool same = want->as_array().size() == message_.references.size();
    for (std::size_t i = 0; same && i < message_.references.size(); ++i) {
      same = want->as_array()[i].as_string() == message_.references[i];
    }
    if (!same) differs("references", want->dump(), join(message_.references, ", "));
  }

  void bodies() {
    const Json* want = expected_.find("text_contains");
    if (want == nullptr) return;
    std::string all = comparable(message_.body.text);
    for (std::size_t i = 0; i < message_.parts.size(); ++i) {
      const Part& part = message_.parts[i];
      if (!part.media_type.starts_with("text/")) continue;
      const auto decoded = mail_.part_text(i);
      if (!decoded) continue;
      all += '\x02' + comparable(decoded->text);
      if (part.media_type == "text/html") {
        all += '\x02' + comparable(html_to_text(decoded->text).text);
      }
    }
    for (const Json& piece : want->as_array()) {
      if (!contains_text(piece.as_string(), all)) {
        differs("text_contains", piece.as_string(), all.substr(0, 300));
      }
    }
  }

  static bool matches(const Json& want, const Part& part) {
    const Json* sums = want.find("sha256_any");
    const std::string sum = to_hex(part.sha256);
    bool found = false;
    if (sums != nullptr) {
      for (const Json& one : sums->as_array()) found = found || one.as_string() == sum;
    } else if (const Json* one = want.find("sha256"); one != nullptr && one->is_string()) {
      found = one->as_string() == sum;
    } else {
      found = true;
    }
    const Json* name = want.find("filename");
    if (name != nullptr && name->is_string() && !name->as_string().empty()) {
      found = found && same_text(name->as_string(), part.file_name);
    }
    return found;
  }

  void attachments() {
    const Json* want = expected_.find("attachments");
    if (want == nullptr) return;
    std::string read;
    std::size_t files = 0;
    for (const Part& part : message_.parts) {
      files += part.is_attachment ? 1 : 0;
      read += "\n      " + part.path + " " + part.media_type + " '" + part.file_name + "' " +
              std::to_string(part.size_bytes) + " " + to_hex(part.sha256).substr(0, 8) +
              (part.is_attachment ? " attached" : "") + (part.is_nested ? " nested" : "");
    }
    for (const Json& file : want->as_array()) {
      bool found = false;
      for (const Part& part : message_.parts) found = found || matches(file, part);
      if (!found) differs("attachments", file.dump().substr(0, 400), read);
    }
    const Json* complete = expected_.find("attachments_complete");
    if (complete != nullptr && complete->as_bool() && files > want->as_array().size()) {
      differs("attachments_complete", std::to_string(want->as_array().size()), read);
    }
  }

  const Json& expected_;
  const ParsedMail& mail_;
  const Message& message_;
  std::vector<std::string> differences_;
};

struct Exception {
  std::string_view mail;
  std::string_view why;
};

// Where we read otherwise than the corpus says, each for a reason. At most five.
constexpr std::array<Exception, 5> kExceptions = {{
    {"imaptools-plain_emails-raw_email_incorrect_header",
     "The mail contradicts itself: its From and To are expected from lines that its text is "
     "expected to contain. One header line is broken; we read on behind it, as two of three "
     "readers do, and the sender is not lost."},
    {"phpimap-email_address",
     "The name is \"This one: is \\\"right\\\"\": two escaped quotes inside (RFC 5322, 3.2.4). "
     "Expected is the name without its last one; so would «ООО \"Ромашка\"» lose its own."},
    {"phpimap-references", "The same name in the same field."},
    {"zbateson-m4004",
     "filename=\"C:\\TEMP\\nsmailEG.png\" with single backslashes is a path of a program that "
     "does not escape. Expected is C:TEMPnsmailEG.png; we drop the path (RFC 2183, 2.3), as a "
     "person would."},
    {"zbateson-m4008", "The same file names."},
}};

constexpr std::size_t kMails = 521;

TEST(Corpus, MailsOfManyProgramsAreReadAsTheirOwnersReadThem) {
  const auto folder = testing::shared_corpus("eml");
  if (!folder) return;
  std::size_t mails = 0;
  std::size_t agreed = 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(*folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string name = file.stem().string();
    const auto expected = Json::parse(slurp(folder->parent_path() / "expected" / (name + ".json")));
    ASSERT_TRUE(expected) << name << ": " << expected.error().detail;
    const std::string raw = slurp(file);
    const ParsedMail mail = read_mail(raw);
    const auto differences = Comparison(*expected, mail).differences();
    ++mails;
    const bool excepted =
        std::ranges::find(kExceptions, name, &Exception::mail) != kExceptions.end();
    EXPECT_EQ(differences.empty(), !excepted)
        << name << (excepted ? " agrees now: no exception is needed" : "") << "\n    "
        << join(differences, "\n    ");
    if (differences.empty()) ++agreed;
  }
  std::cout << agreed << " of " << mails << " mails agree in every field; the others:\n";
  for (const Exception& exception : kExceptions)
    std::cout << "  " << exception.mail << ": " << exception.why << "\n";
  EXPECT_EQ(mails, kMails) << "some of the corpus is not here";
  EXPECT_EQ(agreed + kExceptions.size(), mails);
}

// winmail.dat, whatever it is called: by its bytes.
TEST(Corpus, TnefStreamsAreRecognised) {
  const auto folder = testing::shared_corpus("tnef");
  if (!folder) return;
  int streams = 0;
  for (const auto& entry : fs::directory_iterator(*folder)) {
    if (entry.path().extension() != ".tnef") continue;
    ++streams;
    EXPECT_EQ(detect_file_type(slurp(entry.path())), "application/vnd.ms-tnef") << entry.path();
  }
  EXPECT_EQ(streams, 8);
}

}  // namespace
}  // namespace c360::parsers
