// Assignments: who takes which step, who changes what (domain.md 14.2, 14.3, 3.4).
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Assignments : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    initiator_ = person("initiator", {});
    performer_ = person("performer", {});
    verifier_ = person("verifier", {});
  }
  std::string id(const store::Actor& actor) { return std::to_string(*actor.user_id); }
  std::string assignment(bool verified, const std::string& more = "") {
    return make("assignment",
                R"({"title":"Позвонить","performer_user_id":)" + id(performer_) +
                    (verified ? R"(,"verifier_id":)" + id(verifier_) : "") + more + "}",
                initiator_)
        .key;
  }
  std::string to(const std::string& key, const std::string& status, const store::Actor& actor) {
    return said_to_change("assignment", key, R"({"status":")" + status + "\"}", actor);
  }

  store::Actor initiator_, performer_, verifier_;
};

TEST_F(Assignments, WithoutAPerformerItIsTheInitiators) {
  const store::RecordView made = make("assignment", R"({"title":"x"})", initiator_);
  EXPECT_EQ(member(made, "number"), "1");
  EXPECT_EQ(member(made, "status"), "created");
  EXPECT_EQ(member(made, "priority"), "2");
  EXPECT_EQ(member(made, "initiator_id"), id(initiator_));
  EXPECT_EQ(member(made, "performer_user_id"), id(initiator_));
  EXPECT_EQ(said_to("assignment", R"({"priority":4})", initiator_),
            "/priority=out_of_range /title=title_required");
  EXPECT_EQ(
      said_to("assignment", R"({"title":"x","initiator_id":)" + id(performer_) + "}", initiator_),
      "forbidden administrators_only");
  EXPECT_EQ(said_to("assignment",
                    R"({"title":"x","performer_group_id":"crm-cco","performer_user_id":)" +
                        id(performer_) + "}",
                    initiator_),
            "/performer_user_id=one_performer");
}

TEST_F(Assignments, DoneGoesToTheVerifierIfThereIsOne) {
  const std::string alone = assignment(false);
  EXPECT_EQ(to(alone, "verification", performer_), "/status=status_not_allowed");
  EXPECT_EQ(to(alone, "complete", performer_), "accepted");
  EXPECT_NE(value("assignment", alone, "completed_at"), "null");

  const std::string verified = assignment(true);
  EXPECT_EQ(to(verified, "in_progress", performer_), "accepted");
  EXPECT_EQ(to(verified, "complete", performer_), "/status=status_not_allowed");
  EXPECT_EQ(to(verified, "verification", performer_), "accepted");
  EXPECT_EQ(to(verified, "complete", performer_), "/status=status_not_allowed");
  EXPECT_EQ(to(verified, "in_progress", verifier_), "accepted");
  EXPECT_EQ(to(verified, "clarification", performer_), "accepted");
  EXPECT_EQ(to(verified, "in_progress", performer_), "/status=status_not_allowed");
  EXPECT_EQ(to(verified, "in_progress", initiator_), "accepted");
  EXPECT_EQ(to(verified, "verification", performer_), "accepted");
  EXPECT_EQ(to(verified, "complete", verifier_), "accepted");
}

TEST_F(Assignments, TheInitiatorReopensUntilTheArchive) {
  const std::string key = assignment(false);
  ASSERT_EQ(to(key, "complete", performer_), "accepted");
  EXPECT_EQ(to(key, "created", performer_), "forbidden read_only");
  EXPECT_EQ(to(key, "archive", initiator_), "forbidden status_administrators_only");
  EXPECT_EQ(to(key, "created", initiator_), "accepted");
  EXPECT_EQ(value("assignment", key, "completed_at"), "null");
  ASSERT_EQ(to(key, "complete", performer_), "accepted");
  ASSERT_EQ(to(key, "archive", store::Actor::system("job")), "accepted");
  EXPECT_NE(value("assignment", key, "completed_at"), "null");
  EXPECT_EQ(to(key, "created", initiator_), "forbidden status_administrators_only");
}

TEST_F(Assignments, EachRoleChangesItsOwnAttributes) {
  const std::string key = assignment(true);
  const auto change = [&](const std::string& body, const store::Actor& actor) {
    return said_to_change("assignment", key, body, actor);
  };
  EXPECT_EQ(change(R"({"title":"a"})", performer_), "accepted");
  EXPECT_EQ(change(R"({"priority":1})", performer_), "forbidden initiator_only");
  EXPECT_EQ(change(R"({"due_at":"2026-12-01T00:00:00Z"})", performer_), "forbidden initiator_only");
  EXPECT_EQ(change(R"({"priority":1})", initiator_), "accepted");
  EXPECT_EQ(change(R"({"performer_group_id":"crm-manager"})", initiator_), "accepted");
  EXPECT_EQ(value("assignment", key, "performer_user_id"), "null");
  EXPECT_EQ(change(R"({"description":"из группы"})", manager_), "accepted");
  EXPECT_EQ(change(R"({"initiator_id":)" + id(performer_) + "}", initiator_),
            "forbidden administrators_only");
  EXPECT_EQ(change(R"({"initiator_id":)" + id(performer_) + "}", admin_), "accepted");
  sql("UPDATE crm.assignment SET status = 'verification', initiator_id = " + id(initiator_));
  EXPECT_EQ(change(R"({"title":"b"})", verifier_), "forbidden performer_only");
  sql("UPDATE crm.assignment SET status = 'complete'");
  EXPECT_EQ(change(R"({"title":"b"})", initiator_), "conflict assignment_complete");
  EXPECT_EQ(change(R"({"title":"b"})", admin_), "accepted");
}

TEST_F(Assignments, EverybodyReadsAndTheRolesWriteByStatus) {
  const std::string key = assignment(true);
  for (const store::Status& status : kind("assignment").statuses) {
    const std::string code(status.code);
    sql("UPDATE crm.assignment SET status = '" + code + "'");
    const bool final_one = code == "complete" || code == "archive";
    const auto writes = [&](const store::Actor& actor) {
      const auto done = records_->update(kind("assignment"), key, json("{}"), actor);
      return done.has_value();
    };
    EXPECT_TRUE(writes(initiator_)) << code;
    EXPECT_EQ(writes(performer_), !final_one) << code;
    EXPECT_EQ(writes(verifier_), !final_one && code != "created") << code;
    EXPECT_TRUE(writes(admin_)) << code;
    EXPECT_FALSE(writes(stranger_)) << code;
    EXPECT_TRUE(records_->get(kind("assignment"), key, stranger_)) << code;
  }
}

TEST_F(Assignments, OfARecordIsAnActivityThereToo) {
  const std::string deal = make("deal", R"({"name":"x"})", initiator_).key;
  const std::string key = assignment(false, R"(,"parent_record_id":)" + deal);
  EXPECT_EQ(sql("SELECT type || ' ' || topic FROM crm.activity WHERE parent_record_id = " + deal +
                " AND assignment_id = " + key),
            "assignment Позвонить");
  assignment(false);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.activity"), "1");
}

TEST_F(Assignments, TheDatabaseKeepsTheSameRules) {
  assignment(false);
  const auto refused = [&](const std::string& what) {
    EXPECT_THROW(sql("UPDATE crm.assignment SET " + what), std::runtime_error) << what;
  };
  refused("performer_user_id = NULL");
  refused("performer_group_id = 'crm-cco'");
  refused("priority = 0");
  refused("status = 'lost'");
  refused("title = ''");
}

}  // namespace
}  // namespace c360::testing
