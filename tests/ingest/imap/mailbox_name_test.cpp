#include "ingest/imap/mailbox_name.h"

#include <gtest/gtest.h>

#include "daemon/base/text.h"

namespace c360::ingest::imap {
namespace {

struct NameCase {
  std::string_view name;
  std::string_view wire;
};

// The second and third are of RFC 3501, 5.1.3.
constexpr NameCase kCases[] = {
    {"INBOX", "INBOX"},
    {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
    {"☺!", "&Jjo-!"},
    {"Входящие", "&BBIERQQ+BDQETwRJBDgENQ-"},
    {"Заявки & ответы", "&BBcEMARPBDIEOgQ4- &- &BD4EQgQyBDUEQgRL-"},
    {"a&b", "a&-b"},
    {"😀", "&2D3eAA-"},
    {"", ""},
};

TEST(MailboxName, GoesToTheWireAndBack) {
  for (const auto& [name, wire] : kCases) {
    EXPECT_EQ(to_modified_utf7(name), wire);
    EXPECT_EQ(from_modified_utf7(wire), name);
  }
}

TEST(MailboxName, EveryCodePointSurvivesTheRoundTrip) {
  for (char32_t c = 0x20; c <= 0x10ffff; c += c < 0x3000 ? 1 : 97) {
    if ((c >= 0xd800 && c <= 0xdfff) || c == 0x7f) continue;
    std::string name = "a";
    append_utf8(name, c);
    append_utf8(name, c);
    name += "-z";
    const auto wire = to_modified_utf7(name);
    ASSERT_TRUE(wire);
    EXPECT_EQ(from_modified_utf7(*wire), name);
  }
}

TEST(MailboxName, RefusesControlCharactersAndBytesThatAreNotUtf8) {
  for (const std::string_view bad : {"a\r\nb", "\x7f", "\xff", "\xc3", "\xed\xa0\x80"}) {
    EXPECT_FALSE(to_modified_utf7(bad));
  }
  EXPECT_FALSE(to_modified_utf7(std::string_view("\0", 1)));
}

TEST(MailboxName, RefusesWireNamesNoEncoderMakes) {
  // No end, odd bits, ASCII and a control character in base64, a lone surrogate (first and second
  // half), a foreign character, 8-bit.
  for (const std::string_view bad :
       {"&Jjo", "&Jj-", "&AGE-", "&ABI-", "&2D0-", "&3gA-", "&Jjo/-", "\xd0\x92", "&Jj!o-"}) {
    EXPECT_FALSE(from_modified_utf7(bad)) << bad;
  }
}

}  // namespace
}  // namespace c360::ingest::imap
