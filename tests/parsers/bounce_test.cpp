#include "parsers/bounce.h"

#include <gtest/gtest.h>

namespace c360::parsers {
namespace {

std::string report(const std::string& returned, const std::string& headers = {}) {
  return "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\n" + headers +
         "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
         "--b\r\n\r\nIt failed.\r\n"
         "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
         "mx.example\r\n\r\n"
         "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\n" +
         (returned.empty() ? "" : "--b\r\n" + returned) + "\r\n--b--\r\n";
}

std::string id_of(const std::string& mail) { return returned_message_id(read_mail(mail)); }

TEST(Bounce, NamesTheMessageItGivesBack) {
  EXPECT_EQ(id_of(report("Content-Type: message/rfc822\r\n\r\n"
                         "From: crm@our.example\r\nMessage-ID: <sent-1@our.example>\r\n\r\nHello")),
            "sent-1@our.example");
  EXPECT_EQ(id_of(report("Content-Type: text/rfc822-headers\r\n\r\n"
                         "Subject: x\r\nmessage-id:\r\n <sent-2@our.example>\r\n")),
            "sent-2@our.example");
}

TEST(Bounce, WithoutItsHeaderWhatItAnswersCounts) {
  EXPECT_EQ(id_of(report("", "In-Reply-To: <sent-3@our.example>\r\n")), "sent-3@our.example");
  EXPECT_EQ(id_of(report("", "References: <a@b> <sent-4@our.example>\r\n")), "sent-4@our.example");
  EXPECT_EQ(id_of(report("")), "");
}

TEST(Bounce, AnIdInTheTextOfTheReturnedMessageIsNone) {
  EXPECT_EQ(id_of(report("Content-Type: message/rfc822\r\n\r\n"
                         "Subject: x\r\n\r\nMessage-ID: <text@our.example>\r\n")),
            "");
}

}  // namespace
}  // namespace c360::parsers
