// Contracts and additional agreements: numbers, defaults, the course from draft to archive, and who
// holds which stage (domain.md 11, 3.4).
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Contracts : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    issuer_ = make("own_organisation", R"({"full_name":"ООО Мы","inn":"7727563778"})", admin_).key;
    company_ = company_of(seller_);
    accountant_ = person("accountant", {"contracts-accountants"});
    director_ = person("director", {"contracts-directors"});
    sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (sha256('x'), 0)");
    clerk_ = person("clerk", {"contracts-clerks"});
    technologist_ = person("technologist", {"contracts-technologists"});
    lawyer_ = person("lawyer", {"contracts-lawyers"});
  }
  std::string text(const std::string& record) {
    const std::string document =
        sql("INSERT INTO crm.record (kind) VALUES ('document') RETURNING id");
    sql("WITH v AS (INSERT INTO crm.document_version (document_id, version_no, content_sha256, "
        "size_bytes, mime_type, file_name, storage_key) VALUES (" +
        document +
        ", 1, sha256('x'), 1, 'text/plain', 'x', 'x') RETURNING id) "
        "INSERT INTO crm.document (id, type_code, name, parent_record_id, current_version_id) "
        "SELECT " +
        document + ", '" + (record.empty() ? "contract" : "scan") + "', 'd" + document + "', " +
        (record.empty() ? "NULL" : record) + ", v.id FROM v");
    return document;
  }
  // Everything a contract must have.
  std::string whole(const std::string& more = "") {
    return R"({"own_organisation_id":)" + issuer_ + R"(,"counterparty_id":)" + company_ +
           R"(,"party_code":"customer","kind_code":"services","signer_id":)" +
           std::to_string(*director_.user_id) + R"(,"content_document_id":)" + text("") + more +
           "}";
  }
  std::string to(const std::string& key, const std::string& status, const store::Actor& actor) {
    return said_to_change("contract", key, R"({"status":")" + status + "\"}", actor);
  }
  // As if it had got there.
  void put(const std::string& key, const std::string& status) {
    sql("UPDATE crm.contract SET status = '" + status +
        "', returns_to = " + (status == "rework" ? "'signing'" : "NULL") + " WHERE id = " + key);
  }

  std::string issuer_, company_;
  store::Actor accountant_, director_, clerk_, technologist_, lawyer_;
};

TEST_F(Contracts, ADraftFillsInWhatItCan) {
  const std::string entity = make("legal_entity",
                                  R"({"counterparty_id":)" + company_ +
                                      R"(,"full_name":"П","inn":"7707083893",)"
                                      R"("is_primary":true,"billed_by_organisation_id":)" +
                                      issuer_ + "}",
                                  admin_)
                                 .key;
  const store::RecordView made =
      make("contract", R"({"counterparty_id":)" + company_ + R"(,"contract_date":"2028-02-29"})",
           seller_);
  EXPECT_EQ(member(made, "number"), "1");
  EXPECT_EQ(member(made, "status"), "draft");
  EXPECT_EQ(member(made, "initiator_id"), std::to_string(*seller_.user_id));
  EXPECT_EQ(member(made, "valid_until"), "2029-02-28");
  EXPECT_EQ(member(made, "legal_entity_id"), entity);
  EXPECT_EQ(
      member(made, "missing_fields"),
      R"(["own_organisation_id","party_code","kind_code","signer_id","content_document_id"])");
  EXPECT_EQ(member(make("contract", "{}", seller_), "contract_date"),
            sql("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date"));
  EXPECT_EQ(
      said_to("contract", R"({"contract_date":"2026-05-02","valid_until":"2026-05-01"})", seller_),
      "/valid_until=before_contract_date");
}

TEST_F(Contracts, ATypedNumberIsUniquePerOrganisationAndYear) {
  const auto typed = [&](const std::string& number, const std::string& date) {
    return said_to("contract",
                   R"({"number":")" + number + R"(","own_organisation_id":)" + issuer_ +
                       R"(,"contract_date":")" + date + "\"}",
                   seller_);
  };
  EXPECT_EQ(typed("2", "2026-03-01"), "accepted");
  EXPECT_EQ(typed("2", "2026-12-31"), "/number=not_unique");
  EXPECT_EQ(typed("2", "2027-01-01"), "accepted");
  EXPECT_EQ(sql("SELECT bool_and(number_is_manual) FROM crm.contract"), "t");
  // The series steps over what was typed.
  EXPECT_EQ(member(make("contract", "{}", seller_), "number"), "1");
  EXPECT_EQ(member(make("contract", "{}", seller_), "number"), "3");
}

TEST_F(Contracts, ADraftIsApprovedOnlyWhenNothingIsMissing) {
  const std::string key = make("contract", "{}", seller_).key;
  EXPECT_EQ(to(key, "approval", seller_),
            "/own_organisation_id=own_organisation_required /counterparty_id=counterparty_required "
            "/party_code=party_required /kind_code=kind_required /signer_id=signer_required "
            "/content_document_id=content_document_required");
  EXPECT_EQ(to(key, "deleted", seller_), "accepted");
  const std::string ready = make("contract", whole(), seller_).key;
  EXPECT_EQ(to(ready, "signing", seller_), "/status=status_not_allowed");
  EXPECT_EQ(to(ready, "approval", seller_), "accepted");
  // What it must have stays.
  EXPECT_EQ(said_to_change("contract", ready, R"({"signer_id":null})", accountant_),
            "/signer_id=signer_required");
}

TEST_F(Contracts, GoesItsWholeCourse) {
  const std::string key = make("contract", whole(), seller_).key;
  EXPECT_EQ(to(key, "approval", seller_), "accepted");
  EXPECT_EQ(to(key, "signing", accountant_), "accepted");
  EXPECT_EQ(to(key, "rework", director_), "accepted");
  EXPECT_EQ(value("contract", key, "returns_to"), "signing");
  EXPECT_EQ(to(key, "approval", seller_), "/status=status_not_allowed");
  EXPECT_EQ(to(key, "signing", seller_), "accepted");
  EXPECT_EQ(value("contract", key, "returns_to"), "null");
  EXPECT_EQ(to(key, "counterparty_signing", director_), "accepted");
  EXPECT_EQ(to(key, "scanning", clerk_), "accepted");
  EXPECT_EQ(to(key, "active", clerk_), "/status=scan_required");
  text(key);
  EXPECT_EQ(to(key, "active", clerk_), "accepted");
  EXPECT_EQ(to(key, "archive", technologist_), "/status=still_valid");
  EXPECT_EQ(said_to_change("contract", key,
                           R"({"contract_date":"2020-01-01","valid_until":)"
                           R"("2021-01-01","status":"archive"})",
                           technologist_),
            "accepted");
  EXPECT_EQ(to(key, "draft", technologist_), "/status=status_not_allowed");
}

TEST_F(Contracts, EachStageHasItsHolder) {
  struct Case {
    std::string status;
    std::map<std::string, std::string> rights;  // of initiator, accountant, director, clerk
  };
  const std::vector<std::pair<std::string, const store::Actor*>> actors = {
      {"initiator", &seller_}, {"accountant", &accountant_}, {"director", &director_},
      {"clerk", &clerk_},      {"lawyer", &lawyer_},         {"technologist", &technologist_},
      {"cco", &cco_},          {"manager", &manager_},       {"admin", &admin_},
      {"stranger", &stranger_}};
  const std::map<std::string, std::string> holder = {{"draft", "initiator"},
                                                     {"rework", "initiator"},
                                                     {"approval", "accountant director"},
                                                     {"signing", "director"},
                                                     {"counterparty_signing", "clerk"},
                                                     {"scanning", "clerk"}};
  const std::string key = make("contract", whole(), seller_).key;
  int change = 0;
  for (const store::Status& status : kind("contract").statuses) {
    const std::string code(status.code);
    put(key, code);
    const std::string holders = holder.contains(code) ? holder.at(code) : "";
    for (const auto& [name, actor] : actors) {
      const std::string body = R"({"note":")" + std::to_string(++change) + "\"}";
      const bool writes = name == "technologist" || name == "admin" ||
                          (" " + holders + " ").find(" " + name + " ") != std::string::npos;
      const bool none = name == "manager" || name == "stranger";
      EXPECT_EQ(right_on("contract", key, body, *actor), writes ? "write"
                                                         : none ? "none"
                                                                : "read")
          << code << " " << name;
    }
  }
  // Who manages a deal of the contract reads it.
  const store::Actor dealer = person("dealer", {});
  const std::string deal =
      make("deal",
           R"({"name":"x","counterparty_id":)" + company_ + R"(,"contract_id":)" + key +
               R"(,"responsible_id":)" + std::to_string(*dealer.user_id) + "}",
           admin_)
          .key;
  EXPECT_TRUE(records_->get(kind("contract"), key, dealer));
  // So does it with what is attached to the contract.
  const std::string comment =
      make("comment", R"({"text":"x","record_id":)" + key + "}", admin_).key;
  EXPECT_TRUE(records_->get(kind("comment"), comment, dealer));
  EXPECT_FALSE(records_->get(kind("comment"), comment, manager_));
}

TEST_F(Contracts, AnActiveOneIsAnnulledByTheTechnologistOnly) {
  const std::string key = make("contract", whole(), seller_).key;
  put(key, "active");
  EXPECT_EQ(to(key, "annulled", director_), "forbidden read_only");
  EXPECT_EQ(to(key, "annulled", technologist_), "accepted");
}

TEST_F(Contracts, AnAgreementFollowsItsContract) {
  const std::string contract = make("contract", whole(R"(,"currency":"EUR")"), seller_).key;
  const store::RecordView made =
      make("agreement", R"({"contract_id":)" + contract + R"(,"changes":"Срок"})", seller_);
  EXPECT_EQ(member(made, "own_organisation_id"), issuer_);
  EXPECT_EQ(member(made, "counterparty_id"), company_);
  EXPECT_EQ(member(made, "currency"), "EUR");
  EXPECT_EQ(member(made, "number"), "1");
  const std::string other = company_of(seller_);
  EXPECT_EQ(
      said_to("agreement", R"({"contract_id":)" + contract + R"(,"counterparty_id":)" + other + "}",
              seller_),
      "/counterparty_id=contract_of_other_counterparty");
  EXPECT_EQ(said_to("agreement", "{}", seller_), "/contract_id=contract_required");
  EXPECT_EQ(said_to_change("agreement", made.key, R"({"status":"approval"})", seller_),
            "/kind_code=kind_required /signer_id=signer_required "
            "/content_document_id=content_document_required");
  // Whoever does not see the contract does not learn from it.
  EXPECT_EQ(said_to("agreement", R"({"contract_id":)" + contract + "}", stranger_),
            "/contract_id=reference_not_found");
}

TEST_F(Contracts, TheDatabaseKeepsTheSameRules) {
  const auto refused = [&](const std::string& what) {
    EXPECT_THROW(sql("UPDATE crm.contract SET " + what), std::runtime_error) << what;
  };
  make("contract", "{}", seller_);
  refused("status = 'approval'");
  refused("status = 'lost'");
  refused("returns_to = 'signing'");
  refused("valid_until = contract_date - 1");
  refused("number = ''");
  refused("amount = -1");
}

}  // namespace
}  // namespace c360::testing
