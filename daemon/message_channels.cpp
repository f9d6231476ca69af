#include "daemon/message_channels.h"

#include <utility>

#include "daemon/email_channel.h"
#include "daemon/phone_channels.h"

namespace c360::daemon {
namespace {

using std::chrono::seconds;

constexpr seconds kMargin{60};

ChannelSetup email(const MessageConfig& config) {
  const adapters::SmtpOptions& smtp = config.smtp;
  return {.name = "email",
          .channel = nullptr,
          .rules = config.email,
          .unclear_retries = 1,  // the Message-ID is the same, and readers drop a double
          // A token is got before, twice where the first is refused.
          .longest_send = smtp.whole * 2 + kMargin,
          // base64 makes four bytes of three, and lines of them.
          .max_attachment_bytes = smtp.max_mail_bytes / 4 * 3,
          .settings = email_settings(config)};
}

// Each part of a long text is a request of its own, and so is each document; what is noted between
// them prolongs the lease.
ChannelSetup telegram(const Config& config) {
  const adapters::TelegramOptions& bot = config.telegram;
  return {.name = "telegram",
          .channel = nullptr,
          .rules = config.messages.telegram,
          .unclear_retries = 1,
          .longest_send = bot.longest_step() + kMargin,
          .notes_parts = true,
          .max_attachment_bytes = bot.max_document_bytes,
          .settings = telegram_settings(bot)};
}

ChannelSetup sms(const Config& config) {
  return {.name = "sms",
          .channel = nullptr,
          .rules = config.messages.sms,
          .longest_send = config.sms.limits.call.whole + kMargin,
          .tells_delivery = config.sms.provider != SmsProvider::form,
          .settings = sms_settings(config.sms)};
}

}  // namespace

std::vector<ChannelSetup> make_message_channels(const Config& config, OutsideServices& services) {
  std::vector<ChannelSetup> channels;
  const auto add = [&](ChannelSetup setup, std::unique_ptr<adapters::MessageChannel> channel) {
    if (!channel) return;
    setup.channel = std::move(channel);
    channels.push_back(std::move(setup));
  };
  add(email(config.messages), services.email());
  const auto add_lines = [&](std::size_t count, const auto& setup_of, const auto& channel_of) {
    for (std::size_t i = 0; i < count; ++i) {
      ChannelSetup setup = setup_of(config);
      setup.line = static_cast<int>(i) + 1;
      add(std::move(setup), channel_of());
    }
  };
  add_lines(config.telegram.connections, telegram, [&] { return services.telegram(); });
  add_lines(config.sms.connections, sms, [&] { return services.sms(); });
  return channels;
}

}  // namespace c360::daemon
