#include <string>

#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

void check_user(Draft& draft) {
  forget_telegram_fault(draft, "telegram_chat_id");
  if (!draft.has("last_name") && draft.creating() && draft.has("login")) {
    draft.set("last_name", std::string(*draft.get("login")));
  }
}

const std::vector<Grant> kAdministratorsOnly = {{Role::crm_administrators, Right::write, {}}};

constexpr std::string_view kEmployees = "crm.user v WHERE v.id = %.id AND v.kind = 'employee'";

// Every group a user is a member of, nested ones too; to filter by, not to show.
Field group_filter() {
  Field field = made_by(
      "group", FieldType::text_array,
      "ARRAY(WITH RECURSIVE g(id) AS (SELECT m.group_id FROM crm.group_member m WHERE m.user_id = "
      "t.id UNION SELECT n.parent_id FROM crm.group_nesting n JOIN g ON n.child_id = g.id) SELECT "
      "g.id FROM g)");
  field.is_secret = true;
  return field.filterable().labels("Группа", "Group");
}

}  // namespace

Resource user() {
  return {
      .kind = "user",
      .path = "users",
      .table = "crm.user",
      .doc = "A person or program that works with the CRM.",
      .label = {"Пользователь", "User"},
      .label_plural = {"Пользователи", "Users"},
      .is_record = false,
      .fields =
          Fields()
              .add(citext("login")
                       .required()
                       .max_length(200)
                       .unique()
                       .searchable()
                       .sortable()
                       .labels("Логин", "Login"))
              .add(made_by("name", FieldType::text,
                           "concat_ws(' ', t.last_name, t.first_name, t.middle_name)")
                       .labels("ФИО", "Full name"))
              .add(text("first_name").max_length(200).searchable().labels("Имя", "First name"))
              .add(text("last_name")
                       .required()
                       .max_length(200)
                       .searchable()
                       .sortable()
                       .labels("Фамилия", "Last name"))
              .add(text("middle_name").max_length(200).labels("Отчество", "Middle name"))
              .add(email("email").unique().searchable().personal().labels("Эл. почта", "E-mail"))
              .add(email("additional_email")
                       .filterable()
                       .personal()
                       .labels("Доп. эл. почта", "Additional e-mail"))
              .add(phone("phone_mobile").personal().labels("Мобильный телефон", "Mobile phone"))
              .add(phone("phone_work").personal().labels("Рабочий телефон", "Work phone"))
              .add(text("phone_internal")
                       .max_length(50)
                       .personal()
                       .labels("Внутренний телефон", "Internal phone"))
              .add(text("job_title").max_length(300).labels("Должность", "Job title"))
              .add(reference("line_manager_id", "user")
                       .filterable()
                       .labels("Линейный руководитель", "Line manager"))
              .add(integer("telegram_chat_id").personal().labels("Telegram", "Telegram"))
              .add(telegram_fault().personal())
              .add(text("timezone")
                       .max_length(64)
                       .defaults_to("Europe/Moscow")
                       .labels("Часовой пояс", "Time zone"))
              .add(code("language",
                        {{"ru", {"Русский", "Russian"}}, {"en", {"Английский", "English"}}})
                       .defaults_to("ru")
                       .labels("Язык", "Language"))
              .add(boolean("is_active").defaults_to("t").filterable().labels("Активен", "Active"))
              .add(code("kind", {{"employee", {"Сотрудник", "Employee"}},
                                 {"service", {"Сервис", "Service"}},
                                 {"system", {"Система", "System"}},
                                 {"portal", {"Портал", "Portal"}}})
                       .defaults_to("employee")
                       .filterable()
                       .labels("Вид", "Kind"))
              .add(group_filter())
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .sortable()
                       .labels("Дата создания", "Created"))
              .add(timestamp("updated_at")
                       .defaults_to("now")
                       .read_only()
                       .sortable()
                       .labels("Изменено", "Modified"))
              .add(row_version_field())
              .list(),
      // Colleagues choose each other, by name, post and group: how to reach one by phone or
      // mail is his own affair. Logins of customers are their counterparties'.
      .access = {.grants = {{Role::self, Right::read, {}},
                            {Role::everyone, Right::read, {}, {}, {}, kEmployees},
                            {Role::crm_administrators, Right::write, {}}},
                 .personal = {{Role::self, Right::read, {}},
                              {Role::crm_administrators, Right::read, {}}}},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::history},
      .default_sort = "last_name",
      .natural_keys = {"login"},
      .soft_delete = false,
      .before_write = check_user,
  };
}

Resource group() {
  return {
      .kind = "group",
      .path = "groups",
      .table = "crm.group",
      .doc = "Users who share rights (domain.md 3.2).",
      .label = {"Группа", "Group"},
      .label_plural = {"Группы", "Groups"},
      .is_record = false,
      .key_type = KeyType::text,
      .name_field = "name_ru",
      .fields =
          Fields()
              .add(text("name_ru").required().max_length(200).searchable().labels("Название",
                                                                                  "Name (Russian)"))
              .add(text("name_en").required().max_length(200).searchable().labels(
                  "Название (англ.)", "Name (English)"))
              .add(boolean("is_system").read_only().filterable().labels("Системная", "System"))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .collections = {{.name = "members",
                       .kind = "user",
                       .doc = "Direct members; those of nested groups are members too.",
                       .link_table = "crm.group_member",
                       .parent_column = "group_id",
                       .child_column = "user_id",
                       .order_by = "c.id"},
                      {.name = "nested",
                       .kind = "group",
                       .doc = "Groups whose members are members of this one.",
                       .link_table = "crm.group_nesting",
                       .parent_column = "parent_id",
                       .child_column = "child_id",
                       .order_by = "c.id"}},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .default_sort = "id",
      .soft_delete = false,
  };
}

Resource token() {
  return {
      .kind = "token",
      .path = "tokens",
      .table = "crm.api_token",
      .doc = "A key of an API client; the key itself is shown once, when it is made.",
      .label = {"Ключ доступа", "API token"},
      .label_plural = {"Ключи доступа", "API tokens"},
      .is_record = false,
      .fields =
          Fields()
              .add(reference("user_id", "user")
                       .required()
                       .filterable()
                       .labels("Пользователь", "User"))
              .add(text("name").required().max_length(200).sortable().labels("Название", "Name"))
              .add(text("prefix").required().read_only().labels("Начало ключа", "Prefix"))
              .add(bytes("token_sha256").required().secret())
              .add(text_array("scopes").labels("Права", "Scopes"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .sortable()
                       .labels("Дата создания", "Created"))
              .add(timestamp("expires_at").sortable().labels("Действует до", "Expires"))
              .add(timestamp("last_used_at").sortable().labels("Использован", "Last used"))
              .add(timestamp("revoked_at").filterable().labels("Отозван", "Revoked"))
              .list(),
      .access = {.grants = kAdministratorsOnly},
      .operations = {Operation::list, Operation::get, Operation::history},
      .has_versions = false,
      .soft_delete = false,
  };
}

}  // namespace c360::store
