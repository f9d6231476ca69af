#include "parsers/special_formats.h"

#include <gtest/gtest.h>

#include "parsers/mime_reader.h"

namespace c360::parsers {
namespace {

using Formats = std::vector<std::string>;

Formats formats_of(const std::string& mail) { return special_formats(read_mail(mail).message()); }

std::string with_part(const std::string& headers, const std::string& content = "AAAA") {
  return "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n" + headers +
         "\nContent-Transfer-Encoding: base64\n\n" + content + "\n--b--\n";
}

TEST(SpecialFormats, WinmailDatIsRecognisedByTypeNameAndContent) {
  EXPECT_EQ(formats_of(with_part("Content-Type: application/ms-tnef")), Formats{"tnef"});
  EXPECT_EQ(formats_of(with_part("Content-Type: application/vnd.ms-tnef; name=\"x.dat\"")),
            Formats{"tnef"});
  EXPECT_EQ(formats_of(with_part("Content-Type: application/octet-stream; name=\"WINMAIL.DAT\"")),
            Formats{"tnef"});
  // The signature 0x223E9F78, little endian.
  EXPECT_EQ(formats_of(with_part("Content-Type: application/octet-stream; name=\"a.bin\"",
                                 "eJ8+IgEABgAIAAQAAAAAAAEA")),
            Formats{"tnef"});
}

TEST(SpecialFormats, SmimeIsRecognisedSignedAndSealed) {
  EXPECT_EQ(formats_of("Subject: x\nContent-Type: application/pkcs7-mime; "
                       "smime-type=enveloped-data; name=smime.p7m\n"
                       "Content-Transfer-Encoding: base64\n\nAAAA\n"),
            Formats{"smime"});
  EXPECT_EQ(
      formats_of("Subject: x\nContent-Type: multipart/signed; boundary=b; "
                 "protocol=\"application/pkcs7-signature\"\n\n--b\n\ntext\n--b\n"
                 "Content-Type: application/pkcs7-signature; name=smime.p7s\n\nAAAA\n--b--\n"),
      Formats{"smime"});
}

TEST(SpecialFormats, PgpIsRecognisedAsMimeAndInText) {
  EXPECT_EQ(
      formats_of("Subject: x\nContent-Type: multipart/encrypted; boundary=b; "
                 "protocol=\"application/pgp-encrypted\"\n\n--b\n"
                 "Content-Type: application/pgp-encrypted\n\nVersion: 1\n--b\n"
                 "Content-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n--b--\n"),
      Formats{"pgp"});
  EXPECT_EQ(formats_of("Subject: x\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n"),
            Formats{"pgp"});
}

TEST(SpecialFormats, AnOrdinaryMailIsNone) {
  EXPECT_EQ(formats_of("Subject: x\n\nWe speak of -----BEGIN PGP MESSAGE----- here\n"), Formats{});
  EXPECT_EQ(formats_of(with_part("Content-Type: application/pdf; name=\"a.pdf\"")), Formats{});
}

// What is wrapped is kept as it is, whole.
TEST(SpecialFormats, TheWrappedContentIsAnAttachment) {
  const ParsedMail mail =
      read_mail(with_part("Content-Type: application/ms-tnef; name=winmail.dat"));

  const Part& part = mail.message().parts.back();
  EXPECT_TRUE(part.is_attachment);
  EXPECT_EQ(part.file_name, "winmail.dat");
  EXPECT_EQ(part.size_bytes, 3U);
}

}  // namespace
}  // namespace c360::parsers
