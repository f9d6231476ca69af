// What the domain says of statuses, stages and directories, written down once more as tables
// (tests/fixtures/domain) and compared with what is declared and what the migrations filled.
#include <fstream>
#include <map>
#include <sstream>

#include "daemon/base/text.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using Row = std::vector<std::string>;

std::vector<Row> table(const std::string& name) {
  std::ifstream file(std::string(C360_SOURCE_DIR) + "/tests/fixtures/domain/" + name);
  EXPECT_TRUE(file) << name;
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    Row row;
    for (const auto cell : split(line, '\t')) row.emplace_back(cell);
    rows.push_back(std::move(row));
  }
  EXPECT_FALSE(rows.empty()) << name;
  return rows;
}

// With what the domain leaves open taken as it is.
Row as_wanted(Row found, const Row& wanted) {
  for (std::size_t i = 0; i < std::min(found.size(), wanted.size()); ++i) {
    if (wanted[i] == "*") found[i] = "*";
  }
  return found;
}

Row row_of(const store::Resource& resource, const store::Status& status) {
  Row row = {std::string(resource.kind),
             std::string(status.code),
             std::string(status.label.ru),
             std::string(status.label.en),
             "-",
             "-",
             "-",
             status.on_board ? "yes" : "no"};
  const store::Stage* stage = status.stage.empty() ? nullptr : resource.find_stage(status.stage);
  if (stage != nullptr) {
    row[4] = stage->label.ru;
    row[5] = stage->label.en;
    if (stage->percent) row[6] = std::to_string(*stage->percent);
  }
  return row;
}

TEST(DomainTables, StatusesAndStagesAreThoseOfTheDomain) {
  const auto registry = store::Registry::standard();
  std::map<std::string, std::vector<Row>> wanted;
  for (Row& row : table("statuses.tsv")) wanted[row.front()].push_back(std::move(row));
  for (const auto& [kind, rows] : wanted) {
    const store::Resource* resource = registry.find(kind);
    ASSERT_NE(resource, nullptr) << kind;
    std::vector<Row> found;
    for (std::size_t i = 0; i < resource->statuses.size(); ++i) {
      Row row = row_of(*resource, resource->statuses[i]);
      found.push_back(i < rows.size() ? as_wanted(std::move(row), rows[i]) : std::move(row));
    }
    EXPECT_EQ(found, rows) << kind;
  }
  // A kind with statuses that no table knows is forgotten.
  for (const auto& resource : registry.all()) {
    if (resource->statuses.empty()) continue;
    EXPECT_TRUE(wanted.contains(std::string(resource->kind))) << resource->kind;
  }
}

class DomainDirectories : public RecordsTest {};

TEST_F(DomainDirectories, HoldFromTheStartWhatTheDomainSays) {
  std::map<std::string, std::vector<Row>> wanted;
  for (Row& row : table("directories.tsv")) wanted[row.front()].push_back(std::move(row));
  for (const auto& [directory, rows] : wanted) {
    const auto stored = database_->execute(
        store::Pool::work,
        {"", "SELECT code, name_ru, name_en FROM crm." + directory + " ORDER BY sort_order"});
    ASSERT_TRUE(stored) << directory;
    std::map<std::string, Row> found;
    for (int i = 0; i < stored->size(); ++i) {
      const std::string code(stored->text(i, 0));
      found[code] = {directory, code, std::string(stored->text(i, 1)),
                     std::string(stored->text(i, 2))};
    }
    EXPECT_EQ(found.size(), rows.size()) << directory;
    for (const Row& row : rows) EXPECT_EQ(as_wanted(found[row[1]], row), row) << directory;
  }
}

// The rate of a day, and what it takes of a hundred.
TEST_F(DomainDirectories, RatesOfVatAreThoseOfTheirYears) {
  const auto rate_of = [&](const std::string& day) {
    const auto rows = database_->execute(
        store::Pool::work,
        {"",
         "SELECT code || ' ' || percent FROM crm.vat_rate WHERE is_default AND daterange("
         "valid_from, valid_to, '[]') @> '" +
             day + "'::date"});
    return rows && !rows->empty() ? std::string(rows->text(0, 0)) : "none";
  };
  EXPECT_EQ(rate_of("2019-01-01"), "vat20 20.00");
  EXPECT_EQ(rate_of("2025-12-31"), "vat20 20.00");
  EXPECT_EQ(rate_of("2026-01-01"), "vat22 22.00");
}

}  // namespace
}  // namespace c360::testing
