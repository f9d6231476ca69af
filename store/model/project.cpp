// Projects and their releases (domain.md 15.3).
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSteps = {{
    {"new", "in_development"},
    {"in_development", "qa"},
    {"qa", "uat"},
    {"uat", "ready_for_prod"},
    {"ready_for_prod", "prod"},
    {"qa", "in_development"},
    {"uat", "in_development"},
}};

void check_release(Draft& draft) {
  if (draft.has("start_date") && draft.has("planned_date") &&
      *draft.get("planned_date") <= *draft.get("start_date")) {
    draft.wrong("planned_date", "not_after_start", "The planned day is after the start.");
  }
  const std::string_view to = draft.get("status").value_or("");
  if (draft.creating()) {
    if (to != "new" && !draft.may_administer()) {
      draft.wrong("status", "status_not_allowed", "A new release is in status new.");
    }
    return;
  }
  if (!draft.changed("status")) return;
  const std::string from(draft.before("status").value_or(""));
  const bool follows = std::ranges::any_of(
      kSteps, [&](const auto& step) { return step.first == from && step.second == to; });
  if (!follows && !draft.may_administer()) {
    draft.wrong("status", "status_not_allowed",
                "A release does not go from " + from + " to " + std::string(to) + ".");
  }
  if (to == "prod" && !draft.has("released_at")) draft.set_now("released_at");
}

void check_stage(Draft& draft) {
  const bool done = draft.get("is_done") == "t";
  if (done && !draft.has("done_at")) draft.set_now("done_at");
  if (!done && draft.has("done_at")) {
    if (draft.is_given("done_at")) {
      draft.wrong("done_at", "not_done", "A stage that is not done has no time of it.");
    } else {
      draft.set("done_at", std::nullopt);
    }
  }
}

// Stages done of a hundred; none without stages.
Field progress_field() {
  return made_by("progress", FieldType::integer,
                 "(SELECT round(100.0 * count(*) FILTER (WHERE s.is_done) / "
                 "nullif(count(*), 0))::bigint FROM crm.release_stage s WHERE s.release_id = t.id)")
      .labels("Выполнено, %", "Progress, %")
      .described("Of its stages; null without any.");
}

const std::vector<std::string_view> kReleaseGroup = {"release-responsible-persons"};

std::vector<Grant> release_grants() {
  return {{Role::member, Right::write, {}, {}, kReleaseGroup},
          {Role::crm_administrators, Right::write, {}},
          {Role::creator, Right::read, {}},
          {Role::all_crm_managers, Right::read, {}},
          {Role::cco, Right::read, {}}};
}

}  // namespace

Resource project() {
  std::vector<Grant> grants = release_grants();
  grants.push_back({Role::named, Right::write, {}, "manager_id"});
  return {
      .kind = "project",
      .path = "projects",
      .table = "crm.project",
      .doc = "Work for one or several counterparties that is released in parts.",
      .label = {"Проект", "Project"},
      .label_plural = {"Проекты", "Projects"},
      .fields =
          Fields()
              .add(text("code").required().max_length(50).unique().searchable().sortable().labels(
                  "Код", "Code"))
              .add(text("name").required().max_length(500).searchable().sortable().labels(
                  "Название", "Name"))
              .add(reference("manager_id", "user").filterable().labels("Руководитель", "Manager"))
              .add(code("status",
                        {{"active", {"Действует", "Active"}}, {"archived", {"Архив", "Archived"}}})
                       .defaults_to("active")
                       .filterable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(html("description").max_length(65'536).labels("Описание", "Description"))
              .list(),
      .access = {.grants = std::move(grants)},
      .collections = {{.name = "counterparties",
                       .kind = "counterparty",
                       .doc = "Whom it is for.",
                       .link_table = "crm.project_counterparty",
                       .parent_column = "project_id",
                       .child_column = "counterparty_id",
                       .order_by = "c.id"}},
      .default_sort = "code",
      .natural_keys = {"code"},
  };
}

Resource release() {
  std::vector<Grant> grants = release_grants();
  grants.push_back({Role::named, Right::read, {}, "performer_id"});
  grants.push_back({Role::one_of, Right::read, {}, "responsible_ids"});
  return {
      .kind = "release",
      .path = "releases",
      .table = "crm.release",
      .doc = "A version on its way to the customers.",
      .label = {"Релиз", "Release"},
      .label_plural = {"Релизы", "Releases"},
      .statuses =
          {
              {.code = "new", .label = {"Новый", "New"}},
              {.code = "in_development", .label = {"В разработке", "In development"}},
              {.code = "qa", .label = {"Тестирование", "QA"}},
              {.code = "uat", .label = {"Приёмка", "UAT"}},
              {.code = "ready_for_prod", .label = {"Готов к выпуску", "Ready for prod"}},
              {.code = "prod", .label = {"Выпущен", "Prod"}, .is_final = true},
          },
      .fields =
          Fields()
              .add(reference("project_id", "project").filterable().labels("Проект", "Project"))
              .add(text("name").required().max_length(500).searchable().sortable().labels(
                  "Название", "Name"))
              .add(html("description").max_length(65'536).labels("Описание", "Description"))
              .add(text("status")
                       .defaults_to("new")
                       .sortable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(reference("performer_id", "user")
                       .required()
                       .filterable()
                       .labels("Исполнитель", "Performer"))
              .add(integer_array("responsible_ids").labels("Ответственные", "Responsible persons"))
              .add(date("start_date").required().sortable().labels("Дата начала", "Start"))
              .add(date("planned_date")
                       .required()
                       .sortable()
                       .labels("Планируемая дата релиза", "Planned date"))
              .add(timestamp("released_at").sortable().labels("Выпущен", "Released"))
              .add(progress_field())
              .list(),
      .access = {.grants = std::move(grants)},
      .collections = {{.name = "counterparties",
                       .kind = "counterparty",
                       .doc = "Whom it is for.",
                       .link_table = "crm.release_counterparty",
                       .parent_column = "release_id",
                       .child_column = "counterparty_id",
                       .order_by = "c.id"},
                      {.name = "stages",
                       .kind = "release_stage",
                       .doc = "What it consists of, and what of it is done.",
                       .parent_column = "release_id",
                       .order_by = "c.position, c.id"}},
      .default_sort = "-planned_date",
      .before_write = check_release,
  };
}

Resource release_stage() {
  return {
      .kind = "release_stage",
      .path = "release-stages",
      .table = "crm.release_stage",
      .doc = "A step of a release, for its progress.",
      .label = {"Этап релиза", "Release stage"},
      .label_plural = {"Этапы релизов", "Release stages"},
      .is_record = false,
      .fields = Fields()
                    .add(reference("release_id", "release")
                             .required()
                             .filterable()
                             .writable_by(WriteRule::creation)
                             .labels("Релиз", "Release"))
                    .add(integer("position")
                             .of_small_type("integer")
                             .defaults_to("0")
                             .sortable()
                             .labels("Порядок", "Position"))
                    .add(text("name").required().max_length(300).searchable().sortable().labels(
                        "Название", "Name"))
                    .add(boolean("is_done").filterable().labels("Выполнен", "Done"))
                    .add(timestamp("done_at")
                             .sortable()
                             .labels("Время выполнения", "Done at")
                             .described("Not sent with is_done: now."))
                    .add(timestamp("created_at")
                             .defaults_to("now")
                             .read_only()
                             .labels("Дата создания", "Created"))
                    .add(reference("created_by", "user").read_only().labels("Создатель", "Creator"))
                    .add(version_fields())
                    .list(),
      .access = {.grants = {{Role::crm_administrators, Right::write, {}}},
                 .inherits_from = "release_id",
                 .employees_create = true},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .default_sort = "position",
      .soft_delete = false,
      .before_write = check_stage,
  };
}

}  // namespace c360::store
