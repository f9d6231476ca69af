// Messages queued in the transaction of their reason: who may not be written to, and once only.
#include <gmock/gmock.h>

#include "store/message_queue.h"
#include "store/operations/queue_message.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::MessageRequest;
using store::QueuedMessage;

class MessageQueue : public RecordsTest {
 protected:
  QueuedMessage queue(const MessageRequest& request) {
    QueuedMessage queued;
    const auto done = store::in_transaction(
        *database_, store::Pool::work, [&](store::Transaction& tx) -> Result<void> {
          const store::Ticket ticket = store::queue_message(tx, request);
          if (auto ran = tx.run(); !ran) return ran;
          queued = store::queued_message(tx.rows(ticket));
          return {};
        });
    EXPECT_TRUE(done) << describe(done.error());
    return queued;
  }
  static MessageRequest mail(const std::string& purpose) {
    return {.channel = "email",
            .purpose = purpose,
            .address = "anna@romashka.example",
            .subject = "Предложение",
            .text = "Здравствуйте!"};
  }
  std::int64_t customer(const std::string& more = "") {
    return make("counterparty",
                R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active")" +
                    more + "}",
                manager_)
        .id;
  }
  std::int64_t contact(std::int64_t customer, const std::string& more = "") {
    return make("contact",
                R"({"full_name":"Анна","email":"anna@romashka.example","counterparty_id":)" +
                    std::to_string(customer) + more + "}",
                manager_)
        .id;
  }
};

TEST_F(MessageQueue, MessageIsQueuedForTheCustomerOfItsContactAndIsAboutHim) {
  const auto company = customer();
  MessageRequest request = mail("service");
  request.contact_id = contact(company);
  request.created_by = manager_.user_id;

  const QueuedMessage queued = queue(request);

  EXPECT_EQ(queued.status, "queued");
  EXPECT_TRUE(queued.fresh);
  EXPECT_EQ(sql("SELECT counterparty_id || ' ' || record_id || ' ' || (next_attempt_at <= now())"
                " FROM crm.outbound_message"),
            std::to_string(company) + " " + std::to_string(company) + " true");
}

TEST_F(MessageQueue, AdvertisingNeedsTheConsentOfTheCustomer) {
  const auto without = customer();
  const auto with = customer(R"(,"promo_emails_allowed":true)");
  MessageRequest request = mail("promo");

  request.counterparty_id = without;
  const QueuedMessage refused = queue(request);
  request.counterparty_id = with;
  const QueuedMessage taken = queue(request);
  request.counterparty_id.reset();
  const QueuedMessage to_nobody = queue(request);

  EXPECT_EQ(refused.reason, "no_consent");
  EXPECT_TRUE(refused.suppressed());
  EXPECT_EQ(taken.status, "queued");
  EXPECT_EQ(to_nobody.reason, "no_consent");
}

TEST_F(MessageQueue, AdvertisingNeedsTheConsentOfWhoeverElseHasTheAddress) {
  const auto agreed = customer(R"(,"promo_emails_allowed":true)");
  MessageRequest request = mail("promo");
  request.counterparty_id = agreed;
  contact(agreed);
  EXPECT_EQ(queue(request).status, "queued");

  const auto person = contact(customer());
  EXPECT_EQ(queue(request).reason, "no_consent") << "an owner of the address never agreed";
  request.address = "another@romashka.example";
  EXPECT_EQ(queue(request).status, "queued");
  request.contact_id = person;
  EXPECT_EQ(queue(request).reason, "no_consent") << "the contact is another customer's";
}

TEST_F(MessageQueue, ChatOfAContactThatWantsNoMessagesIsKnownHoweverItIsSpelled) {
  contact(customer(), R"(,"no_contact":true,"telegram":"https://t.me/Anna_B")");
  MessageRequest request = mail("service");
  request.channel = "telegram";
  for (const char* chat : {"@anna_b", "@Anna_B", "anna_b"}) {
    request.address = chat;
    EXPECT_EQ(queue(request).reason, "no_contact") << chat;
  }
  request.address = "@anna";
  EXPECT_EQ(queue(request).status, "queued");
}

TEST_F(MessageQueue, NobodyWhoAskedNotToBeWrittenToGetsAMessageWhoeverItIsAddressedTo) {
  contact(customer(), R"(,"no_contact":true)");

  EXPECT_EQ(queue(mail("service")).reason, "no_contact");
}

TEST_F(MessageQueue, CustomersOnTheBlackListGetNoMessages) {
  const auto company = customer();
  contact(company);
  sql("UPDATE crm.counterparty SET status_code = 'blacklisted' WHERE id = " +
      std::to_string(company));

  EXPECT_EQ(queue(mail("service")).reason, "blacklisted");
}

// adapters.md 5.1: 403 switches the recipient's channel off.
TEST_F(MessageQueue, NothingGoesToAChatThatBlockedTheBotUntilItIsAnother) {
  const auto person = contact(customer(), R"(,"telegram":"https://t.me/Anna_B")");
  sql("UPDATE crm.user SET telegram_chat_id = 77 WHERE id = " + std::to_string(*manager_.user_id));
  MessageRequest request = mail("service");
  request.channel = "telegram";
  MessageRequest notice = request;
  notice.purpose = "notification";
  notice.user_id = manager_.user_id;
  const auto refuse = [&](MessageRequest& to, const std::string& chat) {
    to.address = chat;
    EXPECT_EQ(queue(to).status, "queued");
    const auto claim = claim_message(*database_, "telegram", std::chrono::minutes{1}, false);
    ASSERT_TRUE(claim && *claim);
    ASSERT_TRUE(note_refused(*database_, **claim,
                             {.reason = "recipient",
                              .detail = "Forbidden: bot was blocked by the user",
                              .no_such_address = true}));
  };
  refuse(request, "@anna_b");
  refuse(notice, "77");

  EXPECT_EQ(sql("SELECT telegram_fault FROM crm.contact"),
            "Forbidden: bot was blocked by the user");
  EXPECT_EQ(queue(request).reason, "recipient_blocked");
  EXPECT_EQ(queue(notice).reason, "recipient_blocked");
  EXPECT_EQ(sql("SELECT string_agg(record_kind, ',' ORDER BY record_kind) FROM crm.history_event "
                "WHERE changes->0->>'field' = 'telegram_fault'"),
            "contact,user");
  EXPECT_EQ(queue(mail("service")).status, "queued") << "a mail goes";

  const auto changed = records_->update(registry_.get("contact"), std::to_string(person),
                                        *Json::parse(R"({"telegram":"@anna_new"})"), manager_);
  ASSERT_TRUE(changed) << describe(changed.error());
  request.address = "@anna_new";
  EXPECT_EQ(queue(request).status, "queued");
  EXPECT_EQ(sql("SELECT telegram_fault IS NULL FROM crm.contact"), "t");
}

TEST_F(MessageQueue, WhatNobodyCouldSendForAWeekIsNotSentAsIfItWereOfToday) {
  queue(mail("service"));
  sql("UPDATE crm.outbound_message SET next_attempt_at = now() - interval '8 days'");
  const auto old = claim_message(*database_, "email", std::chrono::minutes{1}, false);
  ASSERT_TRUE(old && *old);
  EXPECT_TRUE((*old)->suppressed);
  EXPECT_EQ((*old)->reason, "too_old");
  // Whoever wants it sent all the same says so.
  ASSERT_TRUE(in_transaction(*database_, store::Pool::work, [&](store::Transaction& tx) {
    return store::retry_message(tx, (*old)->id, std::nullopt);
  }));
  const auto again = claim_message(*database_, "email", std::chrono::minutes{1}, false);
  ASSERT_TRUE(again && *again);
  EXPECT_FALSE((*again)->suppressed) << (*again)->reason;
}

TEST_F(MessageQueue, NothingGoesToAnAddressThatDoesNotExistUntilItIsCorrected) {
  const auto company = customer(R"(,"email":"anna@romashka.example")");
  const auto person = contact(company);
  sql("SELECT crm.note_dead_mail_address('ANNA@romashka.example', '550 5.1.1 no', NULL, 'job')");
  EXPECT_EQ(queue(mail("service")).reason, "no_such_address");
  MessageRequest notice = mail("notification");
  notice.user_id = manager_.user_id;
  EXPECT_EQ(queue(notice).status, "queued") << "our own people see for themselves";
  MessageRequest text = mail("service");
  text.channel = "telegram";
  EXPECT_EQ(queue(text).status, "queued");

  const auto changed = [&](const std::string& kind, std::int64_t id, const std::string& body) {
    const auto done =
        records_->update(registry_.get(kind), std::to_string(id), *Json::parse(body), manager_);
    EXPECT_TRUE(done) << (done ? "" : describe(done.error()));
  };
  changed("contact", person, R"({"email":"anna.b@romashka.example"})");
  EXPECT_EQ(sql("SELECT email_fault IS NULL FROM crm.contact"), "t");
  EXPECT_EQ(queue(mail("service")).reason, "no_such_address") << "the customer has it too";
  changed("counterparty", company, R"({"website":"https://romashka.example"})");
  EXPECT_EQ(queue(mail("service")).reason, "no_such_address");
  changed("counterparty", company, R"({"email_fault":null})");
  EXPECT_EQ(queue(mail("service")).status, "queued") << "somebody knows that it works again";
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event, jsonb_array_elements(changes) AS c "
                "WHERE c->>'field' = 'email_fault'"),
            "4");
}

TEST_F(MessageQueue, NumberOfAContactThatWantsNoMessagesIsKnownToo) {
  contact(customer(), R"(,"no_contact":true,"phone":"8 (495) 123-45-67")");
  MessageRequest request = mail("service");
  request.channel = "sms";
  request.address = "+74951234567";

  EXPECT_EQ(queue(request).reason, "no_contact");
}

TEST_F(MessageQueue, OwnPeopleAreToldWhateverTheirAddressIsMarkedWith) {
  contact(customer(), R"(,"no_contact":true)");
  MessageRequest request = mail("notification");
  request.user_id = manager_.user_id;
  EXPECT_EQ(queue(request).status, "queued");

  sql("UPDATE crm.user SET is_active = false WHERE id = " + std::to_string(*manager_.user_id));
  EXPECT_EQ(queue(request).reason, "user_inactive");
}

TEST_F(MessageQueue, SecondMessageWithTheSameKeyIsTheFirstOne) {
  MessageRequest request = mail("reminder");
  request.dedupe_key = "reminder:17";
  const QueuedMessage first = queue(request);

  const QueuedMessage second = queue(request);

  EXPECT_EQ(second.id, first.id);
  EXPECT_FALSE(second.fresh);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.outbound_message"), "1");
}

}  // namespace
}  // namespace c360::testing
