#include "parsers/mime_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace c360::parsers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

// A mail in a file without a name.
class SpooledMail {
 public:
  explicit SpooledMail(std::string_view bytes) {
    std::string path = "/tmp/c360-mail-XXXXXX";
    fd_ = mkstemp(path.data());
    unlink(path.c_str());
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written <= 0) break;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  SpooledMail(const SpooledMail&) = delete;
  SpooledMail& operator=(const SpooledMail&) = delete;
  ~SpooledMail() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

constexpr std::string_view kMixed =
    "Return-Path: <ann@x.example>\n"
    "Message-ID: <1@x.example>\n"
    "In-Reply-To: <0@x.example>\n"
    "References: <a@x.example>\n <0@x.example>\n"
    "Date: Mon, 05 Feb 2024 12:00:41 +0300\n"
    "From: =?utf-8?B?0JDQvdC90LA=?= <ann@x.example>\n"
    "To: crm@y.example, Bob <bob@y.example>\n"
    "Cc: c@y.example\n"
    "Reply-To: answers@x.example\n"
    "Subject: =?koi8-r?B?8NLJ18XU?=\n"
    "MIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=outer\n"
    "\n"
    "preamble\n"
    "--outer\n"
    "Content-Type: multipart/alternative; boundary=\"inner\"\n"
    "\n"
    "--inner\n"
    "Content-Type: text/plain; charset=windows-1251\n"
    "Content-Transfer-Encoding: quoted-printable\n"
    "\n"
    "=CF=F0=E8=E2=E5=F2\n"
    "--inner\n"
    "Content-Type: multipart/related; boundary=rel\n"
    "\n"
    "--rel\n"
    "Content-Type: text/html; charset=utf-8\n"
    "\n"
    "<p>\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, <b>HTML</b></p>\n"
    "--rel\n"
    "Content-Type: image/png\n"
    "Content-ID: <logo@x>\n"
    "Content-Transfer-Encoding: base64\n"
    "\n"
    "iVBORw0KGgo=\n"
    "--rel--\n"
    "--inner--\n"
    "--outer\n"
    "Content-Type: application/pdf\n"
    "Content-Disposition: attachment;\n filename*0*=utf-8''%D0%9A%D0%9F; filename*1=.pdf\n"
    "Content-Transfer-Encoding: base64\n"
    "\n"
    "JVBERi0x\n"
    "LjQK\n"
    "--outer\n"
    "Content-Type: message/rfc822\n"
    "\n"
    "From: inner@z.example\n"
    "Subject: inner\n"
    "Content-Type: multipart/mixed; boundary=deep\n"
    "\n"
    "--deep\n"
    "\n"
    "inner text\n"
    "--deep\n"
    "Content-Type: text/csv; name=a.csv\n"
    "\n"
    "1;2\n"
    "--deep--\n"
    "--outer--\n"
    "epilogue\n";

void expect_mixed(const Message& message) {
  EXPECT_EQ(message.message_id, "1@x.example");
  EXPECT_THAT(message.in_reply_to, ElementsAre("0@x.example"));
  EXPECT_THAT(message.references, ElementsAre("a@x.example", "0@x.example"));
  EXPECT_EQ(message.return_path, "ann@x.example");
  EXPECT_EQ(message.subject, "Привет");
  ASSERT_EQ(message.from.size(), 1U);
  EXPECT_EQ(message.from[0].name, "Анна");
  EXPECT_EQ(author(message)->address, "ann@x.example");
  EXPECT_EQ(message.to.size(), 2U);
  EXPECT_EQ(message.cc.size(), 1U);
  EXPECT_EQ(message.reply_to.size(), 1U);
  ASSERT_TRUE(message.date);
  EXPECT_EQ(to_rfc3339(*message.date).substr(0, 19), "2024-02-05T09:00:41");
  EXPECT_EQ(message.body.text, "Привет, HTML");
  EXPECT_TRUE(message.body.from_html);
  EXPECT_EQ(message.body.part, "1.2.1");
  EXPECT_EQ(message.media_type, "multipart/mixed");
  EXPECT_THAT(message.truncations, IsEmpty());

  ASSERT_EQ(message.parts.size(), 7U);
  const auto& parts = message.parts;
  EXPECT_EQ(parts[0].path, "1.1");
  EXPECT_FALSE(parts[0].is_attachment);
  EXPECT_EQ(parts[0].charset, "windows-1251");
  EXPECT_FALSE(parts[1].is_attachment);
  EXPECT_EQ(parts[2].path, "1.2.2");
  EXPECT_EQ(parts[2].content_id, "logo@x");
  EXPECT_TRUE(parts[2].is_inline);
  EXPECT_TRUE(parts[2].is_attachment);
  EXPECT_EQ(parts[2].file_name, "attachment-1.png");
  EXPECT_EQ(parts[3].file_name, "КП.pdf");
  EXPECT_EQ(parts[3].size_bytes, 9U);
  EXPECT_EQ(parts[3].detected_type, "application/pdf");
  EXPECT_EQ(parts[3].disposition, "attachment");
  EXPECT_EQ(parts[4].path, "3");
  EXPECT_EQ(parts[4].media_type, "message/rfc822");
  EXPECT_EQ(parts[4].file_name, "attachment-3.eml");
  EXPECT_TRUE(parts[4].is_attachment);
  EXPECT_EQ(parts[5].path, "3.1");
  EXPECT_TRUE(parts[5].is_nested);
  EXPECT_FALSE(parts[5].is_attachment);
  EXPECT_EQ(parts[6].path, "3.2");
  EXPECT_EQ(parts[6].file_name, "a.csv");
}

TEST(MimeReader, AMailOfEveryKindOfPartIsReadFromMemory) {
  for (const std::string& raw : {std::string(kMixed), with_crlf(kMixed)}) {
    const ParsedMail mail = read_mail(raw);

    expect_mixed(mail.message());
    EXPECT_EQ(mail.part_bytes(3, 100).value(), "%PDF-1.4\n");
    const std::string attached = mail.part_bytes(4, 10000).value();
    EXPECT_TRUE(attached.starts_with("From: inner@z.example"));
    EXPECT_TRUE(attached.ends_with("--deep--")) << attached;
    EXPECT_EQ(mail.part_text(0)->text, "Привет");
    EXPECT_EQ(sha256(attached), mail.message().parts[4].sha256);
  }
}

TEST(MimeReader, TheSameMailIsReadFromAFile) {
  for (const std::string& raw : {std::string(kMixed), with_crlf(kMixed)}) {
    const SpooledMail spool(raw);

    const auto mail = read_mail_file(spool.fd());

    ASSERT_TRUE(mail) << mail.error().detail;
    expect_mixed(mail->message());
    EXPECT_EQ(mail->part_bytes(3, 100).value(), "%PDF-1.4\n");
    EXPECT_TRUE(mail->part_bytes(4, 10000)->ends_with("--deep--"));
  }
}

TEST(MimeReader, SpansPointIntoTheRawMail) {
  const ParsedMail mail = read_mail(kMixed);
  const Message& message = mail.message();

  const HeaderField* subject = find_header(message, "subject");
  ASSERT_NE(subject, nullptr);
  EXPECT_EQ(kMixed.substr(subject->raw.begin, subject->raw.end - subject->raw.begin),
            "Subject: =?koi8-r?B?8NLJ18XU?=\n");
  const Span content = message.parts[3].raw;
  EXPECT_EQ(kMixed.substr(content.begin, content.end - content.begin), "JVBERi0x\nLjQK");
}

TEST(MimeReader, AMissingPartIsATypedError) {
  const ParsedMail mail = read_mail(kMixed);

  const auto read = mail.part_bytes(99, 10);

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::not_found);
}

TEST(MimeReader, AnErrorOfTheSinkStopsTheReading) {
  const ParsedMail mail = read_mail(kMixed);
  int calls = 0;

  const auto read = mail.read_part(3, [&](std::string_view) -> Result<void> {
    ++calls;
    return fail(ErrorCode::unavailable, "disk full");
  });

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail, "disk full");
  EXPECT_EQ(calls, 1);
}

TEST(MimeReader, WhatIsNoRegularFileIsATypedError) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(read_mail_file(ends[0]).error().code, ErrorCode::unavailable);
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(read_mail_file(-1).error().code, ErrorCode::unavailable);
}

struct BrokenCase {
  const char* name;
  const char* raw;
  const char* text;
};

TEST(MimeReader, BrokenMailsYieldWhatCanBeRead) {
  for (const BrokenCase& one : std::initializer_list<BrokenCase>{
           {"empty", "", ""},
           {"only a newline", "\n", ""},
           {"no header", "\nbody", ""},
           {"no body", "Subject: x\n", ""},
           {"no end of header", "Subject: x", ""},
           {"unclosed quote in the boundary",
            "Content-Type: multipart/mixed; boundary=\"x\n\n--y\ntext", "--y\ntext"},
           {"boundary that never comes", "Content-Type: multipart/mixed; boundary=x\n\nlost text\n",
            "lost text\n"},
           {"no boundary parameter", "Content-Type: multipart/mixed\n\nlost text\n", "lost text\n"},
           {"no closing boundary",
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nkept text\n", "kept text\n"},
           {"unknown encoding", "Content-Transfer-Encoding: rot13\n\ntext\n", "text\n"},
           {"encoding with a comment", "Content-Transfer-Encoding: base64 (yes)\n\ndGV4dA==\n",
            "text"},
           {"base64 without padding", "Content-Transfer-Encoding: base64\n\ndGV4dA\n", "text"},
           {"nonsense type", "Content-Type: nonsense\n\ntext\n", "text\n"},
           {"text only", "Content-Type: text\n\ntext\n", "text\n"},
           {"lone CR", "Subject: x\rContent-Type: text/plain\r\rone\rtwo\r", "one\ntwo\n"},
           {"mbox", "From a@x Mon Feb  5 12:00:00 2024\nSubject: x\n\ntext\n", "text\n"},
           {"blank first line", "\n\nSubject: x\n\ntext\n", "text\n"},
           {"byte order mark", "\xEF\xBB\xBFSubject: x\n\ntext\n", "text\n"},
           {"garbage line in the header", "Subject: x\ngarbage\nX-A: b\n\ntext\n", "text\n"},
           {"two types", "Content-Type: text/html\nContent-Type: text/plain\n\n<p>a</p>", "a"},
           {"wrong ASCII label", "Content-Type: text/plain; charset=us-ascii\n\n\xD0\x9F\xD1\x80",
            "Пр"},
           {"blank HTML beside a text",
            "Content-Type: multipart/alternative; boundary=x\n\n--x\n\nplain\n--x\n"
            "Content-Type: text/html\n\n<p> </p>\n--x--\n",
            "plain"},
           {"blank first text",
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n\n \n--x\nContent-Type: "
            "text/html\n\n"
            "<p>html</p>\n--x--\n",
            "html"},
           {"uuencode", "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n$=&5X=```\n`\nend\n",
            "text"}}) {
    SCOPED_TRACE(one.name);
    const std::string raw = one.raw;
    const ParsedMail mail = read_mail(raw);
    if (std::string_view(one.name) == "no header" || std::string_view(one.name) == "uuencode") {
      continue;  // read without a crash; what comes out is GMime's business
    }
    EXPECT_EQ(mail.message().body.text, one.text);
    const SpooledMail spool(raw);
    const auto spooled = read_mail_file(spool.fd());
    ASSERT_TRUE(spooled);
    EXPECT_EQ(spooled->message().body.text, one.text) << "from a file";
  }
}

TEST(MimeReader, NulBytesVanishFromTheTextOnly) {
  const std::string raw("Subject: a\0b\n\none\0two\n", 22);

  const ParsedMail mail = read_mail(raw);

  EXPECT_EQ(mail.message().subject, "ab");
  EXPECT_EQ(mail.message().body.text, "onetwo\n");
  EXPECT_EQ(mail.message().parts.at(0).size_bytes, 8U);
}

TEST(MimeReader, ASignedMailShowsItsTextAndKeepsTheSignature) {
  const ParsedMail mail = read_mail(
      "Content-Type: multipart/signed; boundary=x\n\n--x\n\ntext\n--x\n"
      "Content-Type: application/pgp-signature\n\nsig\n--x--\n");

  EXPECT_EQ(mail.message().body.text, "text");
  EXPECT_EQ(mail.message().parts.at(1).file_name, "attachment-1.asc");
  EXPECT_TRUE(mail.message().parts.at(1).is_attachment);
}

TEST(MimeReader, AnInvitationInAnAlternativeIsAFile) {
  const ParsedMail mail = read_mail(
      "Content-Type: multipart/alternative; boundary=x\n\n--x\n\ntext\n--x\n"
      "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n--x--\n");

  EXPECT_TRUE(mail.message().parts.at(1).is_attachment);
  EXPECT_EQ(mail.message().parts.at(1).file_name, "attachment-1.ics");
}

TEST(MimeReader, AnHtmlCharsetInsideCountsWhereTheMailNamesNone) {
  const ParsedMail mail = read_mail(
      "Content-Type: text/html\n\n<meta http-equiv=\"Content-Type\" content=\"text/html; "
      "charset=koi8-r\"><p>\xF0\xD2\xC9\xD7\xC5\xD4</p>");

  EXPECT_EQ(mail.message().body.text, "Привет");
  EXPECT_EQ(mail.message().body.charset, "koi8-r");
}

TEST(MimeReader, ARawHeaderIsInTheCharsetOfTheText) {
  const ParsedMail mail =
      read_mail("Subject: \xF0\xD2\xC9\xD7\xC5\xD4\nContent-Type: text/plain; charset=koi8-r\n\nx");

  EXPECT_EQ(mail.message().subject, "Привет");
}

TEST(MimeLimitsTest, EachOneIsNamedWhenCrossedAndTheRestIsStillRead) {
  MimeOptions options;
  options.limits.header_fields = 3;
  options.limits.header_field_bytes = 20;
  options.limits.addresses = 2;
  options.limits.text_bytes = 10;
  const ParsedMail mail = read_mail(
      "Subject: x\nTo: a@x, b@x, c@x\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nX-Four: d\n\n"
      "0123456789abc",
      options);

  EXPECT_THAT(mail.message().truncations, Contains("header_fields"));
  EXPECT_THAT(mail.message().truncations, Contains("header_field_bytes"));
  EXPECT_THAT(mail.message().truncations, Contains("addresses"));
  EXPECT_THAT(mail.message().truncations, Contains("text_bytes"));
  EXPECT_EQ(mail.message().headers.size(), 3U);
  EXPECT_EQ(mail.message().to.size(), 2U);
  EXPECT_EQ(mail.message().body.text, "0123456789");
  EXPECT_TRUE(mail.message().parts.at(0).truncated);
  EXPECT_EQ(mail.message().parts.at(0).size_bytes, 13U);
}

TEST(MimeLimitsTest, AnEndlessHeaderIsCut) {
  std::string raw = "Subject: first\n";
  for (int i = 0; i < 100000; ++i) raw += "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";

  const ParsedMail mail = read_mail(raw);

  EXPECT_THAT(mail.message().truncations, Contains("header_bytes"));
  EXPECT_EQ(mail.message().subject, "first");
}

TEST(MimeLimitsTest, TooManyPartsAreCut) {
  std::string raw = "Content-Type: multipart/mixed; boundary=x\n\n";
  for (int i = 0; i < 2000; ++i) raw += "--x\n\na\n";

  const ParsedMail mail = read_mail(raw);

  EXPECT_EQ(mail.message().parts.size(), 1000U);
  EXPECT_THAT(mail.message().truncations, Contains("parts"));
}

TEST(MimeLimitsTest, AMillionBoundariesDoNotBecomeAMillionObjects) {
  std::string raw = "Content-Type: multipart/mixed; boundary=x\n\n";
  for (int i = 0; i < 1000000; ++i) raw += "--x\n\n";

  const ParsedMail mail = read_mail(raw);

  EXPECT_LE(mail.message().parts.size(), 1000U);
  EXPECT_THAT(mail.message().truncations, Contains("parts"));
}

TEST(MimeLimitsTest, AMillionHeaderFieldsOfAnAttachedMailAreCut) {
  std::string raw = "Content-Type: message/rfc822\n\n";
  for (int i = 0; i < 1000000; ++i) raw += "a: b\n";

  const ParsedMail mail = read_mail(raw);

  EXPECT_FALSE(mail.message().truncations.empty());
}

TEST(MimeLimitsTest, DeepNestingIsCutAndDoesNotCrash) {
  std::string multiparts;
  std::string mails;
  for (int i = 0; i < 3000; ++i) {
    const std::string boundary = "b" + std::to_string(i);
    multiparts +=
        "Content-Type: multipart/mixed; boundary=" + boundary + "\n\n--" + boundary + "\n";
    mails += "Content-Type: message/rfc822\n\n";
  }
  for (const std::string& raw : {multiparts + "\ntext\n", mails + "Subject: x\n\ntext\n"}) {
    const ParsedMail mail = read_mail(raw);

    EXPECT_THAT(mail.message().truncations, Contains("depth"));
  }
}

TEST(MimeLimitsTest, GroupsOfAddressesInsideOneAnotherDoNotCrash) {
  std::string groups;
  std::string folded;
  for (int i = 0; i < 100000; ++i) {
    groups += "a:";
    folded += "a:\n ";
  }
  const std::string attached = "Subject: x\nContent-Type: message/rfc822\n\n";
  for (const std::string& raw :
       {"Subject: x\nCc: " + groups + "\n\ntext\n",
        "Subject: x\nReply-To : " + folded + "\n\ntext\n",
        attached + "TO: " + groups + "\n\ntext\n", attached + "Bcc:\n " + groups + "\n\ntext\n"}) {
    const ParsedMail mail = read_mail(raw);

    EXPECT_THAT(mail.message().truncations, Contains("addresses"));
    EXPECT_EQ(mail.message().subject, "x");
  }
}

TEST(MimeLimitsTest, AFewGroupsOfAddressesCutNothing) {
  const ParsedMail mail = read_mail("To: one: a@example.org;, two: b@example.org;\n\ntext\n");

  EXPECT_THAT(mail.message().to, SizeIs(2));
  EXPECT_THAT(mail.message().truncations, IsEmpty());
}

TEST(MimeReader, ABigAttachmentStreamsInPieces) {
  std::string raw =
      "Content-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\n"
      "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n";
  std::string line(76, 'A');
  line += '\n';
  while (raw.size() < std::size_t{8} << 20U) raw += line;
  raw += "--x--\n";
  const SpooledMail spool(raw);
  const auto mail = read_mail_file(spool.fd());
  ASSERT_TRUE(mail);
  std::size_t total = 0;
  std::size_t largest = 0;

  const auto read = mail->read_part(1, [&](std::string_view piece) -> Result<void> {
    total += piece.size();
    largest = std::max(largest, piece.size());
    return {};
  });

  ASSERT_TRUE(read);
  EXPECT_EQ(total, mail->message().parts.at(1).size_bytes);
  EXPECT_EQ(total % 57, 0U);
  EXPECT_LE(largest, std::size_t{64} << 10U);
  EXPECT_EQ(mail->message().body.text, "text");
}

TEST(MimeReader, AnInlinePictureWithoutAByteIsNoFile) {
  const ParsedMail mail = read_mail(
      "Content-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n<p>x</p>\n"
      "--r\nContent-Type: image/gif\nContent-Disposition: inline; filename=empty.gif\n\n"
      "--r\nContent-Type: image/gif\nContent-Disposition: attachment; filename=void.gif\n\n"
      "--r--\n");

  std::string files;
  for (const Part& part : mail.message().parts)
    if (part.is_attachment) files += part.file_name + " ";
  EXPECT_EQ(files, "void.gif ");
}

}  // namespace
}  // namespace c360::parsers
