// An explanation as a page: by its text, and in a browser.
#include "api/explain_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>

#include "api/request.h"
#include "api/response.h"
#include "api/server.h"
#include "daemon/base/digest.h"
#include "tests/api/explanation_sample.h"
#include "tests/support/daemon_process.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_folder.h"

namespace c360::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ExplainPage, TextAndTableLeadToEachOther) {
  const ExplainPage page = explain_page(*Json::parse(kExplanation));

  // Two fields of one place, one piece of text.
  EXPECT_NE(page.html.find("<span id=\"t1\"></span><span id=\"t2\"></span>"
                           "<a class=\"m h1 s1 s2\" href=\"#f1\" title=\"company_text, name\">"
                           "&lt;/pre&gt;&lt;script&gt;x&lt;/script&gt;</a><sup>1,2</sup>"),
            std::string::npos)
      << page.html;
  EXPECT_NE(page.html.find("<tr id=\"f1\"><td class=\"n\"><a href=\"#t1\""), std::string::npos);
  EXPECT_NE(page.html.find("body:has(#f3:hover) .s3"), std::string::npos);
  // The whole text is not marked, and the table does not point at it.
  EXPECT_EQ(page.html.find("id=\"t6\""), std::string::npos);
  EXPECT_EQ(page.html.find("href=\"#t6\""), std::string::npos);
}

TEST(ExplainPage, ThePolicyNamesThePagesOwnStyleAlone) {
  const ExplainPage page = explain_page(*Json::parse(kExplanation));

  const std::size_t begin = page.html.find("<style>") + std::string_view("<style>").size();
  const std::string style = page.html.substr(begin, page.html.find("</style>") - begin);
  EXPECT_EQ(page.content_security_policy,
            "default-src 'none'; style-src 'sha256-" + to_base64(as_bytes_view(sha256(style))) +
                "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

TEST(ExplainPage, AMailThatMadeNothingShowsTheNearestRules) {
  Json json = *Json::parse(kExplanation);
  json.set("why_not", *Json::parse(R"({"stage": "rules", "reason": "no_rule", "detail": "rule <b>",
    "rule": "no-rule", "would_match": null, "nearest": [{"rule": "price", "reached": true,
    "condition": "when.subject", "detail": "nothing there matches (?i)<x>", "conditions_met": 1,
    "conditions": 2}]})"));
  json.set("text", Json{});
  json.set("fields", Json::Array{});

  const std::string html = explain_page(json).html;

  EXPECT_NE(html.find("when.subject"), std::string::npos);
  EXPECT_NE(html.find("1 of 2"), std::string::npos);
  EXPECT_NE(html.find("(?i)&lt;x&gt;"), std::string::npos);
  EXPECT_EQ(html.find("<x>"), std::string::npos);
}

TEST(ExplainPage, OneLineOfAMegabyteIsOnePiece) {
  Json json = *Json::parse(kExplanation);
  Json text = *json.find("text");
  text.set("body", std::string(1U << 20U, '<'));
  json.set("text", text);

  const std::string html = explain_page(json).html;

  EXPECT_LT(html.size(), (std::size_t{4} << 20U) + 64'000);
  EXPECT_GT(html.size(), std::size_t{4} << 20U);
}

// A site of one page; remembers what else a browser asks it for.
class OnePage final : public Handler {
 public:
  explicit OnePage(ExplainPage page) : page_(std::move(page)) {}

  void handle(Request& request, Response& response) override {
    const std::lock_guard lock(mutex_);
    asked_.emplace_back(request.path);
    response.content_type = "text/html; charset=utf-8";
    response.content_security_policy = page_.content_security_policy;
    if (request.path == "/page") response.body = page_.html;
  }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> others = asked_;
    std::erase_if(others,
                  [](const auto& path) { return path == "/page" || path == "/favicon.ico"; });
    return others;
  }

 private:
  const ExplainPage page_;
  std::mutex mutex_;
  std::vector<std::string> asked_;
};

// What a browser makes of the page.
struct Shown {
  std::string dom;                 // after loading
  std::vector<std::string> asked;  // of the server, beside the page
};

Shown shown_by_chromium(const ExplainPage& page) {
  const testing::Quiet quiet;
  const testing::TempFolder folder;
  OnePage site{page};
  HttpServer server{ServerOptions{}, site, quiet.observer};
  if (!server.listen()) throw std::runtime_error("no port");
  server.serve();
  const auto ran = testing::run_program(
      {"/usr/bin/timeout", "200", "/usr/bin/chromium", "--headless", "--no-sandbox",
       "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
       "--user-data-dir=" + folder.path().string(), "--dump-dom",
       "http://127.0.0.1:" + std::to_string(server.port()) + "/page"},
      {{"HOME", folder.path().string()}});
  return {.dom = ran.output, .asked = site.asked()};
}

constexpr std::string_view kLive =
    "<script>document.title='run'</script><img src='/stolen'><style>*{display:none}</style>";

constexpr std::size_t kLongLine = std::size_t{64} << 10U;

class ExplainPageInChromium : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/usr/bin/chromium"))
      GTEST_SKIP() << "chromium is not installed (scripts/install-deps --test)";
  }
};

TEST_F(ExplainPageInChromium, AHostileMailIsOnlyText) {
  Json json = *Json::parse(kExplanation);
  Json text = *json.find("text");
  text.set("body", text.find("body")->as_string() + std::string(kLive) + "\n\u202Edroppdf\n" +
                       std::string(kLongLine, 'x'));
  json.set("text", text);

  Shown shown = shown_by_chromium(explain_page(json));

  // The long line is there, whole; what follows is about the rest.
  const std::size_t line = shown.dom.find(std::string(kLongLine, 'x'));
  ASSERT_NE(line, std::string::npos) << shown.dom.substr(0, 2000);
  shown.dom.erase(line, kLongLine);
  EXPECT_THAT(shown.dom, HasSubstr("<title>Mail 1</title>"));
  EXPECT_THAT(shown.dom, HasSubstr("&lt;script&gt;document.title='run'"));
  EXPECT_THAT(shown.dom, HasSubstr("U+202E"));
  EXPECT_THAT(shown.dom, Not(HasSubstr("<img")));
  EXPECT_THAT(shown.asked, ::testing::IsEmpty());
}

// The second wall: were something to get through unescaped, it would still not run.
TEST_F(ExplainPageInChromium, ThePolicyStopsWhatWouldGetThrough) {
  ExplainPage page = explain_page(*Json::parse(kExplanation));
  page.html.insert(page.html.find("</body>"), kLive);

  const Shown guarded = shown_by_chromium(page);
  page.content_security_policy = "default-src * 'unsafe-inline'";
  const Shown open = shown_by_chromium(page);

  EXPECT_THAT(guarded.dom, HasSubstr("<title>Mail 1</title>"));
  EXPECT_THAT(guarded.asked, ::testing::IsEmpty());
  EXPECT_THAT(open.dom, HasSubstr("<title>run</title>")) << "the browser does run scripts";
  EXPECT_THAT(open.asked, ::testing::Contains("/stolen"));
}

}  // namespace
}  // namespace c360::api
