#include "parsers/file_name.h"

#include <gtest/gtest.h>

#include "daemon/base/text.h"
#include "parsers/file_type.h"

namespace c360::parsers {
namespace {

TEST(FileName, IsSafeInEveryForm) {
  struct Case {
    const char* given;
    const char* safe;
  };
  for (const Case& one : std::initializer_list<Case>{{"КП № 5.pdf", "КП № 5.pdf"},
                                                     {"../../etc/passwd", "passwd"},
                                                     {"C:\\Users\\a\\b.doc", "b.doc"},
                                                     {"a/b\\c.txt", "c.txt"},
                                                     {"..", ""},
                                                     {".", ""},
                                                     {"/", ""},
                                                     {"", ""},
                                                     {".htaccess", ".htaccess"},
                                                     {"a\r\nb\tc.txt", "abc.txt"},
                                                     {"invoice\xE2\x80\xAE"
                                                      "fdp.exe",
                                                      "invoicefdp.exe"},              // U+202E
                                                     {"a\xE2\x80\x8B.txt", "a.txt"},  // U+200B
                                                     {"a<b>:\"|?*.txt", "a_b______.txt"},
                                                     {"name.txt. . ", "name.txt"},
                                                     {"  name.txt", "name.txt"},
                                                     {"CON", "_CON"},
                                                     {"com1.txt", "_com1.txt"},
                                                     {"lpt0.pdf", "_lpt0.pdf"},
                                                     {"console.txt", "console.txt"}}) {
    EXPECT_EQ(safe_file_name(one.given), one.safe) << one.given;
  }
}

TEST(FileName, AnOverlongNameKeepsItsExtensionAndItsCharacters) {
  std::string name;
  for (int i = 0; i < 300; ++i) name += "ы";

  const std::string safe = safe_file_name(name + ".pdf");

  EXPECT_LE(safe.size(), kMaximumFileNameBytes);
  EXPECT_TRUE(safe.ends_with("ы.pdf"));
  EXPECT_TRUE(is_valid_utf8(safe));
}

TEST(FileName, IsGeneratedByType) {
  EXPECT_EQ(generated_file_name("application/pdf", 3), "attachment-3.pdf");
  EXPECT_EQ(generated_file_name("message/rfc822", 1), "attachment-1.eml");
  EXPECT_EQ(generated_file_name("text/x-unheard-of", 1), "attachment-1.txt");
  EXPECT_EQ(generated_file_name("application/x-unheard-of", 1), "attachment-1.bin");
}

TEST(FileType, IsToldByTheContent) {
  EXPECT_EQ(detect_file_type("%PDF-1.4\n%\xE2\xE3\xCF\xD3\n"), "application/pdf");
  EXPECT_EQ(detect_file_type(std::string_view(
                "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0", 29)),
            "image/png");
  EXPECT_EQ(
      detect_file_type(std::string("PK\x03\x04\x14\0\0\0\x08\0", 10) + std::string(100, '\0')),
      "application/zip");
  EXPECT_EQ(detect_file_type(""), "");
}

}  // namespace
}  // namespace c360::parsers
