#include "store/operations/workspace.h"

#include <algorithm>
#include <utility>

#include "store/records_state.h"

namespace c360::store {
namespace {

// Filters of the customer lists, not shown: nobody spoke to him since, or never.
constexpr std::string_view kSpokenTo = "workspace_spoken_to";
// The same, and at no time where nobody is to be reminded of him.
constexpr std::string_view kLookedAfter = "workspace_looked_after";

Field filter(std::string_view name, std::string expression) {
  Field field = made_by(name, FieldType::timestamp, std::move(expression));
  field.is_filterable = true;
  field.is_secret = true;
  return field;
}

ShownList list(std::string_view name, Label label, const Resource& kind, Parameters parameters,
               std::string_view owner = {}) {
  return {.name = name,
          .label = label,
          .kind = &kind,
          .shown = &kind,
          .owner = owner,
          .parameters = std::move(parameters)};
}

class WorkspaceReader {
 public:
  WorkspaceReader(const Records& records, const Actions& actions, const WorkspaceLayout& layout,
                  const WorkspaceQuery& query, const Actor& actor, const TokenPermits& permits,
                  const Sections& of_installation, Transaction& tx)
      : records_(records),
        layout_(layout),
        query_(query),
        actor_(actor),
        permits_(permits),
        tx_(tx),
        lists_(records, actions, actor, permits, tx, query.path_prefix),
        of_installation_(of_installation) {}

  Result<std::string> read() {
    for (const auto* part : {&layout_.tasks, &layout_.reminders, &layout_.customers}) {
      for (const ShownList& each : *part) {
        auto added = lists_.add(each, asked(each), query_.limit);
        if (!added) return std::unexpected(added.error());
        shown_.push_back(*added);
      }
    }
    for (const ShownList& each : layout_.counted) {
      auto counted = lists_.count(each, asked(each));
      if (!counted) return std::unexpected(counted.error());
      counted_.push_back(*counted);
    }
    if (query_.counts) {
      for (const ShownList& each : layout_.sections) {
        if (of_installation_.is_hidden(*each.kind)) continue;
        // Estimated: a list of any length is counted as far as kMaxSectionCount only.
        Parameters parameters = {{"count", "estimated"}};
        of_installation_.filter_by_default(*each.kind, parameters);
        if (auto counted = count_section(each, parameters); !counted)
          return std::unexpected(counted.error());
      }
      for (const AddedSection& each : of_installation_.added()) {
        auto counted = count_section(layout_.added_sections,
                                     {{"count", "estimated"}, {"section_code", each.code}});
        if (!counted) return std::unexpected(counted.error());
      }
    }
    if (auto done = tx_.run(); !done) return std::unexpected(done.error());
    lists_.queue_actions();
    if (auto done = tx_.commit(); !done) return std::unexpected(done.error());
    return json();
  }

 private:
  Result<void> count_section(const ShownList& list, const Parameters& parameters) {
    auto counted = lists_.count(list, parameters);
    if (!counted) return std::unexpected(counted.error());
    sections_.push_back(*counted);
    return {};
  }

  // What depends on who asks, and when.
  Parameters asked(const ShownList& of) const {
    Parameters parameters;
    if (!of.owner.empty()) {
      parameters.emplace_back(std::string(of.owner), std::to_string(actor_.user_id.value_or(0)));
    }
    const std::string now = to_rfc3339(query_.now);
    const std::string past = to_rfc3339(query_.now - std::chrono::hours{24} * query_.stale_days);
    if (of.name == "stale") parameters.emplace_back(std::string(kSpokenTo) + ".lt", past);
    if (of.name == "neglected") parameters.emplace_back(std::string(kLookedAfter) + ".lt", past);
    if (of.name == "overdue_tasks") parameters.emplace_back("due_at.lt", now);
    if (of.name == "due_reminders") parameters.emplace_back("remind_at.lte", now);
    return parameters;
  }

  std::string json() const {
    JsonWriter out;
    out.begin_object();
    out.key("user_id");
    actor_.user_id ? out.integer(*actor_.user_id) : out.null();
    const std::string now = to_rfc3339(query_.now);
    out.member("login", std::string_view{actor_.login})
        .member("as_of", std::string_view{now})
        .member("stale_days", query_.stale_days);
    std::size_t next = 0;
    write_part(out, "tasks", layout_.tasks.size(), next);
    lists_.write(out, shown_[next++]);  // reminders: one list
    write_part(out, "customers", layout_.customers.size(), next);
    write_counters(out);
    write_sections(out);
    out.end_object();
    return out.take();
  }

  void write_part(JsonWriter& out, std::string_view name, std::size_t size,
                  std::size_t& next) const {
    out.key(name).begin_object();
    for (std::size_t i = 0; i < size; ++i) lists_.write(out, shown_[next++]);
    out.end_object();
  }

  void write_counters(JsonWriter& out) const {
    out.key("counters").begin_object();
    for (const auto* indexes : {&shown_, &counted_}) {
      for (const ListBatch::Index each : *indexes) {
        out.key(lists_.list(each).name);
        const auto total = lists_.total(each);
        total ? out.integer(*total) : out.null();
      }
    }
    out.end_object();
  }

  // Every kind of record that is not hidden, and what the caller may do with it at all.
  void write_sections(JsonWriter& out) const {
    out.key("sections").begin_array();
    std::size_t next = 0;
    for (const ShownList& each : layout_.sections) {
      const Resource* kind = each.kind;
      if (of_installation_.is_hidden(*kind)) continue;
      const Label label = of_installation_.label_plural(*kind);
      begin_section(out, *kind, label, {});
      if (query_.counts) write_count(out, lists_.total(sections_[next++]));
      out.end_object();
    }
    for (const AddedSection& each : of_installation_.added()) {
      begin_section(out, *layout_.added_sections.kind, {each.plural_ru, each.plural_en}, each.code);
      if (query_.counts) write_count(out, lists_.total(sections_[next++]));
      out.end_object();
    }
    out.end_array();
  }

  // `added`: the code of a section of the installation's own, else empty.
  void begin_section(JsonWriter& out, const Resource& kind, const Label& label,
                     std::string_view added) const {
    const bool reads =
        permits_(kind, Right::read) &&
        !records_.access().predicate(actor_, kind, Right::read, "t", "$1::bigint").never;
    const bool creates = kind.offers(Operation::create) && permits_(kind, Right::write) &&
                         records_.access().may_create(actor_, kind);
    std::string href = std::string(query_.path_prefix) + std::string(kind.path);
    if (!added.empty()) href.append("?section_code=").append(added);
    out.begin_object().member("kind", kind.kind);
    if (!added.empty()) out.member("section_code", added);
    out.member("label_ru", label.ru)
        .member("label_en", label.en)
        .member("href", std::string_view{href})
        .member("read", reads)
        .member("create", creates);
  }

  static void write_count(JsonWriter& out, std::optional<std::int64_t> total) {
    out.key("count");
    total ? out.integer(std::min(*total, kMaxSectionCount)) : out.null();
    out.member("count_is_more", total.value_or(0) > kMaxSectionCount);
  }

  const Records& records_;
  const WorkspaceLayout& layout_;
  const WorkspaceQuery& query_;
  const Actor& actor_;
  const TokenPermits& permits_;
  Transaction& tx_;
  ListBatch lists_;
  const Sections& of_installation_;
  std::vector<ListBatch::Index> shown_;
  std::vector<ListBatch::Index> counted_;
  std::vector<ListBatch::Index> sections_;
};

}  // namespace

WorkspaceLayout::WorkspaceLayout(const Registry& registry) {
  const Resource& task = registry.get("task");
  tasks = {list("current", {"Текущие задачи", "Current tasks"}, task, {{"scope", "current"}}),
           list("completed", {"Выполненные задачи", "Completed tasks"}, task,
                {{"scope", "completed"}, {"sort", "-completed_at"}}),
           list("subordinates", {"Задачи подчинённых", "Subordinates' tasks"}, task,
                {{"scope", "subordinates"}, {"status", "active"}})};

  const Resource& activity = registry.get("activity");
  const Parameters open = {{"type", "reminder"}, {"status", "planned"}, {"sort", "remind_at"}};
  reminders = {list("reminders", {"Напоминания", "Reminders"}, activity, open, "responsible_id")};

  auto customer = std::make_unique<Resource>(registry.get("counterparty"));
  customer->fields.push_back(filter(kSpokenTo, "coalesce(t.last_contact_at, '-infinity')"));
  customer->fields.push_back(
      filter(kLookedAfter,
             "CASE WHEN t.next_reminder_at IS NULL THEN '-infinity'::timestamptz ELSE "
             "coalesce(t.last_contact_at, '-infinity') END"));
  customer_ = std::move(customer);
  const Parameters oldest = {{"sort", "last_contact_at"}};
  Parameters unreminded = oldest;
  unreminded.emplace_back("next_reminder_at.null", "true");
  customers = {
      list("stale", {"Давно без контакта", "Without contact"}, *customer_, oldest,
           "responsible_id"),
      list("without_reminder", {"Без напоминания", "Without reminder"}, *customer_,
           std::move(unreminded), "responsible_id"),
      list("neglected", {"Без внимания", "Neglected"}, *customer_, oldest, "responsible_id")};

  counted = {
      list("overdue_tasks", {"Просроченные задачи", "Overdue tasks"}, task, {{"scope", "current"}}),
      list("due_reminders", {"Наступившие напоминания", "Due reminders"}, activity, open,
           "responsible_id"),
      list("my_customers", {"Мои клиенты", "My customers"}, *customer_, {}, "responsible_id")};

  for (const auto& kind : registry.all()) {
    if (!kind->is_record || !kind->offers(Operation::list)) continue;
    ShownList section = list(kind->path, kind->label_plural, *kind, {});
    if (kind->kind == "custom") {
      added_sections = std::move(section);
    } else {
      sections.push_back(std::move(section));
    }
  }
}

Result<std::string> read_workspace(Database& database, const Records& records,
                                   const Actions& actions, const WorkspaceLayout& layout,
                                   const WorkspaceQuery& query, const Actor& actor,
                                   const TokenPermits& permits) {
  const auto of_installation = records.sections();
  auto tx = database.begin(Pool::api, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  return WorkspaceReader(records, actions, layout, query, actor, permits, *of_installation, *tx)
      .read();
}

}  // namespace c360::store
