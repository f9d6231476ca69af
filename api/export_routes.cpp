#include "api/export_routes.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "store/custom_fields.h"
#include "store/list_reader.h"
#include "store/saved_views.h"
#include "store/sheet.h"

namespace c360::api {
namespace {

using store::ListReader;
using store::Resource;
using store::SheetWords;

constexpr std::string_view kCsv = "text/csv";
constexpr std::string_view kXlsx =
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
// Parameters of the export itself; the others are those of the list.
constexpr std::array<std::string_view, 4> kOwn = {"format", "columns", "labels", "dialect"};
// Of the list, and without meaning here.
constexpr std::array<std::string_view, 5> kOfPages = {"limit", "cursor", "count", "fields",
                                                      "include"};
constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;

struct Choices {
  bool xlsx = false;
  SheetWords words = SheetWords::codes;
  store::CsvDialect dialect;
  std::string columns;
};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Result<Choices> choices_of(const Request& request) {
  Choices choices;
  const auto format = request.query_value("format").value_or("csv");
  if (format != "csv" && format != "xlsx") {
    return fail(ErrorCode::invalid_request, "format is csv or xlsx");
  }
  choices.xlsx = format == "xlsx";
  const auto labels = request.query_value("labels").value_or("none");
  if (labels != "none" && labels != "ru" && labels != "en") {
    return fail(ErrorCode::invalid_request, "labels is none, ru or en");
  }
  if (labels != "none") choices.words = labels == "ru" ? SheetWords::ru : SheetWords::en;
  const auto dialect = request.query_value("dialect").value_or("excel");
  if (dialect != "excel" && dialect != "rfc4180") {
    return fail(ErrorCode::invalid_request, "dialect is excel or rfc4180");
  }
  if (dialect == "excel") choices.dialect = {.separator = ';', .byte_order_mark = true};
  choices.columns = request.query_value("columns").value_or("");
  return choices;
}

Result<store::Parameters> list_parameters_of(const Request& request) {
  store::Parameters parameters;
  for (const auto& [name, value] : parameters_of(request)) {
    if (is_one_of(kOwn, name)) continue;
    if (is_one_of(kOfPages, name)) {
      return fail(ErrorCode::invalid_request,
                  name + ": an export is the whole list; choose with columns and filters",
                  "unknown_parameter");
    }
    parameters.emplace_back(name, value);
  }
  return parameters;
}

// Told before anything is sent, not by a file that ends too early.
Result<void> check_size(store::Records& records, const Resource& resource,
                        const store::Parameters& parameters, const store::Actor& actor,
                        std::uint64_t limit) {
  auto count = records.count(resource, parameters, actor);
  if (!count) return std::unexpected(std::move(count).error());
  if (static_cast<std::uint64_t>(*count) <= limit) return {};
  return fail(ErrorCode::validation_failed,
              std::to_string(*count) + " rows are more than the " + std::to_string(limit) +
                  " one export may have (api.max_export_rows); narrow the filters",
              "too_many_rows");
}

std::vector<std::string> header_of(const ListReader& reader, SheetWords words) {
  std::vector<std::string> names;
  for (const auto& column : reader.columns()) {
    const store::Label& label = column.field->label;
    const std::string_view word = words == SheetWords::en ? label.en : label.ru;
    const bool plain = words == SheetWords::codes || word.empty();
    names.push_back(plain ? column.name : std::string(word));
  }
  return names;
}

// What is typed in by people may begin like a formula; numbers, times and codes are what they are.
bool is_free_text(const store::Field& field) {
  switch (field.type) {
    case store::FieldType::boolean:
    case store::FieldType::integer:
    case store::FieldType::money:
    case store::FieldType::decimal:
    case store::FieldType::reference:
    case store::FieldType::date:
    case store::FieldType::timestamp:
      return false;
    default:
      return true;
  }
}

void write_csv_row(store::CsvWriter& csv, const ListReader& reader, int row, SheetWords words) {
  for (std::size_t i = 0; i < reader.columns().size(); ++i) {
    const auto value = reader.value(row, i);
    const store::Field& field = *reader.columns()[i].field;
    if (!value) {
      csv.empty();
    } else if (is_free_text(field)) {
      csv.text(store::cell_text(field, *value, words));
    } else {
      csv.number(store::cell_text(field, *value, words));
    }
  }
  csv.end_row();
}

Result<void> stream_csv(ListReader& reader, const Choices& choices, const BodySink& sink) {
  store::CsvWriter csv(choices.dialect);
  for (const auto& name : header_of(reader, choices.words)) csv.text(name);
  csv.end_row();
  for (;;) {
    auto more = reader.next_page();
    if (!more) return std::unexpected(std::move(more).error());
    if (!*more) return sink(csv.take());
    for (int row = 0; row < reader.size(); ++row) write_csv_row(csv, reader, row, choices.words);
    if (csv.size() < kPieceBytes) continue;
    if (auto sent = sink(csv.take()); !sent) return sent;
  }
}

// The file is made before the answer begins, so that what fails is told by a status.
Result<void> answer_xlsx(ListReader& reader, const Choices& choices, Response& response) {
  auto made = store::XlsxWriter::create();
  if (!made) return std::unexpected(std::move(made).error());
  auto sheet = std::make_shared<store::XlsxWriter>(std::move(*made));
  sheet->header(header_of(reader, choices.words));
  for (;;) {
    auto more = reader.next_page();
    if (!more) return std::unexpected(std::move(more).error());
    if (!*more) break;
    for (int row = 0; row < reader.size(); ++row) {
      for (std::size_t i = 0; i < reader.columns().size(); ++i) {
        sheet->cell(*reader.columns()[i].field, reader.value(row, i), choices.words);
      }
      sheet->end_row();
    }
  }
  auto size = sheet->finish();
  if (!size) return std::unexpected(std::move(size).error());
  response.stream_size = *size;
  response.stream = [sheet](const BodySink& sink) { return sheet->read(sink); };
  return {};
}

RouteHandler export_handler(const ApiServices& services, const Resource& resource,
                            std::shared_ptr<store::CustomFieldReader> custom,
                            const ApiLimits& limits) {
  return [services, &resource, custom = std::move(custom), limits](
             Request& request, Response& response) -> Result<void> {
    auto choices = choices_of(request);
    if (!choices) return std::unexpected(std::move(choices).error());
    auto parameters = list_parameters_of(request);
    if (!parameters) return std::unexpected(std::move(parameters).error());
    if (auto admitted = admit_view(request, services.records.registry()); !admitted) {
      return admitted;
    }
    const store::Actor actor = actor_of(request);
    auto columns = store::take_view(services.records, resource, *parameters, actor);
    if (!columns) return std::unexpected(std::move(columns).error());
    if (choices->columns.empty()) choices->columns = std::move(*columns);
    services.records.sections()->filter_by_default(resource, *parameters);
    const std::uint64_t most = choices->xlsx
                                   ? std::min(limits.max_export_rows, store::kMaxSheetRows - 1)
                                   : limits.max_export_rows;
    if (auto fits = check_size(services.records, resource, *parameters, actor, most); !fits) {
      return fits;
    }
    auto opened =
        ListReader::open(services.database, services.records, resource, std::move(*parameters),
                         choices->columns, actor, custom->current());
    if (!opened) return std::unexpected(std::move(opened).error());
    response.add_header("Content-Disposition", "attachment; filename=\"" +
                                                   std::string(resource.kind) +
                                                   (choices->xlsx ? ".xlsx\"" : ".csv\""));
    if (choices->xlsx) {
      response.content_type = kXlsx;
      return answer_xlsx(*opened, *choices, response);
    }
    response.content_type = std::string(kCsv) + "; charset=utf-8";
    response.chunked = true;
    auto reader = std::make_shared<ListReader>(std::move(*opened));
    response.stream = [reader, choices = std::move(*choices)](const BodySink& sink) {
      return stream_csv(*reader, choices, sink);
    };
    return {};
  };
}

Route export_route(const ApiServices& services, const ApiOptions& options, const Resource& resource,
                   std::shared_ptr<store::CustomFieldReader> custom) {
  Route route{.method = Method::get,
              .path = std::string(kApiPrefix) + "/" + std::string(resource.path) + "/export",
              .access = Access::scope,
              .scope = scope_of(resource, false),
              .operation_id = "export_" + std::string(resource.kind),
              .summary = "As a table, the whole list: " + std::string(resource.label_plural.en),
              .tag = std::string(resource.kind),
              .handler = export_handler(services, resource, std::move(custom), options.limits)};
  for (auto& parameter : list_parameters(resource, options)) {
    if (!is_one_of(kOfPages, parameter.name)) route.parameters.push_back(std::move(parameter));
  }
  route.check_query = false;  // the store knows the operators
  route.parameters.push_back(view_parameter());
  route.parameters.push_back({.name = "format",
                              .doc = "csv (the default) or xlsx",
                              .schema = schema::one_of({"csv", "xlsx"})});
  route.parameters.push_back({.name = "columns",
                              .doc = "Fields and custom.CODE in their order, separated by commas; "
                                     "without it those of the view, or what lists show",
                              .schema = schema::string()});
  route.parameters.push_back({.name = "labels",
                              .doc = "none: names and codes, as an import takes them; ru, en: "
                                     "words for people",
                              .schema = schema::one_of({"none", "ru", "en"})});
  route.parameters.push_back({.name = "dialect",
                              .doc = "Of CSV: excel (semicolons, byte order mark; the default) or "
                                     "rfc4180 (commas, none). In both a text that a spreadsheet "
                                     "would calculate has an apostrophe in front",
                              .schema = schema::one_of({"excel", "rfc4180"})});
  route.answers = {{.doc = "The table",
                    .media_type = std::string(kCsv),
                    .headers = {"Content-Disposition"},
                    .other_media_types = {std::string(kXlsx)}}};
  return route;
}

}  // namespace

void add_export_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options) {
  const auto custom = std::make_shared<store::CustomFieldReader>(services.database);
  for (const auto& resource : services.records.registry().all()) {
    if (!resource->offers(store::Operation::list)) continue;
    routes.push_back(export_route(services, options, *resource, custom));
  }
}

}  // namespace c360::api
