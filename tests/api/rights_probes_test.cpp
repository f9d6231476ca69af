// What tells of many records at once - the search, tables in and out, custom fields - and the
// users, walked by the written matrix (tests/fixtures/rights): to everyone what he may read, and of
// the rest not even that it is there.
#include <cstdio>
#include <fstream>

#include "daemon/base/text.h"
#include "store/search.h"
#include "tests/api/rights_fixture.h"
#include "tests/support/temp_folder.h"

namespace c360::api {
namespace {

class RightsProbes : public RightsFixture {
 protected:
  std::set<std::string> all_keys() const {
    std::set<std::string> keys;
    for (const Probe& probe : probes_) keys.insert(probe.key);
    return keys;
  }
  // The members `name` of the array `items` of an answer.
  static std::set<std::string> told(const HttpAnswer& answer, std::string_view name) {
    std::set<std::string> found;
    const Json body = answer.json();
    const Json* items = body.find("items");
    if (items == nullptr || !items->is_array()) return found;
    for (const Json& item : items->as_array()) found.insert(item.find(name)->dump());
    return found;
  }
  // What all of the keys of probes a text names.
  std::set<std::string> named_in(std::string_view text) const {
    std::set<std::string> found;
    for (const std::string& key : all_keys()) {
      if (text.find(key) != std::string_view::npos) found.insert(key);
    }
    return found;
  }
  // A deal of the person himself, and its path.
  std::string own_deal(const std::string& person) {
    return base("deal") + "/" + std::to_string(make_deal(people_.at(person), "Mine"));
  }
};

// -- Search ---------------------------------------------------------------------------------------

TEST_F(RightsProbes, TheSearchFindsForEveryoneWhatTheMatrixSays) {
  index();
  // One word and one phone in every record; as many kinds at a time as one answer holds.
  sql("UPDATE crm.search_document SET words = words || to_tsvector('russian', 'markword') "
      "RETURNING 1");
  sql("INSERT INTO crm.record_phone (record_id, source_field, raw, e164) SELECT d.record_id, "
      "'phone', '+7 495 000-00-01', '+74950000001' FROM crm.search_document d RETURNING 1");
  std::vector<std::set<std::string>> rounds(1);
  std::size_t size = 0;
  for (const std::string& kind : probed_kinds()) {
    if (!store::is_searched(resource(kind))) continue;
    size += probes_of(kind).size();
    if (size > 90) {
      rounds.emplace_back();
      size = probes_of(kind).size();
    }
    rounds.back().insert(kind);
  }
  ASSERT_GT(rounds.size(), 1U);
  for (const std::set<std::string>& kinds : rounds) {
    for (auto& [person, client] : people_) {
      std::set<std::string> wanted;
      std::string names;
      for (const std::string& kind : kinds) {
        names += (names.empty() ? "" : ",") + kind;
        wanted.merge(visible(kind, person));
      }
      for (const std::string_view text : {"markword", "84950000001"}) {
        const auto answer = client.get(std::string(kApiPrefix) + "/search?limit=100&kind=" + names +
                                       "&q=" + std::string(text));
        ASSERT_EQ(answer.status, 200) << answer.body;
        auto found = told(answer, "id");
        std::erase_if(found, [&](const auto& key) { return !all_keys().contains(key); });
        EXPECT_EQ(found, wanted) << text << " by " << person << " in " << names;
      }
    }
  }
}

TEST_F(RightsProbes, ASearchForWhatIsHiddenIsAsOneForNothing) {
  const std::string hidden = probes_of("deal").front().key;
  sql("UPDATE crm.deal SET name = 'Верблюжонок', number = 4711471 WHERE id = " + hidden +
      " RETURNING id");
  index();
  HttpClient& nobody = people_.at("nobody");
  const std::string path = std::string(kApiPrefix) + "/search?q=";
  const std::string name = percent_encoded("Верблюжонок");
  ASSERT_EQ(told(people_.at("manager").get(path + name), "id"), std::set<std::string>{hidden});

  const auto nothing = outward(nobody.get(path + percent_encoded("Бегемотик")), hidden);
  for (const std::string& text : {name, percent_encoded("верблюж"), std::string("4711471")}) {
    EXPECT_EQ(outward(nobody.get(path + text), hidden), nothing) << text;
    EXPECT_EQ(outward(nobody.get(path + text + "&kind=deal"), hidden), nothing) << text;
  }
  EXPECT_EQ(nobody.get(base("deal") + "?count=exact&q=" + name).field("total"), "0");
  EXPECT_EQ(nobody.get(base("deal") + "?count=estimated&q=" + name).field("total"), "0");
}

// -- Tables out -----------------------------------------------------------------------------------

// The CSV of every kind: RightsMatrix.ExportsShowToEveryoneWhatTheMatrixSays.
TEST_F(RightsProbes, AWorkbookShowsToEveryoneWhatTheMatrixSays) {
  const testing::TempFolder folder;
  const std::string path = folder.path().string() + "/list.xlsx";
  for (auto& [person, client] : people_) {
    const auto answer = client.get(base("deal") + "/export" + query_of_all("deal") +
                                   "&format=xlsx&columns=id&labels=none");
    ASSERT_EQ(answer.status, 200) << answer.body;
    std::ofstream(path, std::ios::binary) << answer.body;
    std::FILE* unpacked =
        ::popen(("unzip -p '" + path + "' xl/worksheets/sheet1.xml").c_str(), "r");
    ASSERT_NE(unpacked, nullptr);
    std::string sheet(1'000'000, '\0');
    sheet.resize(std::fread(sheet.data(), 1, sheet.size(), unpacked));
    ASSERT_EQ(::pclose(unpacked), 0);
    EXPECT_EQ(named_in(sheet), visible("deal", person)) << person;
  }
}

// -- Tables in ------------------------------------------------------------------------------------

// Of a row that names a record by a key of another system: who may write it updates it, who may
// read it is told that he may not, and to everybody else it is the key of no record.
TEST_F(RightsProbes, AnImportChangesForEveryoneWhatTheMatrixSays) {
  const auto offered = read_kinds();
  std::set<std::string> asked;
  const auto import = [&](const Probe& probe, const std::string& person, const std::string& key,
                          bool csv) {
    const std::string type = csv ? "text/csv" : "application/json";
    const std::string table = csv ? "external_ids.probe\n" + key + "\n"
                                  : R"([{"external_ids": {"probe": ")" + key + R"("}}])";
    return people_.at(person).request(
        "POST", base(probe.own_kind()) + "/import?dry_run=true&key=external_ids.probe",
        {{"Content-Type", type}}, table);
  };
  for (const Probe& probe : probes_) {
    const std::string kind = probe.own_kind();
    if (!offered.at(kind).contains("import") || !resource(kind).has_field("external_ids")) continue;
    if (!asked.insert(probe.kind).second) continue;
    for (const std::string& person : concerned(probe)) {
      const Held has = held(probe, person);
      const auto answer = import(probe, person, probe.key, true);
      ASSERT_EQ(answer.status, 200) << answer.body;
      const std::string who = probe.kind + " by " + person + ": " + answer.body;
      if (has == Held::nothing) {
        EXPECT_EQ(
            outward(answer, probe.key),
            outward(import(probe, person, std::string(kMissing), true), std::string(kMissing)))
            << who;
        EXPECT_EQ(
            outward(import(probe, person, probe.key, false), probe.key),
            outward(import(probe, person, std::string(kMissing), false), std::string(kMissing)))
            << who;
        continue;
      }
      const bool updated = answer.body.find("\"updated\":1") != std::string::npos;
      const bool refused = answer.body.find("\"status\":403") != std::string::npos ||
                           answer.body.find("\"code\":\"forbidden\"") != std::string::npos ||
                           answer.body.find("\"code\":\"read_only\"") != std::string::npos;
      EXPECT_EQ(updated, has == Held::write) << who;
      EXPECT_EQ(refused, has != Held::write) << who;
    }
  }
  EXPECT_GT(asked.size(), 20U);
}

// -- Custom fields --------------------------------------------------------------------------------

TEST_F(RightsProbes, CustomFieldsTellOfNothingThatIsHidden) {
  HttpClient& admin = people_.at("crm-administrators");
  const std::string definitions = base("custom_field_def");
  created(admin.post(definitions, R"({"record_kind": "deal", "code": "mark", "type": "text",
      "name_ru": "Знак", "name_en": "Mark", "is_searchable": true})"));
  sql("UPDATE crm.deal SET custom = '{\"mark\": \"zebra\"}' WHERE id IN (" + keys_of("deal") +
      ") RETURNING id");
  const std::string all = query_of_all("deal");
  for (auto& [person, client] : people_) {
    const auto wanted = visible("deal", person);
    const std::string total = std::to_string(wanted.size());
    for (const std::string_view how :
         {"&custom.mark=zebra", "&q=zebra", "&sort=custom.mark", "&custom.mark.null=false"}) {
      const auto answer =
          client.get(base("deal") + all + "&limit=200&count=exact&fields=id" + std::string(how));
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(told(answer, "id"), wanted) << how << " by " << person;
      EXPECT_EQ(answer.field("total"), total) << how << " by " << person;
    }
    const auto table = client.get(base("deal") + "/export" + all +
                                  "&columns=id,custom.mark&labels=none&dialect=rfc4180");
    EXPECT_EQ(named_in(table.body), wanted) << person;
  }
}

TEST_F(RightsProbes, CustomFieldsNameOnlyRecordsOneMayRead) {
  HttpClient& admin = people_.at("crm-administrators");
  created(admin.post(base("custom_field_def"), R"({"record_kind": "deal", "code": "other",
      "type": "record", "name_ru": "Другая", "name_en": "Other"})"));
  const std::string own = own_deal("nobody");
  const std::string hidden = probes_of("contract").front().key;
  const auto said = [&](const std::string& key) {
    return outward(people_.at("nobody").patch(own, R"({"custom": {"other": )" + key + "}}",
                                              {{"If-Match", "*"}}),
                   key);
  };
  EXPECT_TRUE(said(hidden).starts_with("422")) << said(hidden);
  EXPECT_EQ(said(hidden), said(std::string(kMissing)));
}

// -- Users (R-214) --------------------------------------------------------------------------------

constexpr std::string_view kPersonal[] = {"email",      "additional_email", "phone_mobile",
                                          "phone_work", "phone_internal",   "telegram_chat_id"};

// One employee, `viewers`, with everything; a service and a login of a customer besides.
class RightsOfUsers : public RightsProbes {
 protected:
  void SetUp() override {
    RightsProbes::SetUp();
    shown_ = std::to_string(ids_.at("viewers"));
    ASSERT_EQ(people_.at("crm-administrators")
                  .patch(path(), R"({"email": "giraffe@example.org", "job_title": "Head",
                      "additional_email": "giraffe@home.example", "phone_mobile": "+79160000001",
                      "phone_work": "+74950000002", "phone_internal": "giraffe 17",
                      "telegram_chat_id": 770077})",
                         {{"If-Match", "*"}})
                  .status,
              200);
    for (const std::string kind : {"service", "system", "portal"}) {
      others_.push_back(
          std::to_string(sql("INSERT INTO crm.user (login, last_name, kind) VALUES ('" + kind +
                             "-1', 'Жираф', '" + kind + "') RETURNING id")));
    }
  }
  std::string path() const { return base("user") + "/" + shown_; }
  // Who is shown the personal fields of the employee.
  static bool may(const std::string& person) {
    return person == "viewers" || person == "crm-administrators";
  }
  static bool tells(const HttpAnswer& answer) {
    for (const std::string_view value : {"giraffe", "9160000001", "4950000002", "770077"}) {
      if (answer.body.find(value) != std::string::npos) return true;
    }
    return false;
  }

  std::string shown_;
  std::vector<std::string> others_;
};

TEST_F(RightsOfUsers, EmployeesAreReadByAllOthersByAdministrators) {
  for (auto& [person, client] : people_) {
    const bool administrator = person == "crm-administrators";
    const auto answer = client.get(path());
    EXPECT_EQ(answer.status, 200) << person;
    EXPECT_EQ(answer.field("job_title"), "Head") << "who he is, is for all";
    EXPECT_EQ(client.patch(path(), "{}", {{"If-Match", "\"999999\""}}).status,
              administrator ? 412 : 403)
        << person;
    EXPECT_EQ(client.post(base("user"), "{}").status, administrator ? 422 : 403) << person;
    for (const std::string& other : others_) {
      const std::string hidden = base("user") + "/" + other;
      EXPECT_EQ(client.get(hidden).status, administrator ? 200 : 404) << person;
      EXPECT_EQ(client.get(hidden + "/history").status, administrator ? 200 : 404) << person;
    }
    EXPECT_EQ(client.get(base("user") + "?last_name=" + percent_encoded("Жираф") + "&count=exact")
                  .field("total"),
              administrator ? "3" : "0")
        << person;
  }
  HttpClient& nobody = people_.at("nobody");
  // Of as many digits: the length of an answer tells nothing else.
  const std::string& hidden = others_.front();
  const std::string missing(hidden.size(), '9');
  EXPECT_EQ(outward(nobody.get(base("user") + "/" + hidden), hidden),
            outward(nobody.get(base("user") + "/" + missing), missing));
}

TEST_F(RightsOfUsers, PersonalFieldsAreShownToOneselfAndToAdministrators) {
  for (auto& [person, client] : people_) {
    const std::string one = base("user") + "?id=" + shown_;
    const std::string table = base("user") + "/export?id=" + shown_ + "&dialect=rfc4180";
    const std::string fields = "id,email,additional_email,phone_mobile,telegram_chat_id";
    for (const std::string& target :
         {path(), path() + "?fields=" + fields, one, one + "&fields=" + fields, table,
          table + "&columns=" + fields, path() + "/history",
          std::string(kApiPrefix) + "/events?kind=user&limit=200",
          std::string(kApiPrefix) + "/events/snapshot?kind=user"}) {
      const auto answer = client.get(target);
      EXPECT_EQ(answer.status, 200) << target << answer.body;
      EXPECT_EQ(tells(answer), may(person)) << target << " by " << person << ": " << answer.body;
    }
    const auto answer = client.get(path());
    for (const std::string_view name : kPersonal) {
      EXPECT_EQ(answer.json().find(name)->is_null(), !may(person)) << name << " by " << person;
    }
  }
}

TEST_F(RightsOfUsers, WhereAMessageReachedAnEmployeeIsToldToHimselfAndToAdministrators) {
  const std::int64_t deal = make_deal(people_.at("crm-administrators"), "Told of");
  sql("INSERT INTO crm.outbound_message (channel, purpose, address, body, next_attempt_at, "
      "user_id, "
      "record_id) VALUES ('email', 'notification', 'giraffe@example.org', 'markmessage', now(), " +
      shown_ + ", " + std::to_string(deal) + ") RETURNING 1");
  const std::string messages = base("outbound_message");
  int readers = 0;
  for (auto& [person, client] : people_) {
    const auto answer = client.get(messages + "?limit=100&user_id=" + shown_);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(tells(answer), may(person)) << person << ": " << answer.body;
    readers += answer.body.find("markmessage") == std::string::npos ? 0 : 1;
    EXPECT_EQ(client.get(messages + "?address=giraffe@example.org").status,
              person == "crm-administrators" ? 200 : 400)
        << person;
  }
  EXPECT_GT(readers, 2) << "others read it, but for the address";
}

TEST_F(RightsOfUsers, PersonalFieldsAreNoColumnsToFilterSortOrSearchBy) {
  const std::string list = base("user") + "?count=exact&fields=id&";
  for (const std::string& person : {std::string("nobody"), std::string("viewers"),
                                    std::string("crm-cco"), std::string("crm-administrators")}) {
    HttpClient& client = people_.at(person);
    const bool administrator = person == "crm-administrators";
    for (const std::string& filter :
         {std::string("email=giraffe@example.org"), std::string("email.like=giraffe"),
          std::string("email.null=false"), std::string("additional_email=giraffe@home.example")}) {
      const auto answer = client.get(list + filter);
      EXPECT_EQ(answer.status, administrator ? 200 : 400) << filter << " by " << person;
      if (administrator) continue;
      // As of a field there is not: neither the name nor the list of those there are tells of it.
      const auto name = filter.substr(0, filter.find_first_of(".="));
      const std::string other(name.size(), 'z');
      const auto unknown = client.get(list + other + filter.substr(name.size()));
      EXPECT_EQ(outward(answer, name), outward(unknown, other)) << filter << " by " << person;
    }
    const auto found = client.get(list + "q=giraffe");
    EXPECT_EQ(found.field("total"), administrator ? "1" : "0") << person;
    EXPECT_EQ(client.get(base("user") + "/export?email=giraffe@example.org").status,
              administrator ? 200 : 400)
        << person;
  }
}

// A name that is taken is told to those who may make a user, and to nobody else.
TEST_F(RightsOfUsers, ATakenAddressIsToldToNobodyWhoMayNotMakeUsers) {
  const auto make = [&](const std::string& person, std::string_view address) {
    return people_.at(person).post(
        base("user"),
        R"({"login": "new", "last_name": "x", "email": ")" + std::string(address) + R"("})");
  };
  EXPECT_EQ(make("crm-administrators", "giraffe@example.org").status, 409);
  EXPECT_EQ(outward(make("crm-cco", "giraffe@example.org"), "#"),
            outward(make("crm-cco", "zebra@example.org"), "#"));
  EXPECT_EQ(make("crm-cco", "giraffe@example.org").status, 403);
}

}  // namespace
}  // namespace c360::api
