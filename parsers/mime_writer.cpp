#include "parsers/mime_writer.h"

#include <algorithm>
#include <string_view>

#include "daemon/base/text.h"
#include "parsers/gmime.h"

namespace c360::parsers {
namespace {

constexpr const char* kCharset = "utf-8";

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) line += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
  return std::string(trimmed(line));
}

// Line ends as CRLF, whatever they were.
std::string with_crlf(std::string_view text) {
  std::string lines;
  lines.reserve(text.size() + text.size() / 32);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (c == '\n' || c == '\r') {
      lines += "\r\n";
    } else {
      lines += c;
    }
  }
  return lines;
}

GMimeObject* cast_object(void* object) { return static_cast<GMimeObject*>(object); }

void set_content(GMimePart* part, std::string_view content, GMimeContentEncoding encoding) {
  const Owned<GMimeStream> stream(
      g_mime_stream_mem_new_with_buffer(content.data(), content.size()));
  const Owned<GMimeDataWrapper> wrapper(
      g_mime_data_wrapper_new_with_stream(stream.get(), GMIME_CONTENT_ENCODING_DEFAULT));
  g_mime_part_set_content(part, wrapper.get());
  g_mime_part_set_content_encoding(part, encoding);
}

// base64 whatever is in it: no line is too long, none begins with a dot, and no server on the way
// has to be told that it is 8-bit.
Owned<GMimeObject> text_part(const char* subtype, std::string_view text) {
  GMimePart* part = g_mime_part_new_with_type("text", subtype);
  g_mime_object_set_content_type_parameter(cast_object(part), "charset", kCharset);
  set_content(part, with_crlf(text), GMIME_CONTENT_ENCODING_BASE64);
  return Owned<GMimeObject>(cast_object(part));
}

Owned<GMimeObject> attachment(const WrittenPart& file) {
  const std::string type = one_line(file.media_type);
  const std::size_t slash = type.find('/');
  const bool known = slash != std::string::npos && type.find_first_of(" ;\"") == std::string::npos;
  GMimePart* part = known ? g_mime_part_new_with_type(type.substr(0, slash).c_str(),
                                                      type.substr(slash + 1).c_str())
                          : g_mime_part_new_with_type("application", "octet-stream");
  g_mime_object_set_disposition(cast_object(part), GMIME_DISPOSITION_ATTACHMENT);
  g_mime_part_set_filename(part, one_line(file.file_name).c_str());
  set_content(part, file.content, GMIME_CONTENT_ENCODING_BASE64);
  return Owned<GMimeObject>(cast_object(part));
}

Owned<GMimeObject> body_of(const OutgoingMail& mail) {
  Owned<GMimeObject> body = text_part("plain", mail.text);
  if (!mail.html.empty()) {
    GMimeMultipart* both = g_mime_multipart_new_with_subtype("alternative");
    g_mime_multipart_add(both, body.get());
    g_mime_multipart_add(both, text_part("html", mail.html).get());
    body.reset(cast_object(both));
  }
  if (!mail.attachments.empty()) {
    GMimeMultipart* mixed = g_mime_multipart_new_with_subtype("mixed");
    g_mime_multipart_add(mixed, body.get());
    for (const WrittenPart& file : mail.attachments)
      g_mime_multipart_add(mixed, attachment(file).get());
    body.reset(cast_object(mixed));
  }
  return body;
}

// Of machines: as it is, unfolded.
void set_raw(GMimeMessage* message, const char* name, const std::string& value) {
  g_mime_object_set_header(cast_object(message), name, "", nullptr);
  GMimeHeader* header =
      g_mime_header_list_get_header(g_mime_object_get_header_list(cast_object(message)), name);
  g_mime_header_set_raw_value(header, (" " + one_line(value) + "\n").c_str());
}

void set_header(GMimeMessage* message, const OutgoingMail& mail) {
  g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_FROM, one_line(mail.from.name).c_str(),
                             one_line(mail.from.address).c_str());
  if (!mail.reply_to.empty())
    g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_REPLY_TO, nullptr,
                               one_line(mail.reply_to).c_str());
  g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_TO, nullptr, one_line(mail.to).c_str());
  g_mime_message_set_subject(message, one_line(mail.subject).c_str(), kCharset);
  GDateTime* date = g_date_time_new_from_unix_utc(
      std::chrono::floor<std::chrono::seconds>(mail.date).time_since_epoch().count());
  g_mime_message_set_date(message, date);
  g_date_time_unref(date);
  set_raw(message, "Message-ID", "<" + mail.message_id + ">");
  if (!mail.in_reply_to.empty()) {
    set_raw(message, "In-Reply-To", mail.in_reply_to);
    set_raw(message, "References", mail.in_reply_to);
  }
  if (mail.unsubscribe_url.empty()) return;
  set_raw(message, "List-Unsubscribe", "<" + mail.unsubscribe_url + ">");
  set_raw(message, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
}

bool all_utf8(const OutgoingMail& mail) {
  const auto fine = [](std::string_view text) { return is_valid_utf8(text); };
  return fine(mail.from.name) && fine(mail.from.address) && fine(mail.to) && fine(mail.subject) &&
         fine(mail.text) && fine(mail.html) &&
         std::ranges::all_of(mail.attachments,
                             [&](const WrittenPart& file) { return fine(file.file_name); });
}

}  // namespace

Result<std::string> write_mail(const OutgoingMail& mail) {
  if (!all_utf8(mail))
    return fail(ErrorCode::validation_failed, "The mail holds bytes that are not UTF-8.",
                "text_encoding");
  initialise_gmime();
  const Owned<GMimeMessage> message(g_mime_message_new(1));
  set_header(message.get(), mail);
  g_mime_message_set_mime_part(message.get(), body_of(mail).get());
  char* written = g_mime_object_to_string(cast_object(message.get()), nullptr);
  if (written == nullptr) return fail(ErrorCode::internal, "GMime wrote nothing.");
  std::string bytes = with_crlf(written);
  g_free(written);
  return bytes;
}

}  // namespace c360::parsers
