#include "parsers/mailbox_uri_options.h"

#include <algorithm>
#include <array>
#include <vector>

namespace c360::parsers {
namespace {

using enum OptionUse;

constexpr std::string_view kFramework = "belongs to the other platform's framework and is ignored";
constexpr std::string_view kSending = "is about sending mail and is ignored";
constexpr std::string_view kObject = "names an object of the other platform";
constexpr std::string_view kCron = "is not taken from the mailbox string; use the job schedule";

constexpr auto kOptions = std::to_array<OptionRow>({
    {"additionalJavaMailProperties", reference, kObject},
    {"alternativeBodyHeader", ignored, kSending},
    {"attachmentsContentTransferEncodingResolver", reference, kObject},
    {"authenticator", reference, "names an object; use the OAuth settings"},
    {"backoffErrorThreshold", ignored, "errors are met with our own back-off"},
    {"backoffIdleThreshold", ignored, "an idle mailbox is polled at its own interval"},
    {"backoffMultiplier", ignored, "errors are met with our own back-off"},
    {"bcc", ignored, kSending},
    {"binding", reference, kObject},
    {"bridgeErrorHandler", ignored, kFramework},
    {"cc", ignored, kSending},
    {"closeFolder", boolean, "the folder stays selected; deleted mails are expunged by uid"},
    {"connectionTimeout", setting, ""},
    {"contentType", ignored, kSending},
    {"contentTypeResolver", reference, kObject},
    {"copyTo", setting, ""},
    {"debugMode", ignored, kFramework},
    {"decodeFilename", boolean, "file names are always decoded (RFC 2047, 2231)"},
    {"delay", setting, ""},
    {"delete", setting, ""},
    {"disconnect", setting, ""},
    {"dummyTrustManager", setting, ""},
    {"exceptionHandler", reference, kObject},
    {"exchangePattern", ignored, kFramework},
    {"failOnDuplicateFileAttachment", boolean, "all attachments are kept"},
    {"fetchSize", setting, ""},
    {"folderName", setting, ""},
    {"from", ignored, kSending},
    {"generateMissingAttachmentNames", ignored, "attachments without a name always get one"},
    {"greedy", setting, ""},
    {"handleDuplicateAttachmentNames", ignored, "all attachments are kept, with a suffix"},
    {"handleFailedMessage", boolean, "a mail that cannot be read is always kept with a record"},
    {"headerFilterStrategy", reference, kObject},
    {"idempotentRepository", reference, kObject},
    {"idempotentRepositoryRemoveOnCommit", boolean, "our own ledger knows which mail was taken"},
    {"ignoreUnsupportedCharset", ignored, kFramework},
    {"ignoreUriScheme", ignored, kFramework},
    {"initialDelay", setting, ""},
    {"javaMailProperties", reference, kObject},
    {"javaMailSender", reference, kObject},
    {"lazyStartProducer", ignored, kFramework},
    {"mailUidGenerator", reference, kObject},
    {"mapMailMessage", boolean, "the raw mail is always read"},
    {"maxMessagesPerPoll", setting, ""},
    {"mimeDecodeHeaders", boolean, "header fields are always decoded"},
    {"moveTo", setting, ""},
    {"password", setting, ""},
    {"peek", setting, ""},
    {"pollStrategy", reference, kObject},
    {"postProcessAction", reference, kObject},
    {"repeatCount", setting, ""},
    {"replyTo", ignored, kSending},
    {"runLoggingLevel", ignored, "the log level is a setting of its own"},
    {"scheduledExecutorService", reference, kObject},
    {"scheduler", setting, ""},
    {"schedulerProperties", refused, kCron},
    {"sendEmptyMessageWhenIdle", setting, ""},
    {"session", reference, kObject},
    {"skipFailedMessage", boolean, "a mail that cannot be read is always kept with a record"},
    {"sortTerm", refused, "mails are always read in the order of their uids"},
    {"sslContextParameters", reference, "object reference; use the CA file of the mailbox"},
    {"startScheduler", setting, ""},
    {"subject", ignored, kSending},
    {"timeUnit", setting, ""},
    {"to", ignored, kSending},
    {"unseen", setting, ""},
    {"useFixedDelay", setting, ""},
    {"useInlineAttachments", ignored, kSending},
    {"username", setting, ""},
});
static_assert(std::is_sorted(kOptions.begin(), kOptions.end(),
                             [](const OptionRow& a, const OptionRow& b) {
                               return a.name < b.name;
                             }));

// Levenshtein's distance; names are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
    }
  }
  return row.back();
}

}  // namespace

const OptionRow* find_option(std::string_view name) {
  const auto found =
      std::lower_bound(kOptions.begin(), kOptions.end(), name,
                       [](const OptionRow& row, std::string_view key) { return row.name < key; });
  return found == kOptions.end() || found->name != name ? nullptr : &*found;
}

std::optional<std::string_view> nearest_option(std::string_view name) {
  constexpr std::size_t kLongestName = 64;
  if (name.size() > kLongestName) return std::nullopt;
  const auto nearest = std::min_element(kOptions.begin(), kOptions.end(),
                                        [&](const OptionRow& a, const OptionRow& b) {
                                          return distance(name, a.name) < distance(name, b.name);
                                        });
  if (distance(name, nearest->name) > std::max<std::size_t>(1, name.size() / 3))
    return std::nullopt;
  return nearest->name;
}

}  // namespace c360::parsers
