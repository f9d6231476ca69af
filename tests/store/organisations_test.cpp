// Our organisations, the legal entities of customers, their bank accounts, the catalogue.
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Organisations : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    issuer_ = make("own_organisation", R"({"full_name":"ООО Мы","inn":"7727563778"})", admin_).key;
    company_ = company_of(seller_);
  }
  std::string entity(const std::string& more = "") {
    return R"({"counterparty_id":)" + company_ +
           R"(,"full_name":"АО Плательщик","inn":"7707083893","billed_by_organisation_id":)" +
           issuer_ + more + "}";
  }
  std::string account(const std::string& owner, const std::string& more = "") {
    return R"({"owner_record_id":)" + owner +
           R"(,"account_number":"40702810938000000001","bank_name":"Банк","bik":"044525225")" +
           more + "}";
  }
  std::string pointers(std::string_view kind_name, const std::string& body) {
    return said_to(kind_name, body, admin_);
  }

  std::string issuer_, company_;
};

TEST_F(Organisations, AnOrganisationNeedsNameAndInnOfGoodForm) {
  EXPECT_EQ(pointers("own_organisation", "{}"), "/full_name=full_name_required /inn=inn_required");
  EXPECT_EQ(pointers("own_organisation", R"({"full_name":"x","inn":"7743013902","kpp":"1"})"),
            "/inn=inn_checksum /kpp=kpp_length");
  // An entrepreneur has no KPP.
  EXPECT_EQ(
      pointers("own_organisation", R"({"full_name":"x","inn":"500100732259","kpp":"770701001"})"),
      "/kpp=kpp_not_allowed");
}

TEST_F(Organisations, ALegalEntityNamesItsPayerAndOurIssuer) {
  EXPECT_EQ(pointers("legal_entity", R"({"counterparty_id":)" + company_ + "}"),
            "/full_name=full_name_required /inn=inn_required "
            "/billed_by_organisation_id=billed_by_organisation_required");
  EXPECT_EQ(pointers("legal_entity", R"({"counterparty_id":)" + issuer_ +
                                         R"(,"full_name":"x","inn":"7707083893",)"
                                         R"("billed_by_organisation_id":)" +
                                         company_ + "}"),
            "/counterparty_id=reference_not_found /billed_by_organisation_id=reference_not_found");
}

TEST_F(Organisations, TheMarkOfThePrimaryOneMoves) {
  const std::string first = make("legal_entity", entity(R"(,"is_primary":true)"), admin_).key;
  const std::string second = make("legal_entity", entity(R"(,"is_primary":true)"), admin_).key;
  EXPECT_EQ(value("legal_entity", first, "is_primary"), "false");
  EXPECT_TRUE(
      records_->update(kind("legal_entity"), first, json(R"({"is_primary":true})"), admin_));
  EXPECT_EQ(value("legal_entity", second, "is_primary"), "false");
  EXPECT_EQ(value("legal_entity", first, "is_primary"), "true");

  make("own_organisation", R"({"full_name":"a","inn":"7727563778","is_default":true})", admin_);
  make("own_organisation", R"({"full_name":"b","inn":"7727563778","is_default":true})", admin_);
  EXPECT_EQ(sql("SELECT string_agg(full_name, ',') FROM crm.own_organisation WHERE is_default"),
            "b");
}

TEST_F(Organisations, AnAccountFitsItsBankAndItsOwner) {
  const std::string made = make("bank_account", account(issuer_), admin_).key;
  EXPECT_EQ(value("bank_account", made, "owner_kind"), "own_organisation");
  EXPECT_EQ(pointers("bank_account", account(issuer_)), "/account_number=not_unique");
  EXPECT_EQ(pointers("bank_account", account(company_)), "/owner_record_id=owner_not_allowed");
  EXPECT_EQ(pointers("bank_account",
                     R"({"owner_record_id":)" + issuer_ +
                         R"(,"account_number":"40702810938000000002","bank_name":"Б",)"
                         R"("bik":"044525225","correspondent_account":"30101810400000000226"})"),
            "/account_number=settlement_account_checksum "
            "/correspondent_account=correspondent_account_checksum");
  // An account abroad has its own form.
  EXPECT_EQ(
      pointers("bank_account", R"({"owner_record_id":)" + issuer_ +
                                   R"(,"account_number":"DE89370400440532013000","bank_name":"B",)"
                                   R"("bik":"044525225","currency":"EUR","swift":"COBADEFFXXX"})"),
      "accepted");
}

TEST_F(Organisations, OneDefaultAccountPerOwnerAndCurrency) {
  const std::string roubles =
      make("bank_account", account(issuer_, R"(,"is_default":true)"), admin_).key;
  const std::string foreign = R"({"owner_record_id":)" + issuer_ +
                              R"(,"account_number":"A-1","bank_name":"B","bik":"044525225",)"
                              R"("swift":"COBADEFFXXX","is_default":true)";
  make("bank_account", foreign + R"(,"currency":"EUR"})", admin_);
  EXPECT_EQ(value("bank_account", roubles, "is_default"), "true");
  std::string other = foreign + "}";
  other.replace(other.find("A-1"), 3, "A-2");
  make("bank_account", other, admin_);
  EXPECT_EQ(value("bank_account", roubles, "is_default"), "false");
}

TEST_F(Organisations, RightsOnThemAreThoseOfTheirCounterparty) {
  const std::string made = make("legal_entity", entity(), seller_).key;
  const std::string bank = make("bank_account", account(made), seller_).key;
  for (const auto& [kind_name, key] :
       {std::pair("legal_entity", made), std::pair("bank_account", bank)}) {
    SCOPED_TRACE(kind_name);
    const std::string field = kind(kind_name).has_field("comment") ? "comment" : "short_name";
    const auto may = [&](const store::Actor& actor) {
      return right_on(kind_name, key, R"({")" + field + R"(":")" + actor.login + "\"}", actor);
    };
    EXPECT_EQ(may(seller_), "write");
    EXPECT_EQ(may(cco_), "write");
    EXPECT_EQ(may(admin_), "write");
    EXPECT_EQ(may(manager_), "read");
    EXPECT_EQ(may(stranger_), "none");
  }
  const auto by_manager = records_->create(kind("legal_entity"), json(entity()), manager_);
  ASSERT_FALSE(by_manager);
  EXPECT_EQ(by_manager.error().code, ErrorCode::forbidden);
  const auto by_stranger = records_->create(kind("bank_account"), json(account(made)), stranger_);
  ASSERT_FALSE(by_stranger);
  EXPECT_EQ(by_stranger.error().reason, "reference_not_found");
}

TEST_F(Organisations, OursAreReadByAllAndEditedByAdministrators) {
  EXPECT_TRUE(records_->get(kind("own_organisation"), issuer_, stranger_));
  for (const store::Actor* actor : {&cco_, &manager_, &stranger_}) {
    const auto refused =
        records_->update(kind("own_organisation"), issuer_, json(R"({"short_name":"x"})"), *actor);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::forbidden);
    EXPECT_FALSE(records_->create(kind("own_organisation"),
                                  json(R"({"full_name":"x","inn":"7727563778"})"), *actor));
    EXPECT_FALSE(records_->create(kind("bank_account"), json(account(issuer_)), *actor));
  }
}

TEST_F(Organisations, TheCatalogueIsReadByAllAndAddedToByAll) {
  const std::string body =
      R"({"name":"Сервер","kind":"product","sku":"S-1","unit_code":"796","price":"100.10",)"
      R"("vat_rate_code":"vat22"})";
  const std::string made = make("product", body, seller_).key;
  EXPECT_EQ(pointers("product", body), "/sku=not_unique");
  EXPECT_EQ(pointers("product", R"({"price":"-1.00","kind":"gift"})"),
            "/price=negative /kind=invalid_code /name=name_required "
            "/unit_code=unit_required /vat_rate_code=vat_rate_required");
  EXPECT_TRUE(records_->get(kind("product"), made, stranger_));
  const Json change = json(R"({"price":"1.00"})");
  EXPECT_EQ(records_->update(kind("product"), made, change, manager_).error().code,
            ErrorCode::forbidden);
  EXPECT_TRUE(records_->update(kind("product"), made, change, seller_));
  EXPECT_TRUE(records_->update(kind("product"), made, change, cco_));
}

TEST_F(Organisations, TheDatabaseKeepsTheSameRules) {
  const auto refused = [&](const std::string& text) {
    EXPECT_THROW(sql(text), std::runtime_error) << text;
  };
  const std::string made = make("legal_entity", entity(R"(,"is_primary":true)"), admin_).key;
  const std::string twin = make("legal_entity", entity(), admin_).key;
  const std::string bank = make("bank_account", account(made), admin_).key;
  refused("UPDATE crm.legal_entity SET is_primary = true WHERE id = " + twin);
  refused("UPDATE crm.legal_entity SET inn = '1'");
  refused("UPDATE crm.bank_account SET bik = '1'");
  refused("UPDATE crm.bank_account SET owner_kind = 'own_organisation' WHERE id = " + bank);
  refused("UPDATE crm.bank_account SET account_number = '1'");
  const std::string product =
      make("product",
           R"({"name":"x","kind":"service","unit_code":"796","price":"1","vat_rate_code":"none"})",
           admin_)
          .key;
  refused("UPDATE crm.product SET price = -1");
  refused("UPDATE crm.product SET kind = 'gift'");
  refused("UPDATE crm.product SET vat_rate_code = 'vat99'");
}

}  // namespace
}  // namespace c360::testing
