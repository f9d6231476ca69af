// The attachments of a mail, taken out once and looked at before anything is made of it.
#include "ingest/attachments.h"

#include <utility>

namespace c360::ingest {

namespace {

using store::QuarantineReason;

void block(ReadMail& mail, const parsers::Part& part, const std::string& why) {
  mail.result.outcome = store::Outcome::quarantined;
  mail.result.quarantine_reason = QuarantineReason::attachment_blocked;
  mail.result.quarantine_details = part.file_name + " (" + part.path + "): " + why;
  mail.ended = true;
}

adapters::VirusScanner::Reader reader_of(const RawMail& bytes) {
  return [&bytes, at = std::uint64_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
    if (bytes.in_memory()) {
      const std::string_view rest = bytes.bytes().substr(static_cast<std::size_t>(at));
      const std::size_t size = rest.copy(into.data(), into.size());
      at += size;
      return size;
    }
    auto got = bytes.read_at(at, into);
    if (got) at += *got;
    return got;
  };
}

}  // namespace

Result<void> take_attachments(ReadMail& mail, const InboxOptions& options) {
  if (mail.has_contents) return {};
  mail.contents.clear();
  const auto& parts = mail.message().parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].is_attachment) continue;
    RawMailWriter writer{options.spool_folder, options.spool_bytes};
    if (auto begun = writer.begin(parts[i].size_bytes); !begun) return begun;
    auto read =
        mail.parsed->read_part(i, [&](std::string_view piece) { return writer.write(piece); });
    if (!read) return read;
    mail.contents.push_back({i, writer.finish()});
  }
  mail.has_contents = true;
  return {};
}

Result<void> Inboxes::scan(ReadMail& mail) const {
  if (mail.ended || mail.released) return {};
  const auto& parts = mail.message().parts;
  for (const parsers::Part& part : parts) {
    if (!part.is_attachment || options_.attachment_bytes == 0) continue;
    if (part.size_bytes <= options_.attachment_bytes) continue;
    block(mail, part,
          std::to_string(part.size_bytes) + " bytes, the limit is " +
              std::to_string(options_.attachment_bytes));
    return {};
  }
  if (options_.scanner == nullptr) return {};
  if (auto taken = take_attachments(mail, options_); !taken) return taken;
  for (const ReadMail::Content& content : mail.contents) {
    const auto verdict = options_.scanner->scan(reader_of(content.bytes));
    if (!verdict) return std::unexpected(verdict.error());
    if (verdict->is_clean()) continue;
    block(mail, parts[content.part], verdict->finding);
    return {};
  }
  mail.scanned = true;
  return {};
}

}  // namespace c360::ingest
