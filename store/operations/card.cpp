#include "store/operations/card.h"

#include <algorithm>
#include <array>
#include <map>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/custom_fields.h"
#include "store/history_rows.h"
#include "store/operations/past.h"
#include "store/operations/record_links.h"
#include "store/record_json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

constexpr Sql kMoment{"c360_card_moment", "SELECT transaction_timestamp()"};
constexpr Sql kPastMomentShown{
    "c360_card_past_moment",
    "SELECT current_setting('c360.as_of')::timestamptz, "
    "current_setting('c360.as_of')::timestamptz > transaction_timestamp(), "
    "EXISTS (SELECT FROM crm.counterparty c WHERE c.id = current_setting('c360.card')::bigint "
    "AND c.deleted_at IS NOT NULL AND c.merged_into_id IS NULL)"};
constexpr std::string_view kEventsOf =
    " FROM crm.history_event h LEFT JOIN crm.user u ON u.id = h.actor_id WHERE h.record_id = "
    "$1::bigint AND h.id < $2::bigint AND h.happened_at <= $4::timestamptz ORDER BY h.id DESC "
    "LIMIT "
    "$3::bigint";
constexpr Sql kEventCount{"c360_card_event_count", R"sql(
SELECT count(*) FROM crm.history_event
WHERE record_id = $1::bigint AND happened_at <= $2::timestamptz
)sql"};
constexpr Sql kDocumentTypes{"c360_card_document_types", R"sql(
SELECT code, name_ru, name_en FROM crm.document_type WHERE is_active ORDER BY sort_order, code
)sql"};
constexpr std::string_view kEventList = "events";

constexpr std::string_view kOpenPayment =
    "t.status IN ('planned', 'confirmed', 'expired', 'partial_paid')";

std::unexpected<Error> wrong_cursor() {
  return fail(ErrorCode::invalid_request, "Parameter cursor: it was not made for this list.",
              "invalid_cursor");
}

struct TabRead {
  const CardTab* tab = nullptr;
  std::vector<ListBatch::Index> lists;
  std::vector<Ticket> besides;  // in the order queue_besides() queued them
};

class CardReader {
 public:
  CardReader(const Records& records, const Actions& actions, const CardQuery& query,
             const Actor& actor, const TokenPermits& permits, Transaction& tx)
      : records_(records),
        query_(query),
        actor_(actor),
        permits_(permits),
        tx_(tx),
        lists_(records, actions, actor, permits, tx, query.path_prefix),
        counterparty_(records.registry().get("counterparty")),
        until_(query.as_of ? to_rfc3339(*query.as_of) : "infinity") {}

  Result<CardView> read(const CardLayout& layout) {
    if (auto queued = queue_first(layout); !queued) return std::unexpected(queued.error());
    if (auto done = tx_.run(); !done) return std::unexpected(done.error());
    const Rows& self = tx_.rows(self_);
    if (self.empty()) return no_such(counterparty_, std::to_string(query_.id));
    CardView view;
    const int state = static_cast<int>(self_plan_.columns.size());
    view.moved_to = self.optional_int64(0, state + 1);
    if (view.moved_to) return view;
    const bool deleted =
        self.boolean(0, state) || (query_.as_of && tx_.rows(moment_).boolean(0, 2));
    if (deleted && !actor_.is_administrator()) {
      return no_such(counterparty_, std::to_string(query_.id));
    }
    if (query_.as_of && tx_.rows(moment_).boolean(0, 1)) {
      return fail(ErrorCode::invalid_request, "Parameter as_of: this moment has not come yet.",
                  "in_the_future");
    }
    if (!query_.as_of) {
      if (wants_main()) self_actions_ = lists_.queue_offered(counterparty_, {query_.id});
      lists_.queue_actions();
    }
    if (auto done = tx_.commit(); !done) return std::unexpected(done.error());
    JsonWriter moment;
    static const Field kTime = timestamp("as_of");
    write_value(moment, kTime, tx_.rows(moment_).optional_text(0, 0));
    view.as_of = std::string(trimmed_quotes(moment.view()));
    for (const TabRead& tab : tabs_) view.tabs.emplace_back(tab.tab, tab_json(tab));
    return view;
  }

 private:
  static std::string_view trimmed_quotes(std::string_view text) {
    return text.size() >= 2 && text.front() == '"' ? text.substr(1, text.size() - 2) : text;
  }
  std::string id_text() const { return std::to_string(query_.id); }
  bool asks_for(std::string_view list) const { return query_.list.empty() || query_.list == list; }

  // -- First round trip ---------------------------------------------------------------------------

  Result<void> queue_first(const CardLayout& layout) {
    if (query_.as_of) queue_past_moment(tx_, until_, query_.id);
    // A parameter keeps the reading of the past apart from the one that is kept for every request.
    const Parameters of_past = query_.as_of ? Parameters{{"lang", "ru"}} : Parameters{};
    auto self = records_.queries().get(layout.self(), id_text(), of_past, actor_);
    if (!self) return std::unexpected(self.error());
    self_plan_ = std::move(*self);
    self_ = tx_.queue(self_plan_.plan.sql, std::move(self_plan_.plan.params));
    moment_ = tx_.queue(query_.as_of ? kPastMomentShown : kMoment);
    for (const CardTab* tab : query_.tabs) {
      TabRead read{.tab = tab};
      for (const ShownList& list : tab->lists) {
        if (!asks_for(list.name)) continue;
        auto queued = lists_.add(list, parameters_of(list, true), query_.limit);
        if (!queued) return std::unexpected(queued.error());
        read.lists.push_back(*queued);
      }
      if (auto queued = queue_besides(read); !queued) return queued;
      tabs_.push_back(std::move(read));
    }
    return wants_main() ? queue_counters(layout) : Result<void>{};
  }

  bool wants_main() const {
    return query_.list.empty() &&
           std::ranges::any_of(query_.tabs, [](const CardTab* tab) { return tab->name == "main"; });
  }

  Parameters parameters_of(const ShownList& list, bool of_page) const {
    Parameters parameters{{std::string(list.owner), id_text()}};
    if (of_page && !query_.cursor.empty()) {
      parameters.emplace_back("cursor", std::string(query_.cursor));
    }
    return parameters;
  }

  Result<Ticket> queue_grouped(const ShownList& list, std::string_view select,
                               Parameters parameters = {}) {
    for (const auto& each : list.parameters) {
      const bool of_page = each.first == "sort" || each.first == "include";
      if (!of_page) parameters.push_back(each);
    }
    parameters.emplace_back(std::string(list.owner), id_text());
    const std::string columns = query_.as_of ? expression_of_then(select) : std::string(select);
    auto plan =
        records_.queries().grouped(*list.shown, parameters, actor_, custom_, columns, 1, true);
    if (!plan) return std::unexpected(plan.error());
    const Ticket ticket = tx_.queue(plan->sql, std::move(plan->params));
    kept_.push_back(std::move(*plan));
    return ticket;
  }

  // What a tab says besides its lists. Sums of what may not be read are not made.
  Result<void> queue_besides(TabRead& read) {
    const std::string_view tab = read.tab->name;
    if (tab == "history" && asks_for(kEventList)) return queue_events(read);
    if (!query_.list.empty()) return {};
    if (tab == "main") {
      std::vector<std::string_view> kinds;
      for (const auto& each : records_.registry().all()) {
        if (each->is_record && permits_(*each, Right::read)) kinds.push_back(each->kind);
      }
      read.besides.push_back(query_.as_of
                                 ? queue_past_links(tx_, records_, query_.id, actor_, kinds)
                                 : queue_links(tx_, records_, query_.id, actor_, kinds));
    }
    if (tab == "documents") read.besides.push_back(tx_.queue(kDocumentTypes));
    std::vector<Result<Ticket>> sums;
    for (const ListBatch::Index each : read.lists) {
      if (lists_.forbidden(each)) continue;
      const ShownList& shown = lists_.list(each);
      const std::string_view list = shown.name;
      if (list == "documents") {
        sums.push_back(queue_grouped(shown, "t.type_code, count(*)"));
      } else if (list == "deals") {
        sums.push_back(queue_grouped(shown, pipeline_sums(*shown.kind),
                                     {{"status.in", open_statuses(*shown.kind)}}));
      } else if (list == "payments") {
        sums.push_back(queue_grouped(shown, payment_sums()));
      } else if (list == "requests") {
        sums.push_back(queue_grouped(
            shown,
            "1, count(*) FILTER (WHERE t.status <> 'closed'), count(*) FILTER (WHERE t.status <> "
            "'closed' AND (t.sla2_state = 'overdue' OR (t.sla2_state = 'running' AND "
            "t.sla2_due_at < now())))"));
      }
    }
    for (auto& sum : sums) {
      if (!sum) return std::unexpected(sum.error());
      read.besides.push_back(*sum);
    }
    return {};
  }

  Result<void> queue_events(TabRead& read) {
    std::int64_t before = INT64_MAX;
    if (!query_.cursor.empty()) {
      const auto text = from_base64url(query_.cursor);
      const bool number = text && !text->empty() && text->size() <= 18 &&
                          std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '9'; });
      if (!number) return wrong_cursor();
      before = std::stoll(*text);
    }
    const Plan events = records_.queries().keep_always("SELECT " + std::string(kHistoryColumns) +
                                                       std::string(kEventsOf));
    read.besides.push_back(tx_.queue(
        events.sql, Params{}.add(query_.id).add(before).add(query_.limit + 1).add(until_)));
    read.besides.push_back(tx_.queue(kEventCount, Params{}.add(query_.id).add(until_)));
    return {};
  }

  static std::string open_statuses(const Resource& deal) {
    std::string open;
    for (const Status& status : deal.statuses) {
      if (!status.is_final) open.append(open.empty() ? "" : ",").append(status.code);
    }
    return open;
  }

  static std::string pipeline_sums(const Resource& deal) {
    const Field* percent = deal.find("percent");
    std::string weight = percent == nullptr ? "100" : "(" + percent->expression + ")";
    return "t.currency, coalesce(sum(t.amount), 0)::text, round(coalesce(sum(t.amount * " + weight +
           " / 100), 0), 2)::text";
  }

  // By currency: paid, still due, and of that what is late in the business time zone.
  std::string payment_sums() const {
    std::string zone;
    for (const char c : records_.options().limits.time_zone) zone.append(c == '\'' ? 2 : 1, c);
    const std::string left =
        "coalesce(sum(t.amount - t.paid_amount) FILTER (WHERE " + std::string(kOpenPayment);
    return "t.currency, coalesce(sum(t.paid_amount) FILTER (WHERE t.status IN ('paid', "
           "'partial_paid')), 0)::text, " +
           left + "), 0)::text, " + left +
           " AND (t.status = 'expired' OR t.planned_payment_date < (now() AT TIME ZONE '" + zone +
           "')::date)), 0)::text";
  }

  // The first tab says how much there is on the others.
  Result<void> queue_counters(const CardLayout& layout) {
    for (const CardTab& tab : layout.tabs()) {
      for (const ShownList& list : tab.lists) {
        if (tab.name == "main") continue;
        auto queued = lists_.count(list, parameters_of(list, false));
        if (!queued) return std::unexpected(queued.error());
        counters_.push_back(*queued);
      }
    }
    event_count_ = tx_.queue(kEventCount, Params{}.add(query_.id).add(until_));
    return {};
  }

  // -- JSON ---------------------------------------------------------------------------------------

  std::string tab_json(const TabRead& read) const {
    // The customer's own tabs are as open as the customer.
    const bool own = read.tab->name == "main" || read.tab->name == "history";
    const bool forbidden =
        !own && !read.lists.empty() && std::ranges::all_of(read.lists, [&](ListBatch::Index each) {
          return lists_.forbidden(each);
        });
    JsonWriter out;
    out.begin_object()
        .member("forbidden", forbidden)
        .member("label_ru", read.tab->label.ru)
        .member("label_en", read.tab->label.en);
    if (!forbidden) {
      if (read.tab->name == "main" && query_.list.empty()) write_main(out, read);
      if (read.tab->name == "history" && asks_for(kEventList)) write_events(out, read);
      for (const ListBatch::Index list : read.lists) lists_.write(out, list);
      write_sums(out, read);
    }
    out.end_object();
    return out.take();
  }

  void write_main(JsonWriter& out, const TabRead& read) const {
    const Rows& self = tx_.rows(self_);
    out.key("counterparty").begin_object();
    write_fields(out, self_plan_.columns, self, 0);
    lists_.write_actions(out, counterparty_, lists_.offered_by(self_actions_), query_.id);
    out.end_object().key("groups").begin_array();
    for (const CardGroup& group : card_groups()) {
      out.begin_object()
          .member("code", group.code)
          .member("label_ru", group.label.ru)
          .member("label_en", group.label.en)
          .key("fields")
          .begin_array();
      for (const std::string_view field : group.fields) out.string(field);
      out.end_array().end_object();
    }
    out.end_array().key("counters").begin_object();
    for (const ListBatch::Index each : counters_) {
      out.key(lists_.list(each).name);
      const auto total = lists_.total(each);
      total ? out.integer(*total) : out.null();
    }
    out.member(kEventList, tx_.rows(*event_count_).int64(0, 0)).end_object();
    const Rows& links = tx_.rows(read.besides.front());
    out.key("links")
        .begin_object()
        .member("total", links.size())
        .key("items")
        .raw(links_json(links))
        .end_object();
  }

  void write_events(JsonWriter& out, const TabRead& read) const {
    const Rows& rows = tx_.rows(read.besides[0]);
    const int size = std::min(rows.size(), query_.limit);
    out.key(kEventList)
        .begin_object()
        .member("forbidden", false)
        .member("total", tx_.rows(read.besides[1]).int64(0, 0))
        .key("items")
        .raw(history_json(rows, size))
        .key("next_cursor");
    rows.size() > size ? out.string(to_base64url(rows.text(size - 1, 0))) : out.null();
    out.end_object();
  }

  void write_sums(JsonWriter& out, const TabRead& read) const {
    if (!query_.list.empty()) return;
    const std::string_view tab = read.tab->name;
    if (tab == "documents") return write_types(out, read);
    std::size_t next = 0;
    const auto rows_of = [&](std::string_view list) -> const Rows* {
      const auto found = std::ranges::find_if(
          read.lists, [&](ListBatch::Index each) { return lists_.list(each).name == list; });
      const bool made = found != read.lists.end() && !lists_.forbidden(*found);
      return made ? &tx_.rows(read.besides[next++]) : nullptr;
    };
    if (tab == "crm") {
      out.key("sums").begin_object();
      write_by_currency(out, "pipeline", {"amount", "weighted"}, rows_of("deals"));
      write_by_currency(out, "payments", {"paid", "due", "overdue"}, rows_of("payments"));
      out.end_object();
    } else if (tab == "support") {
      const Rows* rows = rows_of("requests");
      const bool any = rows != nullptr && !rows->empty();
      out.member("open", any ? rows->int64(0, 1) : 0)
          .member("overdue", any ? rows->int64(0, 2) : 0);
    }
  }

  static void write_by_currency(JsonWriter& out, std::string_view name,
                                std::initializer_list<std::string_view> sums, const Rows* rows) {
    out.key(name).begin_array();
    for (int row = 0; rows != nullptr && row < rows->size(); ++row) {
      out.begin_object().member("currency", rows->text(row, 0));
      int column = 1;
      for (const std::string_view sum : sums) out.member(sum, rows->text(row, column++));
      out.end_object();
    }
    out.end_array();
  }

  // Every type, those of which there is nothing too.
  void write_types(JsonWriter& out, const TabRead& read) const {
    std::map<std::string_view, std::int64_t> counts;
    const Rows& counted = tx_.rows(read.besides[1]);
    for (int row = 0; row < counted.size(); ++row) {
      counts.emplace(counted.text(row, 0), counted.int64(row, 1));
    }
    const Rows& types = tx_.rows(read.besides[0]);
    out.key("types").begin_array();
    for (int row = 0; row < types.size(); ++row) {
      const auto found = counts.find(types.text(row, 0));
      out.begin_object()
          .member("code", types.text(row, 0))
          .member("label_ru", types.text(row, 1))
          .member("label_en", types.text(row, 2))
          .member("count", found == counts.end() ? std::int64_t{0} : found->second)
          .end_object();
    }
    out.end_array();
  }

  const Records& records_;
  const CardQuery& query_;
  const Actor& actor_;
  const TokenPermits& permits_;
  Transaction& tx_;
  ListBatch lists_;
  const Resource& counterparty_;
  const std::string until_;  // what happened later is not told
  const CustomFields custom_;
  GetPlan self_plan_;
  Ticket self_ = 0;
  Ticket moment_ = 0;
  std::vector<TabRead> tabs_;
  std::vector<ListBatch::Index> counters_;
  std::optional<Ticket> event_count_;
  std::optional<Ticket> self_actions_;
  std::vector<Plan> kept_;  // texts of statements that are not kept for ever
};

}  // namespace

Result<CardView> read_card(Database& database, const Records& records, const Actions& actions,
                           const CardLayout& layout, const CardQuery& query, const Actor& actor,
                           const TokenPermits& permits) {
  if (query.limit < 1 || query.limit > kMaxCardItems) {
    return fail(
        ErrorCode::invalid_request,
        "Parameter limit: expected a number between 1 and " + std::to_string(kMaxCardItems) + ".",
        "invalid_value");
  }
  if (!query.cursor.empty() && query.list.empty()) {
    return fail(ErrorCode::invalid_request,
                "Parameter cursor: it continues one list; send it with list.", "list_required");
  }
  auto tx = database.begin(Pool::api, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  return CardReader(records, actions, query, actor, permits, *tx).read(layout);
}

}  // namespace c360::store
