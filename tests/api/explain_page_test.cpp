// An explanation as a page: by its text, and in a browser.
#include "api/explain_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <utility>

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
  // The second has the colour of the place they share.
  EXPECT_NE(page.html.find("<a href=\"#t1\" class=\"h1\">1</a>"), std::string::npos);
  EXPECT_NE(page.html.find("<a href=\"#t2\" class=\"h1\">2</a>"), std::string::npos);
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
  std::string picture;             // PNG, where one was asked for
  std::vector<std::string> asked;  // of the server, beside the page
};

constexpr int kPictureWidth = 1'100;
constexpr int kPictureHeight = 1'400;

Shown shown_by_chromium(const ExplainPage& page, const std::vector<std::string>& how = {}) {
  const testing::Quiet quiet;
  const testing::TempFolder folder;
  OnePage site{page};
  HttpServer server{ServerOptions{}, site, quiet.observer};
  if (!server.listen()) throw std::runtime_error("no port");
  server.serve();
  const std::string picture = (folder.path() / "picture.png").string();
  std::vector<std::string> command{"/usr/bin/timeout",
                                   "200",
                                   "/usr/bin/chromium",
                                   "--headless",
                                   "--no-sandbox",
                                   "--disable-gpu",
                                   "--disable-dev-shm-usage",
                                   "--no-first-run",
                                   "--user-data-dir=" + folder.path().string()};
  if (how.empty()) {
    command.emplace_back("--dump-dom");
  } else {
    command.insert(command.end(), how.begin(), how.end());
    command.push_back("--screenshot=" + picture);
    command.push_back(fmt::format("--window-size={},{}", kPictureWidth, kPictureHeight));
  }
  command.push_back("http://127.0.0.1:" + std::to_string(server.port()) + "/page");
  const auto ran = testing::run_program(command, {{"HOME", folder.path().string()}});
  std::ostringstream bytes;
  bytes << std::ifstream(picture, std::ios::binary).rdbuf();
  return {.dom = ran.output, .picture = bytes.str(), .asked = site.asked()};
}

const std::vector<std::string> kPainted = {"--hide-scrollbars"};

// Width and height, which every PNG says first (PNG, 5.6 and 11.2.2); {0, 0}: it is none.
std::pair<std::uint32_t, std::uint32_t> size_of_png(std::string_view png) {
  constexpr std::size_t kWidthAt = 16;
  if (!png.starts_with("\x89PNG\r\n\x1A\n") || png.size() < kWidthAt + 8) return {0, 0};
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (const char byte : png.substr(at, 4)) value = value << 8U | static_cast<std::uint8_t>(byte);
    return value;
  };
  return {number(kWidthAt), number(kWidthAt + 4)};
}

// A form that became a deal, as an administrator sees it: each value by its place in the text.
Json everyday_explanation() {
  const std::string subject = "Запрос стоимости";
  const std::string body =
      "Компания: ООО «Ромашка»\nФИО: Петрова Анна Сергеевна\nДолжность: Инженер\n"
      "Телефон: +7 (495) 123-45-67\nE-mail: petrova@romashka.example\n"
      "Количество пользователей: 50-100\n"
      "Комментарий: Нужна цена на редакцию для отдела продаж, срок до конца месяца\n"
      "Страница заполнения заявки: https://client360.example/price\n"
      "YM_client_ID: 1700000012345\n";
  constexpr std::size_t kBodyAt = 612;  // of the raw mail
  Json json = *Json::parse(kExplanation);
  Json mail = *json.find("mail");
  mail.set("subject", subject).set("from_name", "Сайт");
  mail.set("from_address", "noreply@site.romashka.example").set("id", 31);
  Json text = *json.find("text");
  text.set("subject", subject).set("body", body);
  Json outcome = *json.find("outcome");
  outcome.set("rule", "price-request");
  const Json sample = json.find("fields")->as_array().front();
  Json::Array fields;
  const auto add = [&](std::string_view kind, std::string_view name, std::string_view value,
                       std::string_view written, std::string_view step = {}) {
    const std::size_t at = body.find(written);
    Json field = sample;
    Json place{Json::Object{}};
    place.set("in", "body").set("begin", static_cast<std::int64_t>(at));
    place.set("end", static_cast<std::int64_t>(at + written.size()));
    Json raw{Json::Object{}};
    raw.set("begin", static_cast<std::int64_t>(kBodyAt + at));
    raw.set("end", static_cast<std::int64_t>(kBodyAt + at + written.size())).set("exact", true);
    Json::Array steps;
    if (!step.empty()) steps.emplace_back(step);
    field.set("record_kind", kind).set("field", name).set("value", value).set("raw", written);
    field.set("rule", "price-request").set("prepared", place).set("raw_mail", raw);
    field.set("transformations", std::move(steps));
    fields.push_back(std::move(field));
  };
  add("deal", "company_text", "ООО «Ромашка»", "ООО «Ромашка»");
  add("deal", "name", "ООО «Ромашка»", "ООО «Ромашка»", "copy_of_company_text");
  add("contact", "contact.full_name", "Петрова Анна Сергеевна", "Петрова Анна Сергеевна");
  add("contact", "contact.position", "Инженер", "Инженер");
  add("contact", "contact.phone", "+74951234567", "+7 (495) 123-45-67", "phone");
  add("contact", "contact.email", "petrova@romashka.example", "petrova@romashka.example");
  add("deal", "number_of_users", "50-100", "50-100");
  add("deal", "number_of_users_min", "50", "50-100", "range");
  add("deal", "number_of_users_max", "100", "50-100", "range");
  add("deal", "description", "Нужна цена на редакцию для отдела продаж, срок до конца месяца",
      "Нужна цена на редакцию для отдела продаж, срок до конца месяца");
  add("deal", "site_page", "https://client360.example/price", "https://client360.example/price",
      "url");
  add("deal", "ym_client_id", "1700000012345", "1700000012345");
  return json.set("mail", mail)
      .set("text", text)
      .set("outcome", outcome)
      .set("fields", std::move(fields));
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

// docs/explain.png is this picture, painted anew where C360_PICTURES names a folder.
TEST_F(ExplainPageInChromium, APersonSeesTheValuesMarkedInTheText) {
  const Shown shown = shown_by_chromium(explain_page(everyday_explanation()), kPainted);
  const Shown blank = shown_by_chromium(
      {.html = "<!doctype html><title>x</title>", .content_security_policy = "default-src 'none'"},
      kPainted);

  const std::pair<std::uint32_t, std::uint32_t> window{kPictureWidth, kPictureHeight};
  EXPECT_EQ(size_of_png(shown.picture), window) << shown.dom;
  EXPECT_EQ(size_of_png(blank.picture), window) << blank.dom;
  // White compresses to next to nothing; text and colours do not.
  EXPECT_GT(shown.picture.size(), 8 * blank.picture.size());
  if (const char* folder = std::getenv("C360_PICTURES"))
    std::ofstream(std::filesystem::path(folder) / "explain.png", std::ios::binary) << shown.picture;
}

// The style is allowed by its digest: without it the same page looks otherwise.
TEST_F(ExplainPageInChromium, ThePolicyLetsThePagesOwnStyleThrough) {
  ExplainPage page = explain_page(everyday_explanation());
  const Shown styled = shown_by_chromium(page, kPainted);
  page.content_security_policy = "default-src 'none'";
  const Shown plain = shown_by_chromium(page, kPainted);

  ASSERT_NE(size_of_png(styled.picture).first, 0U) << styled.dom;
  ASSERT_NE(size_of_png(plain.picture).first, 0U) << plain.dom;
  EXPECT_NE(styled.picture, plain.picture);
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
