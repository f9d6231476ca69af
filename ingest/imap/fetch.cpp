#include "ingest/imap/fetch.h"

#include <algorithm>
#include <utility>

#include "ingest/imap/search.h"
#include "ingest/imap/uid_set.h"

namespace c360::ingest::imap {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kItems = "(UID RFC822.SIZE INTERNALDATE FLAGS BODY.PEEK[])";
// After so many single messages refused as "unavailable" and none had, the server is meant.
constexpr std::size_t kAbsentLimit = 3;

}  // namespace

template <typename Call>
Result<void> Fetch::outside(const Call& call) {
  const auto began = Clock::now();
  Result<void> result = call();
  session_.forgive(Clock::now() - began);
  return result;
}

Result<void> Fetch::run(std::span<const Uid> uids) {
  const std::vector<UidRange> ranges = to_ranges(uids);
  const std::size_t room = session_.options().limits.command_bytes - kItems.size() - 40;
  // Cut by the length of the command; 100 single uids of 10 digits make 1,100 characters.
  std::vector<UidRange> batch;
  std::size_t length = 0;
  for (const UidRange& range : ranges) {
    if (length + 22 > room) {
      if (auto done = run_batch(to_uids(std::exchange(batch, {}))); !done) return done;
      length = 0;
    }
    batch.push_back(range);
    length += 22;  // "4294967294:4294967295,"
  }
  return run_batch(to_uids(std::move(batch)));
}

Result<void> Fetch::run_batch(std::vector<Uid> uids) {
  if (uids.empty()) return {};
  waiting_ = std::set<Uid>(uids.begin(), uids.end());
  unnumbered_body_ = false;
  const auto sets = to_sequence_sets(to_ranges(uids), session_.options().limits.command_bytes);
  const std::string command = "UID FETCH " + sets.front() + " " + std::string(kItems);
  auto completion = session_.run(command, *this);
  if (std::exchange(current_, Current::none) == Current::streaming) sink_.discard();
  if (!completion) return std::unexpected(completion.error());
  return settle(*completion, std::vector<Uid>(waiting_.begin(), waiting_.end()));
}

// What becomes of the messages that the answer did not bring.
Result<void> Fetch::settle(const Completion& completion, const std::vector<Uid>& rest) {
  if (rest.empty()) return {};
  if (completion.ok()) {
    if (unnumbered_body_) {
      return fail(ErrorCode::unavailable, "the server sends messages without their uids",
                  "malformed_response");
    }
    return refuse_or_miss(
        rest, Error{.code = ErrorCode::upstream_rejected,
                    .detail = "the server lists the message but sends no content for it"});
  }
  const Error error = session_.refused(completion, "fetching messages");
  if (error.code == ErrorCode::rate_limited) return std::unexpected(error);
  if (rest.size() == 1) {
    if (error.code == ErrorCode::unavailable && delivered_ == 0 && ++absent_ >= kAbsentLimit) {
      return std::unexpected(error);
    }
    return refuse_or_miss(rest, error);
  }
  // One of them is the cause: halves find it in a few commands, and its neighbours come along.
  const auto middle = rest.begin() + static_cast<std::ptrdiff_t>(rest.size() / 2);
  if (auto done = run_batch(std::vector<Uid>(rest.begin(), middle)); !done) return done;
  return run_batch(std::vector<Uid>(middle, rest.end()));
}

// A message is called missing only when the server does not list it any more: that is the last the
// ledger hears of it.
Result<void> Fetch::refuse_or_miss(const std::vector<Uid>& rest, const Error& error) {
  const auto sets = to_sequence_sets(to_ranges(rest), session_.options().limits.command_bytes);
  auto listed = search_uids(session_, "UID " + sets.front());
  if (!listed) return std::unexpected(listed.error());
  for (const Uid uid : rest) {
    if (std::ranges::binary_search(*listed, uid)) {
      refuse(uid, error);
    } else {
      sink_.missing(uid);
    }
  }
  return {};
}

void Fetch::refuse(Uid uid, const Error& error) {
  waiting_.erase(uid);
  sink_.refused(uid, error);
}

Error Fetch::too_long(std::uint64_t size) const {
  return Error{.code = ErrorCode::payload_too_large,
               .detail = "the message has " + std::to_string(size) + " bytes, the limit is " +
                         std::to_string(session_.options().limits.message_bytes)};
}

Result<bool> Fetch::begin(std::uint64_t size, const FetchItems& so_far) {
  const ImapLimits& limits = session_.options().limits;
  const bool known = so_far.uid != 0;
  size_ = size;
  // The time a long message may take, on top of what any message may.
  const std::uint64_t rate = std::max<std::uint64_t>(session_.options().minimum_rate, 1);
  const std::uint64_t seconds = std::min<std::uint64_t>(size, limits.skipped_bytes) / rate;
  session_.allow(session_.options().command_timeout + std::chrono::seconds{seconds});
  if (size > limits.message_bytes) {
    current_ = Current::too_long;
    if (size <= limits.skipped_bytes) return false;
    if (known && waiting_.contains(so_far.uid)) refuse(so_far.uid, too_long(size));
    return fail(ErrorCode::unavailable,
                "a message of " + std::to_string(size) + " bytes is announced; the limit is " +
                    std::to_string(limits.message_bytes),
                "limit_crossed");
  }
  if (known && !waiting_.contains(so_far.uid)) {
    current_ = Current::skipped;
    return false;
  }
  auto begun = outside([&] { return sink_.begin(size); });
  if (!begun) return std::unexpected(begun.error());
  current_ = Current::streaming;
  return true;
}

Result<void> Fetch::bytes(std::string_view piece) {
  return outside([&] { return sink_.bytes(piece); });
}

Result<void> Fetch::untagged(Response& response) {
  if (response.kind != Response::Kind::fetch) return {};
  return finish_message(response.fetch);
}

Result<void> Fetch::finish_message(const FetchItems& items) {
  const Current current = std::exchange(current_, Current::none);
  const bool wanted = waiting_.contains(items.uid);
  if (current == Current::too_long && wanted) {
    refuse(items.uid, too_long(size_));
  } else if (current == Current::streaming && wanted) {
    waiting_.erase(items.uid);
    ++delivered_;
    session_.allow(session_.options().command_timeout);  // for the next message
    return outside([&] {
      return sink_.end(FetchedMeta{.uid = items.uid,
                                   .literal_size = size_,
                                   .rfc822_size = items.rfc822_size,
                                   .internal_date = items.internal_date,
                                   .flags = items.flags.value_or(std::vector<std::string>{})});
    });
  } else if (current == Current::streaming) {
    unnumbered_body_ = unnumbered_body_ || items.uid == 0;
    sink_.discard();
  }
  return {};
}

}  // namespace c360::ingest::imap
