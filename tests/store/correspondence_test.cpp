// Letters, projects and releases, saved views and names of sections (domain.md 15.2, 15.3, 16).
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Correspondence : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    company_ = company_of(seller_);
    issuer_ = make("own_organisation", R"({"full_name":"Мы","inn":"7727563778"})", admin_).key;
    clerk_ = person("clerk", {"contracts-clerks", "crm-manager"});
    archivist_ = person("archivist", {"contracts-clerks"});
  }
  std::string incoming(const std::string& more = "") {
    return R"({"type_code":"letter","counterparty_id":)" + company_ + more + "}";
  }
  std::string outgoing(const std::string& more = "") {
    return R"({"type_code":"letter","counterparty_id":)" + company_ + R"(,"own_organisation_id":)" +
           issuer_ + R"(,"performer_id":)" + std::to_string(*clerk_.user_id) + more + "}";
  }
  std::string to(const std::string& key, const std::string& status) {
    return said_to_change("correspondence_out", key, R"({"status":")" + status + "\"}", clerk_);
  }

  std::string company_, issuer_;
  store::Actor clerk_, archivist_;  // the clerk sees the customers too
};

TEST_F(Correspondence, AnIncomingLetterIsNumberedByYear) {
  const auto number = [&](const std::string& day) {
    return member(make("correspondence_in", incoming(R"(,"received_on":")" + day + "\""), clerk_),
                  "registration_no");
  };
  EXPECT_EQ(number("2026-01-15"), "1");
  EXPECT_EQ(number("2026-12-31"), "2");
  EXPECT_EQ(number("2027-01-01"), "1");
  EXPECT_EQ(said_to("correspondence_in",
                    incoming(R"(,"received_on":"2026-05-05","registration_no":"2")"), clerk_),
            "/registration_no=not_unique");
  EXPECT_EQ(member(make("correspondence_in", incoming(), clerk_), "received_on"),
            sql("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date"));
  EXPECT_EQ(said_to("correspondence_in", "{}", clerk_),
            "/counterparty_id=counterparty_required /type_code=type_required");
}

TEST_F(Correspondence, AnIncomingLetterIsDecidedOnAndDoneBySomebody) {
  const std::string key = make("correspondence_in", incoming(), clerk_).key;
  const auto change = [&](const std::string& body) {
    return said_to_change("correspondence_in", key, body, clerk_);
  };
  const std::string user = std::to_string(*clerk_.user_id);
  EXPECT_EQ(change(R"({"status":"on_resolution"})"), "/resolver_id=resolver_required");
  EXPECT_EQ(change(R"({"status":"on_resolution","resolver_id":)" + user + "}"), "accepted");
  EXPECT_EQ(change(R"({"status":"on_execution"})"), "/performer_ids=performers_required");
  EXPECT_EQ(change(R"({"status":"on_execution","performer_ids":[)" + user + "]}"), "accepted");
  EXPECT_EQ(change(R"({"status":"done"})"), "accepted");
}

TEST_F(Correspondence, AnOutgoingLetterGetsItsNumberOnRegistration) {
  const std::string key = make("correspondence_out", outgoing(), clerk_).key;
  EXPECT_EQ(value("correspondence_out", key, "registration_no"), "null");
  EXPECT_EQ(to(key, "sending"), "/status=status_not_allowed");
  for (const std::string status : {"approval", "rework", "approval", "signing", "registration"}) {
    EXPECT_EQ(to(key, status), "accepted") << status;
  }
  EXPECT_EQ(value("correspondence_out", key, "registration_no"), "1");
  EXPECT_EQ(value("correspondence_out", key, "registered_on"),
            sql("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date"));
  EXPECT_EQ(to(key, "sending"), "accepted");
  EXPECT_EQ(to(key, "active"), "accepted");
  EXPECT_NE(value("correspondence_out", key, "sent_at"), "null");
  const std::string typed =
      make("correspondence_out", outgoing(R"(,"registration_no":"И-7")"), clerk_).key;
  for (const std::string status : {"approval", "signing", "registration"}) to(typed, status);
  EXPECT_EQ(value("correspondence_out", typed, "registration_no"), "И-7");
  EXPECT_EQ(said_to("correspondence_out", "{}", clerk_),
            "/own_organisation_id=own_organisation_required "
            "/counterparty_id=counterparty_required /type_code=type_required "
            "/performer_id=performer_required");
}

TEST_F(Correspondence, IsOfTheGroupsOfTheCrmAndTheClerks) {
  const std::string in = make("correspondence_in", incoming(), admin_).key;
  const std::string out = make("correspondence_out", outgoing(), admin_).key;
  int change = 0;
  for (const auto& [name, key] :
       {std::pair("correspondence_in", in), std::pair("correspondence_out", out)}) {
    for (const store::Actor* actor : {&archivist_, &manager_, &cco_, &admin_}) {
      const std::string body = R"({"note":")" + std::to_string(++change) + "\"}";
      EXPECT_EQ(right_on(name, key, body, *actor), "write") << actor->login;
    }
    EXPECT_EQ(right_on(name, key, R"({"note":"z"})", stranger_), "none");
    EXPECT_EQ(right_on(name, key, R"({"note":"z"})", seller_), "none");
  }
  EXPECT_EQ(said_to("correspondence_in", incoming(), stranger_), "forbidden may_not_create");
}

class Projects : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    releaser_ = person("releaser", {"release-responsible-persons"});
  }
  std::string release(const std::string& more = "") {
    return R"({"name":"1.0","start_date":"2026-01-01","planned_date":"2026-02-01","performer_id":)" +
           std::to_string(*seller_.user_id) + more + "}";
  }
  store::Actor releaser_;
};

TEST_F(Projects, AReleaseGoesStepByStep) {
  const std::string key = make("release", release(), releaser_).key;
  const auto to = [&](const std::string& status) {
    return said_to_change("release", key, R"({"status":")" + status + "\"}", releaser_);
  };
  EXPECT_EQ(to("qa"), "/status=status_not_allowed");
  for (const std::string status : {"in_development", "qa", "in_development", "qa", "uat",
                                   "in_development", "qa", "uat", "ready_for_prod"}) {
    EXPECT_EQ(to(status), "accepted") << status;
  }
  EXPECT_EQ(to("in_development"), "/status=status_not_allowed");
  EXPECT_EQ(to("prod"), "accepted");
  EXPECT_NE(value("release", key, "released_at"), "null");
  EXPECT_EQ(said_to("release", "{}", releaser_),
            "/name=name_required /performer_id=performer_required "
            "/start_date=start_date_required /planned_date=planned_date_required");
  EXPECT_EQ(said_to_change("release", key, R"({"planned_date":"2026-01-01"})", releaser_),
            "/planned_date=not_after_start");
}

TEST_F(Projects, TheStagesOfAReleaseTellItsProgress) {
  const std::string key = make("release", release(), releaser_).key;
  EXPECT_EQ(value("release", key, "progress"), "null") << "nothing is planned yet";
  const auto stage = [&](const std::string& name, const std::string& more = "") {
    return R"({"release_id":)" + key + R"(,"name":")" + name + "\"" + more + "}";
  };
  const std::string design = make("release_stage", stage("Дизайн"), releaser_).key;
  make("release_stage", stage("Код", R"(,"position":1)"), releaser_);
  make("release_stage", stage("Тест", R"(,"position":2)"), releaser_);
  EXPECT_EQ(said_to("release_stage", stage("дизайн"), releaser_), "/name=not_unique");
  EXPECT_EQ(said_to("release_stage", stage("x", R"(,"done_at":"2026-01-05T10:00:00Z")"), releaser_),
            "/done_at=not_done");
  EXPECT_EQ(value("release", key, "progress"), "0");

  EXPECT_EQ(said_to_change("release_stage", design, R"({"is_done":true})", releaser_), "accepted");
  EXPECT_EQ(value("release", key, "progress"), "33");
  EXPECT_NE(value("release_stage", design, "done_at"), "null");
  EXPECT_EQ(said_to_change("release_stage", design, R"({"is_done":false})", releaser_), "accepted");
  EXPECT_EQ(value("release_stage", design, "done_at"), "null");
  EXPECT_EQ(value("release", key, "progress"), "0");
}

TEST_F(Projects, AreReadByTheCrmAndWrittenByTheReleaseManagers) {
  const std::string project = make("project",
                                   R"({"code":"P-1","name":"Проект","manager_id":)" +
                                       std::to_string(*seller_.user_id) + "}",
                                   releaser_)
                                  .key;
  EXPECT_EQ(said_to("project", R"({"code":"P-1","name":"x"})", releaser_), "/code=not_unique");
  const std::string key = make("release", release(R"(,"project_id":)" + project), releaser_).key;
  const std::pair<const store::Actor*, std::string> rights[] = {
      {&releaser_, "write"}, {&admin_, "write"}, {&manager_, "read"},
      {&cco_, "read"},       {&seller_, "read"}, {&stranger_, "none"}};
  int change = 0;
  for (const auto& [actor, right] : rights) {
    const std::string body = R"({"description":")" + std::to_string(++change) + "\"}";
    EXPECT_EQ(right_on("release", key, body, *actor), right) << actor->login;
    EXPECT_EQ(right_on("project", project, body, *actor), actor == &seller_ ? "write" : right)
        << actor->login;
  }
  EXPECT_EQ(said_to("release", release(), manager_), "forbidden may_not_create");
}

using Presentation = RecordsTest;

TEST_F(Presentation, AViewIsItsMakersOrShared) {
  const std::string own =
      make("saved_view",
           R"({"record_kind":"deal","name":"Мои","columns":[{"field":"name","visible":true}],)"
           R"("visible_filters":["status"],"filters":{"status":"new"}})",
           seller_)
          .key;
  EXPECT_EQ(value("saved_view", own, "owner_id"), std::to_string(*seller_.user_id));
  const std::string shared =
      make("saved_view", R"({"record_kind":"deal","name":"Все","owner_id":null})", cco_).key;
  EXPECT_EQ(
      said_to("saved_view", R"({"record_kind":"deal","name":"Все","owner_id":null})", seller_),
      "forbidden may_not_share");
  EXPECT_EQ(said_to("saved_view", R"({"record_kind":"deal","name":"Мои"})", seller_),
            "/name=not_unique");
  EXPECT_EQ(said_to("saved_view", R"({"record_kind":"Deal!"})", seller_),
            "/name=name_required /record_kind=unknown_kind");
  EXPECT_EQ(right_on("saved_view", own, R"({"name":"a"})", seller_), "write");
  EXPECT_EQ(right_on("saved_view", own, R"({"name":"b"})", manager_), "none");
  EXPECT_EQ(right_on("saved_view", shared, R"({"name":"c"})", stranger_), "read");
  EXPECT_EQ(right_on("saved_view", shared, R"({"name":"d"})", cco_), "write");
  EXPECT_EQ(said_to_change("saved_view", own, R"({"owner_id":null})", seller_),
            "forbidden may_not_share");
}

TEST_F(Presentation, ASectionIsRenamedByAdministrators) {
  const std::string body =
      R"({"record_kind":"counterparty","name_ru":"Партнёр","name_en":"Partner",)"
      R"("plural_ru":"Партнёры","plural_en":"Partners","default_filters":{"types":"partner"}})";
  EXPECT_EQ(said_to("section_label", body, cco_), "forbidden may_not_create");
  const std::string key = make("section_label", body, admin_).key;
  EXPECT_EQ(key, "counterparty");
  EXPECT_EQ(right_on("section_label", key, R"({"is_hidden":true})", stranger_), "read");
  EXPECT_EQ(right_on("section_label", key, R"({"is_hidden":true})", admin_), "write");
}

}  // namespace
}  // namespace c360::testing
