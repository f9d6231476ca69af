// Every change has its event, in its transaction: of records, and of everything else that is kept.
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class History : public RecordsTest {
 protected:
  // "created", "updated name_ru: Да -> Нет", … of what a person may see, the oldest first.
  std::string events(std::string_view name, std::string_view key, const store::Actor& actor,
                     const store::Parameters& parameters = {}) {
    const auto page = records_->history(kind(name), key, parameters, actor);
    if (!page) return describe(page.error());
    const Json items = json(page->items);
    std::string text;
    for (auto event = items.as_array().rbegin(); event != items.as_array().rend(); ++event) {
      std::string one = event->find("event")->as_string();
      for (const Json& change : event->find("changes")->as_array()) {
        one += " " + change.find("field")->as_string() + ":" + change.find("old")->dump() + ">" +
               change.find("new")->dump();
      }
      text += (text.empty() ? "" : "; ") + one;
    }
    return text;
  }
  std::string id(const store::Actor& actor) { return std::to_string(*actor.user_id); }
};

TEST_F(History, OfADirectoryEntryIsCompleteAndOutlivesIt) {
  make("segment", R"({"code":"vip","name_ru":"Особые","name_en":"VIP"})", admin_);
  ASSERT_TRUE(records_->update(kind("segment"), "vip", json(R"({"is_active":false})"), cco_));
  ASSERT_TRUE(records_->remove(kind("segment"), "vip", admin_));

  const std::string told = events("segment", "vip", admin_);

  EXPECT_TRUE(told.starts_with("created; updated is_active:true>false; deleted ")) << told;
  EXPECT_NE(told.find("name_ru:\"Особые\">null"), std::string::npos) << told;
  EXPECT_EQ(events("segment", "vip", seller_).substr(0, 9), "not_found");
  EXPECT_EQ(events("segment", "vip", admin_, {{"event", "created,updated"}}),
            "created; updated is_active:true>false");
  EXPECT_EQ(sql("SELECT string_agg(actor_id::text || ' ' || coalesce(version::text, '-'), ',' "
                "ORDER BY id) FROM crm.history_event WHERE record_key = 'vip'"),
            id(admin_) + " 1," + id(cco_) + " 2," + id(admin_) + " -");
}

TEST_F(History, OfUsersAndGroupsSaysWhoCameIntoWhichGroup) {
  const auto user = make("user", R"({"login":"new"})", admin_);
  make("group", R"({"id":"sales","name_ru":"Продажи","name_en":"Sales"})", admin_);
  ASSERT_TRUE(records_->link(kind("group"), "sales", "members", user.key, admin_));
  ASSERT_TRUE(records_->link(kind("group"), "sales", "members", user.key, admin_));  // once
  ASSERT_TRUE(records_->unlink(kind("group"), "sales", "members", user.key, admin_));
  ASSERT_TRUE(records_->update(kind("user"), user.key, json(R"({"job_title":"CEO"})"), admin_));

  EXPECT_EQ(events("user", user.key, admin_), "created; updated job_title:null>\"CEO\"");
  EXPECT_EQ(events("group", "sales", admin_), "created; member_added members:null>" + user.key +
                                                  "; member_removed members:" + user.key + ">null");
}

TEST_F(History, OfACommentKeepsWhatItSaidBefore) {
  const auto deal = make("deal", R"({"name":"x"})", manager_);
  const auto comment =
      make("comment", R"({"record_id":)" + deal.key + R"(,"text":"One"})", manager_);

  ASSERT_TRUE(records_->update(kind("comment"), comment.key, json(R"({"text":"Two"})"), manager_));

  const std::string told = events("comment", comment.key, manager_);
  EXPECT_TRUE(told.starts_with("updated text:\"One\">\"Two\"")) << told;
}

TEST_F(History, IsWrittenInTheTransactionOfTheChange) {
  auto tx = database_->begin(store::Pool::api, store::TxMode::read_write);
  ASSERT_TRUE(tx);
  ASSERT_TRUE(records_->update(*tx, kind("segment"), "small", json(R"({"sort_order":77})"), admin_,
                               {.finish = store::Finish::run}));
  {
    const store::Transaction abandoned = std::move(*tx);  // rolls back
  }

  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_key = 'small'"), "0");
  EXPECT_NE(sql("SELECT sort_order FROM crm.segment WHERE code = 'small'"), "77");
}

class Nesting : public History {
 protected:
  void SetUp() override {
    History::SetUp();
    for (const std::string name : {"a", "b", "c"}) {
      make("group", R"({"id":")" + name + R"(","name_ru":"Г","name_en":"G"})", admin_);
    }
  }
  std::string nest(const std::string& parent, const std::string& child) {
    const auto done = records_->link(kind("group"), parent, "nested", child, admin_);
    return done ? "ok" : describe(done.error());
  }
};

TEST_F(Nesting, GroupsAreNestedShownAndTakenApart) {
  ASSERT_EQ(nest("a", "b"), "ok");

  const auto shown = records_->get(kind("group"), "a", admin_, {{"include", "nested"}});
  ASSERT_TRUE(shown) << describe(shown.error());
  const Json group = json(shown->json);
  EXPECT_EQ(group.find("nested")->as_array().front().find("id")->as_string(), "b");
  EXPECT_EQ(nest("a", "nobody").substr(0, 9), "not_found");
  ASSERT_TRUE(records_->unlink(kind("group"), "a", "nested", "b", admin_));
  EXPECT_EQ(events("group", "a", admin_),
            "created; group_added nested:null>\"b\"; group_removed nested:\"b\">null");
}

TEST_F(Nesting, ACycleIsRefusedByTypeAndByTheDatabaseItself) {
  ASSERT_EQ(nest("a", "b"), "ok");
  ASSERT_EQ(nest("b", "c"), "ok");

  EXPECT_NE(nest("c", "a").find("validation_failed group_cycle"), std::string::npos);
  EXPECT_NE(nest("c", "a").find("/nested=group_cycle"), std::string::npos);
  EXPECT_NE(nest("a", "a").find("group_cycle"), std::string::npos);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.group_nesting"), "2");
}

TEST_F(Nesting, NobodyBecomesHisOwnLineManager) {
  ASSERT_TRUE(records_->update(kind("user"), id(seller_),
                               json(R"({"line_manager_id":)" + id(manager_) + "}"), admin_));

  const auto done = records_->update(kind("user"), id(manager_),
                                     json(R"({"line_manager_id":)" + id(seller_) + "}"), admin_);

  ASSERT_FALSE(done);
  EXPECT_NE(describe(done.error()).find("/line_manager_id=line_manager_cycle"), std::string::npos)
      << describe(done.error());
}

}  // namespace
}  // namespace c360::testing
