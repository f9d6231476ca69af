#include "ingest/fetched_batch.h"

namespace c360::ingest {

FetchedBatch::FetchedBatch(FetchedBatchOptions options)
    : options_(std::move(options)), writer_(options_.spool_folder, options_.spool_bytes) {}

Result<void> FetchedBatch::begin(std::uint64_t literal_size) {
  if (options_.progress) options_.progress();
  writer_.limit_memory(held_bytes_ < options_.batch_bytes ? options_.spool_bytes : 0);
  return writer_.begin(literal_size);
}

Result<void> FetchedBatch::bytes(std::string_view piece) {
  if (options_.progress) options_.progress();
  return writer_.write(piece);
}

Result<void> FetchedBatch::end(const FetchedMeta& meta) {
  RawMail raw = writer_.finish();
  if (meta.rfc822_size && *meta.rfc822_size != raw.size()) {
    if (seen_mismatched_.insert(meta.uid).second) {
      mismatched_.push_back(meta.uid);
      return {};
    }
    ++mismatches_;
  }
  if (raw.in_memory()) held_bytes_ += static_cast<std::size_t>(raw.size());
  mails_.push_back({meta, std::move(raw)});
  return {};
}

void FetchedBatch::discard() { (void)writer_.finish(); }

std::vector<Uid> FetchedBatch::take_mismatched() { return std::exchange(mismatched_, {}); }

}  // namespace c360::ingest
