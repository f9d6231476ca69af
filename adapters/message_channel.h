// A way out to people: mail, a Telegram bot, an SMS gateway. A channel carries one
// message to one address and says how far it came; who may be written to, when and how often is
// decided by the caller.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/call_outcome.h"
#include "daemon/base/error.h"

namespace c360::adapters {

struct MessageAttachment {
  std::string file_name;   // UTF-8
  std::string media_type;  // "application/pdf"
  std::string content;
};

// Remembers over a crash how far a message has come that goes as several. Parts are counted from 1;
// an error means that it could not be kept, and that nothing more may be sent.
class PartLog {
 public:
  virtual ~PartLog() = default;
  // Before each request for it: from now on it may have been sent.
  virtual Result<void> begins(int part) = 0;
  // The service has it, under this name of its own.
  virtual Result<void> taken(int part, const std::string& provider_id) = 0;
};

// What is to be sent. A channel leaves out what it has no place for.
struct ChannelMessage {
  std::string address;  // a mail address, a chat's id or @name, a number as in E.164
  std::string subject;  // mail only
  std::string text;     // plain, UTF-8; never read as markup
  std::string html;     // mail only; empty: the text alone
  std::string key;      // of this message, the same at each attempt; names it where a channel can
  bool maybe_sent = false;      // an earlier attempt ended as `unknown`
  std::string in_reply_to;      // mail only: a Message-ID with its brackets, or nothing
  std::string unsubscribe_url;  // mail only: RFC 8058; empty where the message asks for no consent
  std::vector<MessageAttachment> attachments;
  // Where a message goes as several: those the service took before are not sent again.
  int parts_taken = 0;
  std::string provider_id{};  // of the first of them
  PartLog* parts = nullptr;   // none: nothing is remembered
};

// How far a message came that was handed over.
enum class Carried : std::uint8_t {
  sent,     // the service took it
  unknown,  // it was written whole and no complete answer came: it may have arrived
};
std::string_view to_string(Carried carried);

struct CarriedMessage {
  Carried state = Carried::sent;
  std::string provider_id;  // the service's own name of it; may be empty
  std::string detail;       // of `unknown`: why; for a person, without secrets
  std::string new_address;  // the chat has moved: use this one from now on; else empty
  int segments = 0;         // SMS only: how many it is counted and paid as
};

// What the service says later of a message it took.
enum class DeliveryState : std::uint8_t { on_its_way, delivered, undeliverable, not_found };
std::string_view to_string(DeliveryState state);

struct DeliveryReport {
  DeliveryState state = DeliveryState::on_its_way;
  std::string detail;
};

// Of a refusal: whoever keeps the mail of this address says that there is none such.
inline constexpr std::string_view kNoSuchAddress = "no_such_address";

// Of one thread at a time. A refusal is a NoAnswer: `permanent` with the reason "recipient" (mail
// also kNoSuchAddress) says that this address will never take a message, `permanent` otherwise that
// this message will not go; `retryable` and `quota` are certain not to have sent anything but what
// its PartLog was told of.
class MessageChannel {
 public:
  virtual ~MessageChannel() = default;

  virtual CallResult<CarriedMessage> send(const ChannelMessage& message, std::stop_token stop) = 0;
  // Asks whether the account works, without sending anything: what it found, for a person.
  virtual CallResult<std::string> probe(std::stop_token stop) = 0;
  // The name by which the service knows a message whose sending ended as `unknown`, made of its
  // `key`; empty where it gives names itself, with its answer.
  virtual std::string own_name(const std::string& /*key*/) const { return {}; }
  // Nothing where the channel cannot be asked (mail, Telegram).
  virtual std::optional<CallResult<DeliveryReport>> delivery(const std::string& /*provider_id*/,
                                                             const std::string& /*address*/,
                                                             const std::stop_token& /*stop*/) {
    return std::nullopt;
  }
};

}  // namespace c360::adapters
