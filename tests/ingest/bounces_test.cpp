// Messages of ours that come back: what becomes of them, and of the address.
#include "ingest/thread_id.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

struct Bounce {
  std::string message_id;
  std::string action = "failed";
  std::string status = "5.1.1";
  std::string recipient = "anna@romashka.example";
  std::string diagnostic = "550 5.1.1 no such user";
};

std::string bounce_of(const Bounce& bounce) {
  return "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\nReturn-Path: <>\r\n"
         "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
         "--b\r\n\r\nIt did not go well.\r\n"
         "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
         "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; " +
         bounce.recipient + "\r\nAction: " + bounce.action + "\r\nStatus: " + bounce.status +
         "\r\nDiagnostic-Code: smtp; " + bounce.diagnostic +
         "\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <" +
         bounce.message_id + ">\r\n\r\n--b--\r\n";
}

class Bounces : public IntakeTest {
 protected:
  void SetUp() override {
    const auto made =
        records.create(registry.get("counterparty"),
                       *Json::parse(R"({"name": "Ромашка", "email": "info@romashka.example"})"),
                       store::Actor::system("import"), {.profile = store::Profile::draft});
    ASSERT_TRUE(made) << made.error().detail;
    customer = made->id;
    const auto contact =
        records.create(registry.get("contact"),
                       *Json::parse(R"({"full_name": "Анна", "email": "Anna@romashka.example",)"
                                    R"("counterparty_id": )" +
                                    std::to_string(customer) + "}"),
                       store::Actor::system("import"), {.profile = store::Profile::draft});
    ASSERT_TRUE(contact) << contact.error().detail;
    person = contact->id;
    id = sent();
  }

  // A message that went out; its number.
  std::int64_t sent(const std::string& status = "sent") {
    return std::stoll(
        one("INSERT INTO crm.outbound_message (channel, purpose, status, address, body, "
            "counterparty_id, record_id, next_attempt_at, claimed_until, attempts, sent_at) "
            "SELECT 'email', 'service', '" +
            status + "', 'anna@romashka.example', 'x', " + std::to_string(customer) + ", " +
            std::to_string(customer) + ", CASE WHEN '" + status +
            "' = 'queued' THEN now() END, CASE WHEN '" + status +
            "' = 'sending' THEN now() END, 1, now() RETURNING id"));
  }
  std::string id_of(std::int64_t message, const Secret& by) const {
    std::string nonce;
    for (std::int64_t left = message; left > 0; left /= 16)
      nonce.insert(nonce.begin(), "0123456789abcdef"[left % 16]);
    return ingest::make_thread_id(by, customer, nonce, "our.example");
  }
  std::string id_of(std::int64_t message) const { return id_of(message, key); }

  void take_in(const std::vector<std::string>& mails) {
    for (const std::string& mail : mails) server.add(++uid_, mail);
    ingest::Poller poller{
        mailbox_id(), settings, scripted_factory(server),
        ingest::PollerPorts{database, keyed, leases, workers, options, quiet.observer, clock}};
    const auto passed = poller.pass();
    ASSERT_TRUE(passed) << passed.error().detail;
    for (ingest::Uid each = 1; each <= uid_; ++each) EXPECT_EQ(outcome(each), "ignored");
  }
  std::string state(std::int64_t message) {
    return one(
        "SELECT status || ' ' || coalesce(reason, '-') || ' ' || coalesce(last_error, '-') "
        "FROM crm.outbound_message WHERE id = " +
        std::to_string(message));
  }
  std::string faults() {
    return one(
        "SELECT coalesce(string_agg(email_fault, ', '), 'none') FROM (SELECT email_fault "
        "FROM crm.contact UNION ALL SELECT email_fault FROM crm.counterparty) AS a");
  }

  const Secret key{"a key of the tests"};
  ingest::Inboxes keyed{
      registry, records, {rules, rules_version}, {.spool_folder = spool, .thread_key = key}};
  std::int64_t customer = 0;
  std::int64_t person = 0;
  std::int64_t id = 0;

 private:
  ingest::Uid uid_ = 0;
};

TEST_F(Bounces, AnAddressThatDoesNotExistFailsTheMessageAndIsMarkedWithItsReason) {
  take_in({bounce_of({.message_id = id_of(id)})});

  EXPECT_EQ(state(id), "failed bounced 550 5.1.1 no such user");
  EXPECT_EQ(one("SELECT email_fault FROM crm.contact"), "550 5.1.1 no such user");
  EXPECT_EQ(one("SELECT email_fault IS NULL FROM crm.counterparty"), "t") << "it has another";
  EXPECT_EQ(one("SELECT h.record_kind || ' ' || h.origin || ' ' || (h.changes->0->>'new') "
                "FROM crm.history_event AS h JOIN ops.mail AS m ON m.id = h.mail_message_id "
                "WHERE m.uid = 1 AND h.record_id = " +
                std::to_string(person)),
            "contact mail 550 5.1.1 no such user");
  EXPECT_EQ(one("SELECT crm.message_refusal('email', 'service', 'anna@romashka.example', NULL, "
                "NULL, NULL)"),
            "no_such_address");
}

TEST_F(Bounces, AFullMailboxFailsTheMessageAndSaysNothingOfTheAddress) {
  take_in({bounce_of({.message_id = id_of(id),
                      .status = "4.2.2",
                      .diagnostic = "452 4.2.2 mailbox full for five days"})});

  EXPECT_EQ(state(id), "failed bounced 452 4.2.2 mailbox full for five days");
  EXPECT_EQ(faults(), "none");
}

TEST_F(Bounces, ReportsOfDelayAndDeliveryChangeNothing) {
  std::vector<std::string> mails;
  for (const char* action : {"delayed", "delivered", "relayed", "expanded"})
    mails.push_back(bounce_of({.message_id = id_of(id), .action = action}));

  take_in(mails);

  EXPECT_EQ(state(id), "sent - -");
  EXPECT_EQ(faults(), "none");
}

TEST_F(Bounces, OnlyAnIdThatWeMadeCounts) {
  std::string other_number = id_of(id);
  other_number.replace(other_number.find('-'), 1, "-1");

  take_in({bounce_of({.message_id = id_of(id, Secret{"guessed"})}),
           bounce_of({.message_id = other_number}),
           bounce_of({.message_id = "somebody@elsewhere.example"}), bounce_of({.message_id = ""}),
           bounce_of({.message_id = id_of(id + 1'000)})});

  EXPECT_EQ(state(id), "sent - -");
  EXPECT_EQ(faults(), "none");
}

TEST_F(Bounces, AnAddressWeDidNotWriteToIsNotMarked) {
  take_in({bounce_of({.message_id = id_of(id), .recipient = "info@romashka.example"})});

  EXPECT_EQ(state(id), "failed bounced 550 5.1.1 no such user") << "forwarded to nowhere";
  EXPECT_EQ(faults(), "none");
}

TEST_F(Bounces, WhatHasEndedOrWasNeverHandedOverStaysAsItIs) {
  const std::vector<std::string> untouched = {"canceled", "failed", "queued", "delivered"};
  const std::vector<std::string> handed_over = {"sending", "unknown"};
  std::vector<std::int64_t> messages;
  std::vector<std::string> mails;
  for (const auto* states : {&untouched, &handed_over}) {
    for (const std::string& status : *states) {
      messages.push_back(sent(status));
      mails.push_back(bounce_of({.message_id = id_of(messages.back()), .status = "5.2.1"}));
    }
  }
  const std::int64_t waiting = sent("queued");
  query("UPDATE crm.outbound_message SET unclear_attempts = 1 WHERE id = " +
        std::to_string(waiting));
  mails.push_back(bounce_of({.message_id = id_of(waiting), .status = "5.2.1"}));

  take_in(mails);

  for (std::size_t i = 0; i < messages.size(); ++i) {
    const bool stays = i < untouched.size();
    EXPECT_EQ(state(messages[i]),
              stays ? untouched[i] + " - -" : "failed bounced 5.2.1: 550 5.1.1 no such user");
  }
  EXPECT_EQ(state(waiting), "failed bounced 5.2.1: 550 5.1.1 no such user")
      << "its first try has arrived, so there is no second one";
}

// Whoever sends it comes too late to note that it went out.
TEST_F(Bounces, ABounceThatIsFasterThanTheNoteOfItsMessageIsAContactAllTheSame) {
  const std::int64_t quick = sent("sending");
  query("UPDATE crm.outbound_message SET sent_at = NULL WHERE id = " + std::to_string(quick));
  const std::int64_t advertising = sent("sending");
  query("UPDATE crm.outbound_message SET sent_at = NULL, purpose = 'promo' WHERE id = " +
        std::to_string(advertising));
  query("UPDATE crm.counterparty SET last_contact_at = NULL");

  take_in({bounce_of({.message_id = id_of(advertising), .status = "5.2.1"})});
  EXPECT_EQ(one("SELECT last_contact_at IS NULL FROM crm.counterparty"), "t")
      << "advertising is none";
  take_in({bounce_of({.message_id = id_of(quick)})});

  EXPECT_EQ(state(quick), "failed bounced 550 5.1.1 no such user");
  EXPECT_EQ(one("SELECT k.last_contact_at = m.sent_at FROM crm.counterparty AS k, "
                "crm.outbound_message AS m WHERE m.id = " +
                std::to_string(quick)),
            "t");
}

TEST_F(Bounces, TheSecondBounceOfAMessageChangesNothingMore) {
  take_in({bounce_of({.message_id = id_of(id)})});
  const std::string version = one("SELECT row_version FROM crm.outbound_message");

  take_in({bounce_of({.message_id = id_of(id), .diagnostic = "550 5.1.1 once more"})});

  EXPECT_EQ(one("SELECT row_version FROM crm.outbound_message"), version);
  EXPECT_EQ(faults(), "550 5.1.1 no such user");
  EXPECT_EQ(one("SELECT count(*) FROM crm.history_event "
                "WHERE changes->0->>'field' = 'email_fault'"),
            "1");
}

TEST_F(Bounces, OfARecipientListTheOneWeWroteToDecides) {
  std::string mail = bounce_of({.message_id = id_of(id), .diagnostic = "550 5.1.1 ours"});
  const std::string others =
      "Final-Recipient: rfc822; other@x.example\r\nAction: failed\r\nStatus: 5.2.1\r\n\r\n";
  mail.insert(mail.find("Final-Recipient"), others);

  take_in({mail});

  EXPECT_EQ(state(id), "failed bounced 550 5.1.1 ours");
  EXPECT_EQ(faults(), "550 5.1.1 ours");
}

}  // namespace
}  // namespace c360::testing
