#include "parsers/automatic_mail.h"

#include <gtest/gtest.h>

#include "parsers/mime_reader.h"

namespace c360::parsers {
namespace {

AutomaticKind kind_of(std::string header) {
  header += "\n\ntext\n";
  return automatic_kind(read_mail(header).message());
}

TEST(AutomaticMail, AutoRepliesAreToldByTheirHeader) {
  for (const char* header :
       {"Auto-Submitted: auto-replied", "auto-submitted: AUTO-REPLIED (vacation)",
        "X-Autoreply: yes", "X-Autorespond: 1", "Precedence: auto_reply",
        "X-Auto-Response-Suppress: All\nSubject: Automatic reply: x",
        "Auto-Submitted: auto-generated\nSubject: =?utf-8?B?0JDQstGC0L7QvtGC0LLQtdGC?=: x",
        "Return-Path: <>\nSubject: Out of office: x",
        "Precedence: bulk\nSubject: Out of the office until Monday"}) {
    const AutomaticKind kind = kind_of(header);
    EXPECT_TRUE(kind.is_auto_reply) << header;
    EXPECT_FALSE(kind.reason.empty()) << header;
    EXPECT_FALSE(kind.is_bounce) << header;
  }
}

// A lead that is taken for an auto-reply is a lead lost.
TEST(AutomaticMail, FormsAndPeopleAreNoAutoReplies) {
  for (const char* header :
       {"Subject: Automatic reply: x", "Auto-Submitted: no", "X-Autoreply: no",
        "Auto-Submitted: auto-generated\nSubject: Запрос стоимости",
        "X-Auto-Response-Suppress: All\nSubject: Contact form", "Precedence: bulk\nSubject: News",
        "From: no-reply@x.example\nSubject: Заявка на странице"}) {
    EXPECT_FALSE(kind_of(header).is_auto_reply) << header;
    EXPECT_FALSE(kind_of(header).is_bounce) << header;
  }
}

TEST(AutomaticMail, BouncesAreToldByReportDaemonAndReturnPath) {
  for (const char* header :
       {"Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        "X-Failed-Recipients: a@x.example", "From: MAILER-DAEMON@x.example",
        "From: Mail Delivery <mailer-daemon@x.example>",
        "Return-Path: <>\nFrom: postmaster@x.example\nSubject: x",
        "Return-Path: <>\nSubject: Undelivered Mail Returned to Sender",
        "Return-Path: <MAILER-DAEMON>\nSubject: failure notice",
        "From: postmaster@x.example\nSubject: =?utf-8?B?0J3QtSDQtNC+0YHRgtCw0LLQu9C10L3Qvg==?="}) {
    const AutomaticKind kind = kind_of(header);
    EXPECT_TRUE(kind.is_bounce) << header;
    EXPECT_FALSE(kind.reason.empty()) << header;
  }
}

TEST(AutomaticMail, ReceiptsAndAbuseReportsAreNoBounces) {
  for (const char* header :
       {"Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
        "Content-Type: multipart/report; report-type=feedback-report; boundary=x",
        "Return-Path: <>\nSubject: Запрос стоимости",
        "From: postmaster@x.example\nSubject: Hello"}) {
    EXPECT_FALSE(kind_of(header).is_bounce) << header;
  }
}

TEST(AutomaticMail, AnAttachedBounceMakesNoBounce) {
  const ParsedMail mail = read_mail(
      "From: ann@x.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nsee below\n--x\n"
      "Content-Type: message/rfc822\n\nFrom: MAILER-DAEMON@x\n"
      "Content-Type: multipart/report; report-type=delivery-status; boundary=y\n\n--y\n"
      "Content-Type: message/delivery-status\n\nAction: failed\n--y--\n--x--\n");

  EXPECT_FALSE(mail.message().is_bounce);
}

TEST(AutomaticMail, ListsNameThemselves) {
  for (const char* header : {"List-Id: News <news.x.example>", "List-Post: <mailto:l@x.example>",
                             "List-Unsubscribe: <mailto:u@x.example>\nPrecedence: bulk",
                             "Precedence: list", "Mailing-List: x"}) {
    EXPECT_TRUE(kind_of(header).is_list) << header;
  }
  EXPECT_FALSE(kind_of("Subject: x").is_list);
  EXPECT_FALSE(kind_of("List-Unsubscribe: <mailto:u@x.example>\nSubject: Заявка").is_list)
      << "a form sent by a mailing service is a form";
  EXPECT_EQ(read_mail("List-Id: News <news.x.example>\n\nx").message().list_id, "news.x.example");
}

TEST(AutomaticMail, AMailReturnedWithoutAReportIsABounce) {
  const std::string returned =
      "From: no-reply@x.example\nSubject: Mail\n"
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
      "Could not be delivered\n--b\nContent-Type: message/rfc822\n\nSubject: Nyaan\n\n"
      "Nyaan\n--b--\n";

  EXPECT_TRUE(read_mail("Return-Path: <>\n" + returned).message().is_bounce);
  EXPECT_FALSE(read_mail("Return-Path: <a@x.example>\n" + returned).message().is_bounce)
      << "a mail passed on";
}

TEST(AutomaticMail, TheLoopAlertOfAListServerIsABounce) {
  EXPECT_TRUE(kind_of("X-MLServer: fml [fml 4.0.3]\nSubject: Loop Alert: Duplicated").is_bounce);
  EXPECT_FALSE(kind_of("Subject: Loop Alert: Duplicated").is_bounce);
  EXPECT_FALSE(kind_of("X-MLServer: fml [fml 4.0.3]\nSubject: Hello").is_bounce);
}

}  // namespace
}  // namespace c360::parsers
