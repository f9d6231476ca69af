// The job that prints the pages of generated documents.
#include "daemon/jobs/print_pages.h"

#include <gmock/gmock.h>

#include "store/operations/action.h"
#include "store/operations/rendered_pages.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class CountingRenderer final : public adapters::DocumentRenderer {
 public:
  Result<std::string> pdf(std::string_view html, const adapters::GivenUp& given_up) const override {
    ++printed;
    if (given_up()) return fail(ErrorCode::unavailable, "given up", "rendering_given_up");
    if (failure) return std::unexpected(*failure);
    return "%PDF-1.7 " + std::to_string(html.size()) + " %%EOF";
  }
  Result<std::string> png(const adapters::PdfSource&, int, int,
                          const adapters::GivenUp&) const override {
    return fail(ErrorCode::internal, "not asked for");
  }

  mutable int printed = 0;
  std::optional<Error> failure;
};

class PrintPages : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    renderer_ = std::make_shared<CountingRenderer>();
    daemon::add_print_jobs(handlers_, *database_, renderer_);
    make("own_organisation", R"({"full_name":"ООО «Наши»","inn":"7707083893","is_default":true})",
         admin_);
    deal_ = make("deal", R"({"name":"Поставка","counterparty_id":)" + company_of(seller_) + "}",
                 seller_)
                .key;
    make("line_item",
         R"({"parent_id":)" + deal_ +
             R"(,"name":"Работа","kind":"service","unit_code":"356","price":"1.00",)"
             R"("quantity":"1","vat_rate_code":"none"})",
         seller_);
  }
  std::string generate() {
    const store::Actions actions(registry_);
    const auto done =
        store::perform(*database_, *records_, kind("deal"), *actions.find(kind("deal"), "proposal"),
                       std::stoll(deal_), json("{}"), seller_);
    EXPECT_TRUE(done) << (done ? "" : describe(done.error()));
    return done ? std::to_string(done->id) : "0";
  }
  // Takes the next job and does it: its error, "done", or "no job".
  std::string work(bool is_stopping = false) {
    const auto jobs = store::take_jobs(*database_, {"print_page"}, "test", 1);
    if (!jobs || jobs->empty()) return "no job";
    const std::atomic<bool> stopping{is_stopping};
    daemon::JobRun run(*database_, jobs->front(), stopping);
    const auto done = handlers_.at("print_page")(run);
    return done ? "done" : done.error().reason;
  }
  std::string versions(const std::string& document) {
    return sql(
        "SELECT string_agg(CASE WHEN mime_type LIKE '%wordprocessingml.document' THEN 'docx' ELSE "
        "mime_type END, ' ' ORDER BY version_no) FROM crm.document_version WHERE document_id = " +
        document);
  }

  std::shared_ptr<CountingRenderer> renderer_;
  daemon::JobHandlers handlers_;
  std::string deal_;
};

TEST_F(PrintPages, APageIsPrintedOnceWithItsJob) {
  const std::string document = generate();

  EXPECT_EQ(work(), "done");

  EXPECT_EQ(versions(document), "docx text/html application/pdf");
  EXPECT_EQ(sql("SELECT status FROM ops.job"), "done");
  EXPECT_EQ(work(), "no job");
}

TEST_F(PrintPages, WhatIsPrintedOrMadeAnewNeedsNoSecondPrint) {
  const std::string document = generate();
  generate();
  EXPECT_EQ(work(), "done");
  EXPECT_EQ(work(), "done");
  EXPECT_EQ(versions(document), "docx text/html docx text/html application/pdf");
  EXPECT_EQ(renderer_->printed, 1);
}

TEST_F(PrintPages, AJobThatIsNotOursAnyMoreAddsNothing) {
  const std::string document = generate();
  const auto jobs = store::take_jobs(*database_, {"print_page"}, "test", 1);
  ASSERT_EQ(jobs->size(), 1U);
  sql("UPDATE ops.job SET fence = fence + 1");
  const std::atomic<bool> stopping{false};
  daemon::JobRun run(*database_, jobs->front(), stopping);

  const auto done = handlers_.at("print_page")(run);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "lease_lost");
  EXPECT_EQ(versions(document), "docx text/html");
}

TEST_F(PrintPages, ARendererThatIsAwayIsAskedAgain) {
  const std::string document = generate();
  renderer_->failure =
      Error{.code = ErrorCode::unavailable, .detail = "x", .reason = "renderer_away"};
  EXPECT_EQ(work(), "renderer_away");
  EXPECT_EQ(versions(document), "docx text/html");
}

TEST_F(PrintPages, AJobThatIsToStopAsksTheRendererToGiveUp) {
  const std::string document = generate();

  EXPECT_EQ(work(true), "rendering_given_up");

  EXPECT_EQ(versions(document), "docx text/html");
}

TEST(PrintPagesJob, WithoutARendererThePagesWait) {
  daemon::JobHandlers handlers;
  const Quiet quiet;
  store::Database database({}, quiet.observer);
  daemon::add_print_jobs(handlers, database, nullptr);
  EXPECT_TRUE(handlers.empty());
}

}  // namespace
}  // namespace c360::testing
