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

// A report whose part about the recipients is this.
std::string status_report(const std::string& groups) {
  return "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\n"
         "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
         "--b\r\n\r\nIt failed.\r\n"
         "--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
         groups + "\r\n--b--\r\n";
}

// "recipient|action|status|diagnostic", one a line.
std::string recipients_of(const std::string& mail) {
  std::string text;
  for (const RecipientStatus& one : reported_recipients(read_mail(mail)))
    text += one.recipient + "|" + one.action + "|" + one.status + "|" + one.diagnostic + "\n";
  return text;
}

TEST(Bounce, SaysOfEachRecipientWhatBecameOfTheMessage) {
  EXPECT_EQ(
      recipients_of(status_report(
          "Reporting-MTA: dns; mx.example\r\nArrival-Date: Mon, 10 Nov 2025 10:15:00 +0300\r\n\r\n"
          "Final-Recipient: rfc822; anna@x.example\r\nOriginal-Recipient: rfc822;a@x.example\r\n"
          "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mail.x.example\r\n"
          "Diagnostic-Code: smtp; 550 5.1.1 <anna@x.example>:\r\n    no such user\r\n\r\n"
          "final-recipient: RFC822; boris@x.example\r\naction: Delayed\r\n"
          "status: 4.4.1 (no answer)\r\n")),
      "anna@x.example|failed|5.1.1|550 5.1.1 <anna@x.example>:    no such user\n"
      "boris@x.example|delayed|4.4.1|\n");
}

TEST(Bounce, AStatusThatSaysNothingGivesWayToTheOneOfTheServer) {
  const auto status = [](const std::string& field, const std::string& diagnostic) {
    const auto found = reported_recipients(
        read_mail(status_report("Reporting-MTA: dns; x\n\nAction: failed\n" + field +
                                "Diagnostic-Code: smtp; " + diagnostic + "\n")));
    return found.size() == 1 ? found.front().status : "none";
  };

  EXPECT_EQ(status("Status: 5.0.0\n", "550-5.1.1 no such user"), "5.1.1");
  EXPECT_EQ(status("", "550 5.1.1 no such user"), "5.1.1");
  EXPECT_EQ(status("Status: 5.4.4\n", "550 5.1.1 no such user"), "5.4.4");
  EXPECT_EQ(status("Status: 4.0.0\n", "550 5.1.1 no such user"), "4.0.0") << "they disagree";
  EXPECT_EQ(status("Status: 5.0.0\n", "550 of 192.0.2.1 no such user"), "5.0.0");
  EXPECT_EQ(status("Status: five\n", "no such user"), "");
}

TEST(Bounce, WithoutAReportOfItsOwnSaysNothingOfRecipients) {
  const std::string inner = status_report("Reporting-MTA: dns; x\r\n\r\nAction: failed\r\n");
  EXPECT_EQ(recipients_of("From: MAILER-DAEMON@mx.example\r\nSubject: failure notice\r\n\r\n"
                          "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\n"),
            "");
  EXPECT_EQ(recipients_of("From: anna@x.example\r\nSubject: Fwd\r\n"
                          "Content-Type: multipart/mixed; boundary=outer\r\n\r\n"
                          "--outer\r\nContent-Type: message/rfc822\r\n\r\n" +
                          inner + "\r\n--outer--\r\n"),
            "")
      << "it is about somebody else's mail";
}

TEST(Bounce, ReportsAreReadUpToTheirLimits) {
  std::string many = "Reporting-MTA: dns; x\r\n";
  for (std::size_t i = 0; i < kMaxReportedRecipients + 10; ++i)
    many += "\r\nFinal-Recipient: rfc822; a" + std::to_string(i) + "@x\r\nAction: failed\r\n";
  EXPECT_EQ(reported_recipients(read_mail(status_report(many))).size(), kMaxReportedRecipients);

  const auto wordy = reported_recipients(read_mail(status_report(
      "Reporting-MTA: dns; x\r\n\r\nAction: failed\r\nDiagnostic-Code: smtp; " +
      std::string(kMaxDiagnosticBytes + 1, 'x') +
      "\r\n\r\nX-Pad: " + std::string(kMaxStatusBytes, 'x') + "\r\n\r\nAction: failed\r\n")));
  ASSERT_EQ(wordy.size(), 1U) << "the second recipient stands behind what is read";
  EXPECT_EQ(wordy.front().diagnostic.size(), kMaxDiagnosticBytes);
}

TEST(Bounce, AnIdInTheTextOfTheReturnedMessageIsNone) {
  EXPECT_EQ(id_of(report("Content-Type: message/rfc822\r\n\r\n"
                         "Subject: x\r\n\r\nMessage-ID: <text@our.example>\r\n")),
            "");
}

}  // namespace
}  // namespace c360::parsers
