#include <string>
#include <vector>

#include "daemon/base/text.h"
#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

// «Иванов Пётр Сергеевич»: two or three words are last, first and middle name, unless the parts
// were given themselves.
void split_full_name(Draft& draft) {
  if (!draft.is_set("full_name") || draft.is_set("last_name") || draft.is_set("first_name") ||
      draft.is_set("middle_name")) {
    return;
  }
  std::vector<std::string> words;
  if (const auto full_name = draft.get("full_name")) {
    for (const std::string_view word : split(*full_name, ' ')) {
      if (!word.empty()) words.emplace_back(word);
    }
  }
  const bool splits = words.size() == 2 || words.size() == 3;
  const auto part = [&](std::size_t at) {
    return splits && words.size() > at ? std::optional(words[at]) : std::nullopt;
  };
  draft.set("last_name", part(0));
  draft.set("first_name", part(1));
  draft.set("middle_name", part(2));
}

Access orphans_for_managers(Access access) {
  access.orphan_read = Role::all_crm_managers;
  access.orphan_write = Role::all_crm_managers;
  return access;
}

void check_contact(Draft& draft) {
  forget_email_fault(draft);
  forget_telegram_fault(draft, "telegram");
  if (!draft.has("full_name") && (draft.is_set("last_name") || draft.is_set("first_name"))) {
    std::string name;
    for (const std::string_view field : {"last_name", "first_name", "middle_name"}) {
      if (const auto part = draft.get(field))
        name += (name.empty() ? "" : " ") + std::string(*part);
    }
    if (!name.empty()) draft.set("full_name", name);
  } else {
    split_full_name(draft);
  }
  if (!draft.has("full_name") && !draft.has("email") && !draft.has("phone")) {
    draft.wrong("full_name", "contact_identity_required",
                "A contact needs a full name, an e-mail address or a phone.");
  }
}

}  // namespace

Resource contact() {
  return {
      .kind = "contact",
      .path = "contacts",
      .table = "crm.contact",
      .doc = "A person at a counterparty, or of a lead or deal whose company is not known yet.",
      .label = {"Контактное лицо", "Contact"},
      .label_plural = {"Контактные лица", "Contacts"},
      .name_field = "full_name",
      .fields =
          Fields()
              .add(reference("counterparty_id", "counterparty")
                       .filterable()
                       .labels("Контрагент", "Counterparty"))
              .add(text("full_name")
                       .max_length(300)
                       .searchable()
                       .sortable()
                       .labels("ФИО", "Full name"))
              .add(text("last_name").max_length(200).filterable().labels("Фамилия", "Last name"))
              .add(text("first_name").max_length(200).filterable().labels("Имя", "First name"))
              .add(text("middle_name")
                       .max_length(200)
                       .filterable()
                       .labels("Отчество", "Middle name"))
              .add(text("position").max_length(300).filterable().labels("Должность", "Position"))
              .add(text("department")
                       .max_length(300)
                       .filterable()
                       .labels("Департамент", "Department"))
              .add(phone("phone").searchable().labels("Телефон", "Phone"))
              .add(email("email").searchable().sortable().labels("E-mail", "E-mail"))
              .add(email_fault())
              .add(text("telegram").max_length(100).filterable().labels("Telegram", "Telegram"))
              .add(telegram_fault())
              .add(text("comment").max_length(10'000).labels("Комментарий", "Comment"))
              .add(boolean("is_main")
                       .filterable()
                       .labels("Основной", "Main")
                       .described("Set to true it takes the mark from the former main contact."))
              .add(text_array("roles",
                              {{"manager", {"Для менеджеров", "Manager"}},
                               {"technical", {"Технический специалист", "Technical specialist"}},
                               {"accounting", {"Бухгалтерия", "Accounting"}},
                               {"executive", {"Руководитель", "Executive"}},
                               {"other", {"Другое", "Other"}}})
                       .filterable()
                       .labels("Роль", "Role"))
              .add(boolean("no_contact").filterable().labels("Не беспокоить", "Do not contact"))
              .add(reference("user_account_id", "counterparty_user")
                       .labels("Учётная запись", "Portal account"))
              .list(),
      // The counterparty's people; a contact without one is open to every CRM manager.
      .access = orphans_for_managers(satellite_access("counterparty_id")),
      .default_sort = "full_name",
      .before_write = check_contact,
  };
}

}  // namespace c360::store
