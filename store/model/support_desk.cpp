// What the service desk agreed with a customer: how fast it answers, when it works, who serves him
// (domain.md 4.7, 15.1).
#include "store/model/resources.h"

namespace c360::store {
namespace {

const std::vector<Grant> kReadByTheDesk = {{Role::support_staff, Right::read, {}},
                                           {Role::customer_managers, Right::read, {}},
                                           {Role::support_leads, Right::write, {}},
                                           {Role::crm_administrators, Right::write, {}}};

std::vector<Operation> editable() {
  return {Operation::list,   Operation::get,    Operation::create,
          Operation::update, Operation::remove, Operation::history};
}

Field customer_field() {
  return reference("counterparty_id", "counterparty")
      .filterable()
      .labels("Заказчик", "Customer")
      .described("Null: of all customers that have no row of their own.");
}

Field minutes(std::string_view name, std::string_view ru, std::string_view en) {
  return integer(name).of_small_type("integer").labels(ru, en);
}

}  // namespace

Resource support_sla() {
  return {
      .kind = "support_sla",
      .path = "support-sla",
      .table = "crm.support_sla",
      .doc =
          "How fast requests of a priority are answered; durations are working time. A change "
          "moves the clocks of open requests.",
      .label = {"Соглашение об уровне сервиса", "Service level agreement"},
      .label_plural = {"Соглашения об уровне сервиса", "Service level agreements"},
      .is_record = false,
      .name_field = "",
      .fields =
          Fields()
              .add(customer_field())
              .add(directory("priority", "support_priority")
                       .required()
                       .filterable()
                       .labels("Приоритет", "Priority"))
              .add(text("timezone")
                       .required()
                       .max_length(64)
                       .defaults_to("Europe/Moscow")
                       .labels("Часовой пояс", "Time zone"))
              .add(interval("time_first_reaction").required().labels("Реакция", "First reaction"))
              .add(interval("time_resolve").required().labels("Решение", "Resolution"))
              .add(interval("warn_reaction")
                       .required()
                       .defaults_to("00:30:00")
                       .labels("Предупреждение исполнителя о реакции", "Warning before reaction"))
              .add(interval("warn_resolve")
                       .required()
                       .defaults_to("01:00:00")
                       .labels("Предупреждение исполнителя о решении", "Warning before resolution"))
              .add(interval("warn_supervisor")
                       .required()
                       .defaults_to("00:25:00")
                       .labels("Предупреждение руководителя", "Warning to the supervisor"))
              .add(interval("auto_close")
                       .required()
                       .defaults_to("48:00:00")
                       .labels("Автозакрытие", "Automatic close")
                       .described("After so much time in status approve."))
              .add(interval("return_from_clarification")
                       .required()
                       .defaults_to("24:00:00")
                       .labels("Возврат с уточнения", "Return from clarification")
                       .described("To line 1, after so much time in status clarification."))
              .add(decimal("penalty_percent", 5, 2).labels("Штраф, %", "Penalty, %"))
              .add(version_fields())
              .list(),
      .access = {.grants = kReadByTheDesk},
      .operations = editable(),
      .soft_delete = false,
  };
}

Resource support_client_settings() {
  return {
      .kind = "support_client_settings",
      .path = "support-client-settings",
      .table = "crm.support_client_settings",
      .doc = "Who serves a customer, and when.",
      .label = {"Настройки поддержки заказчика", "Support settings of a customer"},
      .label_plural = {"Настройки поддержки заказчиков", "Support settings of customers"},
      .is_record = false,
      .name_field = "",
      .fields =
          Fields()
              .add(customer_field())
              .add(directory("line1_group", "group")
                       .required()
                       .defaults_to("support-line-1")
                       .labels("1-я линия", "Line 1"))
              .add(directory("line2_group", "group")
                       .required()
                       .defaults_to("support-line-2")
                       .labels("2-я линия", "Line 2"))
              .add(directory("line3_group", "group")
                       .required()
                       .defaults_to("support-line-3")
                       .labels("3-я линия", "Line 3"))
              .add(directory("technologist_group", "group")
                       .required()
                       .defaults_to("support-technologists")
                       .labels("Технологи", "Technologists"))
              .add(json("working_schedule")
                       .defaults_to("{}")
                       .labels("Рабочее время", "Working hours")
                       .described(
                           "{\"hours\": [{\"days\": [1, 2], \"from\": \"09:00\", \"to\": "
                           "\"18:00\"}], \"holidays\": [\"2026-01-01\"], \"workdays\": "
                           "[{\"date\": \"2026-11-07\", \"from\": \"09:00\", \"to\": \"18:00\"}]}; "
                           "Monday is day 1, hours [] is day and night, {} is what the row without "
                           "a customer says."))
              .add(minutes("line1_minutes_per_month", "Лимит 1-й линии, мин/мес",
                           "Line 1, minutes a month"))
              .add(minutes("line2_minutes_per_month", "Лимит 2-й линии, мин/мес",
                           "Line 2, minutes a month"))
              .add(minutes("line3_minutes_per_month", "Лимит 3-й линии, мин/мес",
                           "Line 3, minutes a month"))
              .add(minutes("line1_minutes_left", "Остаток 1-й линии, мин", "Line 1, minutes left"))
              .add(minutes("line2_minutes_left", "Остаток 2-й линии, мин", "Line 2, minutes left"))
              .add(minutes("line3_minutes_left", "Остаток 3-й линии, мин", "Line 3, minutes left"))
              .add(version_fields())
              .list(),
      .access = {.grants = kReadByTheDesk},
      .operations = editable(),
      .soft_delete = false,
  };
}

}  // namespace c360::store
