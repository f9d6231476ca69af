#include "daemon/message_sender.h"

#include <algorithm>
#include <string>
#include <utility>

namespace c360::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAfterTrouble{2'000};
constexpr milliseconds kLoopMargin{60'000};

}  // namespace

struct MessageSender::Line {
  Line(store::Database& database, ChannelSetup setup, const MessageSenderOptions& options,
       const Clock& clock, const Observer& observer)
      : loop(loop_of(setup)),
        longest_turn(setup.longest_send * 2 + kLoopMargin),
        sender(database, std::move(setup), each(options), clock, observer),
        bell(options.database) {}

  static std::string loop_of(const ChannelSetup& setup) {
    const std::string first = "messages." + setup.name;
    return setup.line == 1 ? first : first + "." + std::to_string(setup.line);
  }

  // A turn with a long message takes longer than one step of it.
  ChannelSenderOptions each(const MessageSenderOptions& options) const {
    ChannelSenderOptions made = options.each;
    made.at_work = [this, &options] { options.expect(loop, longest_turn); };
    return made;
  }

  const std::string loop;
  const milliseconds longest_turn;
  ChannelSender sender;
  store::JobBell bell;
  std::jthread thread;
};

MessageSender::MessageSender(store::Database& database, std::vector<ChannelSetup> channels,
                             MessageSenderOptions options, const Clock& clock,
                             const Observer& observer)
    : database_(database), options_(std::move(options)), observer_(observer) {
  for (ChannelSetup& setup : channels)
    lines_.push_back(std::make_unique<Line>(database, std::move(setup), options_, clock, observer));
}

MessageSender::~MessageSender() { stop(); }

void MessageSender::start() {
  for (const auto& line : lines_) {
    line->thread = std::jthread([this, &line](const std::stop_token& stop) { work(stop, *line); });
  }
}

void MessageSender::stop() {
  for (const auto& line : lines_) {
    line->thread.request_stop();
    line->bell.ring();
  }
  for (const auto& line : lines_) {
    if (line->thread.joinable()) line->thread.join();
    options_.retire(line->loop);
  }
}

void MessageSender::work(const std::stop_token& stop, Line& line) {
  const bool shows = &line == lines_.front().get();
  auto shown = steady_clock::now() - options_.gauge_interval;
  while (!stop.stop_requested()) {
    options_.expect(line.loop, line.longest_turn);
    if (shows && steady_clock::now() - shown >= options_.gauge_interval) {
      show_gauges();
      shown = steady_clock::now();
    }
    const auto wait = [&]() -> Result<milliseconds> {
      try {
        return line.sender.turn(stop);
      } catch (const std::exception& error) {
        return fail(ErrorCode::internal, error.what());
      }
    }();
    if (!wait && wait.error().reason != "lease_lost") tell(wait.error(), line.loop);
    const milliseconds limit = wait ? *wait : kAfterTrouble;
    if (limit > milliseconds{0} && !stop.stop_requested()) line.bell.wait(limit);
  }
}

void MessageSender::tell(const Error& error, std::string_view what) const {
  // A database that is away is told of once, by the layer that found it.
  const bool away = error.code == ErrorCode::unavailable;
  observer_.observe_at(away ? LogLevel::debug : LogLevel::error, event::task_failed,
                       {{"task", what}, {"code", to_string(error.code)}, {"detail", error.detail}});
}

void MessageSender::show_gauges() {
  auto depths = store::message_depths(database_);
  if (!depths) {
    tell(depths.error(), "message_gauges");
    return;
  }
  Metrics& metrics = observer_.metrics();
  for (const store::MessageDepth& depth : *depths) {
    const std::string kind = "messages." + depth.channel;
    metrics.gauge(Metric::jobs, {kind, "queued"}).set(static_cast<double>(depth.queued));
    metrics.gauge(Metric::jobs, {kind, "dead"})
        .set(static_cast<double>(depth.failed + depth.unknown));
    metrics.gauge(Metric::job_oldest_due_age_seconds, {kind})
        .set(std::chrono::duration<double>(depth.oldest_due).count());
  }
}

}  // namespace c360::daemon
