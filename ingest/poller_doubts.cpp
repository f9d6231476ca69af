// Of a pass: mails whose bytes are those of others. Copies exist, and so do servers that answer for
// one mail with the bytes of another; whoever would end as a duplicate is looked into first,
// because the server is told to forget it next.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ingest/fetched_batch.h"
#include "ingest/poller.h"

namespace c360::ingest {

namespace {

using store::FolderKey;
using store::MailBytes;
using store::PendingMail;

// What a fetch gives, by its SHA-256 alone: nothing of the mails is kept.
class Digests final : public FetchSink {
 public:
  explicit Digests(std::function<void()> progress) : progress_(std::move(progress)) {}

  Result<void> begin(std::uint64_t) override {
    progress_();
    stream_ = Sha256Stream{};
    return {};
  }
  Result<void> bytes(std::string_view piece) override {
    progress_();
    stream_.update(piece);
    return {};
  }
  Result<void> end(const FetchedMeta& meta) override {
    came_.insert_or_assign(meta.uid, stream_.finish());
    return {};
  }
  void discard() override {}
  void missing(Uid uid) override { missing_.insert(uid); }
  void refused(Uid uid, const Error& error) override { refused_.insert_or_assign(uid, error); }

  std::optional<Sha256> of(Uid uid) const {
    const auto came = came_.find(uid);
    return came == came_.end() ? std::nullopt : std::optional{came->second};
  }
  bool is_missing(Uid uid) const { return missing_.contains(uid); }
  const Error* refusal(Uid uid) const {
    const auto refused = refused_.find(uid);
    return refused == refused_.end() ? nullptr : &refused->second;
  }

 private:
  std::function<void()> progress_;
  Sha256Stream stream_;
  std::map<Uid, Sha256> came_;
  std::set<Uid> missing_;
  std::map<Uid, Error> refused_;
};

Error unconfirmed(const MailBytes& original, const Error& why) {
  return {.code = ErrorCode::upstream_rejected,
          .detail = "it has the bytes of uid " + std::to_string(original.uid) +
                    ", which cannot be asked for again: " + why.detail,
          .reason = "unconfirmed"};
}

}  // namespace

// Which of these bytes a mail of the folder has that came before, under this UIDVALIDITY: after
// another one all that is known comes again, and rightly so.
Result<std::set<Sha256>> Poller::known_bytes(const FolderKey& key,
                                             const std::vector<Sha256>& digests,
                                             const MailsInFlight& in_flight) {
  if (digests.empty()) return {};
  auto known = log_.known_bytes(key, digests);
  if (!known) return known;
  for (const store::MailBytes& mail : in_flight) known->insert(mail.sha256);
  return known;
}

// A mail that would end as the duplicate of another one has come twice, each time the same: its own
// bytes may be others, and the server is told to forget it next.
Result<void> Poller::fetch_doubtful(const FolderKey& key, const MailsInFlight& in_flight,
                                    FetchedBatch& batch, Result<void>& ended) {
  auto known = known_bytes(key, batch.undoubted(), in_flight);
  if (!known) return std::unexpected(known.error());
  batch.doubt(*known);
  const auto again = batch.take_doubtful();
  if (!ended || again.empty()) return {};
  ended = mailbox_->fetch(again, batch);
  known = known_bytes(key, batch.changed(), in_flight);
  if (!known) return std::unexpected(known.error());
  batch.refuse(*known);
  if (batch.mismatches() > 0) {
    ports_.observer.metrics()
        .counter(Metric::mail_size_mismatches_total, {settings_.code})
        .add(static_cast<double>(batch.mismatches()));
  }
  if (const std::size_t count = batch.contradictions(); count > 0) {
    ports_.observer.observe(
        event::message_retried,
        {{"mailbox", settings_.code}, {"count", count}, {"reason", "contradicted"}});
    retries().add(static_cast<double>(count));
    remark("the server contradicts itself about the bytes of " + std::to_string(count) +
           (count == 1 ? " mail" : " mails"));
  }
  return {};
}

// Of mails that came twice the same, those that have the same bytes and came before, in another
// batch or pass.
Result<Poller::MailsInFlight> Poller::originals_of(const FolderKey& key,
                                                   const std::map<Sha256, std::vector<Uid>>& copies,
                                                   const MailsInFlight& in_flight) {
  std::vector<Sha256> digests;
  for (const auto& [digest, uids] : copies) digests.push_back(digest);
  auto originals = log_.read_before(key, digests);
  if (!originals) return originals;
  for (const MailBytes& mail : in_flight) {
    if (copies.contains(mail.sha256) &&
        std::ranges::find(*originals, mail.id, &MailBytes::id) == originals->end())
      originals->push_back(mail);
  }
  return originals;
}

// A mail that came twice the same has these bytes; the one before it with the same bytes came once.
// If that one is another when it is asked for again, it was answered with the bytes of a mail that
// was to come. One that is gone, or that we removed ourselves, cannot be asked any more.
Result<void> Poller::question_originals(const FolderKey& key, const MailsInFlight& in_flight,
                                        FetchedBatch& batch, Due& by_uid,
                                        const MailboxContext& context, const store::Lease& lease,
                                        Result<void>& ended) {
  auto copies = batch.repeated();
  if (!ended) {
    // Nobody can be asked now: what may be another mail than it seems comes in another batch.
    for (const auto& [digest, same] : copies) {
      for (const Uid uid : same) batch.withdraw(uid);
    }
    return {};
  }
  if (copies.empty()) return {};
  const auto originals = originals_of(key, copies, in_flight);
  if (!originals) return std::unexpected(originals.error());
  if (originals->empty()) return {};
  std::vector<Uid> uids;
  for (const MailBytes& original : *originals) uids.push_back(static_cast<Uid>(original.uid));
  std::ranges::sort(uids);
  Digests again{[this] { beat(); }};
  ended = mailbox_->fetch(uids, again);
  for (const MailBytes& original : *originals) {
    const Uid uid = static_cast<Uid>(original.uid);
    std::vector<Uid>& same = copies.at(original.sha256);
    const auto digest = again.of(uid);
    if (digest == original.sha256 || again.is_missing(uid)) continue;
    if (digest) {
      const auto owner = same.empty() ? by_uid.end() : by_uid.find(same.front());
      if (owner == by_uid.end()) continue;
      if (auto done = exchange(original, *owner->second, context, lease); !done) return done;
      batch.withdraw(owner->first);
      by_uid.erase(owner);
      same.erase(same.begin());
      continue;
    }
    const Error* const refusal = again.refusal(uid);
    for (const Uid copy : same) {
      if (refusal) {
        batch.refuse(copy, unconfirmed(original, *refusal));
      } else {
        batch.withdraw(copy);  // the fetch broke off: in another batch
      }
    }
  }
  return {};
}

// The row that was read is that of `owner` from now on; the other one waits as a mail does that the
// server does not give out, so that one who contradicts himself for ever keeps nobody busy.
Result<void> Poller::exchange(const MailBytes& original, const PendingMail& owner,
                              const MailboxContext& context, const store::Lease& lease) {
  if (auto exchanged = log_.exchange(original.id, owner.id); !exchanged) return exchanged;
  exchanged_.insert(original.id);
  PendingMail unread = owner;
  unread.uid = original.uid;
  return note_unfetched(unread,
                        {.code = ErrorCode::upstream_rejected,
                         .detail = "the server contradicts itself: it answered for uid " +
                                   std::to_string(original.uid) + " with the bytes of uid " +
                                   std::to_string(owner.uid),
                         .reason = "contradicted"},
                        1, context, lease);
}

}  // namespace c360::ingest
