#include "api/record_import.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "api/auth.h"
#include "api/import_columns.h"
#include "api/problem.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/russian.h"
#include "api/schema.h"
#include "api/spool.h"
#include "api/table_reader.h"
#include "daemon/base/text.h"
#include "store/bulk.h"
#include "store/operations/action.h"
#include "store/upsert.h"

namespace c360::api {
namespace {

using store::BulkItem;
using store::BulkRow;
using store::Resource;
using store::Transaction;

constexpr std::string_view kCsv = "text/csv";
constexpr std::string_view kLines = "application/x-ndjson";
// Rows of one transaction, and of one line of progress.
constexpr std::size_t kBatch = 100;

// What one import needs; lives as long as its answer.
struct Import {
  ApiServices services;
  const Resource& resource;
  std::shared_ptr<const store::CustomFields> custom;
  store::Actor actor;
  store::BulkOptions options;  // of each row; `each` is set: the import itself decides
  bool all = true;             // nothing is stored when one row is wrong
  bool dry_run = false;
  std::size_t max_rows = 0;
  std::vector<std::string> key;  // columns of the natural key; empty: every row is new
  ImportColumns columns;
  bool is_csv = true;
  bool russian = false;  // what is said of rejected rows
  std::unique_ptr<Spool> spool = std::make_unique<Spool>();
};

struct Tally {
  std::int64_t rows = 0;
  std::int64_t created = 0;
  std::int64_t updated = 0;
  std::int64_t rejected = 0;
};

// -- Rows -----------------------------------------------------------------------------------------

// A row of the table on its way to become a record.
struct TableRow {
  Json body = Json::Object{};
  std::optional<Error> wrong;
};

class RowSource {
 public:
  explicit RowSource(Import& import) : import_(import), csv_(bytes(import)), json_(bytes(import)) {}

  // CSV: reads the header. Errors of the table as a whole.
  Result<void> begin() {
    if (!import_.is_csv) return {};
    std::vector<std::string> header;
    auto more = csv_.next(header);
    if (!more) return std::unexpected(std::move(more).error());
    for (const auto& name : header) {
      auto column = import_.columns.find(name);
      if (!column) return std::unexpected(std::move(column).error());
      columns_.push_back(std::move(*column));
    }
    return {};
  }

  Result<bool> next(TableRow& row) {
    row = {};
    return import_.is_csv ? next_csv(row) : next_json(row);
  }

 private:
  static ByteSource bytes(Import& import) {
    return [&import](std::span<char> into) { return import.spool->read(into); };
  }

  Result<bool> next_csv(TableRow& row) {
    std::vector<std::string> cells;
    auto more = csv_.next(cells);
    if (!more || !*more) return more;
    if (cells.size() > columns_.size()) {
      row.wrong = Error{ErrorCode::validation_failed,
                        "the row has " + std::to_string(cells.size()) + " cells, the header " +
                            std::to_string(columns_.size()),
                        "too_many_cells",
                        {},
                        {}};
      return true;
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (columns_[i].field == nullptr) continue;
      auto value = cell_value(*columns_[i].field, cells[i]);
      if (value) set_value(row.body, columns_[i], std::move(*value));
    }
    return true;
  }

  Result<bool> next_json(TableRow& row) {
    Json object;
    auto more = json_.next(object);
    if (!more || !*more) return more;
    for (const auto& [name, value] : object.as_object()) {
      auto column = import_.columns.find(name);
      if (!column) {
        row.wrong = std::move(column).error();
        return true;
      }
      if (column->field != nullptr) set_value(row.body, *column, value);
    }
    return true;
  }

  Import& import_;
  CsvReader csv_;
  JsonRowReader json_;
  std::vector<ImportColumn> columns_;
};

// "inn:7707083893,kpp:…" out of the row; a part that is empty is left out, as long as one is there.
std::string key_of(const Import& import, const Json& body) {
  std::string key;
  for (const std::string& name : import.key) {
    const std::size_t dot = name.find('.');
    const Json* value = body.find(std::string_view(name).substr(0, dot));
    if (value != nullptr && dot != std::string::npos) value = value->find(name.substr(dot + 1));
    if (value == nullptr || value->is_null()) continue;
    const std::string text = value->is_string()   ? value->as_string()
                             : value->is_number() ? value->number_text()
                                                  : std::string();
    if (text.empty()) continue;
    const bool code = import.resource.key_type == store::KeyType::text;
    key += (key.empty() ? "" : ",") + (code ? text : name + ":" + text);
  }
  return key;
}

BulkItem item_of(const Import& import, Json body) {
  BulkItem item;
  if (!import.key.empty()) {
    item.action = store::BulkAction::upsert;
    item.key = key_of(import, body);
  }
  item.body = std::move(body);
  return item;
}

// -- The work -------------------------------------------------------------------------------------

std::string rejected_line(std::int64_t row, const Error& error, bool russian) {
  JsonWriter writer;
  writer.begin_object().member("row", row).key("problem");
  write_row_problem(writer, error, russian);
  writer.end_object();
  return writer.take() + "\n";
}

void write_tally(JsonWriter& writer, const Tally& tally) {
  writer.member("rows", tally.rows)
      .member("created", tally.created)
      .member("updated", tally.updated)
      .member("rejected", tally.rejected);
}

std::string progress_line(const Tally& tally) {
  JsonWriter writer;
  writer.begin_object().key("progress").begin_object();
  write_tally(writer, tally);
  writer.end_object().end_object();
  return writer.take() + "\n";
}

std::string last_line(const Tally& tally, bool stored, const Error* ended, bool russian) {
  JsonWriter writer;
  writer.begin_object().member("end", true).member("stored", stored);
  write_tally(writer, tally);
  if (ended != nullptr) {
    writer.key("problem");
    write_row_problem(writer, *ended, russian);
  }
  writer.end_object();
  return writer.take() + "\n";
}

struct Batch {
  std::vector<BulkItem> items;
  std::vector<std::int64_t> numbers;  // of the rows, from 1
};

// Reads up to a batch of rows; those that are wrong as they stand are told at once. False when the
// table ends.
Result<bool> read_batch(const Import& import, RowSource& rows, Batch& batch, Tally& tally,
                        std::string& told) {
  batch = {};
  TableRow row;
  while (batch.items.size() < kBatch) {
    auto more = rows.next(row);
    if (!more || !*more) return more;
    ++tally.rows;
    if (import.all && static_cast<std::size_t>(tally.rows) > import.max_rows) {
      return fail(ErrorCode::validation_failed,
                  "all or nothing takes at most " + std::to_string(import.max_rows) +
                      " rows (api.max_import_rows); send less, or use mode=each",
                  "too_many_rows");
    }
    BulkItem item = item_of(import, std::move(row.body));
    if (!row.wrong && !import.key.empty() && item.key.empty()) {
      row.wrong = Error{ErrorCode::validation_failed,
                        "the row has no value of its key: " + join(import.key, ", "),
                        "key_required",
                        {},
                        {}};
    }
    if (row.wrong) {
      ++tally.rejected;
      told += rejected_line(tally.rows, *row.wrong, import.russian);
      continue;
    }
    batch.items.push_back(std::move(item));
    batch.numbers.push_back(tally.rows);
  }
  return true;
}

void count_rows(const std::vector<BulkRow>& written, const Batch& batch, bool russian, Tally& tally,
                std::string& told) {
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i].error) {
      ++tally.rejected;
      told += rejected_line(batch.numbers[i], *written[i].error, russian);
    } else {
      ++(written[i].created ? tally.created : tally.updated);
    }
  }
}

// A batch in a transaction of its own.
Result<std::vector<BulkRow>> write_alone(Import& import, const Batch& batch) {
  std::vector<BulkRow> written;
  store::BulkOptions options = import.options;
  options.dry_run = import.dry_run;
  auto done = store::in_transaction(
      import.services.database, store::Pool::api, [&](Transaction& tx) -> Result<void> {
        auto rows = store::bulk(import.services.records, tx, import.resource, batch.items,
                                import.actor, options);
        if (!rows) return std::unexpected(std::move(rows).error());
        written = std::move(*rows);
        return {};
      });
  if (!done) return std::unexpected(std::move(done).error());
  return written;
}

// What was told of an attempt before is not told again.
struct Telling {
  const BodySink& sink;
  std::int64_t rows = 0;

  Result<void> tell(const std::string& rejected, const Tally& tally) {
    if (tally.rows <= rows && rows > 0) return {};
    rows = tally.rows;
    return sink(rejected + progress_line(tally));
  }
};

// Everything in batches, telling of each: in `whole`, or each in a transaction of its own.
Result<void> write_batches(Import& import, Transaction* whole, Telling& telling, Tally& tally) {
  tally = {};
  RowSource rows(import);
  import.spool->rewind();
  if (auto begun = rows.begin(); !begun) return begun;
  Batch batch;
  for (bool more = true; more;) {
    std::string told;
    auto read = read_batch(import, rows, batch, tally, told);
    if (!read) return std::unexpected(std::move(read).error());
    more = *read;
    if (!batch.items.empty()) {
      auto written = whole != nullptr
                         ? store::bulk(import.services.records, *whole, import.resource,
                                       batch.items, import.actor, import.options)
                         : write_alone(import, batch);
      if (!written) return std::unexpected(std::move(written).error());
      count_rows(*written, batch, import.russian, tally, told);
    }
    if (auto sent = telling.tell(told, tally); !sent) return sent;
  }
  return {};
}

// In one transaction, committed only when no row was wrong.
Result<void> write_all(Import& import, Telling& telling, Tally& tally, bool& stored) {
  auto whole = import.services.database.begin(store::Pool::api, store::TxMode::read_write);
  if (!whole) return std::unexpected(std::move(whole).error());
  if (auto done = write_batches(import, &*whole, telling, tally); !done) return done;
  if (tally.rejected > 0 || import.dry_run) return {};
  if (auto done = whole->commit(); !done) return done;
  stored = true;
  return {};
}

Result<void> run(Import& import, const BodySink& sink, Tally& tally, bool& stored) {
  Telling telling{sink};
  if (!import.all) return write_batches(import, nullptr, telling, tally);
  for (int attempt = 1;; ++attempt) {
    auto done = write_all(import, telling, tally, stored);
    if (done || !store::worth_another_try(done.error()) || attempt == store::kActionAttempts) {
      return done;
    }
    store::wait_before_attempt(attempt);
  }
}

Result<void> stream_import(Import& import, const BodySink& sink) {
  Tally tally;
  bool stored = false;
  auto done = run(import, sink, tally, stored);
  if (!done && done.error().reason == "client_gone") return done;
  // Batches that were committed before stay.
  if (!import.all && !import.dry_run) stored = tally.created + tally.updated > 0;
  return sink(last_line(tally, stored, done ? nullptr : &done.error(), import.russian));
}

// -- What was asked for ---------------------------------------------------------------------------

Result<Json> map_of(const Request& request) {
  const auto text = request.query_value("map");
  if (!text) return Json();
  return Json::parse(*text);
}

Result<std::vector<std::string>> key_columns(const Request& request, const Resource& resource) {
  std::vector<std::string> names;
  const auto text = request.query_value("key");
  if (!text) return names;
  for (const auto item : split(*text, ',')) {
    const std::string name(trimmed(item));
    const bool declared =
        std::ranges::find(resource.natural_keys, name) != resource.natural_keys.end() ||
        (name.starts_with("external_ids.") && resource.has_field("external_ids")) ||
        (resource.key_type == store::KeyType::text && name == resource.key);
    if (!declared) {
      return fail(ErrorCode::invalid_request,
                  "key: '" + std::string(utf8_prefix(name, 100)) +
                      "' is no natural key; known: " + store::natural_key_names(resource),
                  "unknown_natural_key");
    }
    names.push_back(name);
  }
  return names;
}

Result<void> receive(Request& request, std::uint64_t limit, Spool& spool) {
  request.body->set_limit(limit);
  std::string piece(std::size_t{64} * 1024, '\0');
  for (;;) {
    auto count = request.body->read(piece.data(), piece.size());
    if (!count) return std::unexpected(std::move(count).error());
    if (*count == 0) return {};
    if (auto kept = spool.append(std::string_view(piece).substr(0, *count)); !kept) return kept;
  }
}

Result<std::shared_ptr<Import>> import_of(const Request& request, const ApiServices& services,
                                          const Resource& resource,
                                          std::shared_ptr<const store::CustomFields> custom,
                                          std::size_t max_rows) {
  auto write = creation_options(request);
  if (!write) return std::unexpected(std::move(write).error());
  auto dry_run = flag_parameter(request, "dry_run");
  if (!dry_run) return std::unexpected(std::move(dry_run).error());
  const auto mode = request.query_value("mode").value_or("all");
  if (mode != "all" && mode != "each") {
    return fail(ErrorCode::invalid_request, "mode is all or each");
  }
  auto key = key_columns(request, resource);
  if (!key) return std::unexpected(std::move(key).error());
  auto map = map_of(request);
  if (!map) return std::unexpected(std::move(map).error());
  auto columns = ImportColumns::make(resource, *custom, *map);
  if (!columns) return std::unexpected(std::move(columns).error());
  const std::string_view type = request.header("content-type").value_or("");
  auto import = std::make_shared<Import>(Import{.services = services,
                                                .resource = resource,
                                                .custom = std::move(custom),
                                                .actor = actor_of(request),
                                                .options = {.write = *write, .each = true},
                                                .all = mode == "all",
                                                .dry_run = *dry_run,
                                                .max_rows = max_rows,
                                                .key = std::move(*key),
                                                .columns = std::move(*columns),
                                                .is_csv = type.starts_with(kCsv),
                                                .russian = wants_russian(request)});
  // What import may and others may not (domain.md 3.5) is for administrators.
  if (import->actor.is_administrator()) import->actor.origin = "import";
  return import;
}

RouteHandler import_handler(const ApiServices& services, const Resource& resource,
                            std::shared_ptr<store::CustomFieldReader> custom,
                            const ApiOptions& options) {
  return [services, &resource, custom = std::move(custom), limit = options.max_import_bytes,
          max_rows = options.limits.max_import_rows](Request& request,
                                                     Response& response) -> Result<void> {
    auto import = import_of(request, services, resource, custom->current(), max_rows);
    if (!import) return std::unexpected(std::move(import).error());
    if (auto received = receive(request, limit, *(*import)->spool); !received) return received;
    // A table that cannot be read from its first line on is told by a status.
    RowSource first(**import);
    if (auto begun = first.begin(); !begun) return begun;
    response.content_type = kLines;
    response.chunked = true;
    response.stream = [import = *import](const BodySink& sink) {
      return stream_import(*import, sink);
    };
    return {};
  };
}

Route import_route(const ApiServices& services, const ApiOptions& options, const Resource& resource,
                   std::shared_ptr<store::CustomFieldReader> custom) {
  Route route{.method = Method::post,
              .path = std::string(kApiPrefix) + "/" + std::string(resource.path) + "/import",
              .access = Access::scope,
              .scope = scope_of(resource, true),
              .operation_id = "import_" + std::string(resource.kind),
              .summary = "From a table, each row as POST takes it: " +
                         std::string(resource.label_plural.en),
              .tag = std::string(resource.kind),
              .handler = import_handler(services, resource, std::move(custom), options),
              .request_media_types = {std::string(kCsv), std::string(kJson), std::string(kLines)},
              .max_body_bytes = options.max_import_bytes};
  route.request_schema =
      schema::any("CSV with a header, a JSON array of objects, or lines of them");
  route.parameters = {
      {.name = "map",
       .doc = "{\"Column\": \"field\", \"Other\": null}; without it columns go by the names or "
              "labels of fields; external_ids.SYSTEM and custom.CODE are fields too",
       .schema = schema::string()},
      {.name = "mode",
       .doc = "all: one wrong row and nothing is stored (default); each: every row by itself",
       .schema = schema::one_of({"all", "each"})},
      {.name = "key",
       .doc = "Fields of the natural key, separated by commas: rows whose key is known change that "
              "record; without it every row is a new one",
       .schema = schema::string()},
      {.name = "dry_run", .doc = "Check and report, store nothing", .schema = schema::boolean()}};
  if (resource.is_record) {
    route.parameters.push_back({.name = "profile",
                                .doc = "What must be there of a new one",
                                .schema = schema::one_of({"full", "requisites"})});
    route.parameters.push_back(
        {.name = "strict", .doc = "A possible duplicate is rejected", .schema = schema::boolean()});
    route.parameters.push_back(
        {.name = "lenient",
         .doc = "Wrong check digits are stored and told in missing_fields; for administrators",
         .schema = schema::boolean()});
  }
  route.answers = {{.doc = "Lines of JSON as it goes along: {row, problem} of each rejected row, "
                           "{progress}, at last {end, stored, rows, created, updated, rejected}",
                    .media_type = std::string(kLines)}};
  return route;
}

}  // namespace

void add_record_import_routes(std::vector<Route>& routes, const ApiServices& services,
                              const ApiOptions& options) {
  const auto custom = std::make_shared<store::CustomFieldReader>(services.database);
  for (const auto& resource : services.records.registry().all()) {
    // A document is made by its content: document_routes.
    if (!resource->offers(store::Operation::create) || resource->kind == "document") continue;
    routes.push_back(import_route(services, options, *resource, custom));
  }
}

}  // namespace c360::api
