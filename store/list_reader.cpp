#include "store/list_reader.h"

#include <algorithm>
#include <utility>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/query_parts.h"
#include "store/record_json.h"

namespace c360::store {
namespace {

constexpr std::size_t kMaxColumns = 300;
// Where the order has no index each page sorts the whole list: few pages, of a few megabytes.
constexpr int kPageRows = 2'000;

std::unexpected<Error> no_column(const Resource& resource, const CustomFields& custom,
                                 std::string_view name) {
  std::string known;
  for (const Field& field : resource.fields) {
    if (!field.is_secret) known.append(known.empty() ? "" : ", ").append(field.name);
  }
  for (const CustomField& field : custom.of(resource.kind)) {
    known.append(", ").append(kCustomPrefix).append(field.code);
  }
  return fail(
      ErrorCode::invalid_request,
      "columns: there is no '" + std::string(utf8_prefix(name, 100)) + "'; known: " + known + ".",
      "unknown_field");
}

}  // namespace

ListReader::ListReader(Database& database, const Records& records, const Resource& resource,
                       Parameters parameters, Actor actor,
                       std::shared_ptr<const CustomFields> custom)
    : database_(database),
      records_(records),
      resource_(resource),
      parameters_(std::move(parameters)),
      actor_(std::move(actor)),
      custom_(std::move(custom)) {}

Result<ListReader> ListReader::open(Database& database, const Records& records,
                                    const Resource& resource, Parameters parameters,
                                    std::string_view columns, const Actor& actor,
                                    std::shared_ptr<const CustomFields> custom) {
  ListReader reader(database, records, resource, std::move(parameters), actor, std::move(custom));
  if (auto chosen = reader.choose(columns); !chosen) return std::unexpected(chosen.error());
  // What the list refuses is told before anything is sent.
  auto plan = records.queries().list(resource, reader.parameters_, actor, *reader.custom_);
  if (!plan) return std::unexpected(std::move(plan).error());
  for (const ListColumn& column : reader.columns_) {
    const std::string_view name =
        column.custom_code.empty() ? column.field->name : std::string_view("custom");
    const auto place = std::ranges::find(plan->columns, name, &Field::name);
    reader.places_.push_back(static_cast<int>(place - plan->columns.begin()));
  }
  return reader;
}

Result<void> ListReader::choose(std::string_view columns) {
  if (columns.empty()) {
    for (const Field& field : resource_.fields) {
      if (!field.is_secret && !field.is_large) {
        columns_.push_back({std::string(field.name), &field, {}});
      }
    }
  }
  for (const std::string_view item : split(columns, ',')) {
    const std::string_view name = trimmed(item);
    if (name.empty() && columns.empty()) break;
    const Field* field = find_field(resource_, *custom_, name);
    if (field == nullptr || field->is_secret || columns_.size() == kMaxColumns) {
      return no_column(resource_, *custom_, name);
    }
    const bool custom = name.starts_with(kCustomPrefix);
    columns_.push_back({std::string(name), field,
                        custom ? std::string(name.substr(kCustomPrefix.size())) : std::string()});
  }
  std::string fields;
  for (const ListColumn& column : columns_) {
    const std::string_view name =
        column.custom_code.empty() ? column.field->name : std::string_view("custom");
    fields.append(fields.empty() ? "" : ",").append(name);
  }
  parameters_.emplace_back("fields", std::move(fields));
  return {};
}

Result<bool> ListReader::next_page() {
  if (begun_ && !cursor_) return false;
  begun_ = true;
  Parameters parameters = parameters_;
  if (cursor_) parameters.emplace_back("cursor", *cursor_);
  auto plan = records_.queries().list(resource_, parameters, actor_, *custom_, kPageRows);
  if (!plan) return std::unexpected(std::move(plan).error());
  auto rows = database_.execute(Pool::api, plan->page.sql, std::move(plan->page.params));
  if (!rows) return std::unexpected(std::move(rows).error());
  rows_ = std::move(*rows);
  size_ = std::min(rows_.size(), plan->limit);
  cursor_.reset();
  if (rows_.size() > plan->limit) {
    const int order_column = static_cast<int>(plan->columns.size() + plan->includes.size());
    const int keys = static_cast<int>(plan->order.size());
    std::vector<std::optional<std::string>> values;
    for (int i = 0; i + 1 < keys; ++i) {
      const auto value = rows_.optional_text(size_ - 1, order_column + i);
      values.push_back(value ? std::optional(std::string(*value)) : std::nullopt);
    }
    cursor_ =
        records_.queries().cursor(*plan, values, rows_.text(size_ - 1, order_column + keys - 1));
  }
  return size_ > 0;
}

std::optional<std::string> ListReader::value(int row, std::size_t column) const {
  const auto text = rows_.optional_text(row, places_[column]);
  if (!text) return std::nullopt;
  const ListColumn& of = columns_[column];
  if (of.custom_code.empty()) return std::string(*text);
  const auto members = Json::parse(*text);
  const Json* value = members ? members->find(of.custom_code) : nullptr;
  if (value == nullptr || value->is_null()) return std::nullopt;
  // As the type of the definition is stored; what another writer left there is shown as it is.
  ParsedValue parsed = parse_value(*of.field, *value, true);
  if (parsed.text && !parsed.fault) return std::move(parsed.text);
  return value->is_string() ? value->as_string() : value->dump();
}

}  // namespace c360::store
