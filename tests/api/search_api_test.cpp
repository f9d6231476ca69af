// One search over everything.
#include "store/search.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class SearchApi : public ApiTest {
 protected:
  void index() {
    for (;;) {
      const auto read = store::index_changes(*database_, *registry_);
      ASSERT_TRUE(read) << read.error().detail;
      if (*read == 0) return;
    }
  }
  static std::string found(HttpClient& by, const std::string& text, const std::string& more = "") {
    const auto answer = by.get("/api/v1/search?q=" + percent_encoded(text) + more);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::string titles;
    const Json body = answer.json();
    for (const auto& item : body.find("items")->as_array()) {
      titles += (titles.empty() ? "" : "|") + item.find("kind")->as_string() + ":" +
                item.find("id")->dump();
    }
    return titles;
  }
};

TEST_F(SearchApi, FindsNamesTextsNumbersAndAddressesInAnyForm) {
  HttpClient admin = administrator();
  const std::string deal =
      "deal:" + std::to_string(make_deal(admin, "Поставка стёкол", R"(, "site_email":
      "ivan@steklo.example", "description": "Нужны <b>лицензии</b> for our offices")"));
  make_deal(admin, "Ремонт крыши");
  const std::string company =
      "counterparty:" +
      std::to_string(created(admin.post("/api/v1/counterparties", R"({"name": "ООО «Ромашка»",
      "inn": "7707083893", "segment_code": "small", "acquisition_channel_code": "other",
      "status_code": "potential"})")));
  index();

  EXPECT_EQ(found(admin, "поставки"), deal) << "another case of the word";
  EXPECT_EQ(found(admin, "СТЕКЛО ивановское"), "") << "every word is wanted";
  EXPECT_EQ(found(admin, "стекла"), deal) << "ё is е";
  EXPECT_EQ(found(admin, "лицензий"), deal) << "texts too";
  EXPECT_EQ(found(admin, "office"), deal) << "English stems";
  EXPECT_EQ(found(admin, "поставка лиценз"), deal) << "the end of a word may be missing";
  EXPECT_EQ(found(admin, "ivan@steklo.example"), deal);
  EXPECT_EQ(found(admin, "7707083893"), company);
  EXPECT_EQ(found(admin, "ромашка"), company);
  EXPECT_EQ(found(admin, "рамашка"), company) << "with a typing error";
  EXPECT_EQ(found(admin, "romashka nowhere"), "");
}

TEST_F(SearchApi, TellsWhereTheMatchIsAsPlainText) {
  HttpClient admin = administrator();
  make_deal(admin, "A", R"(, "description": "Нужны <b>лицензии</b> скоро")");
  index();
  const auto answer = admin.get("/api/v1/search?q=" + percent_encoded("лицензия"));
  EXPECT_EQ(answer.field("items/0/field"), "description") << answer.body;
  EXPECT_EQ(answer.field("items/0/snippet/1/text"), "лицензии");
  EXPECT_EQ(answer.field("items/0/snippet/1/match"), "true");
  EXPECT_EQ(answer.field("items/0/snippet/0/match"), "false");
  EXPECT_EQ(answer.body.find("<b>"), std::string::npos);
}

TEST_F(SearchApi, TellsTheFieldAndTheWordThatIsLikeAMistypedOne) {
  HttpClient admin = administrator();
  created(admin.post("/api/v1/counterparties",
                     R"({"name": "Торговый дом «Северсталь» Череповец", "segment_code": "small",
      "acquisition_channel_code": "other", "status_code": "potential"})"));
  index();
  const auto answer = admin.get("/api/v1/search?q=" + percent_encoded("северталь"));
  EXPECT_EQ(answer.field("items/0/field"), "name") << answer.body;
  EXPECT_EQ(answer.field("items/0/snippet/0/text"), "Торговый дом «");
  EXPECT_EQ(answer.field("items/0/snippet/1/text"), "Северсталь");
  EXPECT_EQ(answer.field("items/0/snippet/1/match"), "true");
  EXPECT_EQ(answer.field("items/0/snippet/2/text"), "» Череповец");
}

TEST_F(SearchApi, ANumberComesBeforeTextsThatHoldIt) {
  HttpClient admin = administrator();
  const auto first = make_deal(admin, "First");
  const std::string number = admin.get("/api/v1/deals/" + std::to_string(first)).field("number");
  make_deal(admin, "Room " + number);
  index();
  EXPECT_TRUE(found(admin, number).starts_with("deal:" + std::to_string(first)))
      << found(admin, number);
}

TEST_F(SearchApi, PhonesAreFoundInAnyWriting) {
  HttpClient admin = administrator();
  const auto contact = created(admin.post("/api/v1/contacts", R"({"full_name": "Иван Петров"})"));
  sql("INSERT INTO crm.record_phone (record_id, source_field, raw, e164) VALUES (" +
      std::to_string(contact) + ", 'phone', '8 (495) 123-45-67', '+74951234567')");
  index();
  const std::string expected = "contact:" + std::to_string(contact);
  for (const std::string phone :
       {"+7 495 123-45-67", "84951234567", "(495) 1234567", "123-45-67"}) {
    EXPECT_EQ(found(admin, phone), expected) << phone;
  }
  const auto answer = admin.get("/api/v1/search?q=123-45-67");
  EXPECT_EQ(answer.field("items/0/snippet/0/text"), "8 (495) 123-45-67");
}

// Words that only their stems have in common: none is the beginning of the other.
TEST_F(SearchApi, WordsAreFoundInAnyFormOfEitherLanguage) {
  struct Case {
    std::string text;
    std::string typed;
  };
  const std::vector<Case> cases = {
      {"one office in the north", "offices"},   {"a delivery by road", "deliveries"},
      {"all deliveries were late", "delivery"}, {"we are connecting printers", "connections"},
      {"установлены лицензии", "лицензиями"},   {"договор аренды склада", "складами"}};
  HttpClient admin = administrator();
  for (const Case& each : cases) {
    ASSERT_FALSE(each.text.contains(each.typed));
    const auto deal =
        make_deal(admin, "Сделка", R"(, "description": "<p>)" + each.text + R"(</p>")");
    index();
    EXPECT_EQ(found(admin, each.typed), "deal:" + std::to_string(deal)) << each.typed;
    EXPECT_EQ(admin.del("/api/v1/deals/" + std::to_string(deal), {{"If-Match", "*"}}).status, 204);
  }
}

TEST_F(SearchApi, NamesAreFoundWithATypingErrorInEitherAlphabet) {
  struct Case {
    std::string name;
    std::string typed;
  };
  const std::vector<Case> cases = {
      {"ПАО «Северсталь»", "северталь"}, {"Газпромнефть", "газромнефть"},
      {"Стройтрест №5", "стройтрет"},    {"Microsoft Rus", "microsft"},
      {"Kaspersky Lab", "kasperksy"},    {"Acme Technologies", "tecnologies"}};
  HttpClient admin = administrator();
  std::vector<std::string> companies;
  for (const Case& each : cases) {
    companies.push_back("counterparty:" +
                        std::to_string(created(admin.post(
                            "/api/v1/counterparties",
                            R"({"name": ")" + each.name +
                                R"(", "segment_code": "small", "acquisition_channel_code": "other",
                "status_code": "potential"})"))));
  }
  index();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(found(admin, cases[i].typed), companies[i]) << cases[i].typed;
  }
  const auto person = created(admin.post("/api/v1/contacts", R"({"full_name": "Анна Иванова"})"));
  index();
  EXPECT_EQ(found(admin, "иваноа"), "contact:" + std::to_string(person));
}

// By what the API itself made of the phone it was given.
TEST_F(SearchApi, APhoneThatWasWrittenIsFoundInAnyOtherWriting) {
  HttpClient admin = administrator();
  const auto person = created(admin.post(
      "/api/v1/contacts", R"({"full_name": "Иван Петров", "phone": "8 (495) 123-45-67"})"));
  const auto company = created(admin.post("/api/v1/counterparties", R"({"name": "К",
      "segment_code": "small", "acquisition_channel_code": "other", "status_code": "potential",
      "mobile_phone": "+7 (916) 765-43-21"})"));
  index();
  for (const std::string phone : {"+7 495 123-45-67", "84951234567", "4951234567", "123-45-67"}) {
    EXPECT_EQ(found(admin, phone), "contact:" + std::to_string(person)) << phone;
  }
  for (const std::string phone : {"89167654321", "8-916-765-43-21", "7654321"}) {
    EXPECT_EQ(found(admin, phone), "counterparty:" + std::to_string(company)) << phone;
  }

  const std::string path = "/api/v1/contacts/" + std::to_string(person);
  ASSERT_EQ(admin.patch(path, R"({"phone": "+7 812 000-11-22"})", {{"If-Match", "*"}}).status, 200);
  index();
  EXPECT_EQ(found(admin, "123-45-67"), "") << "it is another one now";
  EXPECT_EQ(found(admin, "8(812)0001122"), "contact:" + std::to_string(person));
}

// What a mail says stands in the deal it made, and in the activity on the record it belongs to.
TEST_F(SearchApi, TheTextOfAMailLeadsToItsRecords) {
  HttpClient admin = administrator();
  const auto deal = make_deal(admin, "Заявка с сайта");
  sql("UPDATE crm.deal SET email_message = E'Добрый день!\\nПросим рассчитать поставку "
      "экскаваторов to our warehouses.' WHERE id = " +
      std::to_string(deal));
  ASSERT_EQ(admin
                .patch("/api/v1/deals/" + std::to_string(deal), R"({"amount": "1.00"})",
                       {{"If-Match", "*"}})
                .status,
            200);
  const auto letter = created(
      admin.post("/api/v1/deals/" + std::to_string(deal) + "/activities",
                 R"({"type": "email", "status": "completed", "topic": "Re: Заявка", "activity_date":
          "2026-11-20T10:00:00Z", "text": "<p>Нужны ещё <b>бульдозеры</b> and two cranes</p>"})"));
  index();

  EXPECT_EQ(found(admin, "экскаватор"), "deal:" + std::to_string(deal));
  EXPECT_EQ(found(admin, "warehouse"), "deal:" + std::to_string(deal));
  EXPECT_EQ(found(admin, "бульдозера"), "activity:" + std::to_string(letter));
  EXPECT_EQ(found(admin, "crane"), "activity:" + std::to_string(letter));
  EXPECT_EQ(admin.get("/api/v1/search?q=warehouse").field("items/0/field"), "email_message");
}

TEST_F(SearchApi, FollowsChangesAndForgetsWhatIsDeleted) {
  HttpClient admin = administrator();
  const std::string id = std::to_string(make_deal(admin, "Поставка"));
  index();
  EXPECT_EQ(found(admin, "поставка"), "deal:" + id);
  admin.patch("/api/v1/deals/" + id, R"({"name": "Аренда"})", {{"If-Match", "*"}});
  index();
  EXPECT_EQ(found(admin, "поставка"), "");
  EXPECT_EQ(found(admin, "аренда"), "deal:" + id);
  EXPECT_EQ(admin.del("/api/v1/deals/" + id, {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(found(admin, "аренда"), "") << "at once, before the index knows";
  index();
  EXPECT_EQ(sql("SELECT count(*) FROM crm.search_document"), 0);
}

TEST_F(SearchApi, ShowsOnlyWhatMayBeRead) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  const std::string deal = "deal:" + std::to_string(make_deal(owner, "Тайная поставка"));
  index();
  EXPECT_EQ(found(owner, "тайная"), deal);
  EXPECT_EQ(found(stranger, "тайная"), "");
  HttpClient leads = client(add_token(add_user("admin", {"crm-administrators"}), {"lead:read"}));
  EXPECT_EQ(found(leads, "тайная"), "");
  EXPECT_EQ(leads.get("/api/v1/search?q=a&kind=deal").status, 403);
  EXPECT_EQ(found(owner, "тайная", "&kind=lead"), "");
  EXPECT_EQ(found(owner, "тайная", "&kind=deal,lead"), deal);
}

// More match than are ranked, and all but one are somebody else's.
TEST_F(SearchApi, HisOwnIsFoundAmongThousandsOfOthers) {
  HttpClient owner = client_of("owner", {});
  sql("WITH r AS (INSERT INTO crm.record (kind) SELECT 'deal' FROM generate_series(1, 5200) "
      "RETURNING id), d AS (INSERT INTO crm.deal (id, name, status, origin) SELECT id, 'Поставка', "
      "'new', 'api' FROM r RETURNING id, number) INSERT INTO crm.search_document (record_id, kind, "
      "number, title, words) SELECT id, 'deal', number, number || ' Поставка', "
      "to_tsvector('russian', number || ' Поставка') FROM d");
  const auto mine = make_deal(owner, "Поставка");
  const auto number = sql("SELECT number FROM crm.deal WHERE id = " + std::to_string(mine));
  index();
  EXPECT_EQ(found(owner, "поставка"), "deal:" + std::to_string(mine));
  HttpClient stranger = client_of("stranger", {});
  EXPECT_EQ(found(stranger, "поставка"), "");
  EXPECT_EQ(found(owner, std::to_string(number)), "deal:" + std::to_string(mine));
  HttpClient admin = administrator();
  EXPECT_EQ(found(admin, "поставка").find("deal:"), 0U);
}

TEST_F(SearchApi, RefusesWhatIsNoSearch) {
  HttpClient admin = administrator();
  for (const std::string wrong : {"", "?q=", "?q=%20", "?q=!%26%7C", "?q=a&limit=0",
                                  "?q=a&limit=101", "?q=a&kind=x", "?q=a&colour=red"}) {
    EXPECT_EQ(admin.get("/api/v1/search" + wrong).status, 400) << wrong;
  }
  EXPECT_EQ(admin.get("/api/v1/search?q=" + std::string(store::kMaxSearchBytes + 1, 'a')).status,
            400);
  // Nothing of a query is syntax.
  for (const std::string text : {"a' | 'b", "a:*", "(a", "!a & b", "a\\", "<->", "\"a"}) {
    EXPECT_NE(admin.get("/api/v1/search?q=" + percent_encoded(text)).status, 500) << text;
  }
}

TEST_F(SearchApi, OneOfTwoIndexersWorks) {
  HttpClient admin = administrator();
  make_deal(admin, "A");
  auto other = database_->begin(store::Pool::api, store::TxMode::read_write);
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->query({"", "SELECT FROM ops.search_progress FOR UPDATE"}));
  const auto read = store::index_changes(*database_, *registry_);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, 0);
}

}  // namespace
}  // namespace c360::api
