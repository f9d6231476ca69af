// A customer, our organisation with its account, a contract and an order: what an invoice needs but
// its lines; and the documents made of them.
#pragma once

#include <string>
#include <string_view>

#include "store/documents/stored_templates.h"
#include "store/operations/action.h"
#include "store/operations/rendered_pages.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {

class Documents : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    company_ = make("counterparty",
                    R"({"name":"Ромашка","full_name":"ООО «Ромашка & Ко»","inn":"7727563778",)"
                    R"("kpp":"772701001","juridical_address":"г. Москва, ул. Ленина, д. 1",)"
                    R"("segment_code":"small","acquisition_channel_code":"site",)"
                    R"("status_code":"active","responsible_id":)" +
                        std::to_string(*seller_.user_id) + "}",
                    admin_)
                   .key;
    ours_ = organisation("ООО «Наши»", "7707083893");
    contract_ = contract(ours_);
    order_ = order(contract_);
  }

  std::string organisation(const std::string& name, const std::string& inn,
                           const std::string& more = "") {
    const std::string key =
        make("own_organisation",
             R"({"full_name":")" + name + R"(","inn":")" + inn +
                 R"(","juridical_address":"г. Москва, ул. Наша, д. 2","ceo_name":"Иванов И. И.")" +
                 more + "}",
             admin_)
            .key;
    account(key, "RUB", "40702810938000000001");
    return key;
  }
  void account(const std::string& owner, const std::string& currency, const std::string& number) {
    make("bank_account",
         R"({"owner_record_id":)" + owner + R"(,"account_number":")" + number +
             R"(","bank_name":"ПАО Сбербанк","bik":"044525225",)"
             R"("correspondent_account":"30101810400000000225","is_default":true,"currency":")" +
             currency + "\"}",
         admin_);
  }
  std::string contract(const std::string& organisation_id) {
    return make("contract",
                R"({"counterparty_id":)" + company_ + R"(,"own_organisation_id":)" +
                    organisation_id + R"(,"contract_date":"2026-02-01"})",
                seller_)
        .key;
  }
  std::string order(const std::string& contract_id, const std::string& more = "") {
    return make("order",
                R"({"counterparty_id":)" + company_ + R"(,"contract_id":)" + contract_id + more +
                    "}",
                seller_)
        .key;
  }
  void line(const std::string& parent, const std::string& name, const std::string& price,
            const std::string& quantity, const std::string& vat) {
    make("line_item",
         R"({"parent_id":)" + parent + R"(,"name":")" + name +
             R"(","kind":"service","unit_code":"356","price":")" + price + R"(","quantity":")" +
             quantity + R"(","vat_rate_code":")" + vat + "\"}",
         seller_);
  }

  Result<store::ActionResult> generate(std::string_view kind_name, const std::string& key,
                                       std::string_view type, const store::Actor& actor,
                                       std::string_view body = "{}") {
    const store::Actions actions(registry_);
    return store::perform(*database_, *records_, kind(kind_name),
                          *actions.find(kind(kind_name), type), std::stoll(key), json(body), actor);
  }
  // The number of its version, or what is wrong.
  std::string put_template(store::DocumentTemplate wanted) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
    const auto whole = store::completed_template(*tx, registry_, std::move(wanted));
    if (!whole) return said(whole.error());
    const auto version = store::add_template(*tx, *whole, std::nullopt, admin_);
    EXPECT_TRUE(tx->commit());
    return version ? std::to_string(*version) : version.error().reason;
  }
  // The document made; fails the test otherwise.
  Json made(std::string_view kind_name, const std::string& key, std::string_view type,
            std::string_view body = "{}") {
    const auto done = generate(kind_name, key, type, seller_, body);
    EXPECT_TRUE(done) << (done ? "" : describe(done.error()));
    return done ? json(done->json) : Json();
  }
  static std::string id_of(const Json& document) { return document.find("id")->number_text(); }
  static std::string text(const Json& document, std::string_view name) {
    const Json* value = document.find(name);
    return value != nullptr && value->is_string() ? value->as_string() : "";
  }
  // What the page says, with plain spaces for those that do not break.
  std::string page_of(const std::string& document) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
    auto page = store::unprinted_page(*tx, std::stoll(document));
    if (!page || !*page) return "no page";
    std::string html = (*page)->html;
    for (const std::string_view space : {"\u00a0", "&nbsp;"}) {
      for (auto at = html.find(space); at != std::string::npos; at = html.find(space, at)) {
        html.replace(at, space.size(), " ");
      }
    }
    return html;
  }
  std::string year() { return sql("SELECT extract(year FROM now() AT TIME ZONE 'Europe/Moscow')"); }
  std::string today() {
    return sql("SELECT to_char(now() AT TIME ZONE 'Europe/Moscow', 'DD.MM.YYYY')");
  }

  std::string company_, ours_, contract_, order_;
};

}  // namespace c360::testing
