#include "store/operations/board.h"

#include <algorithm>
#include <array>

#include "store/custom_fields.h"
#include "store/query_parts.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

constexpr std::array<std::string_view, 2> kAmounts = {"amount", "total_amount_with_vat"};
constexpr std::array<std::string_view, 5> kOfPages = {"limit", "cursor", "sort", "fields",
                                                      "include"};

// The kinds whose totals the database keeps (0034_board_totals.sql).
constexpr std::array<std::string_view, 5> kKept = {"lead", "deal", "order", "payment",
                                                   "assignment"};

// What was asked, taken apart.
struct Asked {
  Parameters filters;  // of cards and of counts
  Parameters cards;    // of cards alone
  std::string column;  // empty: all
};

std::unexpected<Error> wrong(std::string_view name, const std::string& detail) {
  return fail(ErrorCode::invalid_request, "Parameter " + std::string(name) + ": " + detail,
              "invalid_value");
}

bool is_limit(std::string_view text) {
  const bool digits = !text.empty() && text.size() <= 3 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return false;
  const int limit = std::stoi(std::string(text));
  return limit >= 1 && limit <= kMaxBoardCards;
}

Result<Asked> read_parameters(const std::vector<const Status*>& columns,
                              const Parameters& parameters) {
  Asked asked;
  bool limited = false;
  bool continued = false;
  for (const auto& [name, value] : parameters) {
    if (name == "status" || name.starts_with("status.")) {
      return wrong(name, "the columns are the statuses; ask for one with column.");
    }
    if (name == "count" || name == "deleted") return wrong(name, "not offered on a board.");
    if (name == "column") {
      asked.column = value;
      continue;
    }
    if (name == "limit") {
      limited = true;
      if (!is_limit(value)) {
        return wrong(name,
                     "expected a number between 1 and " + std::to_string(kMaxBoardCards) + ".");
      }
    }
    continued = continued || name == "cursor";
    const bool of_page = std::ranges::find(kOfPages, name) != kOfPages.end();
    (of_page ? asked.cards : asked.filters).emplace_back(name, value);
  }
  if (!limited) asked.cards.emplace_back("limit", std::to_string(kDefaultBoardCards));
  const bool known = asked.column.empty() || std::ranges::any_of(columns, [&](const Status* each) {
                       return each->code == asked.column;
                     });
  if (!known) {
    std::string names;
    for (const Status* each : columns)
      names += (names.empty() ? "" : ", ") + std::string(each->code);
    return wrong("column", "expected one of " + names + ".");
  }
  if (continued && asked.column.empty())
    return wrong("cursor", "it continues one column: send it.");
  return asked;
}

// `sum` as text and, where the stages have a percent, weighted by it.
std::string shown_sum(const Resource& resource, const std::string& sum) {
  const Field* percent = resource.find("percent");
  return sum + "::text, " +
         (percent == nullptr
              ? std::string("NULL")
              : "round(" + sum + " * (" + expression_of(*percent) + ") / 100, 2)::text");
}

std::string sums_of(const Resource& resource) {
  const Field* amount = board_amount(resource);
  if (amount == nullptr) return "t.status, NULL, count(*), NULL, NULL";
  const std::string currency = resource.has_field("currency") ? "t.currency" : "NULL";
  return "t.status, " + currency + ", count(*), " +
         shown_sum(resource, "sum(t." + std::string(amount->name) + ")");
}

// The same of the kept totals: they are of all records that are not deleted, so only who may read
// all of them is told of them, and only where nothing is filtered.
bool is_kept(const Records& records, const Resource& resource, const Parameters& filters,
             const Actor& actor) {
  return std::ranges::find(kKept, resource.kind) != kKept.end() && filters.empty() &&
         records.access().predicate(actor, resource, Right::read, "t", "$1::bigint").always;
}

std::string kept_sums(const Resource& resource) {
  return "SELECT t.status, t.currency, t.records, " + shown_sum(resource, "t.amount") +
         " FROM (SELECT status, currency, sum(records)::bigint AS records, CASE WHEN sum(amounts) >"
         " 0 THEN sum(amount) END AS amount FROM ops.board_piece WHERE kind = '" +
         std::string(resource.kind) +
         "' GROUP BY status, currency) t WHERE t.records > 0 ORDER BY t.status, t.currency";
}

Result<Plan> totals_plan(const Records& records, const Resource& resource, Parameters filters,
                         std::string codes, const Actor& actor, const CustomFields& custom) {
  if (is_kept(records, resource, filters, actor)) {
    return records.queries().keep_always(kept_sums(resource));
  }
  filters.emplace_back("status.in", std::move(codes));
  return records.queries().grouped(resource, filters, actor, custom, sums_of(resource), 2);
}

Result<std::shared_ptr<const CustomFields>> definitions(Transaction& tx,
                                                        const Parameters& parameters) {
  const bool named = std::ranges::any_of(parameters, [](const auto& parameter) {
    return parameter.first == "q" || parameter.first.starts_with(kCustomPrefix) ||
           (parameter.first == "sort" && parameter.second.find(kCustomPrefix) != std::string::npos);
  });
  if (!named) return std::make_shared<const CustomFields>();
  return read_custom_fields(tx);
}

void add_sums(std::vector<BoardColumn>& columns, const Rows& rows) {
  for (int row = 0; row < rows.size(); ++row) {
    const auto column = std::ranges::find(
        columns, rows.text(row, 0), [](const BoardColumn& each) { return each.status->code; });
    if (column == columns.end()) continue;
    column->count += rows.int64(row, 2);
    const auto amount = rows.optional_text(row, 3);
    if (!amount || rows.is_null(row, 1)) continue;
    const auto weighted = rows.optional_text(row, 4);
    column->sums.push_back({std::string(rows.text(row, 1)), std::string(*amount),
                            weighted ? std::optional(std::string(*weighted)) : std::nullopt});
  }
}

}  // namespace

std::vector<const Status*> board_columns(const Resource& resource) {
  std::vector<const Status*> columns;
  if (!resource.is_record || !resource.offers(Operation::list)) return columns;
  for (const Status& status : resource.statuses) {
    if (status.on_board) columns.push_back(&status);
  }
  return columns;
}

const Field* board_amount(const Resource& resource) {
  for (const std::string_view name : kAmounts) {
    const Field* field = resource.find(name);
    if (field != nullptr && field->type == FieldType::money && field->has_column()) return field;
  }
  return nullptr;
}

Result<std::vector<BoardColumn>> read_board(Database& database, const Records& records,
                                            const Resource& resource, const Parameters& parameters,
                                            const Actor& actor) {
  const auto statuses = board_columns(resource);
  auto asked = read_parameters(statuses, parameters);
  if (!asked) return std::unexpected(asked.error());
  auto tx = database.begin(Pool::api, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  const auto custom = definitions(*tx, parameters);
  if (!custom) return std::unexpected(custom.error());

  std::vector<BoardColumn> columns;
  std::vector<ListPlan> plans;
  std::string codes;
  for (const Status* status : statuses) {
    if (!asked->column.empty() && asked->column != status->code) continue;
    Parameters list = asked->filters;
    list.insert(list.end(), asked->cards.begin(), asked->cards.end());
    list.emplace_back("status", std::string(status->code));
    auto plan = records.queries().list(resource, list, actor, **custom);
    if (!plan) return std::unexpected(plan.error());
    plans.push_back(std::move(*plan));
    columns.push_back({.status = status});
    codes += (codes.empty() ? "" : ",") + std::string(status->code);
  }
  auto sums =
      totals_plan(records, resource, std::move(asked->filters), std::move(codes), actor, **custom);
  if (!sums) return std::unexpected(sums.error());

  std::vector<Ticket> pages;
  for (ListPlan& plan : plans) {
    pages.push_back(tx->queue(plan.page.sql, std::move(plan.page.params)));
  }
  const Ticket totals = tx->queue(sums->sql, std::move(sums->params));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].cards = page_of(plans[i], tx->rows(pages[i]), records.queries());
  }
  add_sums(columns, tx->rows(totals));
  return columns;
}

Result<void> fold_board_totals(Database& database) {
  // Fewer are summed as fast as they are.
  constexpr Sql kFold{"c360_board_fold", "SELECT ops.fold_board_pieces(200)"};
  auto folded = database.execute(Pool::work, kFold);
  if (!folded) return std::unexpected(std::move(folded).error());
  return {};
}

}  // namespace c360::store
