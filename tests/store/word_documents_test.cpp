// Documents in Word beside their PDFs, and invoices that follow their payments (domain.md 12.3,
// 12.4).
#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

#include "store/blob.h"
#include "store/documents/docx.h"
#include "store/documents/docx_package.h"
#include "store/documents/shipped_templates.h"
#include "store/operations/document_versions.h"
#include "tests/store/documents_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class WordDocuments : public Documents {
 protected:
  std::string versions(const std::string& document) {
    return sql(
        "SELECT string_agg(CASE WHEN mime_type LIKE '%wordprocessingml.document' THEN 'docx' ELSE "
        "mime_type END || CASE WHEN is_generated THEN '' ELSE ' uploaded' END, ', ' ORDER BY "
        "version_no) FROM crm.document_version WHERE document_id = " +
        document);
  }
  // The XML of all parts with text.
  static std::string text_of(std::string_view docx) {
    const auto package = store::DocxPackage::open(docx, {});
    if (!package) return package.error().detail;
    std::string text;
    for (const store::DocxPart& part : package->parts()) text += part.xml;
    return text;
  }
  std::string newest_docx(const std::string& document) {
    const std::string digest =
        sql("SELECT encode(content_sha256, 'hex') FROM crm.document_version WHERE mime_type LIKE "
            "'%wordprocessingml.document' AND document_id = " +
            document + " ORDER BY version_no DESC LIMIT 1");
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
    Sha256 sha256{};
    std::ranges::copy(*from_hex(digest), reinterpret_cast<char*>(sha256.data()));
    const auto bytes = store::read_blob(*tx, sha256, 100'000'000);
    return bytes ? text_of(*bytes) : bytes.error().detail;
  }
  static std::string docx(const std::string& text) {
    const std::vector<store::DocxPart> parts{
        {"[Content_Types].xml",
         "<Types>application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
         "</Types>"},
        {"_rels/.rels", "<Relationships/>"},
        {"word/document.xml",
         "<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'>"
         "<w:body><w:p><w:r><w:t>" +
             text + "</w:t></w:r></w:p></w:body></w:document>"}};
    return *store::make_docx(parts);
  }
};

TEST_F(WordDocuments, AnInvoiceIsMadeForWordAndForPrintWithTheSameData) {
  line(order_, "Настройка <сервера>", "99.99", "3", "vat22");
  line(order_, "Обучение", "1000.00", "1.5", "vat10");

  const std::string id = id_of(made("order", order_, "invoice"));

  EXPECT_EQ(versions(id), "docx, text/html");
  const std::string text = newest_docx(id);
  for (const char* part :
       {"Счет на оплату № 1 от", "ООО «Наши»", "ООО «Ромашка &amp; Ко»", "40702810938000000001",
        "Настройка &lt;сервера&gt;", "Обучение", "НДС 10%:", "НДС 22%:"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, HasSubstr(sql("SELECT generated_from -> 'data' -> 'totals' ->> 'in_words' FROM "
                                  "crm.document WHERE id = " +
                                  id)));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'print_page'"), "1");
  EXPECT_EQ(sql("SELECT string_agg(file_name, '|' ORDER BY version_no) FROM crm.document_version "
                "WHERE document_id = " +
                id),
            "Счет №1 от " + today() + ".docx|Счет №1 от " + today() + ".html");

  line(order_, "Позже", "1.00", "1", "none");
  made("order", order_, "invoice");
  EXPECT_EQ(versions(id), "docx, text/html, docx, text/html");
  EXPECT_THAT(newest_docx(id), HasSubstr("Позже"));
}

TEST_F(WordDocuments, ATemplateOfWordAloneMakesADocumentOfAnyRecord) {
  EXPECT_EQ(put_template({.code = "letter",
                          .name = "Письмо",
                          .kind = "counterparty",
                          .type_code = "other",
                          .docx = docx("Уважаемые {{buyer.full_name}}!")}),
            "1");

  const Json letter =
      made("counterparty", company_, "documents/generate", R"({"template":"letter"})");

  EXPECT_EQ(text(letter, "name"), "Письмо от " + today());
  EXPECT_EQ(versions(id_of(letter)), "docx");
  EXPECT_THAT(newest_docx(id_of(letter)), HasSubstr("Уважаемые ООО «Ромашка &amp; Ко»!"));
  EXPECT_EQ(page_of(id_of(letter)), "no page");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'print_page'"), "0");
}

TEST_F(WordDocuments, WhatIsNotSentOfATemplateStaysAsItWas) {
  line(order_, "Работа", "100.00", "1", "none");
  EXPECT_EQ(put_template({.code = "invoice", .page = "<p>{{document.number}}</p>"}), "1");
  EXPECT_EQ(put_template({.code = "invoice", .docx = docx("Own {{document.number}}")}), "2");
  EXPECT_EQ(put_template({.code = "invoice", .page = "<p>last {{document.number}}</p>"}), "3");
  EXPECT_EQ(put_template({.code = "own", .name = "Own", .kind = "deal", .type_code = "other"}),
            "/page=page_required");

  const std::string id = id_of(made("order", order_, "invoice"));

  EXPECT_EQ(page_of(id), "<p>last 1</p>");
  EXPECT_THAT(newest_docx(id), HasSubstr("Own 1"));
  auto tx = database_->begin(store::Pool::api, store::TxMode::read_only);
  const auto docx_of = [&](std::optional<std::int64_t> version) {
    return *store::read_template_docx(*tx, *store::find_template(*tx, "invoice", version));
  };
  EXPECT_EQ(docx_of(0), store::shipped_docx("invoice"));
  EXPECT_EQ(docx_of(1), store::shipped_docx("invoice"));
  EXPECT_EQ(docx_of(2), docx("Own {{document.number}}"));
}

TEST_F(WordDocuments, AFileThatCannotBeFilledIsNotTaken) {
  EXPECT_EQ(put_template({.code = "invoice", .docx = docx("{{seller.nmae}} {{#lines}}")}),
            "/docx=unknown_field /docx=unclosed_section");
  EXPECT_EQ(put_template({.code = "invoice", .docx = "PK\3\4 nothing"}), "/docx=docx_damaged");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.document_template"), "0");
}

TEST_F(WordDocuments, OnlyAPageOfOursIsPrinted) {
  line(order_, "Работа", "100.00", "1", "none");
  const std::string id = id_of(made("order", order_, "invoice"));
  const std::string html = "<p>Pay somebody else</p>";
  {
    auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
    const store::BlobContent content = store::make_blob(html);
    ASSERT_TRUE(store::put_blobs(*tx, {&content, 1}));
    ASSERT_TRUE(store::add_document_version(*tx, std::stoll(id),
                                            {.sha256 = content.sha256,
                                             .size_bytes = static_cast<std::int64_t>(html.size()),
                                             .media_type = "text/html",
                                             .file_name = "own.html"},
                                            seller_));
    ASSERT_TRUE(tx->commit());
  }
  EXPECT_EQ(versions(id), "docx, text/html, text/html uploaded");
  EXPECT_EQ(page_of(id), "no page");

  ASSERT_TRUE(generate("document", id, "restore-version", seller_, R"({"version_no":2})"));
  EXPECT_THAT(page_of(id), HasSubstr("Счет на оплату № 1"));
}

class InvoicePayments : public WordDocuments {
 protected:
  void SetUp() override {
    WordDocuments::SetUp();
    line(order_, "Работа", "100.00", "1", "none");
    invoice_ = id_of(made("order", order_, "invoice"));
    ASSERT_EQ(said_to_change("document", invoice_, R"({"status":"issued"})", seller_), "accepted");
    day_ = sql("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date");
  }
  std::string payment(const std::string& amount, const std::string& more = "") {
    return make("payment",
                R"({"order_id":)" + order_ + R"(,"invoice_document_id":)" + invoice_ +
                    R"(,"amount":")" + amount + "\"" + more + "}",
                seller_)
        .key;
  }
  std::string pay(const std::string& key) {
    return said_to_change("payment", key,
                          R"({"status":"paid","fact_payment_date":")" + day_ + "\"}", seller_);
  }
  std::string status() { return sql("SELECT status FROM crm.document WHERE id = " + invoice_); }

  std::string invoice_, day_;
};

TEST_F(InvoicePayments, APaidPaymentMovesItsInvoiceAndItsOrder) {
  const std::string first = payment("40.00");
  const std::string second = payment("60.00");
  EXPECT_EQ(status(), "issued");

  EXPECT_EQ(pay(first), "accepted");
  EXPECT_EQ(status(), "partially_paid");
  EXPECT_EQ(pay(second), "accepted");
  EXPECT_EQ(status(), "paid");

  EXPECT_EQ(sql("SELECT paid_amount || ' ' || balance_due FROM crm.order WHERE id = " + order_),
            "100.00 0.00");
  EXPECT_EQ(sql("SELECT string_agg(changes -> 0 ->> 'new', ' ' ORDER BY id) FROM crm.history_event "
                "WHERE event = 'status_changed' AND record_id = " +
                invoice_),
            "issued partially_paid paid");
  EXPECT_EQ(sql("SELECT actor_id FROM crm.history_event WHERE event = 'status_changed' AND "
                "record_id = " +
                invoice_ + " ORDER BY id DESC LIMIT 1"),
            std::to_string(*seller_.user_id));
  EXPECT_EQ(
      sql("SELECT d.row_version = max(h.version) FROM crm.document d JOIN crm.history_event h "
          "ON h.record_id = d.id WHERE d.id = " +
          invoice_ + " GROUP BY d.row_version"),
      "t");
}

TEST_F(InvoicePayments, APaymentTakenBackTakesItsStatusBack) {
  const std::string key = payment("100.00");
  ASSERT_EQ(pay(key), "accepted");
  ASSERT_EQ(status(), "paid");
  ASSERT_TRUE(records_->remove(kind("payment"), key, admin_));
  EXPECT_EQ(status(), "issued");

  // What a person has set stays while no payment says otherwise.
  sql("UPDATE crm.document SET status = 'paid' WHERE id = " + invoice_ + " RETURNING id");
  const std::string planned = payment("10.00");
  ASSERT_TRUE(records_->remove(kind("payment"), planned, admin_));
  EXPECT_EQ(status(), "paid");
}

TEST_F(InvoicePayments, AnIssuedInvoiceIsNotChangedInPlace) {
  ASSERT_EQ(pay(payment("100.00")), "accepted");
  const auto change = [&](const std::string& body) {
    return said_to_change("document", invoice_, body, admin_);
  };
  for (const auto& [body, refused] :
       {std::pair{R"({"status":"draft"})", "/status=document_issued"},
        {R"({"amount":"1.00"})", "/amount=document_issued"},
        {R"({"vat_amount":"1.00"})", "/vat_amount=document_issued"},
        {R"({"currency":"USD"})", "/currency=document_issued"},
        {R"({"document_date":"2020-01-01"})", "/document_date=document_issued"},
        {R"({"number":"3"})", "/number=document_generated"}}) {
    EXPECT_THAT(change(body), HasSubstr(refused)) << body;
  }
  EXPECT_THAT(change(R"({"type_code":"act","status":"issued"})"),
              HasSubstr("/type_code=document_generated"));
  EXPECT_EQ(status(), "paid");
  EXPECT_EQ(change(R"({"name":"Для бухгалтерии","amount":"100.00","status":"canceled"})"),
            "accepted");
  EXPECT_NE(id_of(made("order", order_, "invoice")), invoice_);
}

TEST_F(InvoicePayments, ADraftKeepsItsNumberAndAnActIsDatedWhenItIsSigned) {
  const std::string act = id_of(made("order", order_, "act"));
  EXPECT_THAT(said_to_change("document", act, R"({"number":"7"})", seller_),
              HasSubstr("/number=document_generated"));
  EXPECT_EQ(said_to_change("document", act, R"({"document_date":"2026-11-29"})", seller_),
            "accepted");
  ASSERT_EQ(said_to_change("document", act, R"({"status":"issued"})", seller_), "accepted");
  EXPECT_EQ(said_to_change("document", act, R"({"status":"signed","document_date":"2026-11-30"})",
                           seller_),
            "accepted");
  EXPECT_THAT(said_to_change("document", act, R"({"document_date":"2026-12-01"})", seller_),
              HasSubstr("/document_date=document_issued"));
}

TEST_F(InvoicePayments, ACanceledInvoiceAndOtherMoneyAreLeftAlone) {
  const std::string key = payment("100.00");
  sql("UPDATE crm.document SET currency = 'USD' WHERE id = " + invoice_ + " RETURNING id");
  ASSERT_EQ(pay(key), "accepted");
  EXPECT_EQ(status(), "issued");
  sql("UPDATE crm.document SET currency = 'RUB', status = 'canceled' WHERE id = " + invoice_ +
      " RETURNING id");
  ASSERT_TRUE(records_->remove(kind("payment"), key, admin_));
  EXPECT_EQ(status(), "canceled");
}

TEST_F(InvoicePayments, PaymentsAtOnceAddUp) {
  std::vector<std::string> keys;
  for (int i = 0; i < 4; ++i) keys.push_back(payment("25.00"));
  std::vector<std::string> said_all(keys.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < keys.size(); ++i)
      threads.emplace_back([&, i] { said_all[i] = pay(keys[i]); });
  }
  EXPECT_THAT(said_all, ::testing::Each("accepted"));
  EXPECT_EQ(status(), "paid");
}

}  // namespace
}  // namespace c360::testing
