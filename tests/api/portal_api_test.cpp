// Portal users of counterparties: how they get in, what they see, what ends it.
#include <set>

#include "tests/api/api_fixture.h"
#include "tests/api/rights_table.h"

namespace c360::api {
namespace {

class PortalApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    admin_ = administrator();
    ours_ = make_company("Ours");
    others_ = make_company("Others");
  }

  std::string make_company(const std::string& name) {
    return std::to_string(created(admin_.post(
        "/api/v1/counterparties", R"({"name": ")" + name + R"(", "segment_code": "small",
            "acquisition_channel_code": "site", "status_code": "active"})")));
  }
  std::string make_login(const std::string& company, const std::string& login,
                         const std::string& role = "member") {
    return std::to_string(created(admin_.post(
        "/api/v1/counterparty-users",
        R"({"counterparty_id": )" + company + R"(, "login": ")" + login + R"(", "email": ")" +
            login + R"(@example.org", "full_name": "P", "status": "active", "role": ")" + role +
            "\"}")));
  }
  static std::string path_of(const std::string& login) {
    return "/api/v1/counterparty-users/" + login;
  }
  HttpClient portal_client(const std::string& login) {
    const auto made = admin_.post(path_of(login) + "/tokens", R"({"name": "portal"})");
    EXPECT_EQ(made.status, 201) << made.body;
    return client(made.field("token"));
  }
  static std::string ask_for_support(HttpClient& by, const std::string& subject) {
    return std::to_string(created(
        by.post("/api/v1/portal/support-requests",
                R"({"subject": ")" + subject + R"(", "content": "<p>It does not work</p>"})")));
  }
  static std::string total(HttpClient& by, const std::string& path) {
    return by.get(path + (path.find('?') == std::string::npos ? "?" : "&") + "count=exact")
        .field("total");
  }

  HttpClient admin_{0};
  std::string ours_, others_;
};

TEST_F(PortalApi, APortalUserSeesWhatIsHisAndNothingElse) {
  HttpClient member = portal_client(make_login(ours_, "member"));
  HttpClient chief = portal_client(make_login(ours_, "chief", "admin"));
  HttpClient stranger = portal_client(make_login(others_, "stranger", "admin"));
  const std::string mine = ask_for_support(member, "Mine");
  const std::string of_chief = ask_for_support(chief, "Of the chief");
  const std::string path = "/api/v1/support-requests/" + mine;

  EXPECT_EQ(member.get(path).field("counterparty_id"), ours_);
  EXPECT_EQ(member.get(path).field("origin"), "portal");
  EXPECT_EQ(total(member, "/api/v1/support-requests"), "1");
  EXPECT_EQ(member.get("/api/v1/support-requests/" + of_chief).status, 404);
  EXPECT_EQ(total(chief, "/api/v1/support-requests"), "2") << "the role admin sees all of his";
  EXPECT_EQ(total(stranger, "/api/v1/support-requests"), "0");
  EXPECT_EQ(stranger.get(path).status, 404);
  EXPECT_EQ(stranger.get(path + "/comments").status, 404);
  EXPECT_EQ(stranger.post(path + "/comments", R"({"text": "x"})").status, 404);
  EXPECT_EQ(total(member, "/api/v1/counterparty-users"), "1");
  EXPECT_EQ(total(chief, "/api/v1/counterparty-users"), "2");
}

TEST_F(PortalApi, InternalCommentsAreHiddenAndHisOwnAreNot) {
  HttpClient member = portal_client(make_login(ours_, "member"));
  HttpClient viewer = portal_client(make_login(ours_, "viewer", "viewer"));
  const std::string mine = ask_for_support(member, "Mine");
  const std::string path = "/api/v1/support-requests/" + mine + "/comments";
  const auto internal = admin_.post(path, R"({"text": "He is wrong", "is_internal": true})");
  ASSERT_EQ(internal.status, 201) << internal.body;
  EXPECT_EQ(admin_.post(path, R"({"text": "What does it say?"})").status, 201);
  const auto his = member.post(path, R"({"text": "Nothing", "is_internal": true})");
  ASSERT_EQ(his.status, 201) << his.body;

  EXPECT_EQ(total(member, path), "2");
  EXPECT_EQ(total(member, "/api/v1/comments"), "2");
  EXPECT_EQ(member.get("/api/v1/comments/" + internal.field("id")).status, 404);
  EXPECT_EQ(total(admin_, path), "3");
  EXPECT_EQ(
      viewer.post("/api/v1/portal/support-requests", R"({"subject": "x", "content": "x"})").status,
      403);
}

// domain.md 15.1: the initiator answers, and it goes back to the line it came from.
TEST_F(PortalApi, WhatHeWritesWhileHeIsAskedIsTheAnswer) {
  HttpClient member = portal_client(make_login(ours_, "member"));
  const std::string mine = ask_for_support(member, "Mine");
  const std::string path = "/api/v1/support-requests/" + mine;
  sql("UPDATE crm.support_request SET status = 'clarification', returns_to = 'first_line_work' "
      "WHERE id = " +
      mine + " RETURNING id");
  ASSERT_EQ(admin_.post(path + "/comments", R"({"text": "What does it say?"})").status, 201);
  EXPECT_EQ(admin_.get(path).field("status"), "clarification") << "asked, not answered";

  ASSERT_EQ(member.post(path + "/comments", R"({"text": "Nothing"})").status, 201);

  EXPECT_EQ(admin_.get(path).field("status"), "first_line_work");
  EXPECT_EQ(admin_.get(path).field("returns_to"), "null");
  const auto told = admin_.get(path + "/history?event=status_changed");
  EXPECT_EQ(told.field("items/0/origin"), "portal");
  ASSERT_EQ(member.post(path + "/comments", R"({"text": "And it beeps"})").status, 201);
  EXPECT_EQ(admin_.get(path).field("status"), "first_line_work") << "nobody waits for him";
}

TEST_F(PortalApi, DocumentsOfHisRequestAreSharedWithHim) {
  HttpClient member = portal_client(make_login(ours_, "member"));
  HttpClient stranger = portal_client(make_login(others_, "stranger"));
  const std::string mine = ask_for_support(member, "Mine");
  const auto upload = [&](const std::string& record) {
    const auto stored = admin_.request("POST", "/api/v1/" + record + "/documents?name=a.txt",
                                       {{"Content-Type", "text/plain"}}, "hello");
    EXPECT_EQ(stored.status, 201) << stored.body;
    return "/api/v1/documents/" + stored.field("id");
  };
  const std::string shared = upload("support-requests/" + mine);
  const std::string ours = upload("counterparties/" + ours_);

  EXPECT_EQ(member.get(shared).status, 200);
  EXPECT_EQ(member.get(shared + "/content").body, "hello");
  EXPECT_EQ(total(member, "/api/v1/support-requests/" + mine + "/documents"), "1");
  EXPECT_EQ(member.get(ours).status, 404);
  EXPECT_EQ(member.get(ours + "/content").status, 404);
  EXPECT_EQ(stranger.get(shared).status, 404);
  EXPECT_EQ(stranger.get(shared + "/content").status, 404);
}

// R-073, domain.md 5.7, 5.8.
TEST_F(PortalApi, HisLoginSaysWhichAccountsAndHisRoleWhichInvoicesHeSees) {
  const auto account = [&](const std::string& company) {
    return std::to_string(created(
        admin_.post("/api/v1/personal-accounts", R"({"counterparty_id": )" + company + "}")));
  };
  const std::string first = account(ours_);
  const std::string second = account(ours_);
  const std::string theirs = account(others_);
  const std::string product = std::to_string(created(admin_.post(
      "/api/v1/products",
      R"({"name": "Лицензия", "kind": "product", "unit_code": "796", "vat_rate_code": "vat20",
          "price": "10.00"})")));
  for (const std::string& each : {first, second, theirs}) {
    created(
        admin_.post("/api/v1/personal-account-products",
                    R"({"personal_account_id": )" + each + R"(, "product_id": )" + product + "}"));
  }
  const auto invoice_type = [&](const std::string& company, const std::string& more) {
    const auto made = admin_.post(
        "/api/v1/counterparty-invoice-types",
        R"({"counterparty_id": )" + company + R"(, "invoice_name": "Счёт")" + more + "}");
    EXPECT_EQ(made.status, 201) << made.body;
    return made.field("id");
  };
  const std::string code = sql_text("SELECT min(code) FROM crm.invoice_type");
  const std::string of_code = R"(, "invoice_type_code": ")" + code + "\"";
  const std::string own = invoice_type(ours_, of_code);
  invoice_type(ours_, of_code + R"(, "self_service": false, "product_id": )" + product);
  invoice_type(others_, of_code);

  HttpClient chief = portal_client(make_login(ours_, "chief", "admin"));
  HttpClient accountant = portal_client(make_login(ours_, "accountant", "accountant"));
  const std::string narrow = make_login(ours_, "narrow");
  ASSERT_EQ(admin_
                .patch(path_of(narrow), R"({"personal_account_ids": [)" + first + "]}",
                       {{"If-Match", "*"}})
                .status,
            200);
  HttpClient member = portal_client(narrow);

  for (HttpClient* each : {&chief, &accountant}) {
    EXPECT_EQ(total(*each, "/api/v1/personal-accounts"), "2") << "none is named: all of his";
    EXPECT_EQ(total(*each, "/api/v1/personal-account-products"), "2");
    const std::string types = "/api/v1/counterparty-invoice-types?self_service=true";
    EXPECT_EQ(total(*each, types), "1");
    EXPECT_EQ(each->get(types).field("items/0/id"), own);
    EXPECT_EQ(each->get("/api/v1/personal-accounts/" + theirs).status, 404);
  }
  EXPECT_EQ(total(member, "/api/v1/personal-accounts"), "1");
  EXPECT_EQ(member.get("/api/v1/personal-accounts/" + first).field("counterparty_id"), ours_);
  EXPECT_EQ(member.get("/api/v1/personal-accounts/" + second).status, 404);
  EXPECT_EQ(total(member, "/api/v1/personal-account-products"), "1");
  EXPECT_EQ(total(member, "/api/v1/counterparty-invoice-types"), "0") << "the affair of who pays";
  EXPECT_EQ(chief.post("/api/v1/personal-accounts", R"({"counterparty_id": )" + ours_ + "}").status,
            403);
}

TEST_F(PortalApi, OnlyWhatIsWrittenIsOpenToHimEvenAmongAdministrators) {
  const std::string login = make_login(ours_, "member");
  HttpClient member = portal_client(login);
  // A group gives him nothing, nor does a token of more scopes.
  const std::string user =
      sql_text("SELECT user_id::text FROM crm.counterparty_user WHERE id = " + login);
  sql("INSERT INTO crm.group_member (group_id, user_id) VALUES ('crm-administrators', " + user +
      ") RETURNING user_id");
  member.set_token(add_token(std::stoll(user), {"admin"}));

  std::set<std::string> open;
  for (const TableRow& row : read_rights_table("portal.tsv")) {
    open.insert(row.at(0) + " " + row.at(1));
  }
  std::set<std::string> met;
  for (const auto& route : api_->router().routes()) {
    if (route.access == Access::open) continue;
    const std::string name = std::string(to_string(route.method)) + " " + route.path;
    std::string path = route.path;
    while (path.find('{') != std::string::npos) {
      const auto at = path.find('{');
      path.replace(at, path.find('}') - at + 1, "999999");
    }
    const auto answer = member.request(to_string(route.method), path);
    if (open.contains(name)) {
      met.insert(name);
      EXPECT_NE(answer.status, 403) << name << answer.body;
    } else {
      EXPECT_EQ(answer.status, 403) << name << answer.body;
    }
  }
  EXPECT_EQ(met, open);
}

TEST_F(PortalApi, TokensAreMadeByWhoMayChangeTheLoginAndEndWithIt) {
  const std::string login = make_login(ours_, "member");
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient nobody = client_of("nobody", {});
  const std::string tokens = path_of(login) + "/tokens";
  EXPECT_EQ(manager.post(tokens, R"({"name": "x"})").status, 403) << "he only reads it";
  EXPECT_EQ(nobody.post(tokens, R"({"name": "x"})").status, 404);
  EXPECT_EQ(admin_.post(tokens, R"({"name": ""})").status, 422);
  EXPECT_EQ(admin_.post(tokens, R"({"name": "x", "expires_at": "soon"})").status, 422);
  EXPECT_EQ(admin_.post(tokens, R"({"name": "x", "scopes": ["admin"]})").status, 422);

  const auto made = admin_.post(tokens, R"({"name": "x", "expires_at": "2999-01-01T00:00:00Z"})");
  ASSERT_EQ(made.status, 201) << made.body;
  HttpClient member = client(made.field("token"));
  const auto set_status = [&](const std::string& status) {
    const auto answer =
        admin_.patch(path_of(login), R"({"status": ")" + status + "\"}", {{"If-Match", "*"}});
    EXPECT_EQ(answer.status, 200) << answer.body;
  };
  EXPECT_EQ(member.get("/api/v1/me").status, 200);
  EXPECT_NE(sql_text("SELECT coalesce(last_login_at::text, '') FROM crm.counterparty_user "
                     "WHERE id = " +
                     login),
            "");
  set_status("blocked");
  EXPECT_EQ(member.get("/api/v1/me").status, 401) << "at once";
  EXPECT_EQ(admin_.post(tokens, R"({"name": "x"})").status, 409);
  set_status("active");
  EXPECT_EQ(member.get("/api/v1/me").status, 200);

  EXPECT_EQ(manager.del(tokens + "/" + made.field("id")).status, 403);
  EXPECT_EQ(admin_.del(path_of(make_login(ours_, "other")) + "/tokens/" + made.field("id")).status,
            404);
  EXPECT_EQ(admin_.del(tokens + "/" + made.field("id")).status, 204);
  EXPECT_EQ(member.get("/api/v1/me").status, 401);
  const std::string user = sql_text(
      "SELECT u.login FROM crm.user u JOIN crm.counterparty_user a ON a.user_id = u.id "
      "WHERE a.id = " +
      login);
  EXPECT_EQ(
      admin_
          .post("/api/v1/tokens", R"({"name": "x", "scopes": ["admin"], "login": ")" + user + "\"}")
          .status,
      404);
}

TEST_F(PortalApi, ADeletedContactOrCounterpartyEndsItToo) {
  const std::string contact = std::to_string(created(
      admin_.post("/api/v1/contacts", R"({"full_name": "P", "counterparty_id": )" + ours_ + "}")));
  const std::string login = make_login(ours_, "member");
  EXPECT_EQ(admin_.patch(path_of(login), R"({"contact_id": )" + contact + "}", {{"If-Match", "*"}})
                .status,
            200);
  HttpClient member = portal_client(login);
  HttpClient other = portal_client(make_login(others_, "other"));
  EXPECT_EQ(admin_.del("/api/v1/contacts/" + contact, {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(member.get("/api/v1/me").status, 401);
  EXPECT_EQ(other.get("/api/v1/me").status, 200);
  EXPECT_EQ(admin_.del("/api/v1/counterparties/" + others_, {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(other.get("/api/v1/me").status, 401);
}

TEST_F(PortalApi, TheCustomerConfirmsThatTheWorkIsDoneOrSendsItBack) {
  HttpClient member = portal_client(make_login(ours_, "member"));
  const std::string mine = ask_for_support(member, "Mine");
  const std::string path = "/api/v1/support-requests/" + mine;
  const std::string answer = "/api/v1/portal/support-requests/" + mine + "/answer";
  const auto move_to = [&](const std::string& status) {
    const auto moved = admin_.post(path + "/status", R"({"status": ")" + status + "\"}");
    EXPECT_EQ(moved.status, 200) << moved.body;
  };
  EXPECT_EQ(member.post(answer, R"({"approved": true})").status, 409) << "nobody asked";
  EXPECT_EQ(member.post(answer, R"({"approved": 1})").status, 422);

  move_to("first_line_work");
  move_to("approve");
  EXPECT_EQ(member.post(answer, R"({"approved": false})").field("status"), "first_line_work");
  move_to("approve");
  EXPECT_EQ(member.post(answer, R"({"approved": true})").field("status"), "closed");
  EXPECT_EQ(admin_.post(answer, R"({"approved": true})").status, 403) << "for the customer";
}

}  // namespace
}  // namespace c360::api
