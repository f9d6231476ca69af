#include "ingest/fetched_batch.h"

namespace c360::ingest {

FetchedBatch::FetchedBatch(FetchedBatchOptions options)
    : options_(std::move(options)), writer_(options_.spool_folder, options_.spool_bytes) {}

Result<void> FetchedBatch::begin(std::uint64_t literal_size) {
  if (options_.progress) options_.progress();
  writer_.limit_memory(held_bytes_ < options_.batch_bytes ? options_.spool_bytes : 0);
  failure_.reset();
  note(writer_.begin(literal_size));
  return {};
}

Result<void> FetchedBatch::bytes(std::string_view piece) {
  if (options_.progress) options_.progress();
  if (!failure_) note(writer_.write(piece));
  return {};
}

Result<void> FetchedBatch::end(const FetchedMeta& meta) {
  RawMail raw = writer_.finish();
  if (failure_) {
    refused_.emplace_back(meta.uid, *std::exchange(failure_, std::nullopt));
    return {};
  }
  const bool again = doubted_.contains(meta.uid);
  if (meta.rfc822_size && *meta.rfc822_size != raw.size()) {
    if (!again) {
      doubt(meta.uid);
      return {};
    }
    ++mismatches_;
  }
  const auto [first, fresh] = first_with_.emplace(raw.sha256(), meta.uid);
  if (!fresh && !again && first->second != meta.uid) {
    doubt(meta.uid);
    if (!doubted_.contains(first->second)) {
      std::erase_if(mails_,
                    [&](const FetchedMail& mail) { return mail.meta.uid == first->second; });
      doubt(first->second);
    }
    return {};
  }
  if (raw.in_memory()) held_bytes_ += static_cast<std::size_t>(raw.size());
  mails_.push_back({meta, std::move(raw)});
  return {};
}

// What was written until then gives its space back at once.
void FetchedBatch::note(const Result<void>& kept) {
  if (kept) return;
  failure_ = kept.error();
  (void)writer_.finish();
}

void FetchedBatch::doubt(Uid uid) {
  doubted_.insert(uid);
  doubtful_.push_back(uid);
}

void FetchedBatch::discard() { (void)writer_.finish(); }

std::vector<Uid> FetchedBatch::take_doubtful() { return std::exchange(doubtful_, {}); }

}  // namespace c360::ingest
