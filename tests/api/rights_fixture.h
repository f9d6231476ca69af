// What the walks over the written matrix of rights share: its records and its people, in a
// database.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/api/api_fixture.h"
#include "tests/api/rights_table.h"

namespace c360::api {

// A record in one status, as records.sql made it.
struct Probe {
  std::string kind;  // with its variant
  std::string status;
  std::string key;

  std::string own_kind() const { return kind.substr(0, kind.find('/')); }
};

// The id of no record.
inline constexpr std::string_view kMissing = "799999999";

// All that an answer says, but the key asked for and what every answer has of its own.
std::string outward(const HttpAnswer& answer, const std::string& key);

class RightsFixture : public ApiTest {
 protected:
  void SetUp() override;

  // Of every role on a record one person without a group, of every group one without a role.
  void make_people();
  void read_probes();
  // Reads what happened into the search index.
  void index();

  std::vector<Probe> probes_of(std::string_view kind) const;
  std::set<std::string> probed_kinds() const;
  const store::Resource& resource(std::string_view kind) const { return registry_->get(kind); }
  std::string base(std::string_view kind) const {
    return std::string(kApiPrefix) + "/" + std::string(resource(kind).path);
  }
  Held held(const Probe& probe, const std::string& person) const {
    return row_of(matrix_, probe.kind, probe.status).of(person);
  }
  // Those whom the row names, and one of those whom it does not.
  std::set<std::string> concerned(const Probe& probe) const;
  // The keys of the kind that the person must see.
  std::set<std::string> visible(const std::string& kind, const std::string& person) const;
  std::string keys_of(std::string_view kind) const;
  // Asks a list for all of the kind, those it leaves out by itself too.
  std::string query_of_all(std::string_view kind) const;
  static std::string filled(std::string text, std::string_view name, const std::string& value);

  const std::vector<MatrixRow> matrix_ = read_matrix();
  std::map<std::string, std::int64_t> ids_;
  std::map<std::string, HttpClient> people_;
  std::vector<Probe> probes_;
};

}  // namespace c360::api
