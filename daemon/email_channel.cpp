#include "daemon/email_channel.h"

#include <utility>

#include "adapters/curl_http_client.h"
#include "adapters/redactor.h"
#include "adapters/token_keeper.h"
#include "daemon/cli.h"
#include "parsers/mime_writer.h"

namespace c360::daemon {
namespace {

std::string domain_of(const std::string& address) { return address.substr(address.rfind('@') + 1); }

parsers::OutgoingMail mail_of(const adapters::ChannelMessage& message, const MessageConfig& config,
                              Instant now) {
  parsers::OutgoingMail mail{.from = {config.from_name, config.smtp.from},
                             .reply_to = config.reply_to,
                             .to = message.address,
                             .subject = message.subject,
                             .text = message.text,
                             .html = message.html,
                             .message_id = message.key + "@" + domain_of(config.smtp.from),
                             .in_reply_to = message.in_reply_to,
                             .unsubscribe_url = message.unsubscribe_url,
                             .date = now,
                             .attachments = {}};
  for (const adapters::MessageAttachment& file : message.attachments)
    mail.attachments.push_back({file.file_name, file.media_type, file.content});
  return mail;
}

adapters::MailWriter mail_writer(const MessageConfig& config, const Clock& clock) {
  return
      [config, &clock](const adapters::ChannelMessage& message) -> Result<adapters::WrittenMail> {
        parsers::OutgoingMail mail = mail_of(message, config, clock.now());
        auto bytes = parsers::write_mail(mail);
        if (!bytes) return std::unexpected(std::move(bytes).error());
        return adapters::WrittenMail{.bytes = std::move(*bytes),
                                     .message_id = std::move(mail.message_id)};
      };
}

std::unique_ptr<adapters::AccessTokens> tokens_of(const MessageConfig& config,
                                                  const EmailPorts& ports) {
  if (config.oauth.token_url.empty()) return nullptr;
  return std::make_unique<adapters::TokenKeeper>(
      "smtp", config.oauth, ports.holder,
      adapters::TokenKeeperPorts{.database = ports.database,
                                 .observer = ports.observer,
                                 .clock = ports.clock,
                                 .connect = [] {
                                   return std::make_unique<adapters::CurlHttpClient>(
                                       std::string(kUserAgent));
                                 }});
}

}  // namespace

std::unique_ptr<adapters::MessageChannel> email_channel(const MessageConfig& config,
                                                        const EmailPorts& ports) {
  if (config.smtp.host.empty()) return nullptr;
  return std::make_unique<adapters::SmtpChannel>(config.smtp, mail_writer(config, ports.clock),
                                                 ports.clock, tokens_of(config, ports),
                                                 ports.journal);
}

std::string email_settings(const MessageConfig& config) {
  const adapters::SmtpOptions& smtp = config.smtp;
  const adapters::OAuthSettings& oauth = config.oauth;
  // All that a refused sign-in may have been about.
  std::string account;
  for (const std::string_view each :
       {std::string_view(smtp.host), std::string_view(smtp.username), smtp.password.reveal(),
        std::string_view(smtp.from), std::string_view(smtp.ca_file),
        std::string_view(oauth.token_url), std::string_view(oauth.client_id),
        oauth.client_secret.reveal(), oauth.refresh_token.reveal(), std::string_view(oauth.scope),
        std::string_view(oauth.ca_file)})
    account.append(each).append("\n");
  account += std::to_string(smtp.port) + " " + std::to_string(static_cast<int>(smtp.tls));
  return adapters::fingerprint(account);
}

}  // namespace c360::daemon
