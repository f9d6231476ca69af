// A Telegram bot as a way out to people (adapters.md, 5.1; R-110): text, and files as documents.
//
// The token stands in the path of every address: addresses are shown and recorded through a
// Redactor only. The body of an answer counts, its status only where the body is no JSON. Text is
// sent without `parse_mode`, so nothing in it is markup.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/channel_http.h"
#include "adapters/message_channel.h"
#include "adapters/service_options.h"
#include "daemon/base/json.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

struct TelegramOptions {
  Secret token;  // "123456:ABC…"; empty: every call is permanent/off
  bool enabled = true;
  // Scheme and host; http:// for a server of one's own on this machine.
  std::string base_url = "https://api.telegram.org";
  CallLimits limits{.first_byte = std::chrono::seconds{10},
                    .whole = std::chrono::milliseconds{20'000},
                    .max_answer_bytes = std::size_t{1} << 20U,
                    .rate = {.calls = 25, .burst = 5}};
  std::chrono::milliseconds document_whole{120'000};
  Rate chat_rate{.calls = 1};
  // Groups and channels besides; the service takes 20.
  Rate group_rate{.calls = 18, .per = std::chrono::milliseconds{60'000}, .burst = 2};
  std::chrono::milliseconds longest_chat_wait{5'000};
  std::size_t max_document_bytes = std::size_t{50} << 20U;
  std::size_t max_parts = 10;   // of one text, and of files
  std::size_t connections = 4;  // messages sent at the same time by one daemon
  std::string ca_file;          // PEM, instead of the system's authorities; empty: those

  bool is_on() const { return enabled && !token.empty(); }
  // The most that passes between two words to a PartLog: a request, its turn before it, and the
  // pause after one that failed.
  std::chrono::milliseconds longest_step() const;
};

class Telegram final : public MessageChannel {
 public:
  Telegram(TelegramOptions options, const ChannelPorts& ports);

  // A text over 4096 UTF-16 units goes as several messages, each file as a document; one file takes
  // a text of up to 1024 units as its caption. Of several parts the first names the message, each
  // request is told to the PartLog before it is made and each part that was taken after it, so that
  // the next attempt goes on where this one ended. `address` is a signed number or @name. A chat
  // that has become a supergroup is written to at once under its new id.
  CallResult<CarriedMessage> send(const ChannelMessage& message, std::stop_token stop) override;
  CallResult<std::string> probe(std::stop_token stop) override;

 private:
  // One request: a text, or a document with its caption.
  struct Part {
    std::string text;
    const MessageAttachment* document = nullptr;
  };
  struct Chat {
    std::string id;
    bool moved = false;
    bool plain = false;  // markup was refused once: say that there is none
  };
  // What a request belongs to.
  struct Errand {
    int part;  // from 1
    const ChannelMessage& message;
  };
  struct Refusal {
    std::string new_chat;  // of migrate_to_chat_id
  };

  CallResult<std::vector<Part>> parts_of(const ChannelMessage& message) const;
  CallResult<CarriedMessage> send_parts(const std::vector<Part>& parts,
                                        const ChannelMessage& message);
  CallResult<std::string> deliver(const Part& part, Chat& chat, const Errand& errand);
  CallResult<std::string> deliver_on(const Part& part, Chat& chat, const Errand& errand);
  CallResult<std::string> ask(const Part& part, const Chat& chat, const Errand& errand,
                              Refusal& refusal);
  ServiceCall call(const std::string& method) const;
  ServiceCall call_for(const Part& part, const Chat& chat) const;
  CallResult<Json> read(const HttpAnswer& answer, Refusal& refusal) const;
  NoAnswer refused(std::int64_t code, const std::string& said,
                   std::optional<std::int64_t> wait) const;
  CallResult<void> check_token() const;
  // The chat's own rates and pause, of all daemons.
  CallResult<void> enter_chat(const std::string& chat);
  void leave_chat(const std::string& chat, const NoAnswer* none);

  TelegramOptions options_;
  const ChannelPorts ports_;
  const std::string settings_;
  ChannelHttp http_;
  ServiceCaller caller_;
  ServiceGate gate_;
};

}  // namespace c360::adapters
