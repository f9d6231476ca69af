#include "ingest/mailbox_factory.h"

#include "adapters/curl_http_client.h"
#include "adapters/token_keeper.h"
#include "daemon/base/version.h"
#include "ingest/imap/imap_mailbox.h"
#include "ingest/maildir_mailbox.h"

namespace c360::ingest {

MailboxFactory make_mailbox_factory(const MailboxSettings& settings, const std::string& holder,
                                    store::Database& database, const Observer& observer,
                                    const Clock& clock) {
  if (!settings.maildir.empty()) {
    return [folder = settings.maildir, limit = settings.imap.limits.message_bytes] {
      return make_maildir_mailbox(folder, limit);
    };
  }
  std::shared_ptr<adapters::AccessTokens> tokens;
  if (settings.oauth) {
    tokens = std::make_shared<adapters::TokenKeeper>(
        settings.code, *settings.oauth, holder,
        adapters::TokenKeeperPorts{
            .database = database, .observer = observer, .clock = clock, .connect = [] {
              return std::make_unique<adapters::CurlHttpClient>(std::string(kUserAgent));
            }});
  }
  return [imap = settings.imap, tokens] { return imap::make_imap_mailbox(imap, tokens); };
}

}  // namespace c360::ingest
