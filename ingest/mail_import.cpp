#include "ingest/mail_import.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "ingest/batch_processor.h"
#include "ingest/line_ends.h"
#include "ingest/mbox_splitter.h"
#include "ingest/raw_mail.h"
#include "store/import_log.h"
#include "store/lease.h"
#include "store/mail_log.h"

namespace c360::ingest {

namespace {

using store::FolderKey;

constexpr std::size_t kPiece = 64U << 10U;

// RFC 5322, 2.2: a mail begins with a header field.
bool begins_like_a_mail(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         std::ranges::all_of(text.substr(0, colon), [](char c) { return c > 0x20 && c < 0x7f; });
}

// Messages as they come in, handed over in batches.
class Batches final : public MessageSink {
 public:
  Batches(store::Database& database, const MailboxContext& context, const IntakeOptions& options,
          BatchProcessor& processor, const store::Lease& lease, const Clock& clock,
          ImportReport& report)
      : database_(database),
        log_(database),
        context_(context),
        key_{context.mailbox_id, context.folder, kImportUidvalidity},
        processor_(processor),
        lease_(lease),
        clock_(clock),
        report_(report),
        limit_(context.settings.imap.limits.message_bytes),
        spool_bytes_(options.spool_bytes),
        writer_(options.spool_folder, options.spool_bytes) {
    log_.act_under(lease);
  }

  // Where the sequence numbers go on; what a killed import listed and never stored has vanished.
  Result<void> prepare();

  Result<void> begin() override {
    size_ = 0;
    line_ends_.begin();
    writer_.limit_memory(held_ < context_.settings.batch_bytes ? spool_bytes_ : 0);
    return writer_.begin(0);
  }
  Result<void> bytes(std::string_view piece) override {
    piece = line_ends_.write(piece);
    size_ += piece.size();
    if (size_ > limit_) return {};  // read past, and quarantined for it
    return writer_.write(piece);
  }
  Result<void> end() override;
  // Hands over what is there.
  Result<void> flush();

 private:
  struct Item {
    RawMail raw;
    std::uint64_t size = 0;
  };

  Result<std::vector<store::PendingMail>> list();
  Result<void> quarantine(const store::PendingMail& row, const Item& item);
  Result<void> process(std::vector<IncomingMail> mails);

  store::Database& database_;
  store::MailLog log_;
  const MailboxContext& context_;
  const FolderKey key_;
  BatchProcessor& processor_;
  const store::Lease& lease_;
  const Clock& clock_;
  ImportReport& report_;
  const std::uint64_t limit_;
  const std::size_t spool_bytes_;
  RawMailWriter writer_;
  LineEnds line_ends_;
  std::uint64_t size_ = 0;  // of the message that is coming in
  std::size_t held_ = 0;    // in memory, of items_
  std::vector<Item> items_;
  std::int64_t last_uid_ = 0;
};

store::ImportProgress progress_of(const ImportReport& report) {
  return {report.read_bytes, report.mails, report.pending, report.outcomes};
}

Result<void> Batches::prepare() {
  auto folder = log_.folder(key_.mailbox_id, key_.folder, std::chrono::seconds{0});
  if (!folder) return std::unexpected(folder.error());
  last_uid_ = folder->last_uid;
  if (folder->uidvalidity == 0) {
    if (auto made = log_.change_uidvalidity(key_); !made) return std::unexpected(made.error());
  }
  auto listed = log_.listed_uids(key_);
  if (!listed) return std::unexpected(listed.error());
  if (auto gone = log_.vanish(key_, *listed); !gone) return std::unexpected(gone.error());
  return {};
}

Result<void> Batches::end() {
  Item item{.raw = writer_.finish(), .size = size_};
  if (item.raw.in_memory()) held_ += static_cast<std::size_t>(item.raw.size());
  items_.push_back(std::move(item));
  const auto& settings = context_.settings;
  if (items_.size() < settings.batch_messages && held_ < settings.batch_bytes) return {};
  return flush();
}

// The numbers are taken before they are used: a crash in between leaves a gap and no conflict.
Result<std::vector<store::PendingMail>> Batches::list() {
  std::vector<std::int64_t> uids(items_.size());
  for (std::size_t i = 0; i < uids.size(); ++i)
    uids[i] = last_uid_ + 1 + static_cast<std::int64_t>(i);
  if (auto noted = log_.note_last_uid(key_, uids.back()); !noted)
    return std::unexpected(noted.error());
  if (auto listed = log_.list(key_, uids); !listed) return std::unexpected(listed.error());
  auto rows = log_.listed_due(key_, /*tried_before=*/false, last_uid_, uids.size());
  if (!rows) return rows;
  last_uid_ = uids.back();
  if (rows->size() != items_.size())
    return fail(ErrorCode::internal, "the ledger does not list what was just put into it");
  return rows;
}

Result<void> Batches::flush() {
  if (items_.empty()) return {};
  auto rows = list();
  if (!rows) return std::unexpected(rows.error());
  std::vector<IncomingMail> mails;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const store::PendingMail& row = (*rows)[i];
    if (items_[i].size > limit_) {
      if (auto held = quarantine(row, items_[i]); !held) return held;
      continue;
    }
    mails.push_back({.ledger_id = row.id,
                     .uid = row.uid,
                     .attempts = 0,
                     .stored = false,
                     .raw = std::move(items_[i].raw),
                     .internal_date = std::nullopt,
                     .fetched_at = clock_.now()});
  }
  items_.clear();
  held_ = 0;
  if (!mails.empty()) {
    if (auto processed = process(std::move(mails)); !processed) return processed;
  }
  // What it tells somebody is no reason to end it: the next batch tells it again.
  (void)store::note_import(database_, report_.id, progress_of(report_));
  return {};
}

Result<void> Batches::quarantine(const store::PendingMail& row, const Item& item) {
  auto ended = processor_.quarantine_unread(
      context_, row, store::QuarantineReason::oversize,
      std::to_string(item.size) + " bytes; at most " + std::to_string(limit_) + " are taken in",
      lease_);
  if (!ended) return ended;
  ++report_.mails;
  ++report_.outcomes[std::string(store::to_string(store::Outcome::quarantined))];
  return log_.note_flagged(std::vector{row.id});
}

Result<void> Batches::process(std::vector<IncomingMail> mails) {
  const auto count = static_cast<std::int64_t>(mails.size());
  auto read = processor_.read(context_, std::move(mails), lease_);
  if (!read) return std::unexpected(read.error());
  report_.mails += count;
  report_.pending += count;
  auto applied = processor_.apply(context_, std::move(*read), lease_);
  if (!applied) return std::unexpected(applied.error());
  std::vector<std::int64_t> ids;
  for (const store::FlagDue& mail : applied->finished) {
    ids.push_back(mail.id);
    ++report_.outcomes[std::string(store::to_string(mail.outcome))];
    --report_.pending;
  }
  return log_.note_flagged(ids);  // no server has to be told
}

// The file's beginning tells what it is, where nobody said so.
Result<ImportFormat> format_of(ImportFormat said, std::string_view beginning) {
  if (beginning.empty())
    return fail(ErrorCode::malformed_message, "there is nothing in the file", "empty");
  if (said == ImportFormat::detected)
    said = beginning.starts_with("From ") ? ImportFormat::mbox : ImportFormat::message;
  if (said == ImportFormat::message && !begins_like_a_mail(beginning))
    return fail(ErrorCode::malformed_message,
                "the file is no mail: it does not begin with a header field such as \"From:\"",
                "not_a_mail");
  return said;
}

Result<void> split(ImportFormat said, const ImportRead& read, Batches& batches) {
  std::vector<char> buffer(kPiece);
  // Enough of it to tell: a single read may bring a byte.
  std::string beginning;
  for (std::size_t got = 1; got > 0 && beginning.size() < 1'000;) {
    auto count = read(buffer);
    if (!count) return std::unexpected(count.error());
    got = *count;
    beginning.append(buffer.data(), got);
  }
  auto format = format_of(said, beginning);
  if (!format) return std::unexpected(format.error());
  MboxSplitter mbox{batches};
  const bool whole = *format == ImportFormat::message;
  if (whole) {
    if (auto begun = batches.begin(); !begun) return begun;
  }
  std::string_view piece = beginning;
  while (!piece.empty()) {
    if (auto taken = whole ? batches.bytes(piece) : mbox.write(piece); !taken) return taken;
    auto count = read(buffer);
    if (!count) return std::unexpected(count.error());
    piece = {buffer.data(), *count};
  }
  if (auto ended = whole ? batches.end() : mbox.finish(); !ended) return ended;
  return batches.flush();
}

}  // namespace

MailImport::MailImport(store::Database& database, const Inboxes& inboxes, IntakeOptions options,
                       const Observer& observer, const Clock& clock)
    : database_(database),
      inboxes_(inboxes),
      options_(std::move(options)),
      observer_(observer),
      clock_(clock) {}

Result<void> MailImport::run(const MailboxSettings& mailbox, const ImportSource& source,
                             ImportReport& report) {
  store::MailLog log{database_};
  auto mailbox_id = log.mailbox_id(mailbox.code);
  if (!mailbox_id) return std::unexpected(mailbox_id.error());
  // A holder of its own: the poller of this daemon does not go on with an import under way.
  LeaseKeeper leases{database_, store::lease_holder(), observer_, [] {}};
  auto lease = leases.hold(mailbox.code, kImportFolder);
  if (!lease) return std::unexpected(lease.error());
  if (!*lease)
    return fail(ErrorCode::conflict,
                "another import into mailbox " + mailbox.code + " is under way; try again later",
                "import_running");
  const MailboxContext context{mailbox, *mailbox_id, std::string(kImportFolder)};
  BatchProcessor processor{
      database_, inboxes_, {.attempt_limit = options_.attempt_limit}, observer_};
  Batches batches{database_, context, options_, processor, **lease, clock_, report};
  if (auto ready = batches.prepare(); !ready) return ready;
  auto begun = store::begin_import(database_, *mailbox_id, source.bytes);
  if (!begun) return std::unexpected(begun.error());
  report.id = *begun;
  const auto read = [&](std::span<char> into) {
    auto count = source.read(into);
    if (count) report.read_bytes += static_cast<std::int64_t>(*count);
    return count;
  };
  auto done = split(source.format, read, batches);
  (void)store::end_import(database_, report.id, progress_of(report),
                          done ? std::nullopt : std::optional(done.error().detail));
  return done;
}

}  // namespace c360::ingest
