// Documents generated and looked at over the API; the renderer is the real helper where its PDF is
// read, and one that a test speaks for elsewhere.
#include <gmock/gmock.h>

#include <mutex>
#include <utility>
#include <vector>

#include "adapters/helper_renderer.h"
#include "store/documents/docx.h"
#include "store/documents/docx_package.h"
#include "store/documents/shipped_templates.h"
#include "tests/api/api_fixture.h"
#include "tests/support/pdf_text.h"

namespace c360::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SpokenRenderer final : public adapters::DocumentRenderer {
 public:
  Result<std::string> pdf(std::string_view html, const adapters::GivenUp&) const override {
    const std::scoped_lock lock(mutex);
    ++printed;
    if (failure) return std::unexpected(*failure);
    return "%PDF-1.7 of " + std::to_string(html.size()) + " bytes\n%%EOF\n";
  }
  Result<std::string> png(const adapters::PdfSource& pdf, int page, int dpi,
                          const adapters::GivenUp&) const override {
    if (page > 1) return fail(ErrorCode::not_found, "no", "no_such_page");
    return "\x89PNG " + std::to_string(pdf()->size()) + " " + std::to_string(dpi) + " IEND";
  }

  mutable std::mutex mutex;
  mutable int printed = 0;
  std::optional<Error> failure;
};

class GenerateApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    connect(&renderer_);
    sql("UPDATE crm.user SET last_name = 'Кузнецов', first_name = 'Павел' WHERE login = 'admin'");
  }
  // The fixture's API has no renderer.
  void connect(const adapters::DocumentRenderer* renderer) {
    server_.reset();
    api_ = std::make_unique<Api>(
        ApiServices{*database_, *records_, clock_, observer_, &rule_tester_, &mail_actions_,
                    idempotency_kept_, &mail_importer_, &mail_explainer_, nullptr, renderer},
        options_);
    server_ = std::make_unique<HttpServer>(server_options_, api_->handler(), observer_);
    ASSERT_TRUE(server_->listen());
    server_->serve();
  }
  static std::string id_of(const HttpAnswer& answer) { return std::to_string(created(answer)); }
  static std::string id_of(const HttpAnswer& answer, std::string_view field) {
    return answer.json().find(field)->number_text();
  }
  static std::string problem_of(const HttpAnswer& answer) {
    return std::to_string(answer.status) + " " + answer.json().find("code")->as_string();
  }
  // An order with all an invoice needs but lines.
  std::string order(HttpClient& by) {
    const std::string company =
        id_of(by.post("/api/v1/counterparties",
                      R"({"name":"Ромашка","full_name":"ООО «Ромашка»","inn":"7727563778",)"
                      R"("juridical_address":"г. Москва, ул. Ленина, д. 1","segment_code":"small",)"
                      R"("acquisition_channel_code":"site","status_code":"active"})"));
    const std::string ours = id_of(by.post(
        "/api/v1/own-organisations",
        R"({"full_name":"ООО «Наши»","inn":"7707083893","kpp":"773601001","ceo_name":)"
        R"("Иванов И. И.","juridical_address":"г. Москва, ул. Наша, д. 2","is_default":true})"));
    by.post("/api/v1/bank-accounts",
            R"({"owner_record_id":)" + ours +
                R"(,"account_number":"40702810938000000001","bank_name":"ПАО Сбербанк",)"
                R"("bik":"044525225","correspondent_account":"30101810400000000225",)"
                R"("is_default":true})");
    const std::string contract =
        id_of(by.post("/api/v1/contracts", R"({"counterparty_id":)" + company +
                                               R"(,"own_organisation_id":)" + ours + "}"));
    return id_of(by.post("/api/v1/orders", R"({"counterparty_id":)" + company +
                                               R"(,"contract_id":)" + contract + "}"));
  }
  static void add_line(HttpClient& by, const std::string& parent, const std::string& name,
                       const std::string& price, const std::string& quantity) {
    const HttpAnswer made =
        by.post("/api/v1/line-items",
                R"({"parent_id":)" + parent + R"(,"name":")" + name +
                    R"(","kind":"service","unit_code":"356","vat_rate_code":"vat22","price":")" +
                    price + R"(","quantity":")" + quantity + "\"}");
    EXPECT_EQ(made.status, 201) << made.body;
  }

  SpokenRenderer renderer_;
};

TEST_F(GenerateApi, AnInvoiceIsGeneratedPrintedShownAndIssued) {
  HttpClient admin = administrator();
  const std::string id = order(admin);
  add_line(admin, id, "Настройка", "100.00", "2");

  const HttpAnswer made = admin.post("/api/v1/orders/" + id + "/invoice", "{}");

  ASSERT_EQ(made.status, 201) << made.body;
  const std::string document = std::to_string(created(made));
  const std::string path = "/api/v1/documents/" + document;
  EXPECT_EQ(made.json().find("number")->as_string(), "1");
  EXPECT_THAT(admin.get("/api/v1/orders/" + id + "/documents").body, HasSubstr("Счет №1 от"));

  const HttpAnswer shown = admin.get(path + "/preview");
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.header("content-type"), "application/pdf");
  EXPECT_THAT(shown.header("content-disposition"), StartsWith("inline; filename=\""));
  EXPECT_THAT(shown.header("content-disposition"), HasSubstr(".pdf"));
  EXPECT_THAT(shown.body, StartsWith("%PDF-1.7"));
  const HttpAnswer picture = admin.get(path + "/preview?page=1&dpi=48");
  EXPECT_EQ(picture.header("content-type"), "image/png");
  EXPECT_THAT(picture.body, HasSubstr(" 48 IEND"));
  EXPECT_EQ(renderer_.printed, 1);
  EXPECT_THAT(admin.get(path + "/content").body, StartsWith("%PDF-1.7"));
  EXPECT_THAT(admin.get(path + "/content?version=2").body, HasSubstr("Настройка"));
  EXPECT_EQ(admin.get(path + "/versions").json().find("items")->as_array().size(), 3U);

  // A draft is made anew, an issued one is not.
  EXPECT_EQ(admin.post("/api/v1/orders/" + id + "/invoice", "{}").status, 200);
  EXPECT_EQ(admin.get(path + "/preview").status, 200);
  EXPECT_EQ(renderer_.printed, 2);
  ASSERT_EQ(admin.post(path + "/status", R"({"status":"issued"})").status, 200);
  const HttpAnswer next = admin.post("/api/v1/orders/" + id + "/invoice", "{}");
  EXPECT_EQ(next.status, 201);
  EXPECT_EQ(next.json().find("number")->as_string(), "2");
}

TEST_F(GenerateApi, ACanceledOrderTakesNoNumberByAnyAction) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/orders/" + order(admin);
  add_line(admin, path.substr(path.rfind('/') + 1), "Настройка", "100.00", "2");
  ASSERT_EQ(admin.post(path + "/status", R"({"status":"canceled"})").status, 200);
  EXPECT_EQ(problem_of(admin.post(path + "/invoice", "{}")), "409 order_canceled");
  EXPECT_EQ(problem_of(admin.post(path + "/act", "{}")), "409 order_canceled");
  EXPECT_EQ(problem_of(admin.post(path + "/documents/generate", R"({"template":"invoice"})")),
            "409 order_canceled");
}

TEST_F(GenerateApi, AProposalIsAmongTheDocumentsOfItsDeal) {
  HttpClient admin = administrator();
  const std::string contract = id_of(admin.get("/api/v1/orders/" + order(admin)), "contract_id");
  const std::string company = id_of(admin.get("/api/v1/contracts/" + contract), "counterparty_id");
  const std::string deal = std::to_string(
      make_deal(admin, "Поставка", R"(,"counterparty_id":)" + company + R"(,"offer_text":"Да")"));
  add_line(admin, deal, "Прототип", "100.00", "1");

  const HttpAnswer made = admin.post("/api/v1/deals/" + deal + "/proposal", "{}");

  ASSERT_EQ(made.status, 201) << made.body;
  const std::string path = "/api/v1/documents/" + id_of(made);
  EXPECT_THAT(admin.get("/api/v1/deals/" + deal + "/documents").body,
              HasSubstr("Коммерческое предложение от"));
  EXPECT_EQ(admin.get(path + "/preview").header("content-type"), "application/pdf");
  EXPECT_THAT(admin.get("/api/v1/deals/" + deal + "/documents.zip").body, HasSubstr("%PDF-1.7"));
  EXPECT_EQ(admin
                .post(path + "/versions?name=own.pdf", "%PDF-1.7 by hand",
                      {{"Content-Type", "application/pdf"}})
                .status,
            201);
  EXPECT_EQ(admin.get(path + "/preview").body, "%PDF-1.7 by hand");
  EXPECT_EQ(admin.post(path + "/status", R"({"status":"sent"})").status, 200);
  EXPECT_EQ(problem_of(admin.post(path + "/versions?name=late.pdf", "%PDF-1.7 late",
                                  {{"Content-Type", "application/pdf"}})),
            "409 document_issued");
}

TEST_F(GenerateApi, AnActIsAmongTheDocumentsOfItsOrderIsOpenedAndSigned) {
  HttpClient admin = administrator();
  const std::string id = order(admin);
  add_line(admin, id, "Настройка", "100.00", "2");

  const HttpAnswer made = admin.post("/api/v1/orders/" + id + "/act", "{}");

  ASSERT_EQ(made.status, 201) << made.body;
  const std::string path = "/api/v1/documents/" + id_of(made);
  const HttpAnswer list = admin.get("/api/v1/orders/" + id + "/documents");
  EXPECT_EQ(list.field("items/0/type_code"), "act");
  EXPECT_THAT(list.field("items/0/name"), StartsWith("Акт №1 от "));
  const HttpAnswer opened = admin.get(path + "/preview");
  EXPECT_EQ(opened.header("content-type"), "application/pdf");
  EXPECT_EQ(admin.get(path + "/content?format=pdf").body, opened.body);
  EXPECT_EQ(admin.get(path + "/content?format=docx").header("content-type"), store::kDocxType);
  EXPECT_THAT(admin.get("/api/v1/orders/" + id + "/documents.zip").body, HasSubstr("%PDF-1.7"));
  ASSERT_EQ(admin.post(path + "/status", R"({"status":"issued"})").status, 200);
  EXPECT_EQ(problem_of(admin.post(path + "/status", R"({"status":"signed"})")),
            "422 scan_or_date_required");
  const HttpAnswer signed_act =
      admin.post(path + "/status", R"({"status":"signed","document_date":"2026-11-30"})");
  EXPECT_EQ(signed_act.field("status"), "signed") << signed_act.body;
}

// Of each type: its properties are edited and it is deleted, and its number is not given twice.
TEST_F(GenerateApi, AGeneratedDocumentIsEditedAndDeleted) {
  HttpClient admin = administrator();
  const std::string id = order(admin);
  add_line(admin, id, "Настройка", "100.00", "2");
  const std::string contract = id_of(admin.get("/api/v1/orders/" + id), "contract_id");
  const std::string company = id_of(admin.get("/api/v1/contracts/" + contract), "counterparty_id");
  const std::string deal =
      std::to_string(make_deal(admin, "Поставка", R"(,"counterparty_id":)" + company));
  add_line(admin, deal, "Прототип", "100.00", "1");
  const std::vector<std::pair<std::string, std::string>> any{{"If-Match", "*"}};

  for (const auto& [owner, type] :
       {std::pair("orders/" + id, "invoice"), std::pair("orders/" + id, "act"),
        std::pair("deals/" + deal, "proposal")}) {
    const std::string make = "/api/v1/" + owner + "/" + type;
    const HttpAnswer made = admin.post(make, "{}");
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string path = "/api/v1/documents/" + id_of(made);
    const HttpAnswer edited = admin.patch(path, R"({"name":"Для Ромашки"})", any);
    EXPECT_EQ(edited.field("name"), "Для Ромашки") << edited.body;
    EXPECT_THAT(admin.get("/api/v1/" + owner + "/documents").body, HasSubstr("Для Ромашки"));

    EXPECT_EQ(admin.del(path, any).status, 204) << type;

    EXPECT_EQ(admin.get(path + "/preview").status, 404) << type;
    EXPECT_THAT(admin.get("/api/v1/" + owner + "/documents").body, Not(HasSubstr("Для Ромашки")));
    const HttpAnswer next = admin.post(make, "{}");
    ASSERT_EQ(next.status, 201) << next.body;
    if (type != std::string_view("proposal")) {
      EXPECT_EQ(next.field("number"), "2") << type;
    }
  }
}

TEST_F(GenerateApi, WhatIsMissingIsListedByPointers) {
  HttpClient admin = administrator();
  const std::string company = id_of(admin.post(
      "/api/v1/counterparties",
      R"({"name":"К","segment_code":"small","acquisition_channel_code":"site","status_code":)"
      R"("active"})"));
  const std::string bare =
      id_of(admin.post("/api/v1/orders", R"({"counterparty_id":)" + company + "}"));

  const HttpAnswer refused = admin.post("/api/v1/orders/" + bare + "/act", "{}");

  EXPECT_EQ(problem_of(refused), "422 items_required");
  EXPECT_THAT(refused.body, HasSubstr(R"("pointer":"/items")"));
  EXPECT_THAT(refused.body, HasSubstr(R"("pointer":"/contract_id")"));
}

TEST_F(GenerateApi, ADocumentWithoutAPreviewOrARendererSaysSo) {
  HttpClient admin = administrator();
  const std::string id = order(admin);
  add_line(admin, id, "Настройка", "100.00", "2");
  const std::string path =
      "/api/v1/documents/" + id_of(admin.post("/api/v1/orders/" + id + "/act", "{}")) + "/preview";

  renderer_.failure =
      Error{.code = ErrorCode::unavailable, .detail = "x", .reason = "renderer_away"};
  EXPECT_EQ(problem_of(admin.get(path)), "503 renderer_away");
  connect(nullptr);
  HttpClient again = client_of("other", {"crm-administrators"});
  EXPECT_EQ(problem_of(again.get(path)), "503 not_connected");
  renderer_.failure.reset();
  connect(&renderer_);
  HttpClient third = client_of("third", {"crm-administrators"});
  EXPECT_EQ(third.get(path).status, 200);
  EXPECT_EQ(problem_of(third.get(path + "?page=2")), "404 no_such_page");
  EXPECT_EQ(problem_of(third.get(path + "?page=0")), "400 bad_page");
  EXPECT_EQ(problem_of(third.get(path + "?page=1&dpi=9999")), "400 bad_dpi");
  const HttpAnswer text = third.post("/api/v1/orders/" + id + "/documents?name=a.txt", "hello",
                                     {{"Content-Type", "text/plain"}});
  ASSERT_EQ(text.status, 201) << text.body;
  EXPECT_EQ(problem_of(third.get("/api/v1/documents/" + id_of(text) + "/preview")),
            "409 no_preview");
}

TEST_F(GenerateApi, ATemplateOfTheInstallationCountsAtOnce) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/document-templates/greeting";
  const std::string company = id_of(
      admin.post("/api/v1/counterparties",
                 R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                 R"("status_code":"active"})"));
  const std::string body =
      R"({"name":"Приветствие","kind":"counterparty","type_code":"other","page":)";
  EXPECT_EQ(problem_of(admin.get(path)), "404 template_not_found");
  EXPECT_EQ(problem_of(admin.put(path, body + R"("{{nobody}}"})")), "422 unknown_field");
  EXPECT_EQ(problem_of(admin.put(path, R"({"pages":"x"})")), "422 unknown_field");
  EXPECT_EQ(admin.put(path, body + R"("<p>Tried</p>","dry_run":true})").status, 200);
  EXPECT_EQ(problem_of(admin.get(path)), "404 template_not_found");
  EXPECT_EQ(admin.put(path, body + R"("<p>{{buyer.name}}, здравствуйте</p>"})").status, 200);
  const std::string later = R"({"page":"<p>{{buyer.name}}, добрый день</p>"})";
  EXPECT_EQ(problem_of(admin.put(path, later)), "428 if_match_required");
  const HttpAnswer second = admin.put(path, later, {{"If-Match", admin.get(path).header("etag")}});
  EXPECT_EQ(second.field("version"), "2");
  EXPECT_EQ(second.field("name"), "Приветствие");
  EXPECT_EQ(second.header("etag"), "\"2\"");
  EXPECT_EQ(problem_of(admin.put(path, later, {{"If-Match", "\"1\""}})), "412 stale_version");
  EXPECT_EQ(renderer_.printed, 3);

  const HttpAnswer made = admin.post("/api/v1/counterparties/" + company + "/documents/generate",
                                     R"({"template":"greeting"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(admin.get("/api/v1/documents/" + id_of(made) + "/content").body,
            "<p>Ромашка, добрый день</p>");

  EXPECT_THAT(admin.get(path + "?version=1").field("page"), HasSubstr("здравствуйте"));
  EXPECT_THAT(admin.get("/api/v1/document-templates/invoice").field("page"),
              HasSubstr("{{seller.bank.bik}}"));
  EXPECT_EQ(admin.get("/api/v1/document-templates").json().find("items")->as_array().size(), 5U);
  EXPECT_EQ(problem_of(admin.del(path)), "428 if_match_required");
  EXPECT_EQ(admin.del(path, {{"If-Match", "\"2\""}}).status, 204);
  EXPECT_EQ(problem_of(admin.get(path)), "404 template_not_found");
  EXPECT_EQ(problem_of(admin.del("/api/v1/document-templates/invoice")), "404 template_not_found");

  renderer_.failure =
      Error{.code = ErrorCode::validation_failed, .detail = "x", .reason = "not_rendered"};
  EXPECT_EQ(problem_of(admin.put(path, body + R"("x"})")), "422 not_rendered");
  HttpClient manager = client_of("manager", {"crm-manager"});
  EXPECT_EQ(manager.get("/api/v1/document-templates").status, 200);
  EXPECT_EQ(problem_of(manager.put(path, body + R"("x"})")), "403 administrators_only");
  EXPECT_EQ(problem_of(manager.del(path)), "403 administrators_only");
}

TEST_F(GenerateApi, ADocumentIsMadeOfALeadWhichNobodyHasFoundTheCustomerOfYet) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/document-templates/lead_sheet";
  const std::string body = R"({"name":"Лист лида","kind":"lead","type_code":"other","page":)";
  EXPECT_EQ(problem_of(admin.put(path, body + R"("{{record.colour}}"})")), "422 unknown_field");
  ASSERT_EQ(admin.put(path, body + R"("<p>{{record.name}}: {{record.status}}</p>"})").status, 200);
  const HttpAnswer wrong =
      admin.put("/api/v1/document-templates/other",
                R"({"name":"x","kind":"folder","type_code":"other","page":"x"})");
  EXPECT_THAT(wrong.body, HasSubstr(R"("pointer":"/kind")"));
  const std::string lead = id_of(admin.post("/api/v1/leads", R"({"name":"Лид <1>"})"));

  const HttpAnswer made =
      admin.post("/api/v1/leads/" + lead + "/documents/generate", R"({"template":"lead_sheet"})");

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(admin.get("/api/v1/documents/" + id_of(made) + "/content").body,
            "<p>Лид &lt;1&gt;: Не обработан</p>");
  EXPECT_THAT(admin.get("/api/v1/leads/" + lead + "/documents").body, HasSubstr("Лист лида от "));
  EXPECT_EQ(
      problem_of(admin.post("/api/v1/orders/1/documents/generate", R"({"template":"lead_sheet"})")),
      "404 not_found");
}

TEST_F(GenerateApi, WhatAnInstallationAddedToItsRecordsStandsInItsDocuments) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/document-templates/lead_sheet";
  const std::string page =
      R"({"name":"Лист лида","kind":"lead","type_code":"other","page":"<p>{{record.custom.floor}}, )"
      R"({{record.custom.since}}{{#record.custom.urgent}}, срочно{{/record.custom.urgent}}</p>"})";
  EXPECT_EQ(problem_of(admin.put(path, page)), "422 unknown_field") << "there is none yet";
  for (const std::string field :
       {R"("code":"floor","type":"number","name_ru":"Этаж <b>","name_en":"Floor")",
        R"("code":"since","type":"date","name_ru":"Начало","name_en":"Since")",
        R"("code":"urgent","type":"bool","name_ru":"Срочно","name_en":"Urgent")"})
    ASSERT_EQ(admin.post("/api/v1/custom-fields", R"({"record_kind":"lead",)" + field + "}").status,
              201);
  ASSERT_EQ(admin.put(path, page).status, 200);

  const auto document_of = [&](const std::string& custom) {
    const std::string lead =
        id_of(admin.post("/api/v1/leads", R"({"name":"Лид","custom":)" + custom + "}"));
    const HttpAnswer made =
        admin.post("/api/v1/leads/" + lead + "/documents/generate", R"({"template":"lead_sheet"})");
    EXPECT_EQ(made.status, 201) << made.body;
    return admin.get("/api/v1/documents/" + id_of(made) + "/content").body;
  };
  EXPECT_EQ(document_of(R"({"floor":1.5,"since":"2026-11-23","urgent":true})"),
            "<p>1,5, 23.11.2026, срочно</p>");
  EXPECT_EQ(document_of("{}"), "<p>, </p>");

  const Json known = admin.get("/api/v1/document-template-fields?kind=lead").json();
  std::map<std::string, std::string> labels;
  for (const Json& each : known.find("items")->as_array()) {
    const Json* label = each.find("label_ru");
    labels[each.find("name")->as_string()] = label->is_null() ? "" : label->as_string();
  }
  EXPECT_EQ(labels.at("record.custom.floor"), "Этаж <b>");
  EXPECT_FALSE(labels.at("record.name").empty());
  EXPECT_TRUE(labels.contains("seller.bank.bik"));
  EXPECT_TRUE(labels.contains("lines.amount_with_vat"));
  EXPECT_EQ(problem_of(admin.get("/api/v1/document-template-fields?kind=folder")),
            "400 unknown_kind");
}

// «Счет №1 от …» in both forms of RFC 6266.
TEST_F(GenerateApi, TheSameDocumentIsThereForWordAndAsPdfUnderItsOwnName) {
  HttpClient admin = administrator();
  const std::string id = order(admin);
  add_line(admin, id, "Настройка <&>", "100.00", "2");
  const std::string path =
      "/api/v1/documents/" + id_of(admin.post("/api/v1/orders/" + id + "/invoice", "{}"));

  const HttpAnswer word = admin.get(path + "/content?format=docx");

  ASSERT_EQ(word.status, 200) << word.body;
  EXPECT_EQ(word.header("content-type"), store::kDocxType);
  EXPECT_THAT(word.header("content-disposition"), StartsWith("attachment; filename=\""));
  EXPECT_THAT(word.header("content-disposition"),
              HasSubstr("filename*=UTF-8''%D0%A1%D1%87%D0%B5%D1%82%20%E2%84%961%20"));
  EXPECT_THAT(word.header("content-disposition"), HasSubstr(".docx"));
  const auto package = store::DocxPackage::open(word.body, {});
  ASSERT_TRUE(package) << package.error().detail;
  std::string text;
  for (const store::DocxPart& part : package->parts()) text += part.xml;
  EXPECT_THAT(text, HasSubstr("Настройка &lt;&amp;&gt;"));
  EXPECT_THAT(text, HasSubstr("Счет на оплату № 1 от"));

  // The PDF is printed for whoever asks first.
  const HttpAnswer pdf = admin.get(path + "/content?format=pdf");
  EXPECT_EQ(pdf.header("content-type"), "application/pdf");
  EXPECT_THAT(pdf.header("content-disposition"), HasSubstr(".pdf"));
  EXPECT_EQ(renderer_.printed, 1);
  EXPECT_EQ(admin.get(path + "/preview").body, pdf.body);
  EXPECT_EQ(admin.get(path + "/content?format=docx").body, word.body);
  EXPECT_EQ(problem_of(admin.get(path + "/content?format=odt")), "400 bad_format");
  const HttpAnswer file = admin.post("/api/v1/orders/" + id + "/documents?name=a.txt", "hello",
                                     {{"Content-Type", "text/plain"}});
  EXPECT_EQ(problem_of(admin.get("/api/v1/documents/" + id_of(file) + "/content?format=docx")),
            "404 no_such_format");
}

// Between the making and the printing, and as long as the renderer is away.
TEST_F(GenerateApi, ThePageOfADocumentLeavesInNoArchiveAndNoMessage) {
  HttpClient admin = administrator();
  const std::string id = order(admin);
  add_line(admin, id, "Настройка", "100.00", "2");
  const std::string document = id_of(admin.post("/api/v1/orders/" + id + "/invoice", "{}"));
  const std::string contract = id_of(admin.get("/api/v1/orders/" + id), "contract_id");
  const std::string company = id_of(admin.get("/api/v1/contracts/" + contract), "counterparty_id");
  ASSERT_EQ(admin
                .post("/api/v1/counterparties/" + company + "/documents/generate",
                      R"({"template":"company_card"})")
                .status,
            201);
  renderer_.failure =
      Error{.code = ErrorCode::unavailable, .detail = "x", .reason = "renderer_away"};

  const HttpAnswer zip = admin.get("/api/v1/orders/" + id + "/documents.zip");
  EXPECT_THAT(zip.body, HasSubstr(".docx"));
  EXPECT_THAT(zip.body, Not(HasSubstr(".html")));
  // That template has no DOCX, so it is printed for whoever asks.
  const std::string cards = "/api/v1/counterparties/" + company + "/documents.zip";
  EXPECT_EQ(problem_of(admin.get(cards)), "503 renderer_away");
  renderer_.failure.reset();
  EXPECT_THAT(admin.get(cards).body, HasSubstr("%PDF-1.7"));
  EXPECT_THAT(admin.get(cards).body, Not(HasSubstr(".html")));
  EXPECT_EQ(renderer_.printed, 2);

  const std::string page =
      std::to_string(sql("SELECT current_version_id FROM crm.document WHERE id = " + document));
  const HttpAnswer refused =
      admin.post("/api/v1/messages", R"({"channel":"email","counterparty_id":)" + company +
                                         R"(,"address":"a@example.com","subject":"s","text":"t",)"
                                         R"("document_version_ids":[)" +
                                         page + "]}");
  EXPECT_EQ(problem_of(refused), "422 not_printed") << refused.body;
}

// The page of a document somebody made anew by hand is his, and so is not printed as ours.
TEST_F(GenerateApi, AnUploadedPageIsNeverPrinted) {
  HttpClient admin = administrator();
  const std::string id = order(admin);
  add_line(admin, id, "Настройка", "100.00", "2");
  const std::string path =
      "/api/v1/documents/" + id_of(admin.post("/api/v1/orders/" + id + "/invoice", "{}"));
  ASSERT_EQ(admin
                .post(path + "/versions?name=own.html", "<p>Платите нам по другому счету</p>",
                      {{"Content-Type", "text/html"}})
                .status,
            201);

  EXPECT_EQ(problem_of(admin.get(path + "/preview")), "409 no_preview");
  EXPECT_EQ(problem_of(admin.get(path + "/content?format=pdf")), "404 no_such_format");
  EXPECT_EQ(renderer_.printed, 0);
  // Ours, taken back, is printed again.
  ASSERT_EQ(admin.post(path + "/restore-version", R"({"version_no":2})").status, 200);
  EXPECT_EQ(admin.get(path + "/preview").status, 200);
  EXPECT_EQ(renderer_.printed, 1);
}

TEST_F(GenerateApi, ATemplateEditedInWordIsTriedAndCountsAtOnce) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/document-templates/letter";
  const std::string query =
      "/docx?name=%D0%9F%D0%B8%D1%81%D1%8C%D0%BC%D0%BE&kind=counterparty"
      "&type_code=other";
  const std::string company = id_of(
      admin.post("/api/v1/counterparties",
                 R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                 R"("status_code":"active"})"));
  const auto docx = [](const std::string& text) {
    const std::string word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    const std::vector<store::DocxPart> parts{
        {"[Content_Types].xml",
         "<Types>application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
         "</Types>"},
        {"_rels/.rels", "<Relationships/>"},
        {"word/document.xml", "<w:document xmlns:w='" + word + "'><w:body><w:p><w:r><w:t>" + text +
                                  "</w:t></w:r></w:p></w:body></w:document>"}};
    return *store::make_docx(parts);
  };
  const std::vector<std::pair<std::string, std::string>> word{
      {"Content-Type", std::string(store::kDocxType)}};
  const auto put = [&](HttpClient& by, const std::string& rest, const std::string& file) {
    return by.request("PUT", path + rest, word, file);
  };

  const HttpAnswer refused = put(admin, query, docx("{{buyer.nmae}}"));
  EXPECT_EQ(problem_of(refused), "422 unknown_field");
  EXPECT_THAT(refused.body, HasSubstr("word/document.xml, paragraph 1: There is no field "
                                      "buyer.nmae."));
  EXPECT_EQ(problem_of(put(admin, query, "%PDF-1.7")), "422 not_docx");
  EXPECT_EQ(problem_of(put(admin, query, "")), "400 file_empty");
  EXPECT_EQ(put(admin, query + "&dry_run=true", docx("Tried")).status, 200);
  for (const std::string word_for_yes : {"1", "True", "yes"})
    EXPECT_EQ(put(admin, query + "&dry_run=" + word_for_yes, docx("Tried")).status, 400);
  EXPECT_EQ(problem_of(admin.get(path)), "404 template_not_found");
  const HttpAnswer first = put(admin, query, docx("{{buyer.name}}, здравствуйте"));
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.json().find("has_docx")->as_bool(), true);
  EXPECT_EQ(first.json().find("has_page")->as_bool(), false);
  EXPECT_EQ(problem_of(put(admin, "/docx", docx("x"))), "428 if_match_required");
  const HttpAnswer second =
      admin.request("PUT", path + "/docx", {word.front(), {"If-Match", first.header("etag")}},
                    docx("{{buyer.name}}, добрый день"));
  EXPECT_EQ(second.field("version"), "2") << second.body;
  EXPECT_EQ(renderer_.printed, 0);

  const HttpAnswer made = admin.post("/api/v1/counterparties/" + company + "/documents/generate",
                                     R"({"template":"letter"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const HttpAnswer content = admin.get("/api/v1/documents/" + id_of(made) + "/content");
  EXPECT_EQ(content.header("content-type"), store::kDocxType);
  const auto package = store::DocxPackage::open(content.body, {});
  ASSERT_TRUE(package) << package.error().detail;
  EXPECT_THAT(package->parts().front().xml, HasSubstr("Ромашка, добрый день"));
  EXPECT_EQ(problem_of(admin.get("/api/v1/documents/" + id_of(made) + "/preview")),
            "409 no_preview");

  const HttpAnswer file = admin.get(path + "/docx?version=1");
  EXPECT_EQ(file.body, docx("{{buyer.name}}, здравствуйте"));
  EXPECT_THAT(file.header("content-disposition"),
              HasSubstr("filename*=UTF-8''%D0%9F%D0%B8%D1%81%D1%8C%D0%BC%D0%BE.docx"));
  EXPECT_EQ(admin.get("/api/v1/document-templates/invoice/docx").body,
            store::shipped_docx("invoice"));
  EXPECT_EQ(problem_of(admin.get("/api/v1/document-templates/company_card/docx")),
            "404 template_not_found");
  HttpClient manager = client_of("manager", {"crm-manager"});
  EXPECT_EQ(problem_of(put(manager, "/docx", docx("x"))), "403 administrators_only");
  EXPECT_EQ(manager.get(path + "/docx").status, 200);
}

TEST_F(GenerateApi, TheTextOfThePdfIsWhatTheOrderHolds) {
  const adapters::HelperRenderer helper(
      {.path = std::string(C360_SOURCE_DIR) + "/adapters/pdf/client360-render",
       .timeout = std::chrono::milliseconds{240'000},
       .wait = std::chrono::milliseconds{240'000}});
  connect(&helper);
  HttpClient admin = administrator();
  const std::string id = order(admin);
  for (int i = 1; i <= 45; ++i) {
    add_line(admin, id, "Услуга " + std::to_string(i), std::to_string(1'000 + i) + ".50", "1.25");
  }
  const std::string document = id_of(admin.post("/api/v1/orders/" + id + "/invoice", "{}"));

  const HttpAnswer shown = admin.get("/api/v1/documents/" + document + "/preview");

  ASSERT_EQ(shown.status, 200) << shown.body;
  const std::string text = testing::text_of_pdf(shown.body);
  EXPECT_THAT(text, HasSubstr("Счет на оплату № 1 от"));
  EXPECT_THAT(text, HasSubstr("ИНН 7707083893"));
  EXPECT_THAT(text, HasSubstr("40702810938000000001"));
  for (int i = 1; i <= 45; ++i) {
    const std::int64_t amount = ((1'000 + i) * 100 + 50) * 125 / 100 +  // half away from zero
                                (((1'000 + i) * 100 + 50) * 125 % 100 >= 50 ? 1 : 0);
    const std::string kopecks = std::to_string(amount % 100);
    EXPECT_THAT(text, HasSubstr(std::to_string(i) + " Услуга " + std::to_string(i) + " 1,25 ч 1 " +
                                std::to_string(1'000 + i).substr(1) + ",50 1 " +
                                std::to_string(amount / 100).substr(1) + "," +
                                (kopecks.size() == 1 ? "0" : "") + kopecks));
  }
  // A heading on each page, and each page numbered.
  EXPECT_THAT(text, HasSubstr("Страница 1 из 2"));
  EXPECT_THAT(text, HasSubstr("Страница 2 из 2"));
  const auto first = text.find("Товары (работы, услуги)");
  EXPECT_NE(text.find("Товары (работы, услуги)", first + 1), std::string::npos);
  const Json data = *Json::parse(sql_text(
      "SELECT generated_from -> 'data' -> 'totals' FROM crm.document WHERE id = " + document));
  EXPECT_THAT(text, HasSubstr(data.find("in_words")->as_string()));
  EXPECT_THAT(text, HasSubstr("В том числе НДС: " + data.find("vat_in_words")->as_string()));
}

}  // namespace
}  // namespace c360::api
