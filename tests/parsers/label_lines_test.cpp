// The label table against the patterns it stands for, and what patterns cannot do.
#include "parsers/label_lines.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "parsers/mime_reader.h"
#include "parsers/prepared_text.h"

namespace c360::parsers {
namespace {

const std::vector<std::string> kLabels = {
    "От",          "Тема",    "Компания", "Организация", "ФИО",         "Имя",   "Должность",
    "Департамент", "Отдел",   "Телефон",  "E-mail",      "Email",       "Почта", "ИНН",
    "Name",        "Company", "Position", "Ёлка",        "GA_client_ID"};
constexpr std::string_view kSite = "Страница заполнения заявки";

LabelTable table() {
  LabelTable labels;
  for (const std::string& label : kLabels) labels.add(label, separator_colon);
  labels.add(kSite, separator_colon | separator_hyphen | separator_en_dash | separator_em_dash);
  return labels;
}

using Found = std::vector<std::pair<std::size_t, std::string>>;  // line begin, value

Found by_table(const LabelTable& labels, const std::string& text, std::string_view label) {
  Found found;
  for (const LabelLine& line : labels.find_at_line_starts(text))
    if (labels.text(line.label) == label)
      found.emplace_back(line.line_begin,
                         text.substr(line.value.begin, line.value.end - line.value.begin));
  return found;
}

// domain.md 18.2, word for word.
Found by_pattern(const std::string& text, std::string_view label, const std::string& separator) {
  static std::map<std::string, std::unique_ptr<const RE2>> patterns;
  auto& pattern = patterns[std::string(label)];
  if (!pattern)
    pattern =
        std::make_unique<const RE2>("(?im)(^)[ \\t>*•]*(?:" + RE2::QuoteMeta(std::string(label)) +
                                    ")[ \\t]*" + separator + "[ \\t]*(.*?)[ \\t\\r]*$");
  Found found;
  re2::StringPiece rest(text);
  re2::StringPiece begin;
  re2::StringPiece value;
  while (RE2::FindAndConsume(&rest, *pattern, &begin, &value))
    found.emplace_back(static_cast<std::size_t>(begin.data() - text.data()),
                       std::string(value.data(), value.size()));
  return found;
}

void expect_same(const LabelTable& labels, const std::string& text) {
  for (const std::string& label : kLabels)
    ASSERT_EQ(by_table(labels, text, label), by_pattern(text, label, ":")) << label << "\n" << text;
  ASSERT_EQ(by_table(labels, text, kSite), by_pattern(text, kSite, "[:–—-]")) << text;
}

std::vector<std::string> texts_in(const std::filesystem::path& folder) {
  std::vector<std::string> texts;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".eml") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream raw;
    raw << in.rdbuf();
    const std::string mail = std::move(raw).str();
    MimeOptions options;
    options.detect_types = false;
    texts.push_back(prepare(read_mail(mail, options).message()).text);
  }
  return texts;
}

TEST(LabelLines, AgreeWithTheSinglePatternsOnEveryMailAtHand) {
  const LabelTable labels = table();
  std::size_t count = 0;
  const std::filesystem::path root = C360_SOURCE_DIR;
  for (const auto& folder : {root / "tests/fixtures/mail/domain", root / "tests/fixtures/samples",
                             root.parent_path() / "shared/corpus/eml"}) {
    for (const std::string& text : texts_in(folder)) {
      ++count;
      expect_same(labels, text);
    }
  }
  EXPECT_GE(count, 28U);
}

TEST(LabelLines, AgreeWithTheSinglePatternsOnGeneratedTexts) {
  const LabelTable labels = table();
  const std::vector<std::string> pieces = {"\n",
                                           "\n",
                                           "\n",
                                           " ",
                                           "\t",
                                           ">",
                                           "*",
                                           "•",
                                           ":",
                                           ":",
                                           "-",
                                           "–",
                                           "—",
                                           "ot",
                                           "\r",
                                           "От",
                                           "оТ",
                                           "ФИО",
                                           "фио",
                                           "Имя",
                                           "Отдел",
                                           "отд",
                                           "ёлка",
                                           "ЁЛКА",
                                           "е",
                                           "E-mail",
                                           "e-MAIL",
                                           "Email",
                                           "Name",
                                           "name",
                                           "Company",
                                           "Poſition",
                                           "Position",
                                           "ᲄема",
                                           "Тема",
                                           "Телефон",
                                           "GA_client_ID",
                                           "GA_CLIENT_ID",
                                           "Страница заполнения заявки",
                                           "страница заполнения заявки",
                                           "ООО «Ромашка»",
                                           "значение",
                                           "x",
                                           "1",
                                           "–-",
                                           "\xE2\x80\xA6"};
  std::mt19937 random(20260117);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same texts every time
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    const auto length = random() % 40;
    for (unsigned i = 0; i < length; ++i) text += pieces[random() % pieces.size()];
    expect_same(labels, text);
    if (HasFatalFailure()) return;
  }
}

struct Line {
  std::string label, value;
  bool operator==(const Line&) const = default;
};
void PrintTo(const Line& line, std::ostream* out) { *out << line.label << "=" << line.value; }

std::vector<Line> lines_of(const std::string& text) {
  const LabelTable labels = table();
  std::vector<Line> lines;
  for (const LabelLine& line : labels.find(text))
    lines.push_back({labels.text(line.label),
                     text.substr(line.value.begin, line.value.end - line.value.begin)});
  return lines;
}

TEST(LabelLines, SeveralLabelsInOneLineAreReadApart) {
  EXPECT_EQ(
      lines_of("Компания: ООО «Ромашка» ФИО: Иванов Телефон: +7 495"),
      (std::vector<Line>{{"Компания", "ООО «Ромашка»"}, {"ФИО", "Иванов"}, {"Телефон", "+7 495"}}));
  // Glued, as HTML without line breaks leaves it.
  EXPECT_EQ(lines_of("Компания: РомашкаФИО: Иванов ПётрТелефон: +7 495E-mail: a@b.example"),
            (std::vector<Line>{{"Компания", "Ромашка"},
                               {"ФИО", "Иванов Пётр"},
                               {"Телефон", "+7 495"},
                               {"E-mail", "a@b.example"}}));
  EXPECT_EQ(lines_of("Заявка. Компания: А, ФИО: Б\n"),
            (std::vector<Line>{{"Компания", "А,"}, {"ФИО", "Б"}}));
  // Two such lines.
  EXPECT_EQ(lines_of("Компания: А ФИО: Б\nТелефон: 1 E-mail: a@b.example"),
            (std::vector<Line>{
                {"Компания", "А"}, {"ФИО", "Б"}, {"Телефон", "1"}, {"E-mail", "a@b.example"}}));
}

TEST(LabelLines, ASentenceThatMentionsALabelStaysWhole) {
  EXPECT_EQ(
      lines_of("Компания: А\nФИО: пишите на имя: Петров\nТелефон: 1"),
      (std::vector<Line>{{"Компания", "А"}, {"ФИО", "пишите на имя: Петров"}, {"Телефон", "1"}}));
  EXPECT_EQ(lines_of("Компания: А: Телефон: 5\nТелефон: 1"),
            (std::vector<Line>{{"Компания", "А: Телефон: 5"}, {"Телефон", "1"}}));
  EXPECT_TRUE(lines_of("Он сказал: Имя его: Пётр, и ушёл").empty());
}

TEST(LabelLines, ATextLabelIsNotCutByOneLabelInItsFirstLine) {
  LabelTable labels;
  labels.add("Комментарий", separator_colon, LabelTable::Use::text);
  labels.add("Телефон", separator_colon);
  labels.add("ФИО", separator_colon);
  const std::string text = "ФИО: А\nКомментарий: звоните: Телефон: 5\n";

  const auto lines = labels.find(text);

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(text.substr(lines[1].value.begin, lines[1].value.end - lines[1].value.begin),
            "звоните: Телефон: 5");
}

TEST(LabelLines, AMebibyteOfColonsAndLabelsIsReadInOnePass) {
  const LabelTable labels = table();
  std::string colons(1U << 20U, ':');
  EXPECT_TRUE(labels.find(colons).empty());
  std::string many;
  while (many.size() < (1U << 20U)) many += "От: Имя: Отдел: ::: E-mail: x\n";
  EXPECT_FALSE(labels.find(many).empty());
}

}  // namespace
}  // namespace c360::parsers
