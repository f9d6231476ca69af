// Every resource, role, status and operation against the written matrix (tests/fixtures/rights): no
// cell differs, and no route is without a row.
#include <optional>
#include <ranges>

#include "daemon/base/text.h"
#include "tests/api/rights_fixture.h"

namespace c360::api {
namespace {

// -- The tables cover the program -----------------------------------------------------------------

using RightsTable = ApiTest;

// The kind whose path the route has, and what stands behind it: "/{id}/history".
std::optional<std::pair<std::string, std::string>> kind_of_route(const store::Registry& registry,
                                                                 std::string_view path) {
  constexpr std::string_view kBoards = "boards/";
  if (!path.starts_with(kApiPrefix)) return std::nullopt;
  path.remove_prefix(kApiPrefix.size() + 1);
  const bool board = path.starts_with(kBoards);
  if (board) path.remove_prefix(kBoards.size());
  const store::Resource* found = nullptr;
  for (const auto& resource : registry.all()) {
    const bool here = path == resource->path || path.starts_with(std::string(resource->path) + "/");
    if (here && (found == nullptr || found->path.size() < resource->path.size())) {
      found = resource.get();
    }
  }
  if (found == nullptr) return std::nullopt;
  return std::pair(std::string(found->kind),
                   (board ? "/boards" : "") + std::string(path.substr(found->path.size())));
}

TEST_F(RightsTable, EveryRouteHasARowThatSaysWhoMay) {
  std::map<std::string, std::string> operations;
  for (const OperationRow& row : read_operations()) {
    operations.emplace(row.method + " " + row.path, row.name);
  }
  const auto kinds = read_kinds();
  std::map<std::string, std::string> others;
  for (const TableRow& row : read_rights_table("routes.tsv")) {
    others.emplace(row.at(0) + " " + row.at(1), row.at(2));
  }
  for (const auto& route : api_->router().routes()) {
    const std::string method(to_string(route.method));
    const std::string access = route.access == Access::open     ? "open"
                               : route.access == Access::caller ? "any token"
                                                                : route.scope;
    if (const auto row = others.find(method + " " + route.path); row != others.end()) {
      EXPECT_EQ(access, row->second) << "routes.tsv: " << row->first;
      continue;
    }
    const auto of = kind_of_route(*registry_, route.path);
    const auto operation = of ? operations.find(method + " " + of->second) : operations.end();
    if (operation == operations.end()) {
      ADD_FAILURE() << "No row of the written matrix says who may do this; add one to "
                       "tests/fixtures/rights/operations.tsv or routes.tsv:\n"
                    << method << '\t' << route.path << '\t' << access;
      continue;
    }
    const auto kind = kinds.find(of->first);
    EXPECT_TRUE(kind != kinds.end() && kind->second.contains(operation->second))
        << "No row of the written matrix says who may do this; add to "
           "tests/fixtures/rights/kinds.tsv:\n"
        << of->first << '\t' << operation->second;
  }
}

TEST_F(RightsTable, EveryRowIsOfARouteThereIs) {
  std::set<std::string> routes;
  std::set<std::string> of_kinds;
  for (const auto& route : api_->router().routes()) {
    const std::string method(to_string(route.method));
    routes.insert(method + " " + route.path);
    if (const auto of = kind_of_route(*registry_, route.path)) {
      of_kinds.insert(of->first + " " + method + " " + of->second);
    }
  }
  for (const TableRow& row : read_rights_table("routes.tsv")) {
    EXPECT_TRUE(routes.contains(row.at(0) + " " + row.at(1))) << "routes.tsv: " << row.at(1);
  }
  const auto kinds = read_kinds();
  for (const OperationRow& row : read_operations()) {
    for (const auto& [kind, offered] : kinds) {
      if (!offered.contains(row.name)) continue;
      EXPECT_TRUE(of_kinds.contains(kind + " " + row.method + " " + row.path))
          << "kinds.tsv: " << kind << " has no route for " << row.name;
    }
  }
}

// What routes.tsv gives to administrators alone is refused to everybody else, the commercial
// director included, before anything is said of what is there.
TEST_F(RightsTable, RoutesOfAdministratorsAreRefusedToEverybodyElse) {
  HttpClient nobody = client_of("nobody", {});
  HttpClient director = client_of("director", {"crm-cco", "crm-manager", "support-lead"});
  HttpClient admin = administrator();
  int asked = 0;
  for (const TableRow& row : read_rights_table("routes.tsv")) {
    if (row.at(3) != "administrators") continue;
    ++asked;
    std::string path = row.at(1);
    while (path.find('{') != std::string::npos) {
      const auto at = path.find('{');
      path.replace(at, path.find('}') - at + 1, "999999");
    }
    const auto ask = [&](HttpClient& by) { return by.request(row.at(0), path).status; };
    // Of one thing it may also say that there is none: that it is there is not revealed.
    const bool of_one = path != row.at(1);
    for (HttpClient* by : {&nobody, &director}) {
      const int status = ask(*by);
      EXPECT_TRUE(status == 403 || (of_one && status == 404))
          << status << " " << row.at(0) << " " << path;
    }
    EXPECT_NE(ask(admin), 403) << row.at(0) << " " << path;
  }
  EXPECT_GT(asked, 20);
}

// domain.md 3.5: directories are edited by administrators, four of them by the director too.
TEST_F(RightsTable, DirectoriesAreReadByAllAndEditedByTheirOwn) {
  HttpClient nobody = client_of("nobody", {"crm-manager"});
  HttpClient director = client_of("director", {"crm-cco"});
  HttpClient admin = administrator();
  const std::set<std::string_view> of_director = {"segment", "acquisition_channel",
                                                  "customer_status", "invoice_type"};
  int asked = 0;
  for (const auto& resource : registry_->all()) {
    const bool directory =
        !resource->is_record && resource->key == "code" && resource->has_field("sort_order");
    if (!directory) continue;
    ++asked;
    const std::string path = std::string(kApiPrefix) + "/" + std::string(resource->path);
    EXPECT_EQ(nobody.get(path).status, 200) << path;
    const auto may = [&](HttpClient& by) {
      const auto made = by.post(path, "{}");
      const auto put = by.put(path + "/zz", "{}");
      const auto many = by.post(path + "/bulk", R"({"items":[{"create":{}}]})");
      EXPECT_EQ(made.status == 403, put.status == 403) << path << put.body;
      EXPECT_EQ(made.status == 403, many.status == 403) << path << many.body;
      return made.status != 403;
    };
    EXPECT_FALSE(may(nobody)) << path;
    EXPECT_EQ(may(director), of_director.contains(resource->kind)) << path;
    EXPECT_TRUE(may(admin)) << path;
  }
  EXPECT_GT(asked, 10);
}

// -- The walk -------------------------------------------------------------------------------------

class RightsMatrix : public RightsFixture {
 protected:
  int expected(const OperationRow& operation, Held held, const std::string& person) const {
    if (held == Held::nothing) return 404;
    if (operation.right == "read") return operation.allowed;
    const bool administrator = person == "crm-administrators";
    if (operation.right == "administrators") return administrator ? operation.allowed : 404;
    if (operation.right == "comment" && held == Held::comment) return operation.allowed;
    if (held != Held::write) return 403;
    const bool answers =
        administrator || person == "crm-cco" || person == "manager" || person == "service_manager";
    if (operation.right == "answers" && !answers) return 403;
    if (operation.right == "director" && !administrator && person != "crm-cco") return 403;
    return operation.allowed;
  }

  HttpAnswer ask(const OperationRow& operation, const Probe& probe, const std::string& person) {
    std::string path = base(probe.own_kind()) + filled(operation.path, "{id}", probe.key);
    path = filled(filled(path, "{link_id}", "999999"), "{token_id}", "999999");
    const bool removes = operation.method == "DELETE";
    path = filled(path, "{child_id}", removes ? "999999" : std::to_string(ids_.at("viewers")));
    testing::HttpHeaders headers;
    if (operation.allowed == 412) headers.emplace_back("If-Match", "\"999999\"");
    std::string body = filled(operation.body, "{person}", person);
    body = filled(body, "{year}", std::to_string(1'900 + ids_.at(person)));
    body = filled(body, "{product}", probes_of("product").front().key);
    if (body == "file") {
      headers.emplace_back("Content-Type", "text/plain");
      path += "?name=" + person + ".txt";
    } else if (!body.empty()) {
      headers.emplace_back("Content-Type", "application/json");
    }
    return people_.at(person).request(operation.method, path, std::move(headers), body);
  }

  // What can be asked in every status, because it changes nothing: all that is read, what names a
  // version or another thing there is not, and what makes something, with nothing of it said.
  static std::optional<OperationRow> harmless(OperationRow operation) {
    const bool reads = operation.right == "read" && operation.method == "GET";
    if (reads || operation.allowed >= 400) return operation;
    if (operation.allowed != 201 || operation.body.empty() || operation.body == "file") return {};
    operation.allowed = 422;
    operation.body = "{}";
    return operation;
  }

  // Each operation that its kind offers, by each person concerned: of every row of the matrix in
  // its first status, in the others all that change nothing.
  void walk(const std::set<std::string>& kinds) {
    const auto offered = read_kinds();
    const auto operations = read_operations();
    std::set<const MatrixRow*> begun;
    for (const Probe& probe : probes_) {
      if (!kinds.contains(probe.own_kind())) continue;
      const bool first = begun.insert(&row_of(matrix_, probe.kind, probe.status)).second;
      for (const OperationRow& operation : operations) {
        if (operation.allowed == 0) continue;
        if (!offered.at(probe.own_kind()).contains(operation.name)) continue;
        const auto asked = first ? std::optional(operation) : harmless(operation);
        if (asked) walk_by_all(*asked, probe);
      }
    }
  }

  void walk_by_all(const OperationRow& operation, const Probe& probe) {
    for (const std::string& person : concerned(probe)) {
      const HttpAnswer answer = ask(operation, probe, person);
      const int wanted = expected(operation, held(probe, person), person);
      if (wanted == 422 && answer.status == 409) continue;  // his right; the status is against it
      EXPECT_EQ(answer.status, wanted)
          << probe.kind << " in " << probe.status << ", " << operation.name << " by " << person
          << ": " << answer.body.substr(0, 300);
    }
  }

  void check_lists() {
    for (const std::string& kind : probed_kinds()) {
      for (auto& [person, client] : people_) {
        const auto answer =
            client.get(base(kind) + query_of_all(kind) + "&limit=200&count=exact&fields=id");
        ASSERT_EQ(answer.status, 200) << kind << answer.body;
        std::set<std::string> seen;
        const Json page = answer.json();
        for (const Json& item : page.find("items")->as_array())
          seen.insert(item.find("id")->dump());
        const auto wanted = visible(kind, person);
        EXPECT_EQ(seen, wanted) << kind << " by " << person;
        EXPECT_EQ(answer.field("total"), std::to_string(wanted.size())) << kind << " by " << person;
      }
    }
  }

  void check_boards() {
    const auto offered = read_kinds();
    int boards = 0;
    for (const std::string& kind : probed_kinds()) {
      if (!offered.at(kind).contains("board")) continue;
      ++boards;
      for (auto& [person, client] : people_) {
        std::map<std::string, int> wanted;
        for (const Probe& probe : probes_of(kind)) {
          if (held(probe, person) != Held::nothing) ++wanted[probe.status];
        }
        const auto answer =
            client.get(std::string(kApiPrefix) + "/boards/" + std::string(resource(kind).path) +
                       "?id.in=" + keys_of(kind));
        ASSERT_EQ(answer.status, 200) << kind << answer.body;
        const Json board = answer.json();
        for (const Json& column : board.find("columns")->as_array()) {
          const std::string& status = column.find("status")->as_string();
          EXPECT_EQ(column.find("count")->dump(), std::to_string(wanted[status]))
              << kind << " in " << status << " by " << person;
        }
      }
    }
    EXPECT_GT(boards, 5);
  }
};

TEST_F(RightsMatrix, EveryKindOfRecordIsWalked) {
  const auto probed = probed_kinds();
  for (const auto& resource : registry_->all()) {
    if (!resource->is_record) continue;
    EXPECT_TRUE(probed.contains(std::string(resource->kind)))
        << "tests/fixtures/rights/records.sql makes no " << resource->kind;
    for (const store::Status& status : resource->statuses) {
      const bool met = std::ranges::any_of(probes_of(resource->kind), [&](const Probe& probe) {
        return probe.status == status.code;
      });
      EXPECT_TRUE(met) << resource->kind << " in status " << status.code;
    }
  }
}

// How a list of a few readable rows among very many is read (store::QueryLimits::rows_tried).
class RightsBySets : public RightsMatrix {
 protected:
  void SetUp() override {
    rows_tried_ = 0;
    RightsMatrix::SetUp();
  }
};

TEST_F(RightsMatrix, ListsAndCountsShowToEveryoneWhatTheMatrixSays) { check_lists(); }
TEST_F(RightsBySets, ListsAndCountsShowToEveryoneWhatTheMatrixSays) { check_lists(); }

TEST_F(RightsMatrix, ExportsShowToEveryoneWhatTheMatrixSays) {
  const auto offered = read_kinds();
  for (const std::string& kind : probed_kinds()) {
    if (!offered.at(kind).contains("export")) continue;
    for (auto& [person, client] : people_) {
      const auto answer = client.get(base(kind) + "/export" + query_of_all(kind) +
                                     "&columns=id&labels=none&dialect=rfc4180");
      ASSERT_EQ(answer.status, 200) << kind << answer.body;
      std::set<std::string> seen;
      for (const std::string_view line : split(answer.body, '\n')) {
        if (const auto key = trimmed(line); !key.empty() && key != "id") seen.emplace(key);
      }
      EXPECT_EQ(seen, visible(kind, person)) << kind << " by " << person;
    }
  }
}

TEST_F(RightsMatrix, TheSnapshotShowsToEveryoneWhatTheMatrixSays) {
  std::set<std::string> probed;
  for (const Probe& probe : probes_) probed.insert(probe.key);
  for (auto& [person, client] : people_) {
    std::set<std::string> wanted;
    std::string kinds;
    for (const std::string& kind : probed_kinds()) {
      if (!resource(kind).is_record) continue;
      kinds += (kinds.empty() ? "" : ",") + kind;
      wanted.merge(visible(kind, person));
    }
    const auto answer = client.get(std::string(kApiPrefix) + "/events/snapshot?kind=" + kinds);
    ASSERT_EQ(answer.status, 200) << answer.body;
    std::set<std::string> seen;
    for (const std::string_view line : split(answer.body, '\n')) {
      const auto json = Json::parse(line);
      const Json* records = json ? json->find("records") : nullptr;
      if (records == nullptr || !records->is_array()) continue;
      for (const Json& record : records->as_array()) seen.insert(record.find("id")->dump());
    }
    std::erase_if(seen, [&](const std::string& key) { return !probed.contains(key); });
    EXPECT_EQ(seen, wanted) << person;
  }
}

TEST_F(RightsMatrix, BoardsCountForEveryoneWhatTheMatrixSays) { check_boards(); }
TEST_F(RightsBySets, BoardsCountForEveryoneWhatTheMatrixSays) { check_boards(); }

// -- What may not be read is not there ------------------------------------------------------------

TEST_F(RightsMatrix, AHiddenRecordIsAnsweredAsAMissingOne) {
  const auto offered = read_kinds();
  const auto operations = read_operations();
  std::set<std::string> done;
  for (const Probe& probe : probes_) {
    if (held(probe, "nobody") != Held::nothing || !done.insert(probe.own_kind()).second) continue;
    Probe missing = probe;
    missing.key = kMissing;
    for (const OperationRow& operation : operations) {
      if (operation.allowed == 0) continue;
      if (!offered.at(probe.own_kind()).contains(operation.name)) continue;
      EXPECT_EQ(outward(ask(operation, probe, "nobody"), probe.key),
                outward(ask(operation, missing, "nobody"), missing.key))
          << probe.kind << ", " << operation.name;
    }
  }
  EXPECT_GT(done.size(), 20U);
}

// Requests that name a record of the kind in passing: {id}. {own} is a deal of the caller.
struct Passing {
  std::string kind;
  std::string method;
  std::string target;
  std::string body;
};

TEST_F(RightsMatrix, NoOtherRequestTellsThatAHiddenRecordIsThere) {
  HttpClient& nobody = people_.at("nobody");
  const std::string own = std::to_string(make_deal(nobody, "Mine"));
  const std::vector<Passing> requests = {
      {"deal", "POST", "/comments", R"({"record_id": {id}, "text": "x"})"},
      {"deal", "POST", "/activities",
       R"({"parent_record_id": {id}, "type": "call", "activity_date": "2026-01-01T00:00:00Z"})"},
      {"deal", "GET", "/deals?id={id}&count=exact", ""},
      {"deal", "GET", "/deals?merged_into_id={id}&count=exact", ""},
      {"deal", "GET", "/deals/export?id={id}&columns=name", ""},
      {"deal", "GET", "/boards/deals?id={id}", ""},
      {"deal", "GET", "/events?record_id={id}", ""},
      {"deal", "GET", "/comments?record_id={id}&count=exact", ""},
      {"deal", "GET", "/records/{id}/actions", ""},
      {"deal", "GET", "/records/{id}/links", ""},
      {"deal", "POST", "/records/{id}/links", R"({"kind": "web", "url": "https://example.org/"})"},
      {"deal", "DELETE", "/records/{id}/links/1", ""},
      {"deal", "POST", "/deals/status", R"({"ids": [{id}], "status": "paused"})"},
      {"deal", "POST", "/deals/assign", R"({"ids": [{id}], "responsible_id": 1})"},
      {"deal", "POST", "/boards/deals/move", R"({"id": {id}, "status": "paused"})"},
      {"deal", "POST", "/deals/bulk",
       R"({"items": [{"id": {id}, "row_version": 1, "update": {"name": "x"}}]})"},
      {"deal", "POST", "/deals/bulk?mode=each",
       R"({"items": [{"id": {id}, "row_version": 1, "update": {"name": "x"}}]})"},
      {"deal", "POST", "/deals/{own}/merge", R"({"into": {id}})"},
      {"deal", "POST", "/deals/{own}/links", R"({"kind": "related", "to_id": {id}})"},
      {"deal", "POST", "/orders", R"({"deal_id": {id}})"},
      {"counterparty", "POST", "/deals", R"({"name": "x", "counterparty_id": {id}})"},
      {"counterparty", "PATCH", "/deals/{own}", R"({"counterparty_id": {id}})"},
      {"counterparty", "GET", "/deals?counterparty_id={id}&count=exact", ""},
      {"counterparty", "POST", "/contacts", R"({"full_name": "x", "counterparty_id": {id}})"},
      {"contact", "PUT", "/deals/{own}/contacts/{id}", ""},
      {"contract", "PATCH", "/deals/{own}", R"({"contract_id": {id}})"},
      {"document", "GET", "/document-versions?document_id={id}&count=exact", ""},
  };
  for (const Passing& request : requests) {
    const auto said = [&](const std::string& key) {
      testing::HttpHeaders headers;
      if (!request.body.empty()) headers.emplace_back("Content-Type", "application/json");
      if (request.method == "PATCH") headers.emplace_back("If-Match", "*");
      const auto whole = [&](const std::string& text) {
        return filled(filled(text, "{id}", key), "{own}", own);
      };
      return outward(nobody.request(request.method, std::string(kApiPrefix) + whole(request.target),
                                    std::move(headers), whole(request.body)),
                     key);
    };
    const std::string hidden = probes_of(request.kind).front().key;
    EXPECT_EQ(said(hidden), said(std::string(kMissing)))
        << request.method << " " << request.target << " " << request.body;
  }
}

TEST_F(RightsMatrix, AConflictDoesNotNameWhatMayNotBeSeen) {
  const std::string hidden = probes_of("counterparty").front().key;
  sql("UPDATE crm.counterparty SET inn = '7707083893', kpp = '773601001', name_key = 'РОМАШКА' "
      "WHERE id = " +
      hidden + " RETURNING id");
  const auto body = [](std::string_view more) {
    return R"({"name": "Ромашка", "segment_code": "small", "acquisition_channel_code": "site",
               "status_code": "active")" +
           std::string(more) + "}";
  };
  const std::string same_inn = body(R"(, "inn": "7707083893", "kpp": "773601001")");

  const auto to_nobody = people_.at("nobody").post(base("counterparty"), same_inn);
  EXPECT_EQ(to_nobody.status, 409) << to_nobody.body;
  EXPECT_EQ(to_nobody.field("code"), "duplicate_inn");
  EXPECT_EQ(to_nobody.body.find("existing_id"), std::string::npos) << to_nobody.body;
  const auto to_manager = people_.at("crm-manager").post(base("counterparty"), same_inn);
  EXPECT_EQ(to_manager.status, 409);
  EXPECT_EQ(to_manager.field("errors/0/detail"), hidden) << "he may read it";

  const auto namesake = people_.at("nobody").post(base("counterparty"), body(""));
  EXPECT_EQ(namesake.status, 201) << namesake.body;
  EXPECT_EQ(namesake.body.find("possible_duplicate"), std::string::npos) << namesake.body;
}

TEST_F(RightsMatrix, EveryKindIsMadeByThoseWhoMayMakeIt) {
  std::map<std::string, std::set<std::string>> makers;
  for (const TableRow& row : read_rights_table("creators.tsv")) {
    for (const std::string_view kind : split(row.at(0), ' ')) {
      auto& who = makers[std::string(kind)];
      for (const std::string_view name : split(row.at(1), ' ')) who.emplace(name);
    }
  }
  for (const auto& [kind, operations] : read_kinds()) {
    if (!operations.contains("create")) continue;
    std::set<std::string> may;
    for (auto& [person, client] : people_) {
      if (people_of_records().contains(person)) continue;
      const auto answer = client.post(base(kind), "{}");
      if (answer.status != 403) may.insert(person);
      const auto many = client.post(base(kind) + "/bulk", R"({"items":[{"create":{}}]})");
      EXPECT_EQ(many.status == 403, answer.status == 403) << kind << " by " << person << many.body;
    }
    if (may.contains("nobody")) may = {"everyone"};
    EXPECT_EQ(may, makers[kind]) << "creators.tsv: " << kind;
    makers.erase(kind);
  }
  for (const auto& [kind, who] : makers) {
    ADD_FAILURE() << "creators.tsv: nobody makes a " << kind;
  }
}

TEST_F(RightsMatrix, WhatBelongsToARecordIsMadeByThoseWhoMayWriteIt) {
  int asked = 0;
  for (const TableRow& row : read_rights_table("creators.tsv")) {
    if (row.size() < 3) continue;
    const std::string field = row[2].substr(0, row[2].find('='));
    const Probe owner = probes_of(row[2].substr(row[2].find('=') + 1)).front();
    for (const std::string_view kind : split(row[0], ' ')) {
      for (const std::string& person : concerned(owner)) {
        ++asked;
        const auto made = [&](const std::string& key) {
          return people_.at(person).post(base(kind), "{\"" + field + "\": " + key + "}");
        };
        const auto answer = made(owner.key);
        const Held has = held(owner, person);
        EXPECT_EQ(answer.status == 403, has == Held::read || has == Held::comment)
            << kind << " of " << owner.kind << " by " << person << answer.body;
        if (has != Held::nothing) continue;
        EXPECT_EQ(outward(answer, owner.key),
                  outward(made(std::string(kMissing)), std::string(kMissing)))
            << kind << " of " << owner.kind << " by " << person;
      }
    }
  }
  EXPECT_GT(asked, 60);
}

TEST_F(RightsMatrix, LeadsAndOrdersAnswerEveryOperationAsWritten) { walk({"lead", "order"}); }
TEST_F(RightsMatrix, DealsAnswerEveryOperationAsWritten) { walk({"deal"}); }
TEST_F(RightsMatrix, ContractsAnswerEveryOperationAsWritten) { walk({"contract"}); }
TEST_F(RightsMatrix, AgreementsAnswerEveryOperationAsWritten) { walk({"agreement"}); }
TEST_F(RightsMatrix, PaymentsAndAssignmentsAnswerEveryOperationAsWritten) {
  walk({"payment", "assignment"});
}
TEST_F(RightsMatrix, SupportRequestsAnswerEveryOperationAsWritten) { walk({"support_request"}); }
TEST_F(RightsMatrix, LettersAndReleasesAnswerEveryOperationAsWritten) {
  walk({"correspondence_in", "correspondence_out", "project", "release"});
}
TEST_F(RightsMatrix, EveryOtherKindAnswersEveryOperationAsWritten) {
  std::set<std::string> others = probed_kinds();
  for (const std::string_view kind :
       {"lead", "order", "deal", "contract", "agreement", "payment", "assignment",
        "support_request", "correspondence_in", "correspondence_out", "project", "release"}) {
    others.erase(std::string(kind));
  }
  walk(others);
}

}  // namespace
}  // namespace c360::api
