#include <array>
#include <string>

#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

// The three lines of support: what waits for one, what it works on, the group that takes it unless
// the customer has another.
struct Line {
  std::string_view handed;
  std::string_view work;
  std::string_view group;
  std::string_view setting;  // where the customer's own group stands
};
constexpr std::array<Line, 3> kLines = {{
    {"first_line", "first_line_work", "support-line-1", "line1_group"},
    {"second_line", "second_line_work", "support-line-2", "line2_group"},
    {"third_line", "third_line_work", "support-line-3", "line3_group"},
}};
// The row of the customer, or the one for all others; whether the customer is ourselves.
constexpr std::string_view kServing =
    "SELECT s.line1_group, s.line2_group, s.line3_group, EXISTS (SELECT FROM crm.counterparty c "
    "WHERE c.id = $1::bigint AND c.portal_default AND c.deleted_at IS NULL) AS is_default_client "
    "FROM (SELECT) one LEFT JOIN LATERAL (SELECT * FROM crm.support_client_settings k WHERE "
    "k.counterparty_id = $1::bigint OR k.counterparty_id IS NULL ORDER BY k.counterparty_id NULLS "
    "LAST LIMIT 1) s ON true";

const Line* working_line(std::string_view status) {
  for (const Line& line : kLines)
    if (line.work == status) return &line;
  return nullptr;
}

const Line* waiting_line(std::string_view status) {
  for (const Line& line : kLines)
    if (line.handed == status) return &line;
  return nullptr;
}

// Neither works on it nor waits for a line: the customer's turn.
bool is_resting(std::string_view status) {
  return status == "clarification" || status == "hold" || status == "approve";
}

// The table of domain.md 15.1. A line hands over to those above it, the second also back to the
// first, the third only to the first.
bool may_follow(std::string_view from, std::string_view to, std::string_view returns_to) {
  if (const Line* waiting = waiting_line(from)) return to == waiting->work;
  if (const Line* working = working_line(from)) {
    if (is_resting(to) || to == "closed") return true;
    const Line* next = waiting_line(to);
    return next != nullptr && next != working &&
           (working->handed != "third_line" || to == "first_line");
  }
  if (from == "closed") return to == "first_line";
  if (to == returns_to) return true;
  return (from == "clarification" && to == "first_line") || (from == "approve" && to == "closed");
}

void follow_status(Draft& draft, std::string_view status) {
  const std::string from(draft.before("status").value_or(""));
  if (!draft.creating() && !draft.may_administer() &&
      !may_follow(from, status, draft.before("returns_to").value_or("first_line"))) {
    draft.wrong("status", "status_not_allowed",
                "A support request does not go from " + from + " to " + std::string(status) + ".");
    return;
  }
  // Where it goes back to, once the customer has answered.
  if (is_resting(status)) {
    if (working_line(from) != nullptr || waiting_line(from) != nullptr)
      draft.set("returns_to", from);
    if (!draft.has("returns_to")) draft.set("returns_to", "first_line");
  } else {
    draft.set("returns_to", std::nullopt);
  }
  if (status == "closed") {
    draft.set_now("closed_at");
  } else if (draft.creating() || draft.has("closed_at")) {
    draft.set("closed_at", std::nullopt);
  }
  if (const Line* waiting = waiting_line(status)) {
    if (!draft.creating() && !draft.changed("assignee_user_id"))
      draft.set("assignee_user_id", std::nullopt);
    if (!draft.changed("assignee_group_id"))
      draft.set("assignee_group_id",
                std::string(draft.related(waiting->setting).value_or(waiting->group)));
  }
  if (working_line(status) != nullptr && waiting_line(from) != nullptr) {
    if (!draft.has("first_reaction_at")) draft.set_now("first_reaction_at");
    if (draft.actor().is_person() && !draft.changed("assignee_user_id"))
      draft.set("assignee_user_id", std::to_string(*draft.actor().user_id));
  }
}

void check_support_request(Draft& draft) {
  int initiators = 0;
  for (const std::string_view field :
       {"initiator_user_id", "initiator_contact_id", "initiator_account_id"})
    initiators += draft.has(field) ? 1 : 0;
  if (initiators == 0 && draft.creating() && draft.actor().is_person()) {
    draft.set("initiator_user_id", std::to_string(*draft.actor().user_id));
    initiators = 1;
  }
  if (initiators != 1) {
    draft.wrong("initiator_user_id", "one_initiator_required",
                "A support request has one initiator: a user, a contact or a portal account.");
  }
  if (draft.creating() && !draft.is_given("channel") && draft.related("is_default_client") == "t") {
    draft.set("channel", "internal");
  }
  if (draft.creating() || draft.changed("status")) {
    const std::string status(draft.get("status").value_or("first_line"));
    follow_status(draft, status);
  }
}

std::vector<Choice> clock_states() {
  return {{"running", {"Идёт", "Running"}},
          {"paused", {"Приостановлен", "Paused"}},
          {"met", {"Соблюдён", "Met"}},
          {"overdue", {"Просрочен", "Overdue"}},
          {"off", {"Выключен", "Off"}}};
}

Fields people_fields() {
  return Fields()
      .add(reference("counterparty_id", "counterparty")
               .required()
               .filterable()
               .labels("Заказчик", "Customer"))
      .add(reference("initiator_user_id", "user")
               .filterable()
               .labels("Инициатор (сотрудник)", "Initiator (user)")
               .described("Exactly one of the three initiators is set; none sent: the caller."))
      .add(reference("initiator_contact_id", "contact")
               .filterable()
               .labels("Инициатор (контакт)", "Initiator (contact)"))
      .add(reference("initiator_account_id", "counterparty_user")
               .filterable()
               .labels("Инициатор (учётная запись)", "Initiator (portal account)"))
      .add(text("author").max_length(500).searchable().labels("Автор", "Author"));
}

Fields progress_fields() {
  return Fields()
      .add(text("status")
               .defaults_to("first_line")
               .sortable()
               .evented("status_changed")
               .labels("Статус", "Status"))
      .add(text("returns_to")
               .read_only()
               .untracked()
               .labels("Вернётся в статус", "Returns to")
               .described("Of clarification, hold and approve: the status it came from."))
      .add(reference("assignee_user_id", "user")
               .filterable()
               .evented("responsible_changed")
               .labels("Исполнитель", "Assignee"))
      .add(directory("assignee_group_id", "group")
               .filterable()
               .labels("Группа исполнителей", "Assigned group"))
      .add(html("resolution").max_length(65'536).labels("Резолюция", "Resolution"))
      .add(timestamp("first_reaction_at")
               .read_only()
               .untracked()
               .sortable()
               .labels("Первая реакция", "First reaction"))
      .add(timestamp("closed_at").read_only().untracked().sortable().labels("Закрытие", "Closed"))
      .add(timestamp("stopped_at").read_only().untracked().labels("Остановка", "Stopped"))
      .add(timestamp("sla1_due_at")
               .read_only()
               .untracked()
               .sortable()
               .labels("SLA 1 (реакция), срок", "SLA 1 (reaction), due"))
      .add(code("sla1_state", clock_states())
               .defaults_to("off")
               .read_only()
               .untracked()
               .filterable()
               .labels("SLA 1 (реакция)", "SLA 1 (reaction)"))
      .add(timestamp("sla2_due_at")
               .read_only()
               .untracked()
               .sortable()
               .labels("SLA 2 (решение), срок", "SLA 2 (resolution), due"))
      .add(code("sla2_state", clock_states())
               .defaults_to("off")
               .read_only()
               .untracked()
               .filterable()
               .labels("SLA 2 (решение)", "SLA 2 (resolution)"))
      .add(interval("sla2_paused_total")
               .defaults_to("0")
               .read_only()
               .untracked()
               .labels("SLA 2, пауза", "SLA 2, paused"));
}

}  // namespace

Resource support_request() {
  return {
      .kind = "support_request",
      .path = "support-requests",
      .table = "crm.support_request",
      .doc = "Something a customer, or a colleague, asks of the service desk.",
      .label = {"Заявка SD", "Support request"},
      .label_plural = {"Заявки SD", "Support requests"},
      .sequence = "crm.support_request_number",
      .name_field = "subject",
      .statuses =
          {
              {.code = "first_line", .label = {"Передано 1-й линии ТП", "Handed to line 1"}},
              {.code = "first_line_work", .label = {"В работе на 1-й линии ТП", "Line 1 works"}},
              {.code = "second_line", .label = {"Передано 2-й линии ТП", "Handed to line 2"}},
              {.code = "second_line_work", .label = {"В работе на 2-й линии ТП", "Line 2 works"}},
              {.code = "third_line", .label = {"Передано 3-й линии ТП", "Handed to line 3"}},
              {.code = "third_line_work", .label = {"В работе на 3-й линии ТП", "Line 3 works"}},
              {.code = "clarification", .label = {"На уточнении", "Clarification"}},
              {.code = "hold", .label = {"На удержании", "On hold"}},
              {.code = "approve", .label = {"Подтверждение выполнения заявки", "Confirmation"}},
              {.code = "closed", .label = {"Закрыта", "Closed"}, .is_final = true},
          },
      .fields = Fields()
                    .add(number_field())
                    .add(people_fields())
                    .add(code("channel", {{"internal", {"Внутренний", "Internal"}},
                                          {"external", {"Внешний", "External"}}})
                             .defaults_to("external")
                             .filterable()
                             .labels("Канал обращения", "Channel")
                             .described("Not sent: internal where the customer is the default "
                                        "support client, else external."))
                    .add(directory("petition_type", "support_petition_type")
                             .filterable()
                             .labels("Тип обращения", "Petition type"))
                    .add(directory("service_type", "support_service_type")
                             .filterable()
                             .labels("Вид сервиса", "Service type"))
                    .add(directory("module", "support_module")
                             .filterable()
                             .labels("Модуль системы", "Module"))
                    .add(directory("mark", "support_mark").filterable().labels("Метка", "Mark"))
                    .add(directory("priority", "support_priority")
                             .defaults_to("medium")
                             .filterable()
                             .labels("Приоритет", "Priority"))
                    .add(text("subject").required().max_length(1000).searchable().sortable().labels(
                        "Тема письма", "Subject"))
                    .add(html("content").required().max_length(1'000'000).large().labels(
                        "Содержание обращения", "Content"))
                    .add(text("content_text")
                             .max_length(1'000'000)
                             .large()
                             .labels("Содержание обращения (без тегов)", "Content as text"))
                    .add(progress_fields())
                    .add(boolean("created_automatically")
                             .read_only()
                             .untracked()
                             .filterable()
                             .labels("Создано автоматически", "Created automatically"))
                    .add(timestamp("date_received")
                             .defaults_to("now")
                             .sortable()
                             .labels("Дата обращения", "Received date"))
                    .add(reference("mail_message_id", "mail_message")
                             .read_only()
                             .filterable()
                             .labels("Исходное письмо", "Source mail"))
                    .add(reference("continues_id", "support_request")
                             .read_only()
                             .filterable()
                             .labels("Продолжает заявку", "Continues")
                             .described("The closed request this one was an answer to."))
                    .list(),
      .access =
          {
              .grants = {{Role::assignee, Right::write, {}},
                         {Role::support_leads, Right::write, {}},
                         {Role::crm_administrators, Right::write, {}},
                         {Role::support_staff, Right::read, {}},
                         {Role::initiator, Right::comment, {}},
                         {Role::participant, Right::read, {}},
                         {Role::customer_managers, Right::read, {}},
                         {Role::creator, Right::read, {}}},
              .employees_create = true,
          },
      .collections = {contact_collection(),
                      {.name = "participants",
                       .kind = "user",
                       .doc = "Who may read it besides.",
                       .link_table = "crm.support_participant",
                       .parent_column = "request_id",
                       .child_column = "user_id",
                       .link_columns = "added_at",
                       .order_by = "l.added_at, c.id"}},
      .default_sort = "-date_received",
      .related = {kServing, {"counterparty_id"}},
      .before_write = check_support_request,
  };
}

}  // namespace c360::store
