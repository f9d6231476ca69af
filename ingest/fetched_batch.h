// One batch as it comes from the server: the sink of Mailbox::fetch that keeps raw mails, small
// ones in memory and large ones in files, with a bound on the memory of the whole batch.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ingest/mailbox.h"
#include "ingest/raw_mail.h"

namespace c360::ingest {

struct FetchedMail {
  FetchedMeta meta;
  RawMail raw;
};

struct FetchedBatchOptions {
  std::string spool_folder;
  std::size_t spool_bytes = 1U << 20U;  // a mail above it goes to a file
  std::size_t batch_bytes =
      8U << 20U;  // held in memory by the batch; then every further mail goes to a file
  std::function<void()> progress;  // called at every mail and some MiB
};

class FetchedBatch final : public FetchSink {
 public:
  explicit FetchedBatch(FetchedBatchOptions options);

  Result<void> begin(std::uint64_t literal_size) override;
  Result<void> bytes(std::string_view piece) override;
  Result<void> end(const FetchedMeta& meta) override;
  void discard() override;
  void missing(Uid uid) override { missing_.push_back(uid); }
  void refused(Uid uid, const Error& error) override { refused_.emplace_back(uid, error); }

  // Mails to be fetched again, once each; what comes then is taken. Those whose literal was not as
  // long as RFC822.SIZE said (some servers only estimate), and those with the bytes of another mail
  // of the batch, or of one read before: copies exist, and so do servers that send one mail for
  // another. A server that sends the same wrong bytes both times is believed: nothing tells them
  // from a copy.
  std::vector<Uid> take_doubtful();
  // Of the mails that were not doubted.
  std::vector<Sha256> undoubted() const;
  // Those of them with these bytes are doubted too: mails that were read before have them.
  void doubt(const std::set<Sha256>& known);
  // What mails became that had other bytes the second time.
  std::vector<Sha256> changed() const;
  // Those of them that now have these bytes, or those of a neighbour, are `refused` (upstream_
  // rejected, reason contradicted): two answers that differ and belong to others prove nothing.
  void refuse(const std::set<Sha256>& known);
  // By their bytes, those that were doubted and came twice the same; ascending.
  std::map<Sha256, std::vector<Uid>> repeated() const;
  // Not of this batch: to be fetched in another one.
  void withdraw(Uid uid);
  void refuse(Uid uid, Error error);                      // the same, and it is `refused`
  std::size_t mismatches() const { return mismatches_; }  // taken although their size differs
  // Taken although the server was of two minds: of their size, or of their bytes when asked again.
  std::size_t contradictions() const { return contradictions_; }

  std::vector<FetchedMail>& mails() { return mails_; }
  const std::vector<Uid>& missing() const { return missing_; }
  // By the server, or by our spool folder (reason spool_failed): its neighbours come all the same.
  const std::vector<std::pair<Uid, Error>>& refused() const { return refused_; }

 private:
  void note(const Result<void>& kept);
  bool same_bytes_as_another(Uid uid, const RawMail& raw);
  void doubt(Uid uid, const Sha256& at_first);
  bool has_changed(const FetchedMail& mail) const;

  FetchedBatchOptions options_;
  RawMailWriter writer_;
  std::optional<Error> failure_;  // of the mail that comes now: it could not be kept
  std::size_t held_bytes_ = 0;
  std::vector<FetchedMail> mails_;
  std::vector<Uid> missing_;
  std::vector<std::pair<Uid, Error>> refused_;
  std::map<Sha256, Uid> first_with_;  // these bytes
  std::vector<Uid> doubtful_;
  std::map<Uid, Sha256> doubted_;  // what they were at first
  std::size_t mismatches_ = 0;
  std::size_t contradictions_ = 0;
};

}  // namespace c360::ingest
