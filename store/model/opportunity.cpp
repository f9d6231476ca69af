// What a lead and a deal have in common (domain.md 6.1, 1.5).
#include <algorithm>
#include <string>

#include "daemon/base/text.h"
#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {

Fields opportunity_fields() {
  return Fields()
      .add(number_field())
      .add(text("name")
               .required()
               .max_length(500)
               .searchable()
               .sortable()
               .labels("Название", "Name")
               .described("Without one: company, else sender, else the number."))
      .add(text("status")
               .defaults_to("new")
               .sortable()
               .evented("status_changed")
               .labels("Статус", "Status"))
      .add(timestamp("status_changed_at")
               .defaults_to("now")
               .read_only()
               .untracked()
               .sortable()
               .labels("Статус изменён", "Status changed"))
      .add(money("amount").sortable().labels("Бюджет", "Budget"))
      .add(directory("currency", "currency")
               .defaults_to("RUB")
               .filterable()
               .labels("Валюта", "Currency"))
      .add(html("description").max_length(65'536).labels("Описание", "Description"))
      .add(reference("counterparty_id", "counterparty")
               .filterable()
               .aliased("counterparty")
               .labels("Контрагент", "Counterparty"))
      .add(text("company_text")
               .max_length(1000)
               .searchable()
               .aliased("counterpartyText")
               .labels("Компания", "Company")
               .described("The company as written in the mail."))
      .add(reference("responsible_id", "user")
               .sortable()
               .writable_by(WriteRule::responsible)
               .evented("responsible_changed")
               .aliased("manager")
               .labels("Ответственный", "Responsible")
               .described("Not sent: the caller. Null: the task «Взятие в работу» is opened."))
      .add(timestamp("date_received")
               .defaults_to("now")
               .sortable()
               .aliased("dateReceived")
               .labels("Дата создания", "Received date"))
      .add(directory("request_source_code", "request_source")
               .filterable()
               .aliased("requestSource")
               .labels("Источник обращения", "Request source"))
      .add(directory("request_category_code", "request_category")
               .filterable()
               .aliased("requestCategory")
               .labels("Категория обращения", "Request category"))
      .add(email("site_email")
               .searchable()
               .aliased("siteEmail")
               .labels("E-mail заявки с сайта", "Site e-mail"))
      .add(text("site_page")
               .max_length(2000)
               .aliased("siteFrom")
               .labels("Страница заполнения заявки", "Request page"))
      .add(text("site_referrer").max_length(2000).labels("Страница перехода", "Referring page"))
      .add(text("email_message")
               .max_length(1'000'000)
               .large()
               .aliased("emessage")
               .labels("Почтовое сообщение", "E-mail message"))
      .add(reference("mail_message_id", "mail_message")
               .filterable()
               .read_only()
               .labels("Исходное письмо", "Source mail"))
      .add(text("ga_client_id").max_length(200).filterable().labels("Идентификатор GA", "GA id"))
      .add(text("ym_client_id").max_length(200).filterable().labels("Идентификатор YM", "YM id"))
      .add(integer("source_sync_attempts")
               .of_small_type("integer")
               .defaults_to("0")
               .read_only()
               .untracked()
               .aliased("syncRequestSourceCount")
               .labels("Количество попыток синхронизации с YM", "Metrica sync attempts"))
      .add(text("number_of_users")
               .max_length(200)
               .aliased("numberOfUsers")
               .labels("Количество пользователей", "Number of users"))
      .add(integer("number_of_users_min")
               .of_small_type("integer")
               .read_only()
               .untracked()
               .sortable()
               .labels("Количество пользователей, от", "Number of users, from"))
      .add(integer("number_of_users_max")
               .of_small_type("integer")
               .read_only()
               .untracked()
               .sortable()
               .labels("Количество пользователей, до", "Number of users, to"))
      .add(boolean("created_automatically")
               .read_only()
               .untracked()
               .filterable()
               .aliased("createdAutomatically")
               .labels("Создано автоматически", "Created automatically"))
      .add(boolean("blacklist_confirmed")
               .labels("Работа с чёрным списком подтверждена", "Blacklisted customer confirmed")
               .described("A new deal with a blacklisted customer needs it; a lead hands it to its "
                          "deal."))
      .add(json("match_candidates")
               .defaults_to("[]")
               .read_only()
               .untracked()
               .labels("Возможные контрагенты", "Match candidates"))
      .add(reference("merged_into_id", "")  // the registry makes it the kind itself
               .read_only()
               .filterable()
               .labels("Объединён с", "Merged into"));
}

namespace {

// "50-100" -> 50, 100; "от 20" -> 20; the first two numbers of at most 7 digits.
void parse_number_of_users(Draft& draft) {
  if (!draft.is_set("number_of_users")) return;
  std::optional<std::int64_t> found[2];
  int count = 0;
  if (const auto text = draft.get("number_of_users")) {
    for (std::size_t at = 0; at < text->size() && count < 2;) {
      std::size_t end = at;
      while (end < text->size() && (*text)[end] >= '0' && (*text)[end] <= '9') ++end;
      if (end > at && end - at <= 7)
        found[count++] = std::stoll(std::string(text->substr(at, end)));
      at = end > at ? end : at + 1;
    }
  }
  if (count == 1) found[1] = found[0];
  if (count == 2 && *found[1] < *found[0]) std::swap(found[0], found[1]);
  const auto as_text = [](const std::optional<std::int64_t>& value) {
    return value ? std::optional(std::to_string(*value)) : std::nullopt;
  };
  draft.set("number_of_users_min", as_text(found[0]));
  draft.set("number_of_users_max", as_text(found[1]));
}

}  // namespace

Access opportunity_access() {
  return {
      .grants = {{Role::manager, Right::write, {}},
                 {Role::cco, Right::write, {}},
                 {Role::viewers, Right::read, {}},
                 {Role::all_crm_managers, Right::read, {}},
                 {Role::creator, Right::read, {}},
                 {Role::crm_administrators, Right::write, {}}},
      .employees_create = true,
  };
}

std::vector<std::string_view> opportunity_marketing() {
  return {"request_source_code", "request_category_code", "site_email",   "site_page",
          "site_referrer",       "ga_client_id",          "ym_client_id", "number_of_users"};
}

Collection contact_collection() {
  return {.name = "contacts",
          .kind = "contact",
          .doc = "Contact persons, the main one first.",
          .link_table = "crm.record_contact",
          .parent_column = "record_id",
          .child_column = "contact_id",
          .link_columns = "is_main,position",
          .order_by = "l.is_main DESC, l.position, c.id"};
}

void check_opportunity(Draft& draft) {
  // Without a name: company, then the sender; the last fallback, the number, is the database's.
  if (!draft.has("name") && (draft.creating() || draft.is_set("name"))) {
    for (const std::string_view field : {"company_text", "site_email"}) {
      const auto value = draft.get(field);
      if (!value || value->empty()) continue;
      draft.set("name", std::string(utf8_prefix(*value, 500)));
      break;
    }
  }
  parse_number_of_users(draft);
  if (!draft.creating() && draft.changed("status")) draft.set_now("status_changed_at");
}

}  // namespace c360::store
