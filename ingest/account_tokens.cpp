#include "ingest/account_tokens.h"

#include "adapters/curl_http_client.h"
#include "adapters/token_keeper.h"

namespace c360::ingest {

std::shared_ptr<adapters::AccessTokens> make_account_tokens(const MailboxSettings& settings,
                                                            const std::string& holder,
                                                            store::Database& database,
                                                            const Observer& observer,
                                                            const Clock& clock) {
  if (!settings.oauth) return nullptr;
  return std::make_shared<adapters::TokenKeeper>(
      settings.code, *settings.oauth, holder,
      adapters::TokenKeeperPorts{
          .database = database, .observer = observer, .clock = clock, .connect = [] {
            return std::make_unique<adapters::CurlHttpClient>("client360");
          }});
}

}  // namespace c360::ingest
