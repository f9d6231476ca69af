#include "ingest/fetched_batch.h"

#include <algorithm>

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
  const auto doubted = doubted_.find(meta.uid);
  const bool again = doubted != doubted_.end();
  const bool mismatched = meta.rfc822_size && *meta.rfc822_size != raw.size();
  if (!again && (mismatched || same_bytes_as_another(meta.uid, raw))) {
    doubt(meta.uid, raw.sha256());
    return {};
  }
  mismatches_ += mismatched;
  contradictions_ += mismatched || (again && doubted->second != raw.sha256());
  if (raw.in_memory()) held_bytes_ += static_cast<std::size_t>(raw.size());
  mails_.push_back({meta, std::move(raw)});
  return {};
}

// Then the other one is doubted too: one of them may have got what belongs to the other.
bool FetchedBatch::same_bytes_as_another(Uid uid, const RawMail& raw) {
  const auto [first, fresh] = first_with_.emplace(raw.sha256(), uid);
  const Uid other = first->second;
  if (fresh || other == uid) return false;
  if (!doubted_.contains(other)) {
    withdraw(other);
    doubt(other, raw.sha256());
  }
  return true;
}

void FetchedBatch::doubt(Uid uid, const Sha256& at_first) {
  doubted_.emplace(uid, at_first);
  doubtful_.push_back(uid);
}

void FetchedBatch::withdraw(Uid uid) {
  std::erase_if(mails_, [&](const FetchedMail& mail) {
    if (mail.meta.uid != uid) return false;
    if (mail.raw.in_memory()) held_bytes_ -= static_cast<std::size_t>(mail.raw.size());
    return true;
  });
}

std::vector<Sha256> FetchedBatch::undoubted() const {
  std::vector<Sha256> digests;
  for (const FetchedMail& mail : mails_) {
    if (!doubted_.contains(mail.meta.uid)) digests.push_back(mail.raw.sha256());
  }
  return digests;
}

void FetchedBatch::doubt(const std::set<Sha256>& known) {
  std::map<Uid, Sha256> doubts;
  for (const FetchedMail& mail : mails_) {
    if (!doubted_.contains(mail.meta.uid) && known.contains(mail.raw.sha256()))
      doubts.emplace(mail.meta.uid, mail.raw.sha256());
  }
  for (const auto& [uid, digest] : doubts) {
    withdraw(uid);
    doubt(uid, digest);
  }
}

bool FetchedBatch::has_changed(const FetchedMail& mail) const {
  const auto doubted = doubted_.find(mail.meta.uid);
  return doubted != doubted_.end() && doubted->second != mail.raw.sha256();
}

std::vector<Sha256> FetchedBatch::changed() const {
  std::vector<Sha256> digests;
  for (const FetchedMail& mail : mails_) {
    if (has_changed(mail)) digests.push_back(mail.raw.sha256());
  }
  return digests;
}

void FetchedBatch::refuse(const std::set<Sha256>& known) {
  std::map<Sha256, int> owners;
  for (const FetchedMail& mail : mails_) ++owners[mail.raw.sha256()];
  std::vector<Uid> uids;
  for (const FetchedMail& mail : mails_) {
    const Sha256& digest = mail.raw.sha256();
    if (has_changed(mail) && (known.contains(digest) || owners[digest] > 1))
      uids.push_back(mail.meta.uid);
  }
  for (const Uid uid : uids) {
    refuse(uid, {.code = ErrorCode::upstream_rejected,
                 .detail = "the server sends the bytes of one other mail, then of the next",
                 .reason = "contradicted"});
  }
}

void FetchedBatch::refuse(Uid uid, Error error) {
  withdraw(uid);
  refused_.emplace_back(uid, std::move(error));
}

std::map<Sha256, std::vector<Uid>> FetchedBatch::repeated() const {
  std::map<Sha256, std::vector<Uid>> uids;
  for (const FetchedMail& mail : mails_) {
    if (doubted_.contains(mail.meta.uid) && !has_changed(mail))
      uids[mail.raw.sha256()].push_back(mail.meta.uid);
  }
  for (auto& [digest, same] : uids) {
    std::ranges::sort(same);
    same.erase(std::ranges::unique(same).begin(), same.end());
  }
  return uids;
}

// What was written until then gives its space back at once.
void FetchedBatch::note(const Result<void>& kept) {
  if (kept) return;
  failure_ = kept.error();
  (void)writer_.finish();
}

void FetchedBatch::discard() { (void)writer_.finish(); }

std::vector<Uid> FetchedBatch::take_doubtful() { return std::exchange(doubtful_, {}); }

}  // namespace c360::ingest
