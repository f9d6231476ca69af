#include "parsers/bounce.h"

namespace c360::parsers {

namespace {

constexpr std::size_t kHeaderBytes = std::size_t{64} << 10U;

// Only the header is read: what follows may be cut anywhere.
std::string id_of(std::string header) {
  for (const std::string_view blank : {"\r\n\r\n", "\n\n"})
    if (const auto end = header.find(blank); end != std::string::npos) header.resize(end);
  header += "\r\n\r\n";
  return read_mail(header).message().message_id;
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

}  // namespace c360::parsers
