// Requests that name their records in the body or by another key - rows of a bulk request, an
// upsert, a status of many, a card moved on a board, an import - and what is made inside of a
// record, walked by the written matrix (tests/fixtures/rights): every status of every kind by
// everyone concerned.
#include "daemon/base/text.h"
#include "tests/api/rights_fixture.h"

namespace c360::api {
namespace {

// What is told of one record of many: the status, and all else but its key and its place.
struct Told {
  int status = 0;
  std::string rest;
};

Told told_of(const Json& row, const std::string& key) {
  Told told{.status = 200, .rest = {}};
  const Json* problem = row.find("problem");
  if (problem == nullptr) return told;
  const Json* status = row.find("status");
  if (status == nullptr) status = problem->find("status");
  if (status != nullptr) told.status = static_cast<int>(status->as_int64().value_or(0));
  Json own = *problem;
  // Of the whole request.
  std::erase_if(own.as_object(), [](const Json::Member& each) {
    return each.first == "request_id" || each.first == "instance";
  });
  told.rest = own.dump();
  for (auto at = told.rest.find(key); at != std::string::npos; at = told.rest.find(key)) {
    told.rest.replace(at, key.size(), "#");
  }
  return told;
}

class RightsOfMany : public RightsFixture {
 protected:
  bool offers(const std::string& kind, const std::string& operation) const {
    return offered_.at(kind).contains(operation);
  }
  bool has_external_ids(const std::string& kind) const {
    return resource(kind).has_field("external_ids");
  }
  std::set<std::string> concerned_of(const std::string& kind) const {
    std::set<std::string> people;
    for (const Probe& probe : probes_of(kind)) people.merge(concerned(probe));
    return people;
  }
  static bool directs(const std::string& person) {
    return person == "crm-cco" || person == "crm-administrators";
  }
  static std::string by_system(const std::string& key) { return "external_ids.probe:" + key; }

  // {key} of a text for each record of the kind, and at last for one there is not.
  std::string for_each(const std::string& kind, const std::string& text) const {
    std::string all;
    for (const Probe& probe : probes_of(kind)) all += filled(text, "{key}", probe.key) + ",";
    return all + filled(text, "{key}", std::string(kMissing));
  }

  // The rows of an answer are those of for_each(): he who may write one gets `allowed`, he who may
  // read it 403, and he who may not is told what he is told of the one there is not.
  void compare(const std::string& kind, const std::string& person, const std::string& what,
               const Json* rows, int allowed) {
    const auto probes = probes_of(kind);
    ASSERT_TRUE(rows != nullptr && rows->is_array()) << what;
    ASSERT_EQ(rows->as_array().size(), probes.size() + 1) << what;
    const Told nothing = told_of(rows->as_array().back(), std::string(kMissing));
    EXPECT_TRUE(nothing.status >= 400 && nothing.status < 500) << what << nothing.rest;
    for (std::size_t i = 0; i < probes.size(); ++i) {
      const Probe& probe = probes[i];
      const Told told = told_of(rows->as_array()[i], probe.key);
      const std::string where = what + " of " + probe.kind + " in " + probe.status + " by " +
                                person + ": " + told.rest.substr(0, 400);
      ++cells_;
      if (held(probe, person) == Held::nothing) {
        EXPECT_EQ(told.status, nothing.status) << where;
        EXPECT_EQ(told.rest, nothing.rest) << where;
      } else if (told.rest.find("status_administrators_only") != std::string::npos) {
        // domain.md 3.5: he may write it, but neither set nor leave this status.
        EXPECT_EQ(held(probe, person), Held::write) << where;
        EXPECT_NE(person, "crm-administrators") << where;
      } else {
        EXPECT_EQ(told.status, held(probe, person) == Held::write ? allowed : 403) << where;
        EXPECT_NE(told.rest, nothing.rest) << where;
      }
    }
  }

  const std::map<std::string, std::set<std::string>> offered_ = read_kinds();
  int cells_ = 0;
};

// -- Rows, each by its own rights -----------------------------------------------------------------

TEST_F(RightsOfMany, RowsOfABulkRequestAreAnsweredAsWritten) {
  for (const std::string& kind : probed_kinds()) {
    if (!offers(kind, "bulk") || !offers(kind, "update")) continue;
    // Of another version than it is, so that 412 says that the right was there.
    const bool versions = resource(kind).has_versions;
    const std::string version = versions ? R"(, "row_version": 999999)" : "";
    const std::string body =
        "{\"items\":[" + for_each(kind, R"({"id": {key})" + version + R"(, "update": {}})") + "]}";
    for (const std::string& person : concerned_of(kind)) {
      const auto answer =
          people_.at(person).post(base(kind) + "/bulk?mode=each&dry_run=true", body);
      ASSERT_EQ(answer.status, 200) << kind << answer.body;
      const Json report = answer.json();
      compare(kind, person, "an update", report.find("items"), versions ? 412 : 200);
    }
  }
  EXPECT_GT(cells_, 1'000);
}

TEST_F(RightsOfMany, RowsThatNameARecordByAKeyOfAnotherSystemAreAnsweredAsWritten) {
  for (const std::string& kind : probed_kinds()) {
    if (!offers(kind, "upsert") || !has_external_ids(kind)) continue;
    const std::string body = "{\"items\":[" +
                             for_each(kind, R"({"key": ")" + by_system("{key}") +
                                                R"(", "row_version": 999999, "upsert": {}})") +
                             "]}";
    for (const std::string& person : concerned_of(kind)) {
      const auto answer =
          people_.at(person).post(base(kind) + "/bulk?mode=each&dry_run=true", body);
      ASSERT_EQ(answer.status, 200) << kind << answer.body;
      const Json report = answer.json();
      compare(kind, person, "an upsert", report.find("items"), 412);
    }
  }
  EXPECT_GT(cells_, 800);
}

TEST_F(RightsOfMany, TheStatusOfManyIsChangedByThoseWhoMayWriteEach) {
  for (const std::string& kind : probed_kinds()) {
    if (!offers(kind, "status-of-many")) continue;
    // A field there is not: he who may is told of it, so nothing changes.
    const std::string body = "{\"ids\":[" + for_each(kind, "{key}") + R"(], "status": ")" +
                             probes_of(kind).front().status + R"(", "no_such_field": 1})";
    for (const std::string& person : concerned_of(kind)) {
      const auto answer = people_.at(person).post(base(kind) + "/status", body);
      ASSERT_EQ(answer.status, 200) << kind << answer.body;
      const Json report = answer.json();
      compare(kind, person, "a status", report.find("results"), 422);
    }
  }
  EXPECT_GT(cells_, 800);
}

TEST_F(RightsOfMany, ManyAreAssignedByTheDirectorAndAdministratorsAlone) {
  for (const std::string kind : {"lead", "deal"}) {
    ASSERT_TRUE(offers(kind, "assign-many"));
    for (const std::string& person : concerned_of(kind)) {
      // To nobody: he who may is told that this is missing.
      const auto answer = people_.at(person).post(base(kind) + "/assign",
                                                  "{\"ids\":[" + for_each(kind, "{key}") + "]}");
      ASSERT_EQ(answer.status, 200) << kind << answer.body;
      const Json report = answer.json();
      compare(kind, person, "an assignment", report.find("results"), directs(person) ? 422 : 403);
    }
  }
  EXPECT_GT(cells_, 100);
}

// -- One record, named otherwise than by its path -------------------------------------------------

TEST_F(RightsOfMany, ACardIsMovedByThoseWhoMayWriteIt) {
  for (const std::string& kind : probed_kinds()) {
    if (!offers(kind, "move")) continue;
    const std::string path =
        std::string(kApiPrefix) + "/boards/" + std::string(resource(kind).path) + "/move";
    const std::string body =
        R"({"id": {key}, "status": ")" + probes_of(kind).front().status + "\"}";
    for (const std::string& person : concerned_of(kind)) {
      const auto move = [&](const std::string& key) {
        return people_.at(person).post(path, filled(body, "{key}", key),
                                       {{"If-Match", "\"999999\""}});
      };
      const std::string missing = outward(move(std::string(kMissing)), std::string(kMissing));
      EXPECT_TRUE(missing.starts_with("404")) << missing;
      for (const Probe& probe : probes_of(kind)) {
        const auto answer = move(probe.key);
        const Held has = held(probe, person);
        EXPECT_EQ(answer.status, has == Held::nothing ? 404
                                 : has == Held::write ? 412
                                                      : 403)
            << probe.kind << " in " << probe.status << " by " << person << answer.body;
        EXPECT_EQ(outward(answer, probe.key) == missing, has == Held::nothing)
            << probe.kind << " in " << probe.status << " by " << person << answer.body;
        ++cells_;
      }
    }
  }
  EXPECT_GT(cells_, 700);
}

TEST_F(RightsOfMany, APutByAKeyOfAnotherSystemIsForThoseWhoMayWriteIt) {
  for (const std::string& kind : probed_kinds()) {
    if (!offers(kind, "upsert") || !has_external_ids(kind)) continue;
    for (const std::string& person : concerned_of(kind)) {
      const auto put = [&](const std::string& key) {
        return people_.at(person).put(base(kind) + "/" + by_system(key), "{}",
                                      {{"If-Match", "\"999999\""}});
      };
      const std::string missing = outward(put(std::string(kMissing)), std::string(kMissing));
      for (const Probe& probe : probes_of(kind)) {
        const auto answer = put(probe.key);
        const Held has = held(probe, person);
        if (has != Held::nothing) {
          EXPECT_EQ(answer.status, has == Held::write ? 412 : 403)
              << probe.kind << " in " << probe.status << " by " << person << answer.body;
        }
        EXPECT_EQ(outward(answer, probe.key) == missing, has == Held::nothing)
            << probe.kind << " in " << probe.status << " by " << person << answer.body;
        ++cells_;
      }
    }
  }
  EXPECT_GT(cells_, 800);
}

// Without a version: he who may not read it makes one of his own, as he would with any other key.
TEST_F(RightsOfMany, APutByAKeyOfAnotherSystemLeavesWhatMayNotBeWritten) {
  const std::string hidden = probes_of("deal").front().key;
  const auto version = [&] { return sql("SELECT row_version FROM crm.deal WHERE id = " + hidden); };
  const auto before = version();
  const auto put = [&](const std::string& person, const std::string& key) {
    return people_.at(person).put(base("deal") + "/" + by_system(key), R"({"name": "Mine"})");
  };
  EXPECT_EQ(put("viewers", hidden).status, 403);
  EXPECT_EQ(put("crm-manager", hidden).status, 403);
  EXPECT_EQ(put("nobody", std::string(kMissing)).status, 201);
  const auto own = put("nobody", hidden);
  EXPECT_EQ(own.status, 201) << own.body;
  EXPECT_NE(own.field("id"), hidden);
  EXPECT_EQ(version(), before);
  const auto known =
      people_.at("manager").put(base("deal") + "/" + by_system(hidden), R"({"name": "His"})");
  EXPECT_EQ(known.status, 200) << "the other's is none of his: " << known.body;
  EXPECT_EQ(known.field("id"), hidden);
  EXPECT_EQ(version(), before + 1);

  // A key that is there once only is told as taken, and not whose it is.
  const std::string company = probes_of("counterparty").front().key;
  sql("UPDATE crm.counterparty SET inn = '7707083893', kpp = '773601001' WHERE id = " + company +
      " RETURNING 1");
  const auto taken = people_.at("nobody").put(
      base("counterparty") + "/inn:7707083893,kpp:773601001",
      R"({"name": "x", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "active"})");
  EXPECT_EQ(taken.status, 409) << taken.body;
  EXPECT_EQ(taken.body.find(company), std::string::npos) << taken.body;
  EXPECT_EQ(people_.at("crm-manager")
                .put(base("counterparty") + "/inn:7707083893,kpp:773601001", "{}")
                .status,
            403);
}

// -- Tables in ------------------------------------------------------------------------------------

class RightsOfImports : public RightsOfMany {
 protected:
  // Of the records walked, those with this in external_ids.
  std::set<std::string> seen_by(const std::string& kind, const std::string& person) {
    const auto rows = database_->execute(
        store::Pool::work, {"", "SELECT id::text FROM " + std::string(resource(kind).table) +
                                    " WHERE external_ids ->> 'seen' = '" + person +
                                    "' AND id IN (" + keys_of(kind) + ")"});
    std::set<std::string> keys;
    EXPECT_TRUE(rows);
    for (int i = 0; rows && i < rows->size(); ++i) keys.emplace(rows->text(i, 0));
    return keys;
  }
  // Of each row that was rejected its number and the status told.
  static std::map<std::size_t, std::string> rejected(const HttpAnswer& answer) {
    std::map<std::size_t, std::string> problems;
    for (const std::string_view line : split(answer.body, '\n')) {
      const auto json = Json::parse(line);
      const Json* row = json ? json->find("row") : nullptr;
      if (row == nullptr) continue;
      problems.emplace(static_cast<std::size_t>(row->as_int64().value_or(0)),
                       json->find("problem")->dump());
    }
    return problems;
  }
};

// Stored, row by row: what changes is what he may write, and nothing else.
TEST_F(RightsOfImports, AnImportStoresForEveryoneWhatTheMatrixSays) {
  for (const std::string& kind : probed_kinds()) {
    if (!offers(kind, "import") || !has_external_ids(kind)) continue;
    const auto probes = probes_of(kind);
    for (const std::string& person : concerned_of(kind)) {
      const std::string table =
          "[" +
          for_each(kind, R"({"external_ids": {"probe": "{key}", "seen": ")" + person + R"("}})") +
          "]";
      const auto answer = people_.at(person).request(
          "POST", base(kind) + "/import?mode=each&key=external_ids.probe",
          {{"Content-Type", "application/json"}}, table);
      ASSERT_EQ(answer.status, 200) << answer.body;
      const auto changed = seen_by(kind, person);
      const auto problems = rejected(answer);
      for (std::size_t i = 0; i < probes.size(); ++i) {
        const Held has = held(probes[i], person);
        const auto problem = problems.find(i + 1);
        const std::string where = probes[i].kind + " in " + probes[i].status + " by " + person +
                                  ": " + (problem == problems.end() ? "taken" : problem->second);
        EXPECT_EQ(changed.contains(probes[i].key), has == Held::write) << where;
        const bool refused = problem != problems.end() &&
                             problem->second.find("\"code\":\"read_only\"") != std::string::npos;
        EXPECT_EQ(refused, has == Held::read || has == Held::comment) << where;
        ++cells_;
      }
      // What he made of keys that were none to him is in nobody's way.
      sql("UPDATE " + std::string(resource(kind).table) +
          " SET external_ids = '{}' WHERE id NOT IN (" + keys_of(kind) + ") RETURNING 1");
    }
  }
  EXPECT_GT(cells_, 800);
}

// -- Inside of a record ---------------------------------------------------------------------------

// inside.tsv says of each what of the owner he needs; creators.tsv who makes one at all.
class RightsInside : public RightsOfMany {
 protected:
  bool makes(const std::string& person, const std::string& kind) const {
    const auto& who = makers_.at(kind);
    return who.contains("everyone") || who.contains(person);
  }
  static std::map<std::string, std::set<std::string>> read_makers() {
    std::map<std::string, std::set<std::string>> makers;
    for (const TableRow& row : read_rights_table("creators.tsv")) {
      for (const std::string_view kind : split(row.at(0), ' ')) {
        for (const std::string_view name : split(row.at(1), ' ')) {
          makers[std::string(kind)].emplace(name);
        }
      }
    }
    return makers;
  }
  const std::map<std::string, std::set<std::string>> makers_ = read_makers();
};

TEST_F(RightsInside, WhatIsMadeInsideOfARecordIsMadeByThoseWhoMay) {
  std::map<std::string, OperationRow> operations;
  for (const OperationRow& row : read_operations()) operations.emplace(row.name, row);
  std::set<std::string> written;
  for (const TableRow& row : read_rights_table("inside.tsv")) {
    const std::string& kind = row.at(2);
    const std::string& field = row.at(3);
    const Held needed = row.at(4) == "write" ? Held::write : Held::read;
    for (const std::string_view owner : split(row.at(0), ' ')) {
      const bool by_path = row.at(1) != "-";
      if (by_path) written.insert(std::string(owner) + " " + row.at(1));
      for (const Probe& probe : probes_of(owner)) {
        for (const std::string& person : concerned(probe)) {
          const Held has = held(probe, person);
          const bool may = makes(person, kind) && has >= needed;
          const auto inside = [&](const std::string& key) {
            return people_.at(person).post(
                base(owner) + filled(operations.at(row.at(1)).path, "{id}", key), "{}");
          };
          const auto naming = [&](const std::string& key) {
            return people_.at(person).post(base(kind), "{\"" + field + "\": " + key + "}");
          };
          const std::string where = kind + " by " + field + " of " + probe.kind + " in " +
                                    probe.status + " by " + person + ": ";
          const auto check = [&](const auto& ask, int hidden) {
            ++cells_;
            const HttpAnswer answer = ask(probe.key);
            if (has == Held::nothing) {
              EXPECT_TRUE(hidden == 0 || answer.status == hidden) << where << answer.body;
              EXPECT_EQ(outward(answer, probe.key),
                        outward(ask(std::string(kMissing)), std::string(kMissing)))
                  << where;
            } else {
              EXPECT_EQ(answer.status == 403, !may) << where << answer.body;
              EXPECT_NE(answer.status, 404) << where << answer.body;
            }
          };
          if (by_path) check(inside, 404);
          if (field != "-") check(naming, 0);
        }
      }
    }
  }
  EXPECT_GT(cells_, 1'500);
  for (const auto& [kind, offered] : offered_) {
    for (const std::string& name : offered) {
      if (!name.starts_with("new-")) continue;
      EXPECT_TRUE(written.contains(kind + " " + name)) << "inside.tsv: " << kind << " " << name;
    }
  }
}

// -- Two records of one request -------------------------------------------------------------------

// domain.md 3.5: WRITE on both. Of what he may not read he is told as of what there is not.
TEST_F(RightsOfMany, AMergeWantsTheRightToWriteOnBoth) {
  HttpClient& admin = people_.at("crm-administrators");
  const auto merger = add_user("merger");
  HttpClient by(port(), add_token(merger, {"admin"}));
  const std::string responsible = ", \"responsible_id\": " + std::to_string(merger) + "}";
  const std::map<std::string, std::string> bodies = {
      {"lead", R"({"name": "x")"},
      {"deal", R"({"name": "x")"},
      {"counterparty", R"({"name": "x", "segment_code": "small",
          "acquisition_channel_code": "site", "status_code": "active")"}};
  for (const auto& [kind, body] : bodies) {
    const auto make = [&](const std::string& end) {
      return std::to_string(created(admin.post(base(kind), body + end)));
    };
    const std::string hidden = make("}");
    const std::string read = make("}");
    EXPECT_EQ(admin.request("PUT", base(kind) + "/" + read + "/observers/" + std::to_string(merger))
                  .status,
              204);
    const std::string own = make(responsible);
    const std::string other = make(responsible);
    const auto merge = [&](const std::string& source, const std::string& into, bool dry_run) {
      return by.post(
          base(kind) + "/" + source + "/merge",
          R"({"into": )" + into + (dry_run ? R"(, "dry_run": true})" : R"(, "confirm": true})"));
    };
    for (const bool dry_run : {true, false}) {
      EXPECT_EQ(merge(own, read, dry_run).status, 403) << kind;
      EXPECT_EQ(merge(read, own, dry_run).status, 403) << kind;
      EXPECT_EQ(merge(read, hidden, dry_run).status, 403)
          << kind << ": before the other is looked at";
      EXPECT_EQ(merge(hidden, own, dry_run).status, 404) << kind;
      const std::string missing(hidden.size(), '9');  // the length of an answer tells nothing else
      EXPECT_EQ(outward(merge(own, hidden, dry_run), hidden),
                outward(merge(own, missing, dry_run), missing))
          << kind;
      EXPECT_EQ(merge(own, hidden, dry_run).status, 404) << kind;
    }
    EXPECT_EQ(sql("SELECT count(*) FROM crm.merge"), 0) << kind;
    EXPECT_EQ(merge(own, other, true).status, 200) << kind;
    EXPECT_EQ(merge(own, other, false).status, 200) << kind;
    // Taken back by who may write what it went into.
    const auto unmerge = [&](HttpClient& client) {
      return client.post(base(kind) + "/" + other + "/unmerge", R"({"source": )" + own + "}")
          .status;
    };
    EXPECT_EQ(unmerge(people_.at("nobody")), 404) << kind;
    EXPECT_EQ(unmerge(people_.at("crm-manager")), 403) << kind;
    EXPECT_EQ(unmerge(by), 200) << kind;
    sql("DELETE FROM crm.merge RETURNING 1");
  }
}

}  // namespace
}  // namespace c360::api
