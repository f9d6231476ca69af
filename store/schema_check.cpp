#include "store/schema_check.h"

#include <map>
#include <set>

namespace c360::store {
namespace {

constexpr Sql kColumns{"c360_schema_columns", R"sql(
SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       a.attnotnull, a.atthasdef OR a.attidentity <> ''
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v')
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('crm', 'ops')
WHERE a.attnum > 0 AND NOT a.attisdropped
)sql"};
constexpr Sql kLabels{"c360_schema_labels", R"sql(
SELECT domain, code, name_ru, name_en FROM crm.enum_label
)sql"};

struct Column {
  std::string type;
  bool not_null = false;
  bool has_default = false;
};
using Columns = std::map<std::string, Column, std::less<>>;
using Tables = std::map<std::string, Columns, std::less<>>;

// As format_type spells it.
std::string formatted(const std::string& type) {
  if (type == "timestamptz") return "timestamp with time zone";
  return type;
}

void compare_columns(const Resource& resource, const Tables& tables,
                     std::vector<std::string>& differences) {
  const std::string name(resource.rows_from());
  const auto table = tables.find(name);
  if (table == tables.end()) {
    differences.push_back("Table " + name + " is missing: run client360d --migrate.");
    return;
  }
  std::set<std::string, std::less<>> declared;
  for (const Field& field : resource.fields) {
    if (!field.has_column()) continue;
    declared.insert(std::string(field.name));
    const std::string where = name + "." + std::string(field.name);
    const auto column = table->second.find(field.name);
    if (column == table->second.end()) {
      differences.push_back("Column " + where + " is missing: run client360d --migrate.");
      continue;
    }
    const std::string type = formatted(field.sql_type());
    if (column->second.type != type && column->second.type != "public." + type) {
      differences.push_back("Column " + where + " has type " + column->second.type +
                            ", the program expects " + type + ".");
    }
    if (!resource.view.empty()) continue;  // the tables behind it hold the constraints
    if (column->second.not_null != field.is_not_null) {
      differences.push_back("Column " + where +
                            (field.is_not_null ? " may be null, the program expects NOT NULL."
                                               : " is NOT NULL, the program expects null values."));
    }
    const bool generated = field.name == resource.key || field.name == "number";
    if (field.default_value && field.default_value != "today" && !column->second.has_default &&
        !generated) {
      differences.push_back("Column " + where + " has no default, the program expects one.");
    }
  }
  for (const auto& [column, ignored] : table->second) {
    if (declared.contains(column)) continue;
    differences.push_back("Column " + name + "." + column +
                          " is unknown to the program: the database is newer than this binary, or "
                          "somebody else changed it.");
  }
}

using Labels = std::map<std::pair<std::string, std::string>, std::pair<std::string, std::string>>;

void compare_label(const Labels& labels, const std::string& domain, std::string_view code,
                   const Label& label, std::vector<std::string>& differences) {
  const auto found = labels.find({domain, std::string(code)});
  const std::string what = "Code " + domain + "=" + std::string(code);
  if (found == labels.end()) {
    differences.push_back(what + " has no row in crm.enum_label: run client360d --migrate.");
  } else if (found->second.first != label.ru || found->second.second != label.en) {
    differences.push_back(what + " is labelled \"" + found->second.first + "\" / \"" +
                          found->second.second + "\", the program expects \"" +
                          std::string(label.ru) + "\" / \"" + std::string(label.en) + "\".");
  }
}

bool has_labels(const Resource& resource) { return resource.table.starts_with("crm."); }

void compare_labels(const Resource& resource, const Labels& labels,
                    std::vector<std::string>& differences) {
  if (!has_labels(resource)) return;
  for (const Field& field : resource.fields) {
    const bool of_statuses = field.name == "status" && !resource.statuses.empty();
    if (field.choices.empty() || !field.has_column() || of_statuses) continue;
    if (resource.kind == "activity_target") continue;
    for (const Choice& choice : field.choices) {
      compare_label(labels, resource.enum_domain(field), choice.code, choice.label, differences);
    }
  }
  for (const Stage& stage : resource.stages) {
    compare_label(labels, std::string(resource.kind) + ".stage", stage.code, stage.label,
                  differences);
  }
}

std::string status_table(const Resource& resource) {
  return std::string(resource.table) + "_status";
}

void compare_statuses(const Resource& resource, const Rows& rows,
                      std::vector<std::string>& differences) {
  std::set<std::string, std::less<>> present;
  for (int row = 0; row < rows.size(); ++row) {
    const std::string code(rows.text(row, 0));
    present.insert(code);
    const std::string where = status_table(resource) + " row " + code;
    const Status* status = resource.find_status(code);
    if (!status) {
      differences.push_back(where + " is unknown to the program.");
      continue;
    }
    const Stage* stage = resource.find_stage(status->stage);
    const auto percent = rows.optional_int64(row, 5);
    const bool same =
        rows.text(row, 1) == status->label.ru && rows.text(row, 2) == status->label.en &&
        rows.int64(row, 3) == (status - resource.statuses.data()) + 1 &&
        rows.text(row, 4) == status->stage &&
        percent == (stage && stage->percent ? std::optional<std::int64_t>(*stage->percent)
                                            : std::nullopt) &&
        rows.boolean(row, 6) == status->on_board && rows.boolean(row, 7) == status->is_final;
    if (!same) differences.push_back(where + " differs from the program in label, order or stage.");
  }
  for (const Status& status : resource.statuses) {
    if (present.contains(status.code)) continue;
    differences.push_back(status_table(resource) + " has no row " + std::string(status.code) +
                          ": run client360d --migrate.");
  }
}

}  // namespace

Result<std::vector<std::string>> schema_differences(Database& database, const Registry& registry) {
  auto tx = database.begin(Pool::api, TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  // Whether the tables of labels are there at all is asked before they are read.
  auto columns = tx->query(kColumns);
  if (!columns) return std::unexpected(columns.error());
  Tables tables;
  for (int row = 0; row < (*columns)->size(); ++row) {
    const Rows& rows = **columns;
    tables[std::string(rows.text(row, 0))][std::string(rows.text(row, 1))] = {
        std::string(rows.text(row, 2)), rows.boolean(row, 3), rows.boolean(row, 4)};
  }
  std::vector<std::string> differences;
  for (const auto& resource : registry.all()) compare_columns(*resource, tables, differences);
  if (!tables.contains("crm.enum_label")) {
    differences.emplace_back("Table crm.enum_label is missing: run client360d --migrate.");
    return differences;
  }

  const Ticket label_rows = tx->queue(kLabels);
  std::vector<std::pair<const Resource*, Ticket>> statuses;
  std::vector<std::unique_ptr<std::string>> texts;
  for (const auto& resource : registry.all()) {
    if (resource->statuses.empty()) continue;
    if (!tables.contains(status_table(*resource))) {
      differences.push_back("Table " + status_table(*resource) +
                            " is missing: run client360d --migrate.");
      continue;
    }
    texts.push_back(std::make_unique<std::string>(
        "SELECT code, name_ru, name_en, position, coalesce(stage_code, ''), percent, on_board, "
        "is_final FROM " +
        status_table(*resource)));
    statuses.emplace_back(resource.get(), tx->queue(Sql{{}, *texts.back()}));
  }
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  Labels labels;
  const Rows& rows = tx->rows(label_rows);
  for (int row = 0; row < rows.size(); ++row) {
    labels[{std::string(rows.text(row, 0)), std::string(rows.text(row, 1))}] = {
        std::string(rows.text(row, 2)), std::string(rows.text(row, 3))};
  }
  for (const auto& resource : registry.all()) compare_labels(*resource, labels, differences);
  for (const auto& [resource, ticket] : statuses) {
    compare_statuses(*resource, tx->rows(ticket), differences);
  }
  return differences;
}

// -- Draft DDL ------------------------------------------------------------------------------------

namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::string column_definition(const Resource& resource, const Field& field) {
  std::string sql = "    " + std::string(field.name) + " " + field.sql_type();
  if (field.name == resource.key) {
    if (resource.key_type == KeyType::text) return sql + " PRIMARY KEY";
    return sql + (resource.is_record ? " PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE"
                                     : " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY");
  }
  if (field.is_not_null) sql += " NOT NULL";
  if (field.name == "number" && !resource.sequence.empty()) {
    sql += " UNIQUE DEFAULT nextval(" + quoted(resource.sequence) + ")";
  } else if (field.default_value == "now") {
    sql += " DEFAULT now()";
  } else if (field.default_value && field.default_value != "today") {
    sql += " DEFAULT " + quoted(*field.default_value);
  }
  const bool of_statuses = field.name == "status" && !resource.statuses.empty();
  if (of_statuses) {
    sql += " REFERENCES " + status_table(resource);
  } else if (!field.target_table.empty()) {
    sql += " REFERENCES " + std::string(field.target_table);
  } else if (!field.choices.empty()) {
    std::string codes;
    for (const Choice& choice : field.choices) {
      codes += (codes.empty() ? "" : ", ") + quoted(choice.code);
    }
    sql += field.is_array() ? " CHECK (" + std::string(field.name) + " <@ ARRAY[" + codes + "])"
                            : " CHECK (" + std::string(field.name) + " IN (" + codes + "))";
  } else if (field.type == FieldType::money && !field.may_be_negative) {
    sql += " CHECK (" + std::string(field.name) + " >= 0)";
  } else if (field.length_limit > 0 && field.type == FieldType::text) {
    sql += " CHECK (length(" + std::string(field.name) +
           ") <= " + std::to_string(field.length_limit) + ")";
  }
  return sql;
}

std::string status_rows(const Resource& resource) {
  std::string sql = "CREATE TABLE " + status_table(resource) +
                    " (\n    code text PRIMARY KEY,\n    name_ru text NOT NULL,\n"
                    "    name_en text NOT NULL,\n    position integer NOT NULL UNIQUE,\n"
                    "    stage_code text,\n    percent integer,\n    on_board boolean NOT NULL,\n"
                    "    is_final boolean NOT NULL\n);\nINSERT INTO " +
                    status_table(resource) + " VALUES\n";
  int position = 0;
  for (const Status& status : resource.statuses) {
    const Stage* stage = resource.find_stage(status.stage);
    sql += (position ? ",\n    (" : "    (") + quoted(status.code) + ", " +
           quoted(status.label.ru) + ", " + quoted(status.label.en) + ", " +
           std::to_string(position + 1) + ", " +
           (status.stage.empty() ? "NULL" : quoted(status.stage)) + ", " +
           (stage && stage->percent ? std::to_string(*stage->percent) : "NULL") + ", " +
           (status.on_board ? "true" : "false") + ", " + (status.is_final ? "true" : "false") + ")";
    ++position;
  }
  return sql + ";\n";
}

}  // namespace

std::string draft_ddl(const Resource& resource) {
  std::string sql = "-- " + std::string(resource.kind) + ": " + std::string(resource.doc) + "\n";
  if (!resource.statuses.empty()) sql += status_rows(resource);
  if (!resource.sequence.empty()) {
    sql += "CREATE SEQUENCE " + std::string(resource.sequence) + ";\n";
  }
  sql += "CREATE TABLE " + std::string(resource.table) + " (\n";
  bool first = true;
  for (const Field& field : resource.fields) {
    if (!field.has_column()) continue;
    sql += (first ? "" : ",\n") + column_definition(resource, field);
    first = false;
  }
  sql += "\n);\n";
  std::string labels;
  const auto add = [&](const std::string& domain, std::string_view code, const Label& label,
                       int position) {
    labels += (labels.empty() ? "    (" : ",\n    (") + quoted(domain) + ", " + quoted(code) +
              ", " + quoted(label.ru) + ", " + quoted(label.en) + ", " + std::to_string(position) +
              ")";
  };
  for (const Field& field : resource.fields) {
    const bool common = resource.is_record && field.name == "origin";
    const bool of_statuses = field.name == "status" && !resource.statuses.empty();
    if (common || of_statuses || !field.has_column()) continue;
    int position = 0;
    for (const Choice& choice : field.choices) {
      add(resource.enum_domain(field), choice.code, choice.label, ++position);
    }
  }
  int position = 0;
  for (const Stage& stage : resource.stages) {
    add(std::string(resource.kind) + ".stage", stage.code, stage.label, ++position);
  }
  if (!labels.empty()) {
    sql += "INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES\n" +
           labels + ";\n";
  }
  return sql;
}

}  // namespace c360::store
