// UID FETCH of whole messages: asks for a batch, streams what comes into the sink, and when the
// server refuses the batch, narrows it down to the message that is the cause.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ingest/imap/session.h"
#include "ingest/mailbox.h"

namespace c360::ingest::imap {

// One call of Mailbox::fetch(). Not reusable.
class Fetch final : public Listener {
 public:
  Fetch(Session& session, FetchSink& sink) : session_(session), sink_(sink) {}

  Result<void> run(std::span<const Uid> uids);

  Result<void> untagged(Response& response) override;
  Result<bool> begin(std::uint64_t size, const FetchItems& so_far) override;
  Result<void> bytes(std::string_view piece) override;

 private:
  enum class Current : std::uint8_t { none, streaming, skipped, too_long };

  Result<void> run_batch(std::vector<Uid> uids);
  Result<void> settle(const Completion& completion, const std::vector<Uid>& rest);
  Result<void> refuse_or_miss(const std::vector<Uid>& rest, const Error& error);
  Result<void> finish_message(const FetchItems& items);
  Error too_long(std::uint64_t size) const;
  void refuse(Uid uid, const Error& error);
  // Calls the sink with our clock stopped.
  template <typename Call>
  Result<void> outside(const Call& call);

  Session& session_;
  FetchSink& sink_;
  std::set<Uid> waiting_;  // asked for by the command under way, not heard of yet
  Current current_ = Current::none;
  std::uint64_t size_ = 0;
  bool unnumbered_body_ = false;  // a body whose response named no uid
  std::size_t delivered_ = 0;
  std::size_t absent_ = 0;  // messages refused in words that may be meant for all
};

}  // namespace c360::ingest::imap
