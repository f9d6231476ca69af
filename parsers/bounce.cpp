#include "parsers/bounce.h"

#include <algorithm>

#include "daemon/base/mail_status.h"
#include "daemon/base/text.h"

namespace c360::parsers {

namespace {

constexpr std::size_t kHeaderBytes = std::size_t{64} << 10U;
constexpr std::size_t kLongestAddress = 320;

// Only the header is read: what follows may be cut anywhere.
std::string id_of(std::string header) {
  for (const std::string_view blank : {"\r\n\r\n", "\n\n"})
    if (const auto end = header.find(blank); end != std::string::npos) header.resize(end);
  header += "\r\n\r\n";
  return read_mail(header).message().message_id;
}

// "rfc822; anna@x.example" without its type (RFC 3464, 2.1.2); one line.
std::string typed_value(const Message& group, std::string_view name, std::size_t limit) {
  const HeaderField* field = find_header(group, name);
  if (field == nullptr) return {};
  std::string value = field->body;
  std::ranges::replace_if(
      value, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  const auto semicolon = value.find(';');
  const std::string_view rest =
      trimmed(std::string_view(value).substr(semicolon == std::string::npos ? 0 : semicolon + 1));
  return std::string(utf8_prefix(rest, limit));
}

// The first status code among the words of what a server said: "550 5.1.1 no such user",
// "550-5.1.1 no such user".
std::string status_in(std::string_view diagnostic) {
  for (std::string_view word : split(diagnostic, ' ')) {
    if (const auto dash = word.rfind('-'); dash != std::string_view::npos)
      word.remove_prefix(dash + 1);
    if (std::string code = mail_status(word); !code.empty()) return code;
  }
  return {};
}

std::string status_of(const Message& group, std::string_view diagnostic) {
  const HeaderField* field = find_header(group, "Status");
  std::string status = field == nullptr ? std::string() : mail_status(trimmed(field->body));
  if (!status.empty() && !status.ends_with(".0.0")) return status;
  std::string told = status_in(diagnostic);
  const bool agrees = status.empty() || told.substr(0, 1) == status.substr(0, 1);
  return told.empty() || !agrees ? status : told;
}

// The groups of fields, which blank lines part (RFC 3464, 2.1).
std::vector<std::string> groups_of(const std::string& report) {
  std::vector<std::string> groups(1);
  for (std::string_view line : split(report, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!trimmed(line).empty()) {
      groups.back().append(line).append("\r\n");
    } else if (!groups.back().empty()) {
      if (groups.size() > kMaxReportedRecipients) break;
      groups.emplace_back();
    }
  }
  return groups;
}

bool is_report(const Part& part) {
  return !part.is_nested && (part.media_type == "message/delivery-status" ||
                             part.media_type == "message/global-delivery-status");
}

}  // namespace

std::string returned_message_id(const ParsedMail& bounce) {
  const Message& message = bounce.message();
  for (std::size_t i = 0; i < message.parts.size(); ++i) {
    const std::string& type = message.parts[i].media_type;
    if (type != "message/rfc822" && type != "text/rfc822-headers" && type != "message/global" &&
        type != "message/global-headers")
      continue;
    const auto bytes = bounce.part_bytes(i, kHeaderBytes);
    if (!bytes) continue;
    if (std::string id = id_of(*bytes); !id.empty()) return id;
  }
  if (!message.in_reply_to.empty()) return message.in_reply_to.front();
  return message.references.empty() ? std::string() : message.references.back();
}

std::vector<RecipientStatus> reported_recipients(const ParsedMail& bounce) {
  const auto& parts = bounce.message().parts;
  const auto report = std::ranges::find_if(parts, is_report);
  if (report == parts.end()) return {};
  const auto bytes =
      bounce.part_bytes(static_cast<std::size_t>(report - parts.begin()), kMaxStatusBytes);
  if (!bytes) return {};
  std::vector<RecipientStatus> found;
  for (const std::string& fields : groups_of(*bytes)) {
    const ParsedMail read = read_mail(fields + "\r\n");
    const Message& group = read.message();
    // The first group is about the message as a whole.
    const HeaderField* action = find_header(group, "Action");
    if (action == nullptr || found.size() == kMaxReportedRecipients) continue;
    RecipientStatus one{.recipient = typed_value(group, "Final-Recipient", kLongestAddress),
                        .action = to_lower(trimmed(action->body)),
                        .status = {},
                        .diagnostic = typed_value(group, "Diagnostic-Code", kMaxDiagnosticBytes)};
    one.status = status_of(group, one.diagnostic);
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace c360::parsers
