// Support requests: who sees them, which status follows which, and what a change of status brings.
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::Actor;

class SupportRequests : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    line1_ = person("line1", {"support-line-1"});
    line2_ = person("line2", {"support-line-2"});
    lead_ = person("lead", {"support-lead"});
    customer_ = make("counterparty",
                     R"({"name":"Заказчик","segment_code":"small",)"
                     R"("acquisition_channel_code":"site","status_code":"active",)"
                     R"("responsible_id":)" +
                         std::to_string(*seller_.user_id) + "}",
                     admin_)
                    .key;
    id_ = make("support_request",
               R"({"counterparty_id":)" + customer_ + R"(,"subject":"С","content":"Т"})", admin_)
              .key;
  }

  Result<store::RecordView> change(const Actor& actor, const std::string& fields) {
    return records_->update(kind("support_request"), id_, json(fields), actor);
  }
  Result<store::RecordView> to(const Actor& actor, const std::string& status) {
    return change(actor, R"({"status":")" + status + "\"}");
  }
  std::string column(const std::string& name) {
    return sql("SELECT coalesce(" + name +
               "::text, '') FROM crm.support_request WHERE id = " + id_);
  }

  Actor line1_, line2_, lead_;
  std::string customer_, id_;
};

TEST_F(SupportRequests, TheLineThatHoldsItWritesTheDeskAndThePeopleConcernedRead) {
  const Actor participant = person("participant", {});
  ASSERT_TRUE(records_->link(kind("support_request"), id_, "participants",
                             std::to_string(*participant.user_id), lead_));
  const Actor technologist = person("technologist", {"support-technologists"});
  const Json note = json(R"({"resolution":"x"})");
  const std::pair<const Actor*, bool> readers[] = {
      {&line1_, true},  {&lead_, true},        {&technologist, true}, {&admin_, true},
      {&line2_, false}, {&participant, false}, {&seller_, false}};
  for (const auto& [actor, writes] : readers) {
    SCOPED_TRACE(actor->login);
    EXPECT_TRUE(records_->get(kind("support_request"), id_, *actor));
    EXPECT_EQ(records_->list(kind("support_request"), {}, *actor)->size, 1);
    EXPECT_EQ(records_->update(kind("support_request"), id_, note, *actor).has_value(), writes);
  }
  for (const Actor* actor : {&stranger_, &manager_, &cco_}) {
    SCOPED_TRACE(actor->login);
    EXPECT_FALSE(records_->get(kind("support_request"), id_, *actor));
    EXPECT_EQ(records_->list(kind("support_request"), {}, *actor)->size, 0);
  }
}

// Comments of the service desk may be internal: who does not see the request does not see them.
TEST_F(SupportRequests, ItsCommentsFollowIt) {
  const std::string comment =
      make("comment", R"({"text":"внутри","is_internal":true,"record_id":)" + id_ + "}", line1_)
          .key;

  for (const Actor* actor : {&line1_, &line2_, &lead_, &seller_})
    EXPECT_TRUE(records_->get(kind("comment"), comment, *actor)) << actor->login;
  for (const Actor* actor : {&stranger_, &manager_, &cco_}) {
    EXPECT_FALSE(records_->get(kind("comment"), comment, *actor)) << actor->login;
    EXPECT_EQ(records_->list(kind("activity"), {}, *actor)->size, 0) << actor->login;
  }
}

TEST_F(SupportRequests, TheInitiatorIsTheCallerUnlessOneIsNamedAndNeverTwo) {
  EXPECT_EQ(column("initiator_user_id"), std::to_string(*admin_.user_id));
  EXPECT_EQ(column("assignee_group_id"), "support-line-1");
  const std::string contact = make("contact", R"({"full_name":"Контакт"})", admin_).key;

  const auto two = change(admin_, R"({"initiator_contact_id":)" + contact + "}");

  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().fields.front().code, "one_initiator_required");
  EXPECT_TRUE(
      change(admin_, R"({"initiator_user_id":null,"initiator_contact_id":)" + contact + "}"));
}

TEST_F(SupportRequests, ALineTakesWorksAsksAndCloses) {
  ASSERT_TRUE(to(line1_, "first_line_work"));
  EXPECT_NE(column("first_reaction_at"), "");
  EXPECT_EQ(column("assignee_user_id"), std::to_string(*line1_.user_id));

  ASSERT_TRUE(to(line1_, "clarification"));
  EXPECT_EQ(column("returns_to"), "first_line_work");
  ASSERT_TRUE(to(line1_, "first_line_work"));
  EXPECT_EQ(column("returns_to"), "");

  ASSERT_TRUE(to(line1_, "closed"));
  EXPECT_NE(column("closed_at"), "");
  ASSERT_TRUE(to(line1_, "first_line"));
  EXPECT_EQ(column("closed_at"), "");
}

TEST_F(SupportRequests, AnotherLineGetsItWithoutAnAssignee) {
  ASSERT_TRUE(to(line1_, "first_line_work"));

  ASSERT_TRUE(to(line1_, "second_line"));

  EXPECT_EQ(column("assignee_group_id"), "support-line-2");
  EXPECT_EQ(column("assignee_user_id"), "");
  EXPECT_EQ(to(line1_, "second_line_work").error().code, ErrorCode::forbidden);
  EXPECT_TRUE(to(line2_, "second_line_work"));
}

TEST_F(SupportRequests, WhatDoesNotFollowIsRefused) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {"first_line", {"second_line", "closed", "hold", "second_line_work"}},
      {"first_line_work", {"first_line", "second_line_work"}},
      {"third_line_work", {"second_line", "third_line"}},
      {"hold", {"closed", "clarification", "second_line_work"}},
      {"approve", {"hold", "second_line"}},
      {"closed", {"first_line_work", "hold"}}};
  for (const auto& [from, refused] : cases) {
    const bool rests = from == "hold" || from == "approve";
    sql("UPDATE crm.support_request SET status = '" + from +
        "', closed_at = " + (from == "closed" ? "now()" : "NULL") +
        ", returns_to = " + (rests ? "'first_line_work'" : "NULL") + " WHERE id = " + id_);
    for (const std::string& status : refused) {
      const auto changed = to(lead_, status);
      ASSERT_FALSE(changed) << from << " to " << status;
      EXPECT_EQ(changed.error().fields.front().code, "status_not_allowed");
    }
  }
}

// domain.md 15.1.
TEST_F(SupportRequests, WhatWeAskOfOurselvesComesByTheInternalChannel) {
  EXPECT_EQ(column("channel"), "external");
  sql("UPDATE crm.counterparty SET portal_default = true WHERE id = " + customer_);
  const auto ask = [&](const std::string& more) {
    id_ =
        make("support_request",
             R"({"counterparty_id":)" + customer_ + R"(,"subject":"С","content":"Т")" + more + "}",
             admin_)
            .key;
    return column("channel");
  };

  EXPECT_EQ(ask(""), "internal");
  EXPECT_EQ(ask(R"(,"channel":"external")"), "external") << "who says it decides";
  ASSERT_TRUE(change(admin_, R"({"priority":"high"})"));
  EXPECT_EQ(column("channel"), "external") << "a change does not";
}

}  // namespace
}  // namespace c360::testing
