// What tells of many records beside a customer - the card of 360, its past, the timeline, the links
// - and the feed of events, by the written matrix (tests/fixtures/rights): to everyone what he may
// read, with the actions he may take, and in the counts and sums nothing else.
#include "tests/api/rights_fixture.h"

namespace c360::api {
namespace {

// Everybody observes one customer, and so may ask for its card; what is on it is by its own rights.
class RightsOfCards : public RightsFixture {
 protected:
  void SetUp() override {
    RightsFixture::SetUp();
    company_ = probes_of("counterparty").front().key;
    sql(filled(filled(R"sql(
DO $$
DECLARE
    version bigint;
    paper bigint;
BEGIN
    SET LOCAL session_replication_role = replica;
    INSERT INTO crm.record_observer (record_id, user_id)
        SELECT {company}, id FROM public.person ON CONFLICT DO NOTHING;
    UPDATE crm.deal SET counterparty_id = {company} WHERE id IN ({deals});
    UPDATE crm.lead SET counterparty_id = {company} WHERE id >= 700000000;
    INSERT INTO crm.release_counterparty (release_id, counterparty_id)
        SELECT id, {company} FROM crm.release;
    INSERT INTO crm.project_counterparty (project_id, counterparty_id)
        SELECT id, {company} FROM crm.project;
    -- His own, as open as the card.
    PERFORM public.put('comment', 'crm.comment', jsonb_build_object('record_id', {company},
        'text', 'x', 'author_id', public.who('author')));
    PERFORM public.put('activity', 'crm.activity', jsonb_build_object('parent_record_id', {company},
        'type', 'reminder', 'status', 'planned', 'activity_date', now(), 'remind_at', now(),
        'responsible_id', public.who('performer')));
    version := 700200001;
    paper := public.put('document', 'crm.document', jsonb_build_object(
        'parent_record_id', {company}, 'type_code', 'attachment', 'name', 'own', 'status', 'active',
        'current_version_id', version));
    PERFORM public.put('document_version', 'crm.document_version', jsonb_build_object('id', version,
        'document_id', paper, 'version_no', 1, 'content_sha256', sha256('d'), 'size_bytes', 1,
        'mime_type', 'text/plain', 'file_name', 'own', 'storage_key', '02'));
END $$
)sql",
                      "{company}", company_),
               "{deals}", keys_of("deal")));
    for (const Probe& probe : probes_) walked_.insert(probe.key);
  }

  std::string path(std::string_view tail) const {
    return base("counterparty") + "/" + company_ + std::string(tail);
  }

  // Of a list of the card the keys of records walked that he must be shown.
  std::set<std::string> wanted(const std::string& kind, const std::string& person) const {
    // As open as the customer himself; the other contact is nobody's.
    if (kind == "legal_entity" || kind == "bank_account" || kind == "contact") {
      return {probes_of(kind).front().key};
    }
    std::set<std::string> keys = visible(kind, person);
    // Of the library alone, not of the customer.
    for (const Probe& probe : probes_of(kind)) {
      if (probe.kind == "document/alone") keys.erase(probe.key);
    }
    return keys;
  }

  // One list of an answer: its items, how many it says there are, and what he may do with each.
  void check_list(const Json& list, const std::string& kind, const std::string& person,
                  bool with_actions, const std::string& where) {
    std::set<std::string> seen;
    std::set<std::string> changeable;
    for (const Json& item : list.find("items")->as_array()) {
      const std::string key = item.find("id")->dump();
      if (walked_.contains(key)) seen.insert(key);
      const Json* actions = item.find("actions");
      ASSERT_NE(actions, nullptr) << where;
      if (walked_.contains(key) && !actions->as_array().empty()) changeable.insert(key);
    }
    const auto expected = wanted(kind, person);
    EXPECT_EQ(seen, expected) << where;
    if (list.find("forbidden")->as_bool()) {
      EXPECT_TRUE(list.find("total")->is_null()) << where;
    } else {
      EXPECT_EQ(list.find("total")->dump(), std::to_string(list.find("items")->as_array().size()))
          << where;
    }
    if (!with_actions || !resource(kind).is_record) return;
    std::set<std::string> writable;
    for (const Probe& probe : probes_of(kind)) {
      if (expected.contains(probe.key) && held(probe, person) == Held::write) {
        writable.insert(probe.key);
      }
    }
    EXPECT_EQ(changeable, writable) << "actions, " << where;
    ++lists_;
  }

  // Every list of a tab. One that is not told at all holds nothing he may read.
  void check_tab(const Json& tab, const std::string& name, const std::string& person,
                 bool with_actions) {
    for (const auto& [list, kind] : lists_of(name)) {
      const std::string where = name + "/" + list + " by " + person;
      const Json* told = tab.find(list);
      if (told == nullptr) {
        EXPECT_TRUE(tab.find("forbidden")->as_bool()) << where;
        EXPECT_EQ(wanted(kind, person), std::set<std::string>{}) << where;
      } else {
        check_list(*told, kind, person, with_actions, where);
      }
    }
  }

  static const std::map<std::string, std::map<std::string, std::string>>& tabs() {
    static const std::map<std::string, std::map<std::string, std::string>> kTabs = {
        {"main",
         {{"legal_entities", "legal_entity"},
          {"bank_accounts", "bank_account"},
          {"contacts", "contact"}}},
        {"documents", {{"documents", "document"}}},
        {"crm",
         {{"deals", "deal"}, {"orders", "order"}, {"payments", "payment"}, {"leads", "lead"}}},
        {"contracts", {{"contracts", "contract"}, {"agreements", "agreement"}}},
        {"support", {{"requests", "support_request"}}},
        {"correspondence", {{"incoming", "correspondence_in"}, {"outgoing", "correspondence_out"}}},
        {"projects", {{"releases", "release"}, {"projects", "project"}}}};
    return kTabs;
  }
  static const std::map<std::string, std::string>& lists_of(const std::string& tab) {
    return tabs().at(tab);
  }

  // How many the first tab says there are, of all lists of the others.
  static void check_counters(const Json& card, const std::string& person) {
    const Json& counters = *card.find("tabs")->find("main")->find("counters");
    for (const auto& [tab, lists] : tabs()) {
      if (tab == "main") continue;
      const Json& told = *card.find("tabs")->find(tab);
      for (const auto& [list, kind] : lists) {
        const Json* shown = told.find(list);
        EXPECT_EQ(counters.find(list)->dump(),
                  shown == nullptr ? "null" : shown->find("total")->dump())
            << list << " by " << person;
      }
    }
  }

  // Sums are of what he is shown.
  static void check_sums(const Json& card, const std::string& person) {
    const Json& crm = *card.find("tabs")->find("crm");
    if (crm.find("forbidden")->as_bool()) {
      EXPECT_EQ(crm.find("sums"), nullptr) << person;
      return;
    }
    std::int64_t paid = 0;
    for (const Json& payment : crm.find("payments")->find("items")->as_array()) {
      const std::string& status = payment.find("status")->as_string();
      paid += status == "paid" ? 10 : status == "partial_paid" ? 5 : 0;
    }
    const Json& sums = *crm.find("sums")->find("payments");
    std::string told = "0.00";
    if (!sums.as_array().empty()) told = sums.as_array().front().find("paid")->as_string();
    EXPECT_EQ(told, std::to_string(paid) + ".00") << person;
    const Json& support = *card.find("tabs")->find("support");
    if (support.find("forbidden")->as_bool()) return;
    std::int64_t open = 0;
    for (const Json& request : support.find("requests")->find("items")->as_array()) {
      open += request.find("status")->as_string() == "closed" ? 0 : 1;
    }
    EXPECT_EQ(support.find("open")->dump(), std::to_string(open)) << person;
  }

  std::string company_;
  std::set<std::string> walked_;
  int lists_ = 0;
};

TEST_F(RightsOfCards, TheCardShowsToEveryoneWhatTheMatrixSays) {
  for (auto& [person, client] : people_) {
    const auto answer = client.get(path("/360?limit=100"));
    ASSERT_EQ(answer.status, 200) << person << answer.body;
    const Json card = answer.json();
    for (const auto& [name, lists] : tabs()) {
      check_tab(*card.find("tabs")->find(name), name, person, true);
    }
    for (const std::string own : {"comments", "reminders"}) {
      EXPECT_EQ(answer.field("tabs/main/" + own + "/total"), "1") << own << " by " << person;
    }
    EXPECT_EQ(answer.field("tabs/history/versions/total"), "1") << person;
    EXPECT_NE(answer.field("tabs/history/events/total"), "0") << person;
    check_counters(card, person);
    check_sums(card, person);
  }
  EXPECT_GT(lists_, 300);
}

TEST_F(RightsOfCards, ATabAloneShowsToEveryoneWhatTheMatrixSays) {
  for (auto& [person, client] : people_) {
    for (const auto& [name, lists] : tabs()) {
      const auto answer = client.get(path("/360/" + name + "?limit=100"));
      ASSERT_EQ(answer.status, 200) << person << answer.body;
      const Json told = answer.json();
      check_tab(*told.find("content"), name, person, true);
    }
  }
}

TEST_F(RightsOfCards, ThePastOfTheCardShowsToEveryoneWhatTheMatrixSaysNow) {
  const std::string now = people_.at("nobody").get(path("/360?tabs=main")).field("as_of");
  for (auto& [person, client] : people_) {
    const auto answer = client.get(path("/360?limit=100&as_of=" + now));
    ASSERT_EQ(answer.status, 200) << person << answer.body;
    const Json card = answer.json();
    for (const auto& [name, lists] : tabs()) {
      check_tab(*card.find("tabs")->find(name), name, person, false);
    }
    check_counters(card, person);
    check_sums(card, person);
  }
}

TEST_F(RightsOfCards, TheTimelineShowsToEveryoneWhatTheMatrixSays) {
  const std::set<std::string> own = {"lead",     "deal",      "order",          "payment",
                                     "contract", "agreement", "support_request"};
  std::string of_own;
  for (const std::string& kind : own) of_own += (of_own.empty() ? "" : ",") + keys_of(kind);
  sql("INSERT INTO crm.history_event (record_id, record_kind, event, version, changes) SELECT id, "
      "kind, 'status_changed', 2, '[]' FROM crm.record WHERE id IN (" +
      of_own + ") RETURNING 1");
  for (auto& [person, client] : people_) {
    std::map<std::string, std::set<std::string>> wanted = {
        {"payment", visible("payment", person)},
        {"document", RightsOfCards::wanted("document", person)},
        {"request", visible("support_request", person)},
        {"activity", visible("activity", person)}};
    for (const std::string& kind : own) wanted["status"].merge(visible(kind, person));
    const auto answer = client.get(path("/timeline?limit=200"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.field("next_cursor"), "null") << person;
    std::map<std::string, std::set<std::string>> seen;
    const Json page = answer.json();
    for (const Json& item : page.find("items")->as_array()) {
      const std::string& kind = item.find("kind")->as_string();
      const std::string key = item.find(kind == "status" ? "record_id" : "id")->dump();
      if (walked_.contains(key)) seen[kind].insert(key);
    }
    for (const auto& [kind, keys] : wanted) EXPECT_EQ(seen[kind], keys) << kind << " by " << person;
  }
}

TEST_F(RightsOfCards, LinksNameToEveryoneWhatTheMatrixSays) {
  std::map<std::string, Probe> records;
  for (const Probe& probe : probes_) {
    if (resource(probe.own_kind()).is_record && probe.key != company_) {
      records.emplace(probe.key, probe);
    }
  }
  std::string keys;
  for (const auto& [key, probe] : records) keys += (keys.empty() ? "" : ",") + key;
  sql("INSERT INTO crm.record_link (from_id, to_id, kind) SELECT " + company_ +
      ", id, 'related' FROM crm.record WHERE id IN (" + keys + ") RETURNING 1");
  // As open as the customer, whom all of them observe here.
  const std::set<std::string> of_customer = {"contact", "legal_entity", "personal_account"};
  for (auto& [person, client] : people_) {
    std::set<std::string> wanted;
    for (const auto& [key, probe] : records) {
      if (of_customer.contains(probe.kind) || held(probe, person) != Held::nothing) {
        wanted.insert(key);
      }
    }
    for (const std::string tail : {"/links", "/360?tabs=main"}) {
      const auto answer = client.get(path(tail));
      ASSERT_EQ(answer.status, 200) << answer.body;
      const Json told = answer.json();
      const Json* list = tail == "/links" ? &told : told.find("tabs")->find("main")->find("links");
      std::set<std::string> seen;
      for (const Json& item : list->find("items")->as_array()) {
        seen.insert(item.find("record_id")->dump());
      }
      EXPECT_EQ(seen, wanted) << tail << " by " << person;
    }
  }
}

// -- The feed -------------------------------------------------------------------------------------

class RightsOfEvents : public RightsFixture {};

TEST_F(RightsOfEvents, TheFeedTellsEveryoneOfWhatTheMatrixSays) {
  const auto offered = read_kinds();
  // Of what is no record too; records have an event of their making.
  std::set<std::string> told;
  for (const std::string& kind : probed_kinds()) {
    if (!offered.at(kind).contains("history")) continue;
    told.insert(kind);
    if (resource(kind).is_record) continue;
    sql("INSERT INTO crm.history_event (record_key, record_kind, event, changes) SELECT key, '" +
        kind + "', 'created', '[]' FROM public.probe WHERE split_part(kind, '/', 1) = '" + kind +
        "' RETURNING 1");
  }
  ASSERT_GT(told.size(), 20U);
  std::set<std::string> walked;
  for (const Probe& probe : probes_) walked.insert(probe.key);
  for (auto& [person, client] : people_) {
    std::set<std::string> wanted;
    for (const std::string& kind : told) wanted.merge(visible(kind, person));
    std::set<std::string> seen;
    std::string after;
    for (bool more = true; more;) {
      const auto answer = client.get(std::string(kApiPrefix) + "/events?limit=200" +
                                     (after.empty() ? "" : "&after=" + after));
      ASSERT_EQ(answer.status, 200) << answer.body;
      const Json page = answer.json();
      for (const Json& item : page.find("items")->as_array()) {
        const Json& id = *item.find("record_id");
        const std::string key = id.is_null() ? item.find("record_key")->as_string() : id.dump();
        if (walked.contains(key)) seen.insert(key);
      }
      more = page.find("more")->as_bool();
      after = answer.field("next_cursor");
    }
    EXPECT_EQ(seen, wanted) << person;
    // One record's alone.
    const Probe hidden = probes_of("deal").front();
    EXPECT_EQ(client.get(std::string(kApiPrefix) + "/events?record_id=" + hidden.key)
                      .body.find(hidden.key) != std::string::npos,
              held(hidden, person) != Held::nothing)
        << person;
  }
}

}  // namespace
}  // namespace c360::api
