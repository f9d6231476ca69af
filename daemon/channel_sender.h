// What one channel has to carry, one message at a time (store/message_queue.h): when it may go
// (quiet hours, rate, the gate of the service), with what, and what becomes of it.
//
// One thread. Rate, pauses and breaker are those of all daemons together.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/service_gate.h"
#include "adapters/stored_gate_states.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/secret.h"
#include "daemon/base/time_zone.h"
#include "daemon/message_channels.h"
#include "store/database.h"
#include "store/message_queue.h"

namespace c360::daemon {

// After the n-th failure (domain.md, 19); a message that fails once more has failed for good.
inline constexpr std::array<std::chrono::minutes, 5> kMessageRetries = {
    std::chrono::minutes{1}, std::chrono::minutes{5}, std::chrono::minutes{30},
    std::chrono::minutes{120}, std::chrono::minutes{720}};
// Before a message that may have arrived is sent again.
inline constexpr std::chrono::minutes kUnclearPause{5};

struct ChannelSenderOptions {
  TimeZone zone;
  Secret thread_key;       // of the ids in what we send (ingest/thread_id.h)
  Secret unsubscribe_key;  // of the links that withdraw a consent (store/unsubscribe.h)
  std::string public_url;
  std::chrono::milliseconds after_trouble{1'000};  // of the database
  std::function<void()> at_work = [] {};           // told at each part of a long message
};

class ChannelSender {
 public:
  ChannelSender(store::Database& database, ChannelSetup setup, ChannelSenderOptions options,
                const Clock& clock, const Observer& observer);

  const std::string& name() const { return setup_.name; }
  // One message, where one may go now. Until there is more to do: zero, at once; otherwise unless
  // somebody rings before.
  Result<std::chrono::milliseconds> turn(const std::stop_token& stop);

 private:
  class Parts;
  std::chrono::milliseconds lease() const;
  bool urgent_only() const;
  store::UnclearRule unclear_rule() const;
  std::string key_of(std::int64_t message, std::optional<std::int64_t> record) const;
  Result<bool> look_after_sent(const std::stop_token& stop);
  // What the service says of it; how it names one that nobody heard of is put in.
  adapters::CallResult<adapters::DeliveryReport> ask_about(store::SentMessage& sent,
                                                           const std::stop_token& stop);
  std::optional<std::chrono::milliseconds> first_look() const;
  Result<void> deliver(const store::MessageClaim& claim, const std::stop_token& stop);
  Result<adapters::ChannelMessage> compose(const store::MessageClaim& claim);
  Result<void> attach(const store::MessageClaim& claim, adapters::ChannelMessage& message);
  std::string unsubscribe_url(const store::MessageClaim& claim) const;
  store::MessageRefusal refusal_of(const store::MessageClaim& claim,
                                   const adapters::NoAnswer& none) const;
  // Says to the gate how it went, which completes the time of a refusal that has none.
  void leave(adapters::NoAnswer* none);
  // The service was not called: that says nothing of it.
  void leave_uncalled();
  // Again while the database is away or others hold the rows: what is not noted may be sent twice.
  Result<void> insist(const std::stop_token& stop, const std::function<Result<void>()>& note) const;
  // `reason` of what did not go well; a server's words and addresses stay in the database.
  void count(std::string_view how, const store::MessageClaim& claim, std::string_view reason) const;

  store::Database& database_;
  const ChannelSetup setup_;
  const ChannelSenderOptions options_;
  const Clock& clock_;
  const Observer& observer_;
  adapters::StoredGateStates gate_states_;
  const adapters::ServiceGate gate_;
  bool looked_last_ = false;  // and so it is the turn of what is to be sent
};

}  // namespace c360::daemon
