// The written matrix of rights: the tables of tests/fixtures/rights, which know nothing of what the
// program declares. People write and read them; the tests compare.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace c360::api {

enum class Held : std::uint8_t { nothing, read, comment, write };

// One line of a table: its columns, without comments and blank lines.
using TableRow = std::vector<std::string>;
std::vector<TableRow> read_rights_table(std::string_view name);
std::string read_rights_file(std::string_view name);

// Who holds what on records of one kind (or variant) in some statuses.
struct MatrixRow {
  std::string kind;
  std::set<std::string> statuses;  // empty: all
  std::map<std::string, Held> rights;
  Held everyone = Held::nothing;

  Held of(const std::string& person) const;
};
std::vector<MatrixRow> read_matrix();
// Throws std::out_of_range where no row is written for it.
const MatrixRow& row_of(const std::vector<MatrixRow>& matrix, const std::string& kind,
                        const std::string& status);

// What can be asked of a kind, and what it needs.
struct OperationRow {
  std::string name;
  std::string method;
  std::string path;   // behind the path of the kind, or behind /boards/ of it
  std::string right;  // read, comment, write, director, administrators, create
  int allowed = 0;    // what he gets who may; 0: asked by a test of its own
  std::string body;
};
std::vector<OperationRow> read_operations();

// The operations each kind offers.
std::map<std::string, std::set<std::string>> read_kinds();

// Runs the statements of records.sql: one record of each kind in each of its statuses, its key in
// public.probe. `make_people` is called once public.person is there and fills it: those of
// people_of_records() at least.
void make_records(const std::function<void(const std::string& statement)>& run,
                  const std::function<void()>& make_people);
std::set<std::string> people_of_records();

}  // namespace c360::api
