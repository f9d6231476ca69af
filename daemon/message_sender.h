// Carries messages to people outside: a thread for each line of a channel that is on, woken as soon
// as a message is queued (store/job_bell.h).
//
// Metrics are those of jobs, under the kind "messages.CHANNEL": what waits, what failed for good
// (dead), how long the oldest has waited, attempts by how they ended.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/channel_sender.h"
#include "daemon/message_channels.h"
#include "store/database.h"
#include "store/job_bell.h"

namespace c360::daemon {

struct MessageSenderOptions {
  ChannelSenderOptions each;
  store::DatabaseOptions database;  // of the bells, which have connections of their own
  std::chrono::milliseconds gauge_interval{15'000};
  std::function<void(std::string_view loop)> beat = [](std::string_view) {};
  std::function<void(std::string_view loop, std::chrono::milliseconds limit)> expect =
      [](std::string_view, std::chrono::milliseconds) {};
  std::function<void(std::string_view loop)> retire = [](std::string_view) {};
};

// Everything in it runs from start() to stop().
class MessageSender {
 public:
  MessageSender(store::Database& database, std::vector<ChannelSetup> channels,
                MessageSenderOptions options, const Clock& clock, const Observer& observer);
  ~MessageSender();  // stop()
  MessageSender(const MessageSender&) = delete;
  MessageSender& operator=(const MessageSender&) = delete;

  void start();
  // Ends what is under way: a message not yet handed over goes back to the queue.
  void stop();

 private:
  struct Line;
  void work(const std::stop_token& stop, Line& line);
  void show_gauges();
  void tell(const Error& error, std::string_view what) const;

  store::Database& database_;
  const MessageSenderOptions options_;
  const Observer& observer_;
  std::vector<std::unique_ptr<Line>> lines_;
};

}  // namespace c360::daemon
