// Any bytes as a mail, read within tight limits: what is kept stays inside them and inside the
// mail, every text is UTF-8, and a part read again is the part that was measured.
#include <string>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "parsers/mime_reader.h"
#include "parsers/mime_scan.h"
#include "parsers/simple_tree.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;           // NOLINT: one file, one purpose
using namespace c360::parsers;  // NOLINT
using c360::testing::require;

MimeOptions tight() {
  MimeOptions options;
  options.limits = {.header_bytes = 4096,
                    .header_fields = 20,
                    .header_field_bytes = 512,
                    .addresses = 10,
                    .parts = 30,
                    .depth = 5,
                    .text_bytes = 2000,
                    .boundary_lines = 200};
  options.detect_types = false;
  return options;
}

void check_addresses(const std::vector<Address>& list, const MimeLimits& limits) {
  require(list.size() <= limits.addresses);
  for (const Address& one : list) require(is_valid_utf8(one.name) && is_valid_utf8(one.address));
}

void check_head(const Message& message, const MimeLimits& limits, std::size_t size) {
  require(message.headers.size() <= limits.header_fields);
  for (const HeaderField& field : message.headers) {
    require(is_valid_utf8(field.name) && is_valid_utf8(field.body));
    require(field.raw.begin <= field.raw.end && field.raw.end <= size);
  }
  for (const auto* list :
       {&message.from, &message.sender, &message.reply_to, &message.to, &message.cc}) {
    check_addresses(*list, limits);
  }
  require(is_valid_utf8(message.subject) && is_valid_utf8(message.message_id));
  require(is_valid_utf8(message.html) && is_valid_utf8(message.body.text));
  require(is_valid_utf8(message.list_id) && is_valid_utf8(message.return_path.value_or("")));
}

void check_part(const ParsedMail& mail, std::size_t index, std::size_t size) {
  const Part& part = mail.message().parts[index];
  require(part.raw.begin <= part.raw.end && part.raw.end <= size);
  require(is_valid_utf8(part.file_name) && is_valid_utf8(part.media_type));
  require(part.file_name.find('/') == std::string::npos);
  std::size_t read = 0;
  Sha256Stream digest;
  const auto done = mail.read_part(index, [&](std::string_view piece) -> Result<void> {
    require(piece.size() <= std::size_t{64} << 10U);
    read += piece.size();
    digest.update(piece);
    return {};
  });
  require(done && read == part.size_bytes && digest.finish() == part.sha256);
  const auto text = mail.part_text(index);
  require(text && is_valid_utf8(text->text));
}

void check_spans(const BodyText& body) {
  std::size_t last = 0;
  for (const SpanMapEntry& entry : body.spans) {
    require(last <= entry.text.begin && entry.text.begin <= entry.text.end);
    require(entry.text.end <= body.text.size() && entry.source.begin <= entry.source.end);
    last = entry.text.end;
  }
}

// What is read without GMime is as GMime reads it.
void check_tree(std::string_view raw, const MimeLimits& limits) {
  const MailSource source(raw);
  const auto scan = scan_mime(source, {0, raw.size()}, limits);
  require(scan.has_value());
  const auto simple = simple_tree(source, {0, scan->end}, scan->header_end, limits);
  if (!simple) return;
  const auto tree = gmime_tree(source, {0, scan->end}, scan->header_end, limits);
  require(tree && *tree == *simple);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw = c360::testing::as_text(data, size);
  const MimeOptions options = tight();
  check_tree(raw, options.limits);
  const ParsedMail mail = read_mail(raw, options);
  const Message& message = mail.message();
  check_head(message, options.limits, size);
  check_spans(message.body);
  require(message.parts.size() <= options.limits.parts);
  for (std::size_t i = 0; i < message.parts.size(); ++i) check_part(mail, i, size);
  const ParsedMail again = read_mail(raw, options);
  require(again.message().parts.size() == message.parts.size());
  require(again.message().body.text == message.body.text);
  return 0;
}
