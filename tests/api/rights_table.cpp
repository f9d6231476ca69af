#include "tests/api/rights_table.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "daemon/base/text.h"

namespace c360::api {
namespace {

std::set<std::string> listed(std::string_view text, char separator) {
  std::set<std::string> words;
  for (const std::string_view word : split(text, separator)) {
    if (!word.empty()) words.emplace(word);
  }
  return words;
}

}  // namespace

std::string read_rights_file(std::string_view name) {
  const std::string path =
      std::string(C360_SOURCE_DIR) + "/tests/fixtures/rights/" + std::string(name);
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<TableRow> read_rights_table(std::string_view name) {
  std::vector<TableRow> rows;
  const std::string text = read_rights_file(name);
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    TableRow row;
    for (const std::string_view column : split(line, '\t')) row.emplace_back(column);
    rows.push_back(std::move(row));
  }
  return rows;
}

Held MatrixRow::of(const std::string& person) const {
  const auto found = rights.find(person);
  return found == rights.end() ? everyone : found->second;
}

std::vector<MatrixRow> read_matrix() {
  std::vector<MatrixRow> matrix;
  for (const TableRow& columns : read_rights_table("matrix.tsv")) {
    MatrixRow row{.kind = columns.at(0)};
    if (columns.at(1) != "*") row.statuses = listed(columns.at(1), ',');
    for (const std::string& cell : listed(columns.at(2), ' ')) {
      const auto equals = cell.find('=');
      const std::string right = cell.substr(equals + 1);
      if (equals == std::string::npos || (right != "W" && right != "C" && right != "R")) {
        throw std::runtime_error("matrix.tsv: '" + cell + "' is not ROLE=W, ROLE=C or ROLE=R");
      }
      const Held held = right == "W" ? Held::write : right == "C" ? Held::comment : Held::read;
      const std::string person = cell.substr(0, equals);
      if (person == "everyone") {
        row.everyone = held;
      } else {
        row.rights.emplace(person, held);
      }
    }
    matrix.push_back(std::move(row));
  }
  return matrix;
}

const MatrixRow& row_of(const std::vector<MatrixRow>& matrix, const std::string& kind,
                        const std::string& status) {
  for (const MatrixRow& row : matrix) {
    if (row.kind == kind && (row.statuses.empty() || row.statuses.contains(status))) return row;
  }
  throw std::out_of_range("matrix.tsv has no row for " + kind + " in status " + status);
}

std::vector<OperationRow> read_operations() {
  std::vector<OperationRow> operations;
  for (const TableRow& columns : read_rights_table("operations.tsv")) {
    const std::string& allowed = columns.at(4);
    operations.push_back({.name = columns.at(0),
                          .method = columns.at(1),
                          .path = columns.at(2) == "-" ? std::string() : columns.at(2),
                          .right = columns.at(3),
                          .allowed = allowed == "-" ? 0 : std::stoi(allowed),
                          .body = columns.size() > 5 ? columns.at(5) : std::string()});
  }
  return operations;
}

std::map<std::string, std::set<std::string>> read_kinds() {
  std::map<std::string, std::set<std::string>> kinds;
  for (const TableRow& columns : read_rights_table("kinds.tsv")) {
    for (const std::string& kind : listed(columns.at(0), ' ')) {
      kinds.emplace(kind, listed(columns.at(1), ' '));
    }
  }
  return kinds;
}

void make_records(const std::function<void(const std::string& statement)>& run,
                  const std::function<void()>& make_people) {
  const std::string text = read_rights_file("records.sql");
  bool people_made = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("\n----\n", at), text.size());
    run(text.substr(at, end - at));
    at = end + 6;
    if (!people_made) make_people();
    people_made = true;
  }
}

std::set<std::string> people_of_records() {
  return {
      "manager",        "service_manager", "viewers",     "creator",       "initiator",
      "performer",      "verifier",        "signer",      "assignee",      "participant",
      "author",         "deal_manager",    "deal_viewer", "order_manager", "release_responsible",
      "project_manager"};
}

}  // namespace c360::api
