#include "daemon/channel_sender.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

#include "daemon/base/pause.h"
#include "ingest/thread_id.h"
#include "store/blob.h"
#include "store/unsubscribe.h"

namespace c360::daemon {
namespace {

using adapters::Carried;
using adapters::NoAnswer;
using adapters::Outcome;
using std::chrono::milliseconds;

constexpr milliseconds kIdle{30'000};
constexpr milliseconds kLeaseMargin{60'000};  // over the longest send
constexpr milliseconds kFirstDeliveryLook{60'000};
constexpr std::chrono::hours kDeliveryPatience{72};

adapters::GatePolicy policy_of(const ChannelSetup& setup) {
  adapters::GatePolicy policy;
  const int burst = std::max(1, setup.rules.per_minute / 10);
  policy.rates = {
      {.calls = setup.rules.per_minute, .per = std::chrono::minutes{1}, .burst = burst}};
  policy.longest_call = setup.longest_send;
  return policy;
}

milliseconds until(Instant moment, Instant now) {
  return std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(moment - now));
}

// A merge locks the customer and then his messages, we the other way round.
bool passes(const Error& error) {
  return error.temporary() || error.reason == "deadlock" || error.reason == "serialization_failure";
}

store::Delivered delivered_of(adapters::DeliveryState state) {
  switch (state) {
    case adapters::DeliveryState::delivered:
      return store::Delivered::yes;
    case adapters::DeliveryState::undeliverable:
      return store::Delivered::no;
    case adapters::DeliveryState::on_its_way:
      return store::Delivered::on_its_way;
    case adapters::DeliveryState::not_found:
      break;
  }
  return store::Delivered::unknown;
}

std::string escaped(std::string_view url) {
  std::string text;
  for (const char c : url) {
    if (c == '&') {
      text += "&amp;";
    } else if (c == '"') {
      text += "&quot;";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

// The parts of one message, under its lease, which each word prolongs.
class ChannelSender::Parts final : public adapters::PartLog {
 public:
  Parts(const ChannelSender& sender, const store::MessageClaim& claim, const std::stop_token& stop)
      : sender_(sender), claim_(claim), stop_(stop) {}

  Result<void> begins(int part) override {
    sender_.options_.at_work();
    return sender_.insist(stop_, [&] {
      return store::note_part_begun(sender_.database_, claim_, part, sender_.lease());
    });
  }
  Result<void> taken(int part, const std::string& provider_id) override {
    return sender_.insist(stop_, [&] {
      return store::note_part_taken(sender_.database_, claim_, part, provider_id, sender_.lease());
    });
  }

 private:
  const ChannelSender& sender_;
  const store::MessageClaim& claim_;
  const std::stop_token& stop_;
};

ChannelSender::ChannelSender(store::Database& database, ChannelSetup setup,
                             ChannelSenderOptions options, const Clock& clock,
                             const Observer& observer)
    : database_(database),
      setup_(std::move(setup)),
      options_(std::move(options)),
      clock_(clock),
      observer_(observer),
      gate_states_(database),
      gate_({.service = setup_.name, .group = "messages", .lane = "queue"}, setup_.settings,
            policy_of(setup_), gate_states_) {}

milliseconds ChannelSender::lease() const { return setup_.longest_send + kLeaseMargin; }

// Advertising and reminders wait for the morning.
bool ChannelSender::urgent_only() const {
  const auto now = options_.zone.local(std::chrono::floor<std::chrono::seconds>(clock_.now()));
  return setup_.rules.quiet.holds_at(now);
}

// Where the service knows it by a name of ours it is asked what became of it.
store::UnclearRule ChannelSender::unclear_rule() const {
  store::UnclearRule rule{.retries = setup_.unclear_retries,
                          .delay = kUnclearPause,
                          .first_look = std::nullopt,
                          .knows_parts = setup_.notes_parts,
                          .clear_attempts = static_cast<int>(kMessageRetries.size()) + 1};
  if (!setup_.channel->own_name("any").empty()) rule.first_look = first_look();
  return rule;
}

std::optional<milliseconds> ChannelSender::first_look() const {
  if (!setup_.tells_delivery) return std::nullopt;
  return kFirstDeliveryLook;
}

Result<milliseconds> ChannelSender::turn(const std::stop_token& stop) {
  if (auto lost = store::recover_messages(database_, setup_.name, unclear_rule()); !lost)
    return std::unexpected(lost.error());
  const bool urgent = urgent_only();
  auto next = store::next_message(database_, setup_.name, urgent);
  if (!next) return std::unexpected(next.error());
  if (!next->until || *next->until > milliseconds{0})
    return std::min(next->until.value_or(kIdle), kIdle);
  // In turns, so that neither waits for the other.
  if (!next->is_due || !std::exchange(looked_last_, true)) {
    auto looked = look_after_sent(stop);
    if (!looked) return std::unexpected(looked.error());
    if (*looked) return milliseconds{0};
    // Somebody else looks at it, or it waits under a lease that is not over.
    if (!next->is_due) return options_.after_trouble;
  }
  looked_last_ = false;

  const auto begin = gate_.enter("send", clock_.now());
  if (!begin) {
    const auto wait = begin.error().retry_at ? until(*begin.error().retry_at, clock_.now()) : kIdle;
    return std::min(wait, kIdle);
  }
  auto claim = store::claim_message(database_, setup_.name, lease(), urgent);
  if (!claim || !*claim || (*claim)->suppressed) {
    leave_uncalled();
    if (!claim) return std::unexpected(claim.error());
    // Somebody else took it, or it waits under a lease that is not over.
    if (!*claim) return options_.after_trouble;
    count("canceled", **claim, (*claim)->reason);
    return milliseconds{0};
  }
  if (auto done = deliver(**claim, stop); !done) return std::unexpected(done.error());
  return milliseconds{0};
}

Result<void> ChannelSender::deliver(const store::MessageClaim& claim, const std::stop_token& stop) {
  auto message = compose(claim);
  if (!message) {
    leave_uncalled();
    const Error& error = message.error();
    count(error.temporary() ? "retry" : "dead", claim, error.reason);
    store::MessageRefusal refusal{.reason = error.reason, .detail = error.detail};
    if (error.temporary()) refusal.delay = kMessageRetries.front();
    return insist(stop, [&] { return store::note_refused(database_, claim, refusal); });
  }
  Parts parts{*this, claim, stop};
  message->parts = &parts;
  auto carried = setup_.channel->send(*message, stop);
  if (!carried) {
    NoAnswer none = std::move(carried).error();
    leave(&none);
    const store::MessageRefusal refusal = refusal_of(claim, none);
    count(refusal.delay ? "retry" : "dead", claim, refusal.reason);
    return insist(stop, [&] { return store::note_refused(database_, claim, refusal); });
  }
  leave(nullptr);
  if (carried->state == Carried::unknown) {
    count("retry", claim, "unclear");
    return insist(stop, [&] {
      return store::note_unclear(database_, claim, carried->detail, carried->provider_id,
                                 unclear_rule());
    });
  }
  count("done", claim, {});
  return insist(stop, [&] {
    return store::note_sent(database_, claim, carried->provider_id, carried->new_address,
                            first_look());
  });
}

// The same at each attempt. The domain is the channel's affair.
std::string ChannelSender::key_of(std::int64_t message, std::optional<std::int64_t> record) const {
  std::string key = ingest::make_thread_id(options_.thread_key, record.value_or(0),
                                           fmt::format("{:x}", message), "");
  key.pop_back();
  return key;
}

Result<adapters::ChannelMessage> ChannelSender::compose(const store::MessageClaim& claim) {
  adapters::ChannelMessage message{.address = claim.address,
                                   .subject = claim.subject,
                                   .text = claim.text,
                                   .html = claim.html,
                                   .key = {},
                                   .maybe_sent = claim.maybe_sent,
                                   .in_reply_to = claim.in_reply_to,
                                   .unsubscribe_url = {},
                                   .attachments = {},
                                   .parts_taken = claim.parts_taken,
                                   .provider_id = claim.provider_message_id};
  message.key = key_of(claim.id, claim.record_id);
  if (claim.purpose == "promo" && setup_.name == "email") {
    if (options_.public_url.empty())
      return fail(ErrorCode::conflict,
                  "Advertising needs a link to refuse it: set messages.public_url.",
                  "no_public_url");
    message.unsubscribe_url = unsubscribe_url(claim);
    message.text +=
        "\n\n--\nОтказаться от рассылки / Unsubscribe: " + message.unsubscribe_url + "\n";
    if (!message.html.empty())
      message.html += "<p><a href=\"" + escaped(message.unsubscribe_url) +
                      "\">Отказаться от рассылки / Unsubscribe</a></p>";
  }
  if (auto attached = attach(claim, message); !attached)
    return std::unexpected(std::move(attached).error());
  return message;
}

std::string ChannelSender::unsubscribe_url(const store::MessageClaim& claim) const {
  return options_.public_url + "/unsubscribe/" +
         store::sign_unsubscribe(
             options_.unsubscribe_key,
             {.counterparty_id = claim.counterparty_id.value_or(0), .message_id = claim.id});
}

Result<void> ChannelSender::attach(const store::MessageClaim& claim,
                                   adapters::ChannelMessage& message) {
  if (claim.document_version_ids.empty() || setup_.max_attachment_bytes == 0) return {};
  auto tx = database_.begin(store::Pool::work, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  auto files = store::message_files(*tx, claim.document_version_ids);
  if (!files) return std::unexpected(files.error());
  std::int64_t left = static_cast<std::int64_t>(setup_.max_attachment_bytes);
  for (store::MessageFile& file : *files) {
    if (file.size_bytes > left)
      return fail(
          ErrorCode::payload_too_large,
          fmt::format("The attachments have more than {} bytes.", setup_.max_attachment_bytes),
          "too_large");
    left -= file.size_bytes;
    auto content = store::read_blob(*tx, file.sha256, file.size_bytes);
    if (!content) return std::unexpected(content.error());
    message.attachments.push_back(
        {std::move(file.file_name), std::move(file.media_type), std::move(*content)});
  }
  return tx->commit();
}

store::MessageRefusal ChannelSender::refusal_of(const store::MessageClaim& claim,
                                                const NoAnswer& none) const {
  store::MessageRefusal refusal{.reason = none.reason, .detail = none.detail};
  // Who blocked the bot, or is no chat at all, is no more to be written to than who has no mailbox.
  const std::string_view dead = setup_.name == "telegram" ? "recipient" : adapters::kNoSuchAddress;
  refusal.no_such_address = none.outcome == Outcome::permanent && none.reason == dead;
  const milliseconds told = none.retry_at ? until(*none.retry_at, clock_.now()) : milliseconds{0};
  switch (none.outcome) {
    case Outcome::quota:
    case Outcome::auth: {
      // Not this message's fault: it waits with the others. A refused sign-in is kept by the gate,
      // which opens when the settings change.
      const bool is_gated =
          none.outcome == Outcome::auth && none.scope == adapters::RefusalScope::service;
      refusal.counts = false;
      refusal.delay = is_gated ? milliseconds{0} : told;
      break;
    }
    case Outcome::retryable: {
      refusal.counts = none.reason != "interrupted";
      const auto failures = static_cast<std::size_t>(std::max(1, claim.attempts));
      if (!refusal.counts) {
        refusal.delay = milliseconds{0};
      } else if (failures <= kMessageRetries.size()) {
        refusal.delay = std::max<milliseconds>(kMessageRetries[failures - 1], told);
      }
      break;
    }
    default:
      break;
  }
  return refusal;
}

void ChannelSender::leave(NoAnswer* none) {
  // A server that defers one recipient is well.
  const bool is_well = none == nullptr || none->reason == "deferred";
  gate_.leave("send", is_well ? nullptr : none, clock_.now());
}

void ChannelSender::leave_uncalled() {
  NoAnswer none{.outcome = Outcome::retryable, .reason = "interrupted"};
  gate_.leave("send", &none, clock_.now());
}

Result<void> ChannelSender::insist(const std::stop_token& stop,
                                   const std::function<Result<void>()>& note) const {
  const auto end = std::chrono::steady_clock::now() + setup_.longest_send;
  for (;;) {
    auto noted = note();
    const bool again = !noted && passes(noted.error()) && !stop.stop_requested() &&
                       std::chrono::steady_clock::now() < end;
    if (!again) return noted;
    pause(options_.after_trouble, stop);
  }
}

// Whether messages that were sent, or may have been, have arrived, where the service knows. True:
// one was looked at.
Result<bool> ChannelSender::look_after_sent(const std::stop_token& stop) {
  if (!setup_.tells_delivery) return false;
  auto sent = store::claim_delivery_check(database_, setup_.name, setup_.longest_send);
  if (!sent) return std::unexpected(sent.error());
  if (!*sent) return false;
  const auto report = ask_about(**sent, stop);
  const bool patient = (*sent)->age < kDeliveryPatience;
  std::optional<milliseconds> again;
  if (!report) {
    // That says nothing of the message.
    const NoAnswer& none = report.error();
    if (patient || none.retry_at)
      again = none.retry_at ? until(*none.retry_at, clock_.now()) : kFirstDeliveryLook;
    if ((*sent)->age > 2 * kDeliveryPatience) again.reset();
  } else if (patient) {
    again = std::max<milliseconds>(kFirstDeliveryLook, (*sent)->age);  // twice as old at each look
  }
  const auto delivered = report ? delivered_of(report->state) : store::Delivered::unknown;
  const std::string detail = report ? report->detail : std::string();
  if (auto noted = store::note_delivery(database_, **sent, delivered, detail, again); !noted)
    return std::unexpected(noted.error());
  return true;
}

adapters::CallResult<adapters::DeliveryReport> ChannelSender::ask_about(
    store::SentMessage& sent, const std::stop_token& stop) {
  if (sent.provider_message_id.empty())
    sent.provider_message_id = setup_.channel->own_name(key_of(sent.id, sent.record_id));
  auto report = setup_.channel->delivery(sent.provider_message_id, sent.address, stop);
  if (report) return std::move(*report);
  return adapters::DeliveryReport{.state = adapters::DeliveryState::not_found, .detail = {}};
}

void ChannelSender::count(std::string_view how, const store::MessageClaim& claim,
                          std::string_view reason) const {
  const std::string kind = "messages." + setup_.name;
  observer_.metrics().counter(Metric::job_runs_total, {kind, std::string(how)}).add();
  if (reason.empty()) return;
  observer_.observe(how == "dead" ? event::job_failed : event::job_retried,
                    {{"kind", kind}, {"message_id", claim.id}, {"reason", reason}});
}

}  // namespace c360::daemon
