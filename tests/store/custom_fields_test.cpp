// Fields an installation adds itself: they count at once, in writes, filters, order and search.
#include <algorithm>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::Parameters;

class CustomFields : public RecordsTest {
 protected:
  void define(const std::string& code, const std::string& type, const std::string& more = {}) {
    make("custom_field_def",
         R"({"record_kind":"deal","code":")" + code + R"(","name_ru":"Поле","name_en":"Field",)" +
             R"("type":")" + type + "\"" + more + "}",
         admin_);
  }
  // Every fault of the write as "pointer=code", in order; empty: it was stored.
  std::string faults(const std::string& custom, store::WriteOptions options = {}) {
    const auto made = records_->create(
        kind("deal"), json(R"({"name":"x","custom":)" + custom + "}"), admin_, options);
    if (made) {
      last_ = *made;
      return {};
    }
    std::string text;
    for (const FieldError& field : made.error().fields) {
      text += (text.empty() ? "" : " ") + field.pointer + "=" + field.code;
    }
    return text.empty() ? made.error().reason : text;
  }
  std::string custom() { return member(last_, "custom"); }
  std::string change(const std::string& custom) {
    const auto done =
        records_->update(kind("deal"), last_.key, json(R"({"custom":)" + custom + "}"), admin_);
    if (done) last_ = *done;
    return done ? this->custom() : describe(done.error());
  }
  // The names of the deals a list gives.
  std::string names(const Parameters& parameters) {
    const auto page = records_->list(kind("deal"), parameters, admin_);
    if (!page) return describe(page.error());
    std::string text;
    const Json items = json(page->items);
    for (const Json& item : items.as_array()) {
      text += (text.empty() ? "" : " ") + item.find("name")->as_string();
    }
    return text;
  }
  void deal(const std::string& name, const std::string& custom) {
    make("deal", R"({"name":")" + name + R"(","custom":)" + custom + "}", admin_);
  }

  store::RecordView last_;
};

TEST_F(CustomFields, ANewDefinitionCountsAtOnceAndUnknownNamesAreRefused) {
  EXPECT_EQ(faults(R"({"region":"Юг"})"), "/custom/region=unknown_field");

  define("region", "text");

  EXPECT_EQ(faults(R"({"region":"Юг","regoin":"Юг"})"), "/custom/regoin=unknown_field");
  EXPECT_EQ(faults(R"({"region":"Юг"})"), "");
  EXPECT_EQ(custom(), R"({"region":"Юг"})");
}

TEST_F(CustomFields, EveryTypeTakesItsOwnValuesAndAllFaultsAreToldAtOnce) {
  define("t", "text");
  define("n", "number");
  define("m", "money");
  define("b", "bool");
  define("d", "date");
  define("ts", "datetime");
  define("e", "enum", R"(,"enum_values":["red","green"])");
  define("u", "user");
  define("r", "record");
  const std::string user = std::to_string(*manager_.user_id);
  const std::string record = make("deal", R"({"name":"other"})", admin_).key;

  EXPECT_EQ(faults(R"({"t":"ок","n":-1.5,"m":"-10.25","b":true,"d":"2026-02-28",)"
                   R"("ts":"2026-02-28T10:00:00Z","e":"red","u":)" +
                   user + R"(,"r":)" + record + "}"),
            "");
  EXPECT_EQ(faults(R"({"t":1,"n":"1","m":"1.234","b":"true","d":"2026-02-30","ts":"yesterday",)"
                   R"("e":"blue","u":"x","r":1.5})"),
            "/custom/t=wrong_type /custom/n=wrong_type /custom/m=invalid_amount "
            "/custom/b=wrong_type /custom/d=invalid_date /custom/ts=invalid_timestamp "
            "/custom/e=invalid_code /custom/u=wrong_type /custom/r=wrong_type");
  EXPECT_EQ(faults(R"({"n":1e3})"), "/custom/n=out_of_range");
  EXPECT_EQ(faults(R"({"u":999999,"r":999999})"),
            "/custom/u=reference_not_found /custom/r=reference_not_found");
}

TEST_F(CustomFields, ADayThatIsNoneLeftByAnotherWriterSpoilsNoList) {
  define("due", "date");
  define("seen_at", "datetime");
  deal("good", R"({"due":"2024-02-29","seen_at":"2024-02-29T10:00:00Z"})");
  for (const auto& [day, time] : {std::pair{"2026-13-45", "2026-01-01T99:99:99Z"},
                                  {"2026-02-29", "2026-02-30T10:00:00Z"},
                                  {"1900-02-29", "2026-01-01T10:00:00+99:00"},
                                  {"0000-01-01", "0000-01-01T10:00:00Z"},
                                  {"2026-04-31", "2026-01-01T24:00:00Z"}}) {
    deal(day, "{}");
    sql("UPDATE crm.deal SET custom = '{\"due\":\"" + std::string(day) + "\",\"seen_at\":\"" +
        time + "\"}' WHERE name = '" + day + "'");
  }

  EXPECT_EQ(names({{"custom.due.lt", "2030-01-01"}}), "good");
  EXPECT_EQ(names({{"custom.seen_at.lt", "2030-01-01T00:00:00Z"}}), "good");
  EXPECT_EQ(names({{"sort", "custom.due"}, {"limit", "1"}}), "good");
  EXPECT_EQ(names({{"sort", "custom.seen_at"}, {"limit", "1"}}), "good");
}

TEST_F(CustomFields, RecordsMadeByMailHaveTheDefaultsFromTheFirstOneOn) {
  define("rank", "number", R"(,"default_value":5)");
  auto tx = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(tx);
  const auto asked = records_->allocate(*tx, kind("deal"), 1);
  ASSERT_TRUE(tx->run());
  std::vector<store::NewRecord> deals(1);
  deals[0].id = store::Records::allocated(*tx, asked)[0].id;
  deals[0].number = store::Records::allocated(*tx, asked)[0].number;

  const auto made = records_->create_many(*tx, kind("deal"), deals, store::Actor::system("mail"));

  ASSERT_TRUE(made) << describe(made.error());
  ASSERT_TRUE(tx->commit());
  EXPECT_EQ(sql("SELECT custom FROM crm.deal"), R"({"rank": 5})");
}

TEST_F(CustomFields, RequiredIsAskedOfPeopleAndDefaultsAreFilledIn) {
  define("region", "text", R"(,"is_required":true)");
  define("rank", "number", R"(,"default_value":5)");

  EXPECT_EQ(faults("{}"), "/custom/region=region_required");
  EXPECT_EQ(faults(R"({"region":"Юг"})"), "");
  EXPECT_EQ(custom(), R"({"rank":5,"region":"Юг"})");
  EXPECT_EQ(change(R"({"region":null})"),
            "validation_failed region_required: 1 of the fields of this Deal cannot be accepted; "
            "see errors. /custom/region=region_required");

  const auto by_mail =
      records_->create(kind("deal"), json(R"({"name":"из письма"})"), store::Actor::system("mail"),
                       {.profile = store::Profile::draft});
  ASSERT_TRUE(by_mail) << describe(by_mail.error());
  EXPECT_EQ(member(*by_mail, "custom"), R"({"rank":5})");
}

TEST_F(CustomFields, AChangeIsAMergePatchAndKeepsWhatHasNoDefinitionAnyMore) {
  define("region", "text");
  define("rank", "number");
  ASSERT_EQ(faults(R"({"region":"Юг","rank":1})"), "");
  sql("UPDATE crm.custom_field_def SET is_active = false WHERE code = 'region'");

  EXPECT_EQ(change(R"({"rank":2})"), R"({"rank":2,"region":"Юг"})");
  EXPECT_EQ(change(R"({"region":"Юг"})"), R"({"rank":2,"region":"Юг"})");
  EXPECT_NE(change(R"({"region":"Север"})").find("/custom/region=unknown_field"),
            std::string::npos);
  EXPECT_EQ(change(R"({"region":null,"rank":null})"), "{}");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'updated' AND record_id = " +
                last_.key),
            "2");
}

TEST_F(CustomFields, ListsAreFilteredSortedAndSearchedByThem) {
  define("region", "text", R"(,"is_searchable":true)");
  define("rank", "number");
  define("due", "date");
  deal("a", R"({"region":"Юг","rank":10,"due":"2026-01-31"})");
  deal("b", R"({"region":"Север","rank":9.5})");
  deal("c", R"({"region":"Юго-запад"})");

  EXPECT_EQ(names({{"custom.region", "Юг"}}), "a");
  EXPECT_EQ(names({{"custom.region.like", "юг"}, {"sort", "name"}}), "a c");
  EXPECT_EQ(names({{"custom.rank.gte", "9.5"}, {"sort", "custom.rank"}}), "b a");
  EXPECT_EQ(names({{"custom.rank.null", "true"}}), "c");
  EXPECT_EQ(names({{"custom.due.lt", "2026-02-01"}}), "a");
  EXPECT_EQ(names({{"q", "север"}}), "b");
  EXPECT_NE(names({{"custom.regoin", "Юг"}}).find("custom.region"), std::string::npos);
  EXPECT_NE(names({{"custom.rank", "much"}}).find("invalid_value"), std::string::npos);
}

TEST_F(CustomFields, PagesGoOnInTheOrderOfACustomField) {
  define("rank", "number");
  for (int i = 0; i < 5; ++i) deal(std::to_string(i), R"({"rank":)" + std::to_string(10 * i) + "}");
  std::string seen;
  Parameters parameters = {{"sort", "-custom.rank"}, {"limit", "2"}};

  for (int pages = 0; pages < 3; ++pages) {
    const auto page = records_->list(kind("deal"), parameters, admin_);
    ASSERT_TRUE(page) << describe(page.error());
    const Json items = json(page->items);
    for (const Json& item : items.as_array()) seen += item.find("name")->as_string();
    if (!page->next_cursor) break;
    parameters = {{"sort", "-custom.rank"}, {"limit", "2"}, {"cursor", *page->next_cursor}};
  }

  EXPECT_EQ(seen, "43210");
}

TEST_F(CustomFields, ADefinitionIsCheckedItself) {
  const auto wrong = [&](const std::string& body, const store::Actor& actor) {
    const auto made = records_->create(
        kind("custom_field_def"),
        json(R"({"record_kind":"deal","name_ru":"Поле","name_en":"Field",)" + body + "}"), actor);
    return made ? "ok" : describe(made.error());
  };

  EXPECT_NE(wrong(R"("code":"x'y","type":"text")", admin_).find("/code=invalid_code"),
            std::string::npos);
  EXPECT_NE(wrong(R"("code":"a","type":"enum")", admin_).find("/enum_values=enum_values_required"),
            std::string::npos);
  EXPECT_NE(wrong(R"("code":"a","type":"text","enum_values":["x"])", admin_).find("not_an_enum"),
            std::string::npos);
  EXPECT_NE(wrong(R"("code":"a","type":"date","default_value":"soon")", admin_)
                .find("/default_value=invalid_date"),
            std::string::npos);
  EXPECT_NE(wrong(R"("code":"a","type":"text")", manager_).find("forbidden"), std::string::npos);
  EXPECT_EQ(wrong(R"("code":"a","type":"text")", admin_), "ok");
  EXPECT_NE(wrong(R"("code":"a","type":"text")", admin_).find("conflict"), std::string::npos);
}

}  // namespace
}  // namespace c360::testing
