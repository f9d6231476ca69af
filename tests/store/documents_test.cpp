// Proposals, invoices and acts made of deals and orders (domain.md 12.3, 12.4).
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "store/blob.h"
#include "store/documents/content.h"
#include "tests/store/documents_fixture.h"

namespace c360::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Documents, AnInvoiceHoldsTheRequisitesTheLinesAndTheSums) {
  line(order_, "Настройка <сервера>", "99.99", "3", "vat22");
  line(order_, "Обучение", "1000.00", "1.5", "vat10");

  const Json invoice = made("order", order_, "invoice");

  EXPECT_EQ(text(invoice, "number"), "1");
  EXPECT_EQ(text(invoice, "name"), "Счет №1 от " + today());
  EXPECT_EQ(text(invoice, "status"), "draft");
  EXPECT_EQ(text(invoice, "type_code"), "invoice");
  EXPECT_EQ(text(invoice, "amount"), "2015.96");
  EXPECT_EQ(text(invoice, "vat_amount"), "215.99");
  EXPECT_EQ(text(invoice, "currency"), "RUB");
  const std::string page = page_of(id_of(invoice));
  for (const char* part : {"Счет на оплату № 1 от",
                           "ООО «Наши», ИНН 7707083893",
                           "г. Москва, ул. Наша, д. 2",
                           "ПАО Сбербанк",
                           "044525225",
                           "30101810400000000225",
                           "40702810938000000001",
                           "ООО «Ромашка &amp; Ко», ИНН 7727563778, КПП 772701001",
                           "г. Москва, ул. Ленина, д. 1",
                           "Настройка &lt;сервера&gt;",
                           "99,99",
                           "299,97",
                           "1,5",
                           "1 500,00",
                           "1 799,97",
                           "НДС 10%:</td><td>150,00",
                           "НДС 22%:</td><td>65,99",
                           "2 015,96",
                           "Всего наименований 2, на сумму 2 015,96 руб.",
                           "Две тысячи пятнадцать рублей 96 копеек",
                           "В том числе НДС: Двести пятнадцать рублей 99 копеек",
                           "Иванов И. И.",
                           "от 01.02.2026, заказ № 1"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  EXPECT_THAT(page, Not(HasSubstr("НДС не облагается")));
  EXPECT_EQ(sql("SELECT record_id FROM ops.job WHERE kind = 'print_page'"), id_of(invoice));
  const std::string kept =
      sql("SELECT generated_from FROM crm.document WHERE id = " + id_of(invoice));
  EXPECT_EQ(text(*json(kept).find("data")->find("totals"), "in_words"),
            "Две тысячи пятнадцать рублей 96 копеек");
}

TEST_F(Documents, WithoutVatAndInAnotherCurrencyItSaysSo) {
  account(ours_, "USD", "40702840538000000002");
  const std::string foreign = order(contract_, R"(,"currency":"USD")");
  line(foreign, "Консультация", "12.50", "2", "none");

  const std::string page = page_of(id_of(made("order", foreign, "act")));

  EXPECT_THAT(page, HasSubstr("Акт № 1 от"));
  EXPECT_THAT(page, HasSubstr("<p class=\"words\">25,00 USD"));
  EXPECT_THAT(page, HasSubstr("Сумма, USD"));
  EXPECT_THAT(page, HasSubstr("НДС не облагается"));
  EXPECT_THAT(page, HasSubstr("Исполнитель"));
  EXPECT_THAT(page, HasSubstr("выполнены полностью и в срок"));
}

TEST_F(Documents, AnAccountAbroadIsPrintedWithItsIbanInGroups) {
  make("bank_account",
       R"({"owner_record_id":)" + ours_ +
           R"(,"account_number":"0532013000","bank_name":"Commerzbank","bik":"044525225",)"
           R"("swift":"COBADEFF","iban":"DE89370400440532013000","is_default":true,)"
           R"("currency":"EUR"})",
       admin_);
  const std::string foreign = order(contract_, R"(,"currency":"EUR")");
  line(foreign, "Консультация", "1234.50", "2", "none");

  const std::string page = page_of(id_of(made("order", foreign, "invoice")));

  EXPECT_THAT(page, HasSubstr("IBAN DE89 3704 0044 0532 0130 00<"));
  EXPECT_THAT(page, HasSubstr("SWIFT COBADEFF"));
  EXPECT_THAT(page, HasSubstr("на сумму 2 469,00 EUR"));
  EXPECT_THAT(page, HasSubstr("<p class=\"words\">2 469,00 EUR"));
}

// 402-FZ, article 9.
TEST_F(Documents, AnActNamesThePositionsOfThoseWhoSign) {
  sql("UPDATE crm.counterparty SET ceo_name = 'Сидоров С. С.', ceo_position = 'Директор' WHERE "
      "id = " +
      company_);
  const auto act_of = [&](const std::string& organisation_id) {
    const std::string key = order(contract(organisation_id));
    line(key, "Работа", "100.00", "1", "none");
    return page_of(id_of(made("order", key, "act")));
  };

  const std::string plain = act_of(ours_);
  EXPECT_THAT(plain, HasSubstr(">Руководитель<"));
  EXPECT_THAT(plain, HasSubstr(">Директор "));
  EXPECT_THAT(plain, HasSubstr(">Сидоров С. С.<"));
  EXPECT_THAT(act_of(organisation("ООО «Вторые»", "7452027843",
                                  R"(,"ceo_position":"Генеральный директор")")),
              HasSubstr(">Генеральный директор<"));
  EXPECT_THAT(act_of(organisation("ИП Иванов Иван Иванович", "500100732259")),
              HasSubstr(">Индивидуальный предприниматель<"));

  // Of another head of the legal entity that signs the card knows no position.
  make("legal_entity",
       R"({"counterparty_id":)" + company_ + R"(,"billed_by_organisation_id":)" + ours_ +
           R"(,"full_name":"ООО «Ромашка-Юг»","inn":"7727563778","is_primary":true,)"
           R"("ceo_name":"Орлова О. О."})",
       admin_);
  const std::string other = act_of(ours_);
  EXPECT_THAT(other, HasSubstr(">Орлова О. О.<"));
  EXPECT_THAT(other, Not(HasSubstr(">Директор ")));
}

TEST_F(Documents, AProposalHoldsItsTextAndItsAuthor) {
  sql("UPDATE crm.user SET first_name = 'Павел', last_name = 'Кузнецов', job_title = 'Менеджер', "
      "phone_work = '+7 495 1234567', email = 'kuznetsov@company.example' WHERE id = " +
      std::to_string(*seller_.user_id));
  sql("UPDATE crm.own_organisation SET is_default = true WHERE id = " + ours_);
  const std::string deal =
      make("deal",
           R"({"name":"Поставка","counterparty_id":)" + company_ +
               R"(,"offer_text":"<p>Первый абзац.</p><ul><li>Второй &amp; последний</li></ul>"})",
           seller_)
          .key;
  line(deal, "Прототип", "1000.00", "1", "vat22");

  const Json proposal = made("deal", deal, "proposal");

  EXPECT_EQ(text(proposal, "number"), "");
  EXPECT_EQ(text(proposal, "name"), "Коммерческое предложение от " + today() + ", сделка №1");
  const std::string page = page_of(id_of(proposal));
  for (const char* part : {"<p>Первый абзац.</p>", "<p>Второй &amp; последний</p>", "ООО «Наши»",
                           "Кому: <b>ООО «Ромашка &amp; Ко»</b>", "Прототип",
                           "Одна тысяча двести двадцать рублей 00 копеек", "Кузнецов Павел",
                           "Менеджер", "+7 495 1234567", "kuznetsov@company.example"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

TEST_F(Documents, AllThatIsMissingIsToldAtOnce) {
  const auto said_of = [&](std::string_view kind_name, const std::string& key,
                           std::string_view type) {
    const auto done = generate(kind_name, key, type, seller_);
    return done ? "made" : said(done.error());
  };
  const std::string deal = make("deal", R"({"name":"Сделка"})", seller_).key;
  EXPECT_EQ(said_of("deal", deal, "proposal"),
            "/items=items_required /counterparty_id=counterparty_required "
            "/own_organisation=own_organisation_required");
  const std::string bare = make("order", R"({"counterparty_id":)" + company_ + "}", seller_).key;
  EXPECT_EQ(said_of("order", bare, "invoice"),
            "/items=items_required /contract_id=contract_required");
  const std::string draft =
      make("contract", R"({"counterparty_id":)" + company_ + "}", seller_).key;
  EXPECT_EQ(said_of("order", order(draft), "act"),
            "/items=items_required /contract/own_organisation_id=own_organisation_required");
  const std::string poor = organisation("ООО «Бедные»", "7452027843");
  sql("UPDATE crm.own_organisation SET inn = NULL, juridical_address = NULL WHERE id = " + poor);
  sql("DELETE FROM crm.bank_account WHERE owner_record_id = " + poor);
  const std::string of_poor = order(contract(poor));
  line(of_poor, "Работа", "1.00", "1", "none");
  EXPECT_EQ(said_of("order", of_poor, "invoice"),
            "/own_organisation/inn=inn_required "
            "/own_organisation/juridical_address=juridical_address_required "
            "/own_organisation/bank_accounts=bank_account_required");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.document"), "0");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.number_counter WHERE series IN ('invoice', 'act')"), "0");
}

TEST_F(Documents, ADraftIsMadeAnewAndAnIssuedOneIsFollowedByAnother) {
  line(order_, "Работа", "100.00", "1", "none");
  const std::string first = id_of(made("order", order_, "invoice"));
  line(order_, "Ещё работа", "50.00", "1", "none");

  const Json again = made("order", order_, "invoice");
  EXPECT_EQ(id_of(again), first);
  EXPECT_EQ(text(again, "number"), "1");
  EXPECT_EQ(text(again, "amount"), "150.00");
  EXPECT_THAT(page_of(first), HasSubstr("Ещё работа"));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.document_version WHERE mime_type = 'text/html' AND "
                "document_id = " +
                first),
            "2");

  const Json another = made("order", order_, "invoice", R"({"as_new":true})");
  EXPECT_EQ(text(another, "number"), "2");
  ASSERT_EQ(said_to_change("document", id_of(another), R"({"status":"issued"})", seller_),
            "accepted");
  ASSERT_EQ(said_to_change("document", first, R"({"status":"issued"})", seller_), "accepted");
  EXPECT_EQ(text(made("order", order_, "invoice"), "number"), "3");
  // Acts have a series of their own, and so has each organisation.
  EXPECT_EQ(text(made("order", order_, "act"), "number"), "1");
  const std::string theirs =
      order(contract(organisation("ООО «Вторые»", "7452027843", R"(,"invoice_prefix":"В-")")));
  line(theirs, "Работа", "100.00", "1", "none");
  EXPECT_EQ(text(made("order", theirs, "invoice"), "number"), "В-1");
}

TEST_F(Documents, ADraftOfAnotherOrganisationKeepsItsNumberToItself) {
  line(order_, "Работа", "100.00", "1", "none");
  const std::string first = id_of(made("order", order_, "invoice"));
  const std::string moved = contract(organisation("ООО «Вторые»", "7452027843"));
  ASSERT_EQ(said_to_change("order", order_, R"({"contract_id":)" + moved + "}", seller_),
            "accepted");

  const Json other = made("order", order_, "invoice");

  EXPECT_NE(id_of(other), first);
  EXPECT_EQ(text(other, "number"), "1");
}

TEST_F(Documents, NumbersAreGaplessHoweverManyAskAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5;
  std::vector<std::string> orders;
  for (int i = 0; i < kThreads; ++i) {
    orders.push_back(order(contract_));
    line(orders.back(), "Работа", "100.00", "1", "none");
  }
  const std::string empty = order(contract_);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kEach; ++n) {
        const auto done = generate("order", orders[static_cast<std::size_t>(i)], "invoice", seller_,
                                   R"({"as_new":true})");
        EXPECT_TRUE(done) << (done ? "" : describe(done.error()));
        EXPECT_FALSE(generate("order", empty, "invoice", seller_));  // takes no number
      }
    });
  }
  for (std::thread& each : threads) each.join();

  EXPECT_EQ(sql("SELECT count(*) || ' ' || count(DISTINCT number) || ' ' || min(number::int) || "
                "' ' || max(number::int) FROM crm.document WHERE type_code = 'invoice'"),
            "20 20 1 20");
  EXPECT_EQ(sql("SELECT last_value FROM crm.number_counter WHERE series = 'invoice' AND year = " +
                year()),
            "20");
}

TEST_F(Documents, MoreLinesThanADocumentHoldsAreRefusedAndTakeNoNumber) {
  line(order_, "Работа", "1.00", "1", "none");
  const auto copies = [&](std::size_t count) {
    sql("WITH made AS (INSERT INTO crm.line_item SELECT (jsonb_populate_record("
        "NULL::crm.line_item, to_jsonb(one) || jsonb_build_object('position', 1 + n, 'id', "
        "nextval(pg_get_serial_sequence('crm.line_item', 'id'))))).* FROM crm.line_item AS one, "
        "generate_series(1, " +
        std::to_string(count) + ") AS n WHERE one.parent_id = " + order_ +
        " RETURNING 1) SELECT count(*) FROM made");
  };
  copies(store::kMaxDocumentLines);
  const auto refused = generate("order", order_, "invoice", seller_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(said(refused.error()), "/items=too_many_lines");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.number_counter WHERE series = 'invoice'"), "0");

  sql("DELETE FROM crm.line_item WHERE id = (SELECT max(id) FROM crm.line_item) RETURNING 1");
  EXPECT_EQ(text(made("order", order_, "invoice"), "amount"), "2000.00");
}

TEST_F(Documents, APrintIsAddedOnceAndOnlyToTheNewestPage) {
  line(order_, "Работа", "100.00", "1", "none");
  const std::string id = id_of(made("order", order_, "invoice"));
  const auto page = [&] {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
    return **store::unprinted_page(*tx, std::stoll(id));
  };
  const auto print = [&](const store::UnprintedPage& of, std::string_view pdf) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
    ASSERT_TRUE(store::add_print(*tx, std::stoll(id), of, pdf, store::Actor::system("job")));
    ASSERT_TRUE(tx->commit());
  };
  const auto versions = [&] {
    return sql(
        "SELECT string_agg(version_no || ' ' || mime_type, ', ' ORDER BY version_no) FROM "
        "crm.document_version WHERE mime_type NOT LIKE '%word%' AND document_id = " +
        id);
  };
  const store::UnprintedPage old = page();
  made("order", order_, "invoice");
  print(old, "%PDF of the old page");
  EXPECT_EQ(versions(), "2 text/html, 4 text/html");

  const store::UnprintedPage newest = page();
  ASSERT_EQ(said_to_change("document", id, R"({"status":"issued"})", seller_), "accepted");
  print(newest, "%PDF");
  print(newest, "%PDF again");
  EXPECT_EQ(versions(), "2 text/html, 4 text/html, 5 application/pdf");
  EXPECT_EQ(page_of(id), "no page");
  auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
  EXPECT_EQ(store::shown_version(*tx, std::stoll(id))->file_name, "Счет №1 от " + today() + ".pdf");
}

TEST_F(Documents, ATemplateOfTheInstallationIsInUseAtOnceAndUntilRetired) {
  line(order_, "Работа", "100.00", "1", "none");
  const auto put = [&](const std::string& page) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
    auto whole = store::completed_template(*tx, registry_, {.code = "invoice", .page = page});
    ASSERT_TRUE(whole) << describe(whole.error());
    ASSERT_TRUE(store::add_template(*tx, *whole, std::nullopt, admin_));
    ASSERT_TRUE(tx->commit());
  };
  put("<p>Первый {{document.number}}</p>");
  put("<p>Второй {{document.number}}: {{#lines}}{{name}}{{/lines}}</p>");

  const std::string id = id_of(made("order", order_, "invoice"));

  EXPECT_EQ(page_of(id), "<p>Второй 1: Работа</p>");
  EXPECT_EQ(sql("SELECT generated_from ->> 'template' FROM crm.document WHERE id = " + id),
            R"({"code": "invoice", "version": 2})");
  auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
  EXPECT_EQ(store::find_template(*tx, "invoice", 1)->page, "<p>Первый {{document.number}}</p>");
  EXPECT_EQ(store::retire_template(*tx, "invoice", 1).error().reason, "template_changed");
  ASSERT_TRUE(store::retire_template(*tx, "invoice", 2));
  ASSERT_TRUE(tx->commit());
  EXPECT_THAT(page_of(id_of(made("order", order_, "invoice"))), HasSubstr("Счет на оплату № 1"));
}

TEST_F(Documents, WhoeverPutsATemplateOverAnothersChangeIsToldSo) {
  const auto completed = [&](store::DocumentTemplate wanted) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
    return store::completed_template(*tx, registry_, std::move(wanted));
  };
  const auto add = [&](const store::DocumentTemplate& whole) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
    const auto version = store::add_template(*tx, whole, std::nullopt, admin_);
    EXPECT_TRUE(tx->commit());
    return version ? std::to_string(*version) : version.error().reason;
  };
  const auto mine = completed({.code = "invoice", .page = "<p>Mine</p>"});
  const auto theirs = completed({.code = "invoice", .page = "<p>Theirs</p>"});
  ASSERT_TRUE(mine && theirs);
  EXPECT_EQ(add(*theirs), "1");
  EXPECT_EQ(add(*mine), "template_changed");
  EXPECT_EQ(add(*completed({.code = "invoice", .page = "<p>Mine</p>"})), "2");
}

TEST_F(Documents, ATemplateForAnotherKindIsTriedAsAWhole) {
  ASSERT_EQ(put_template({.code = "letter",
                          .name = "Письмо",
                          .kind = "deal",
                          .type_code = "other",
                          .page = "<p>{{record.offer_text}}</p>"}),
            "1");
  auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
  const auto moved = store::completed_template(
      *tx, registry_, {.code = "letter", .kind = "counterparty", .page = ""});
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().fields.front().code, "unknown_field");
}

TEST_F(Documents, AnyRecordHasDocumentsByTheTemplatesOfItsKind) {
  const Json card =
      made("counterparty", company_, "documents/generate", R"({"template":"company_card"})");
  EXPECT_EQ(text(card, "type_code"), "counterparty");
  EXPECT_EQ(text(card, "status"), "active");
  EXPECT_EQ(text(card, "name"), "Карточка контрагента от " + today());
  EXPECT_THAT(page_of(id_of(card)), HasSubstr("7727563778 / 772701001"));
  // It is active from the beginning, so the next one is another.
  EXPECT_NE(
      id_of(made("counterparty", company_, "documents/generate", R"({"template":"company_card"})")),
      id_of(card));

  const auto said_of = [&](std::string_view kind_name, const std::string& key,
                           std::string_view body) {
    const auto done = generate(kind_name, key, "documents/generate", seller_, body);
    return done ? "made" : said(done.error());
  };
  EXPECT_EQ(said_of("order", order_, R"({"template":"company_card"})"),
            "/template=template_of_other_kind");
  EXPECT_EQ(said_of("order", order_, R"({"template":"nothing"})"), "/template=template_not_found");
  EXPECT_EQ(said_of("order", order_, "{}"), "/template=template_required");
  EXPECT_EQ(said_of("order", order_, R"({"template":"act"})"), "/items=items_required");
}

// Of each kind that holds files: nobody need be its customer.
TEST_F(Documents, EveryKindThatHoldsDocumentsHasThemByTemplates) {
  const store::Actions actions(registry_);
  std::vector<std::string> kinds;
  for (const auto& each : registry_.all()) {
    if (each->holds_attached_rows()) kinds.emplace_back(each->kind);
    EXPECT_EQ(actions.find(*each, "documents/generate") != nullptr, each->holds_attached_rows())
        << each->kind;
  }
  EXPECT_THAT(kinds, AllOf(Contains("lead"), Contains("support_request"), Contains("payment"),
                           Contains("agreement"), Contains("contact"), Contains("product")));
  for (const std::string& each : kinds)
    EXPECT_EQ(put_template({.code = each + "_sheet",
                            .name = "Лист",
                            .kind = each,
                            .type_code = "other",
                            .page = "<p>{{record.id}}</p>"}),
              "1")
        << each;

  const std::string product = make("product",
                                   R"({"name":"Насос","kind":"product","price":"9.50",)"
                                   R"("unit_code":"796","vat_rate_code":"vat22"})",
                                   seller_)
                                  .key;
  const Json sheet =
      made("product", product, "documents/generate", R"({"template":"product_sheet"})");
  EXPECT_EQ(page_of(id_of(sheet)), "<p>" + product + "</p>");
  EXPECT_EQ(text(sheet, "name"), "Лист от " + today());
}

TEST_F(Documents, AnyFieldOfTheRecordIsPrintedAsInRussia) {
  EXPECT_EQ(put_template({.code = "payment_order",
                          .name = "Поручение",
                          .kind = "payment",
                          .type_code = "other",
                          .page = "{{record.number}}|{{record.amount}}|{{record.status}}|"
                                  "{{record.planned_payment_date}}|{{record.comment}}|"
                                  "{{^record.fact_payment_date}}ждём{{/record.fact_payment_date}}|"
                                  "{{buyer.full_name}}"}),
            "1");
  EXPECT_EQ(put_template({.code = "payment_other",
                          .name = "Поручение",
                          .kind = "payment",
                          .type_code = "other",
                          .page = "{{record.colour}}"}),
            "/page=unknown_field");
  const std::string payment =
      make("payment",
           R"({"order_id":)" + order_ +
               R"(,"amount":"1234567.80","planned_payment_date":"2026-12-01",)"
               R"("comment":"<p>Первая</p><p>Вторая &amp; третья</p>"})",
           seller_)
          .key;

  const Json sheet =
      made("payment", payment, "documents/generate", R"({"template":"payment_order"})");

  EXPECT_EQ(page_of(id_of(sheet)), value("payment", payment, "number") +
                                       "|1 234 567,80|Черновик|01.12.2026|Первая\nВторая &amp; "
                                       "третья|ждём|ООО «Ромашка &amp; Ко»");
}

TEST_F(Documents, ATemplateIsRefusedWithAllThatIsWrong) {
  const auto said_of = [&](store::DocumentTemplate wanted) {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
    const auto done = store::completed_template(*tx, registry_, std::move(wanted));
    return done ? "fine" : said(done.error());
  };
  EXPECT_EQ(said_of({.code = "Own", .kind = "activity", .type_code = "none", .page = "{{x}}"}),
            "/code=invalid_code /name=name_required /kind=unknown_choice /type_code=unknown "
            "/page=unknown_field");
  EXPECT_EQ(said_of({.code = "act", .kind = "deal", .page = "x"}), "/type_code=fixed");
  EXPECT_EQ(
      said_of({.code = "own", .name = "Own", .kind = "deal", .type_code = "act", .page = "x"}),
      "/kind=kind_of_type");
  EXPECT_EQ(
      said_of({.code = "own", .name = "Own", .kind = "deal", .type_code = "other", .page = "x"}),
      "fine");
}

TEST_F(Documents, OnlyWhoMayWriteTheOrderGenerates) {
  line(order_, "Работа", "100.00", "1", "none");
  const auto as = [&](const store::Actor& actor) {
    const auto done = generate("order", order_, "invoice", actor);
    return done ? "made" : std::string(to_string(done.error().code));
  };
  EXPECT_EQ(as(manager_), "forbidden");
  EXPECT_EQ(as(stranger_), "not_found");
  EXPECT_EQ(as(cco_), "made");
  ASSERT_EQ(said_to_change("order", order_, R"({"status":"canceled"})", seller_), "accepted");
  EXPECT_EQ(as(cco_), "conflict");
}

}  // namespace
}  // namespace c360::testing
