// Errors in the language of the client.
#include <gtest/gtest.h>

#include "api/russian.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

bool is_russian(std::string_view text) {
  return text.find("\xD0") != std::string_view::npos || text.find("\xD1") != std::string_view::npos;
}

using RussianApi = ApiTest;

TEST_F(RussianApi, EveryWrongFieldIsSaidInTheLanguageAskedFor) {
  HttpClient admin = administrator();
  const std::string body = R"({"name": 1, "amount": "much", "currency": "ZZZ", "status": "nowhere",
      "site_email": "x", "colour": 1, "number": 7, "responsible_id": "a", "closed_at": "x",
      "custom": {"size": 1}, "number_of_users": 1.5, "contract_id": 999999})";

  const auto russian = admin.post("/api/v1/deals", body, {{"Accept-Language", "ru-RU, en;q=0.5"}});
  const auto english = admin.post("/api/v1/deals", body, {{"Accept-Language", "en, ru;q=0.5"}});

  ASSERT_EQ(russian.status, 422) << russian.body;
  EXPECT_EQ(russian.field("title"), "Данные не приняты");
  EXPECT_TRUE(is_russian(russian.field("detail")));
  const Json in_russian = russian.json();
  const Json in_english = english.json();
  const auto& said = in_russian.find("errors")->as_array();
  const auto& thought = in_english.find("errors")->as_array();
  ASSERT_EQ(said.size(), thought.size());
  EXPECT_GE(said.size(), 8U) << russian.body;
  for (std::size_t i = 0; i < said.size(); ++i) {
    EXPECT_EQ(*said[i].find("pointer"), *thought[i].find("pointer"));
    EXPECT_EQ(*said[i].find("code"), *thought[i].find("code")) << "codes are the same in both";
    const std::string& detail = said[i].find("detail")->as_string();
    EXPECT_TRUE(is_russian(detail)) << detail;
    EXPECT_FALSE(detail.starts_with("Значение не принято: ")) << "not translated: " << detail;
    EXPECT_FALSE(is_russian(thought[i].find("detail")->as_string()));
  }
}

TEST_F(RussianApi, ProgramsThatSayNothingReadEnglish) {
  HttpClient admin = administrator();
  EXPECT_EQ(admin.get("/api/v1/deals/999999").field("title"), "Not found");
  EXPECT_EQ(admin.get("/api/v1/deals/999999", {{"Accept-Language", "ru"}}).field("title"),
            "Не найдено");
  EXPECT_EQ(admin.get("/api/v1/deals/999999?lang=ru").field("title"), "Не найдено");
  EXPECT_EQ(admin.get("/api/v1/deals/999999?lang=en", {{"Accept-Language", "ru"}}).field("title"),
            "Not found");
}

TEST_F(RussianApi, RowsOfManyAreSaidInItToo) {
  HttpClient admin = administrator();
  const testing::HttpHeaders ru{{"Accept-Language", "ru"}};
  const auto bulk = admin.post("/api/v1/deals/bulk?mode=each",
                               R"({"items": [{"create": {"amount": "-1"}}]})", ru);
  EXPECT_EQ(bulk.field("items/0/problem/errors/0/detail"), "Значение не может быть отрицательным.")
      << bulk.body;
  const auto imported = admin.post("/api/v1/deals/import", R"([{"amount": "-1"}])", ru);
  EXPECT_NE(imported.body.find("Значение не может быть отрицательным."), std::string::npos)
      << imported.body;
}

TEST(Russian, PutsWhatChangesIntoItsPlace) {
  EXPECT_EQ(in_russian("At most 500 characters."), "Не больше 500 знаков.");
  EXPECT_EQ(in_russian("Expected string, got number."), "Ожидается строка, получено: число.");
  EXPECT_EQ(in_russian("Expected a number between -5 and 5."), "Ожидается число от -5 до 5.");
  EXPECT_EQ(in_russian("\"x. y\" is not one of: a, b."), "\"x. y\" не входит в список: a, b.");
  EXPECT_EQ(in_russian("Nobody translated this."), "Nobody translated this.");
}

TEST(Russian, AFieldNobodyTranslatedIsRefusedInRussianAllTheSame) {
  Error error{ErrorCode::validation_failed, "", "", {{"/a", "new_code", "Something new."}}, {}};
  EXPECT_EQ(in_russian(error).fields.front().detail, "Значение не принято: Something new.");
}

}  // namespace
}  // namespace c360::api
