// What is written is read back by our own reader; what no value may do to a header.
#include "parsers/mime_writer.h"

#include <gmock/gmock.h>

#include "parsers/mime_reader.h"

namespace c360::testing {
namespace {

using parsers::OutgoingMail;
using parsers::write_mail;
using ::testing::HasSubstr;
using ::testing::Not;

OutgoingMail offer() {
  return {.from = {"ООО «Ромашка», отдел продаж", "sales@company.example"},
          .reply_to = "manager@company.example",
          .to = "anna@customer.example",
          .subject = "Коммерческое предложение на поставку оборудования и его обслуживание в 2026",
          .text = "Здравствуйте!\n.\nПредложение во вложении.\n",
          .html = "",
          .message_id = "c360-7-a1-00ff@company.example",
          .in_reply_to = "",
          .unsubscribe_url = "",
          .date = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23},
          .attachments = {}};
}

std::string written(const OutgoingMail& mail) {
  auto bytes = write_mail(mail);
  EXPECT_TRUE(bytes) << bytes.error().detail;
  return bytes ? *bytes : std::string();
}

parsers::Message read(const std::string& bytes) { return parsers::read_mail(bytes).message(); }

TEST(MimeWriter, LinesEndWithCrLfAndHaveAtMost998BytesOfAscii) {
  OutgoingMail mail = offer();
  mail.text = std::string(5'000, 'x') + "\nконец\r\nстроки";
  mail.attachments = {{"отчёт.pdf", "application/pdf", std::string(10'000, '\n')}};

  std::size_t length = 0;
  char before = 0;
  for (const char c : written(mail)) {
    ASSERT_LT(static_cast<unsigned char>(c), 0x80U);
    if (c == '\n') {
      ASSERT_EQ(before, '\r');
      ASSERT_LE(length, 999U);
    }
    length = c == '\n' ? 0 : length + 1;
    before = c;
  }
}

TEST(MimeWriter, WhatIsWrittenIsReadBack) {
  OutgoingMail mail = offer();
  mail.html = "<p>Здравствуйте!</p>";
  mail.attachments = {{"Предложение № 5.pdf", "application/pdf", std::string("%PDF-1.7\0x", 10)}};

  const parsers::Message message = read(written(mail));

  EXPECT_EQ(message.subject, mail.subject);
  EXPECT_EQ(message.message_id, mail.message_id);
  ASSERT_EQ(message.from.size(), 1U);
  EXPECT_EQ(message.from.front().name, mail.from.name);
  ASSERT_EQ(message.parts.size(), 3U);
  EXPECT_EQ(message.parts[2].file_name, "Предложение № 5.pdf");
}

TEST(MimeWriter, NoValueBeginsALineOfItsOwn) {
  OutgoingMail mail = offer();
  mail.subject = "Hello\r\nBcc: everybody@victim.example\r\n\r\nbody";
  mail.from.name = "A\nX-Evil: 1";
  mail.in_reply_to = "<a@b>\r\nX-Evil: 2";
  mail.attachments = {{"a\r\nX-Evil: 3.txt", "text/plain\r\nX-Evil: 4", "x"}};

  const std::string bytes = written(mail);

  EXPECT_THAT(bytes, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(bytes, Not(HasSubstr("\nX-Evil")));
}

TEST(MimeWriter, AdvertisingCanBeEndedByOneClick) {
  OutgoingMail mail = offer();
  mail.unsubscribe_url = "https://crm.company.example/unsubscribe/" + std::string(120, 'a');

  const std::string bytes = written(mail);

  EXPECT_THAT(bytes, HasSubstr("\r\nList-Unsubscribe: <" + mail.unsubscribe_url + ">\r\n"));
  EXPECT_THAT(bytes, HasSubstr("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
  EXPECT_THAT(written(offer()), Not(HasSubstr("List-Unsubscribe")));
}

TEST(MimeWriter, AnswerNamesWhatItAnswers) {
  OutgoingMail mail = offer();
  mail.in_reply_to = "<long-" + std::string(90, 'q') + "@customer.example>";

  const parsers::Message message = read(written(mail));

  ASSERT_EQ(message.in_reply_to.size(), 1U);
  EXPECT_EQ("<" + message.in_reply_to.front() + ">", mail.in_reply_to);
  ASSERT_EQ(message.references.size(), 1U);
}

TEST(MimeWriter, BytesThatAreNoTextAreRefused) {
  OutgoingMail mail = offer();
  mail.subject = "\xff";

  const auto refused = write_mail(mail);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "text_encoding");
}

}  // namespace
}  // namespace c360::testing
