// Documents as they are printed: the text read from the PDF is the data, on as many pages as it
// takes.
#include <gmock/gmock.h>

#include <array>

#include "adapters/helper_renderer.h"
#include "tests/support/document_samples.h"
#include "tests/support/pdf_text.h"

namespace c360::adapters {
namespace {

using std::chrono::milliseconds;
using testing::DocumentSample;
using ::testing::HasSubstr;

void erase_all(std::string& text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.erase(at, what.size());
  }
}

// Where a line ends is the printer's affair.
std::string without_blanks(std::string text) {
  for (const std::string_view blank : {" ", "\n", "\u00a0"}) erase_all(text, blank);
  return text;
}

// What stands between the first `begin` of the page and the next `end`, without tags and blanks.
std::string text_between(const std::string& html, std::string_view begin, std::string_view end) {
  const auto from = html.find(begin);
  const auto to = html.find(end, from);
  std::string text;
  bool in_tag = false;
  for (const char c : html.substr(from, to - from)) {
    if (c == '<') in_tag = true;
    if (!in_tag) text += c;
    if (c == '>') in_tag = false;
  }
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kEntities = {
      {{"&nbsp;", ""},
       {"&lt;", "<"},
       {"&gt;", ">"},
       {"&quot;", "\""},
       {"&apos;", "'"},
       {"&amp;", "&"}}};
  for (const auto& [entity, character] : kEntities) {
    for (auto at = text.find(entity); at != std::string::npos; at = text.find(entity, at)) {
      text.replace(at, entity.size(), character);
    }
  }
  return without_blanks(std::move(text));
}

bool erased_once(std::string& text, std::string_view what) {
  const auto at = text.rfind(what);
  if (at == std::string::npos) return false;
  text.erase(at, what.size());
  return true;
}

std::string member(const Json& row, std::string_view name) { return row.find(name)->as_string(); }

class DocumentPages : public ::testing::TestWithParam<DocumentSample> {
 protected:
  // The pages without blanks.
  std::vector<std::string> printed(const std::string& html) const {
    const auto pdf = renderer_.pdf(html);
    if (!pdf) {
      ADD_FAILURE() << pdf.error().detail;
      return {};
    }
    std::vector<std::string> pages = testing::pages_of_pdf(*pdf);
    for (std::string& each : pages) each = without_blanks(std::move(each));
    return pages;
  }
  // As it stands in the table of the document.
  static std::string row_of(const std::string& code, const Json& line) {
    const bool is_proposal = code == "proposal";
    std::string text = member(line, "no") + member(line, "name") + member(line, "description");
    if (is_proposal && !member(line, "discount").empty())
      text += "Скидка" + member(line, "discount");
    text += member(line, "quantity") + member(line, "unit");
    if (!is_proposal) text += member(line, "price");
    return without_blanks(text + member(line, "amount"));
  }

  HelperRenderer renderer_{{.path = std::string(C360_SOURCE_DIR) + "/adapters/pdf/client360-render",
                            .timeout = milliseconds{240'000},
                            .wait = milliseconds{240'000}}};
};

TEST_P(DocumentPages, TheTextOfThePdfIsWhatTheDocumentHolds) {
  const DocumentSample& sample = GetParam();
  const Json content = testing::content_of(sample);
  const std::string html = testing::page_of(sample);
  std::vector<std::string> pages = printed(html);
  ASSERT_FALSE(pages.empty());
  EXPECT_EQ(pages.size() > 1, sample.takes_pages) << pages.size();

  // Each page is numbered and named, and where the table goes on its heading stands again.
  const std::string heading = text_between(html, "<thead>", "</thead>");
  std::string title = text_between(html, "<h1>", "</h1>");
  if (sample.code == "proposal") title += text_between(html, "<p class=\"date\">", "</p>");
  for (std::size_t page = 0; page < pages.size(); ++page) {
    const std::string number =
        "Страница" + std::to_string(page + 1) + "из" + std::to_string(pages.size());
    EXPECT_TRUE(erased_once(pages[page], title + number)) << pages[page];
    EXPECT_THAT(pages[page], HasSubstr(heading));
    if (page > 0) erased_once(pages[page], heading);
  }

  // Every line once and in its order, and nothing but what the page was filled with.
  std::string text;
  for (const std::string& each : pages) text += each;
  EXPECT_EQ(text, text_between(html, "<body>", "</body>"));
  std::size_t at = 0;
  for (const Json& line : content.find("lines")->as_array()) {
    const std::string row = row_of(sample.code, line);
    at = text.find(row, at);
    ASSERT_NE(at, std::string::npos) << row;
    at += row.size();
  }

  // The sums and who signs stand together, below at least one line.
  const Json& totals = *content.find("totals");
  for (const char* name : {"amount", "amount_with_vat", "in_words", "vat_in_words"}) {
    EXPECT_THAT(pages.back(), HasSubstr(without_blanks(member(totals, name)))) << name;
  }
  const Json& signer = *content.find(sample.code == "proposal" ? "author" : "seller");
  EXPECT_THAT(
      pages.back(),
      HasSubstr(without_blanks(member(signer, sample.code == "proposal" ? "name" : "ceo"))));
  EXPECT_THAT(pages.back(),
              HasSubstr(row_of(sample.code, content.find("lines")->as_array().back())));
}

INSTANTIATE_TEST_SUITE_P(Samples, DocumentPages, ::testing::ValuesIn(testing::document_samples()),
                         [](const auto& sample) {
                           std::string name = sample.param.name;
                           for (char& c : name) {
                             if (c == '-') c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace c360::adapters
