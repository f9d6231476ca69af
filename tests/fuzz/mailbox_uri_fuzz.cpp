// Any text as a mailbox string: refused with a reason, disabled, or a mailbox whose values are
// within their bounds; and the password is shown nowhere. Where the text has a byte 0x01 the secret
// stands.
#include <algorithm>
#include <string>

#include "daemon/base/text.h"
#include "parsers/mailbox_uri.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;           // NOLINT: one file, one purpose
using namespace c360::parsers;  // NOLINT
using c360::testing::require;

constexpr std::string_view kSecret = "Zq7geheimnis";

bool has_control(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

void check_mailbox(const MailboxUri& mailbox) {
  require(!mailbox.host.empty() && mailbox.port > 0 && !mailbox.folder.empty());
  require(std::ranges::all_of(mailbox.host, [](char c) { return c > 0x20 && c < 0x7F; }));
  require(mailbox.delay >= kMinimumDelay && mailbox.initial_delay.count() >= 0);
  require(mailbox.connect_timeout.count() > 0 && mailbox.read_timeout.count() > 0);
  require(mailbox.batch.value_or(1) > 0);
  const std::initializer_list<std::string_view> texts = {mailbox.username, mailbox.folder,
                                                         mailbox.move_to, mailbox.copy_to,
                                                         mailbox.password.reveal()};
  for (const std::string_view text : texts) {
    require(!has_control(text) && is_valid_utf8(text));
  }
}

void check_remarks(const std::vector<MailboxRemark>& remarks) {
  for (const MailboxRemark& remark : remarks) {
    require(!remark.text.empty() && is_valid_utf8(remark.text) && is_valid_utf8(remark.option));
  }
}

MailboxSetting check_reading(std::string_view text) {
  MailboxSetting setting = read_mailbox_uri(text);
  require(setting.ok() || !setting.mailbox);
  check_remarks(setting.errors);
  check_remarks(setting.warnings);
  if (setting.mailbox) check_mailbox(*setting.mailbox);
  require(!is_valid_utf8(text) || is_valid_utf8(masked_mailbox_uri(text)));
  return setting;
}

// What was read as the password, and only that, holds the secret.
void check_secrecy(const std::string& text) {
  const MailboxSetting setting = check_reading(text);
  if (!setting.mailbox || !setting.mailbox->password.reveal().contains(kSecret)) return;
  require(!masked_mailbox_uri(text).contains(kSecret));
  for (const MailboxRemark& remark : setting.warnings) require(!remark.text.contains(kSecret));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(c360::testing::as_text(data, size));
  check_reading(text);
  if (const std::size_t mark = text.find('\x01'); mark != text.npos) {
    text.replace(mark, 1, kSecret);
    check_secrecy(text);
  }
  return 0;
}
