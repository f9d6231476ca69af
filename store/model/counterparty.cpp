#include <algorithm>
#include <string>
#include <vector>

#include "daemon/base/company_name.h"
#include "daemon/base/text.h"
#include "store/array.h"
#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

void check_kpp_of_kind(Draft& draft) {
  if (!draft.creating() && !draft.is_set("kpp") && !draft.is_set("kind")) return;
  const auto kind = draft.get("kind");
  if (draft.has("kpp") && (kind == "individual_entrepreneur" || kind == "individual")) {
    draft.wrong("kpp", "kpp_not_allowed", "An entrepreneur or a person has no KPP.");
  }
}

// The key companies are compared by follows the name; a generated name gives no key of its own.
void derive_name_key(Draft& draft) {
  if (!draft.creating() && !draft.is_set("name")) return;
  const auto name = draft.get("name");
  draft.set("name_key", name && !name->empty() ? company_name(*name).key : std::string());
}

void tidy_domains(Draft& draft) {
  if (!draft.is_set("email_domains")) return;
  const auto value = draft.get("email_domains");
  if (!value) return;
  std::vector<std::string> domains;
  for (const auto& element : decode_array(*value)) {
    if (!element) continue;
    std::string domain = to_lower(trimmed(*element));
    if (domain.empty() || domain.find('.') == std::string::npos ||
        domain.find_first_of("@ /") != std::string::npos) {
      draft.wrong("email_domains", "invalid_domain", "\"" + *element + "\" is not a mail domain.");
      continue;
    }
    if (std::find(domains.begin(), domains.end(), domain) == domains.end()) {
      domains.push_back(std::move(domain));
    }
  }
  draft.set("email_domains", array_literal(domains));
}

void check_counterparty(Draft& draft) {
  if (draft.creating() || draft.is_set("name")) {
    if (const auto name = draft.get("name")) {
      draft.set("name", std::string(trimmed(*name)));
      if (draft.get("name")->empty()) draft.set("name", std::nullopt);
    }
    if (!draft.has("name")) {
      const auto short_name = draft.get("short_name");
      const auto full_name = draft.get("full_name");
      const auto& given = short_name ? short_name : full_name;
      if (given && !given->empty()) draft.set("name", std::string(utf8_prefix(*given, 500)));
    }
    draft.set("name_is_auto", draft.has("name") ? "f" : "t");
  }
  derive_name_key(draft);
  tidy_domains(draft);
  forget_email_fault(draft);
  check_kpp_of_kind(draft);
  check_requisites(draft);
  if (draft.changed("promo_emails_allowed") &&
      !(draft.creating() && draft.get("promo_emails_allowed") == "f")) {
    draft.set_now("promo_emails_changed_at");
  }
  if (draft.creating()) {
    const auto& actor = draft.actor();
    if (actor.user_id && !draft.is_set("initiator_id")) {
      draft.set("initiator_id", std::to_string(*actor.user_id));
    }
    if (draft.context().profile == Profile::draft && !draft.has("status_code")) {
      draft.set("status_code", "potential");
    }
  }
  if (draft.changed("check_status") && !draft.creating()) draft.set_now("check_status_at");
}

Fields names_and_numbers() {
  return Fields()
      .add(number_field())
      .add(text("name")
               .required()
               .max_length(500)
               .searchable()
               .sortable()
               .labels("Название", "Name")
               .described("Without one: short or full name, else «Клиент №N»."))
      .add(boolean("name_is_auto")
               .read_only()
               .untracked()
               .labels("Автоматическое название", "Auto name"))
      .add(text_array("types", {{"buyer", {"Покупатель", "Buyer"}},
                                {"supplier", {"Поставщик", "Supplier"}},
                                {"partner", {"Партнёр", "Partner"}},
                                {"other", {"Прочее", "Other"}}})
               .defaults_to("{buyer}")
               .filterable()
               .labels("Тип контрагента", "Type")
               .described("Lists show buyers unless asked otherwise; types=any shows all."))
      .add(code("kind", {{"legal_entity", {"Юридическое лицо", "Legal entity"}},
                         {"individual_entrepreneur", {"ИП", "Individual entrepreneur"}},
                         {"individual", {"Физическое лицо", "Individual"}},
                         {"branch", {"Обособленное подразделение", "Branch"}},
                         {"foreign", {"Иностранная организация", "Foreign organisation"}}})
               .defaults_to("legal_entity")
               .filterable()
               .labels("Вид контрагента", "Kind"))
      .add(text("full_name")
               .max_length(1000)
               .required_for_requisites()
               .searchable()
               .labels("Полное наименование", "Full name"))
      .add(text("short_name")
               .max_length(500)
               .searchable()
               .labels("Краткое название организации", "Short name"))
      .add(text_array("unverified_fields")
               .read_only()
               .untracked()
               .labels("Непроверенные поля", "Unverified fields")
               .described("Stored by a lenient import though their check digits are wrong."))
      .add(directory("legal_form_code", "legal_form")
               .filterable()
               .labels("Организационно-правовая форма", "Legal form"))
      .add(text("name_key")
               .required()
               .read_only()
               .untracked()
               .filterable()
               .labels("Ключ сравнения", "Match key"))
      .add(text("inn").checked(check_inn).required_for_requisites().searchable().sortable().labels(
          "ИНН", "Taxpayer number (INN)"))
      .add(text("kpp").checked(check_kpp).filterable().labels("КПП", "KPP"))
      .add(text("ogrn").checked(check_ogrn).filterable().labels("ОГРН / ОГРНИП", "OGRN"))
      .add(text("okpo").checked(check_okpo).filterable().labels("ОКПО", "OKPO"))
      .add(text("okved").max_length(8).filterable().labels("ОКВЭД", "Main activity code"))
      .add(text("gln").checked(check_gln).filterable().labels("GLN", "GLN"))
      .add(text("foreign_tax_id")
               .max_length(50)
               .filterable()
               .labels("Налоговый номер (иностр.)", "Foreign tax id"))
      .add(text("country_code")
               .max_length(2)
               .defaults_to("RU")
               .filterable()
               .labels("Страна", "Country")
               .described("ISO 3166-1, two letters."))
      .add(date("ogrn_on").labels("Дата ОГРН", "OGRN date"))
      .add(date("registered_on").sortable().labels("Дата регистрации", "Registered"))
      .add(date("liquidated_on").filterable().labels("Дата ликвидации", "Liquidated"))
      .add(boolean("unreliable").filterable().labels("Сведения недостоверны", "Unreliable record"))
      .add(code("registry_status", {{"active", {"Действует", "Active"}},
                                    {"liquidating", {"Ликвидируется", "In liquidation"}},
                                    {"liquidated", {"Ликвидирована", "Liquidated"}},
                                    {"bankrupt", {"Банкротство", "Bankrupt"}},
                                    {"reorganizing", {"Реорганизация", "Reorganising"}}})
               .filterable()
               .evented("registry_status_changed")
               .labels("Статус по реестру", "Registry status"));
}

Fields addresses_and_people() {
  return Fields()
      .add(text("juridical_address")
               .max_length(1000)
               .required_for_requisites()
               .labels("Юридический адрес", "Legal address"))
      .add(text("post_address")
               .max_length(1000)
               .required_for_requisites()
               .labels("Почтовый адрес", "Postal address"))
      .add(text("actual_address").max_length(1000).labels("Фактический адрес", "Actual address"))
      .add(phone("phone").filterable().labels("Телефон", "Phone"))
      .add(phone("mobile_phone").filterable().labels("Мобильный телефон", "Mobile phone"))
      .add(email("email").searchable().labels("Адрес электронной почты", "E-mail"))
      .add(email_fault())
      .add(text_array("email_domains")
               .filterable()
               .labels("Почтовые домены", "Mail domains")
               .described("Lower case; public domains are refused."))
      .add(url("website").labels("Сайт", "Web site"))
      .add(text("ceo_name").max_length(300).labels("Генеральный директор", "CEO"))
      .add(text("ceo_position").max_length(300).labels("Должность руководителя", "CEO position"))
      .add(date("ceo_since").labels("Руководит с", "CEO since"))
      .add(text("ceo_name_genitive")
               .max_length(300)
               .labels("ФИО в родительном падеже", "CEO name, genitive"));
}

Fields work_with_customer() {
  return Fields()
      .add(directory("segment_code", "segment")
               .required_on_creation()
               .filterable()
               .evented("segment_changed")
               .labels("Сегмент", "Segment"))
      .add(directory("acquisition_channel_code", "acquisition_channel")
               .required_on_creation()
               .filterable()
               .evented("channel_changed")
               .labels("Канал привлечения", "Acquisition channel"))
      .add(directory("status_code", "customer_status")
               .required_on_creation()
               .filterable()
               .evented("customer_status_changed")
               .labels("Статус", "Status"))
      .add(reference("responsible_id", "user")
               .required_on_creation()
               .sortable()
               .evented("responsible_changed")
               .labels("Ответственный менеджер", "Responsible manager"))
      .add(reference("service_manager_id", "user")
               .filterable()
               .labels("Сервис-менеджер", "Service manager"))
      .add(reference("initiator_id", "user").filterable().labels("Инициатор", "Initiator"))
      .add(integer_array("responsible_person_ids")
               .labels("Ответственные лица", "Responsible persons"))
      .add(boolean("promo_emails_allowed")
               .filterable()
               .evented("consent_changed")
               .labels("Согласие на рекламную рассылку", "Receive promotional e-mails"))
      .add(timestamp("promo_emails_changed_at")
               .read_only()
               .untracked()
               .labels("Дата согласия", "Consent date"))
      .add(text("promo_emails_basis")
               .max_length(1000)
               .evented("consent_changed")
               .labels("Основание согласия", "Consent basis"))
      .add(boolean("no_edi_contracts")
               .labels("Не отправлять договоры через EDI", "No EDI contracts"))
      .add(json("edi_settings").defaults_to("{}").labels("Настройки EDI", "EDI settings"))
      .add(html("comment").max_length(65'536).labels("Описание", "Description"))
      .add(code("check_status", {{"none", {"Нет", "None"}},
                                 {"pending", {"Запрошен", "Pending"}},
                                 {"reliable", {"Надёжен", "Reliable"}},
                                 {"needs_check", {"Требует проверки", "Needs a check"}},
                                 {"risky", {"Высокий риск", "High risk"}},
                                 {"no_facts", {"Нет фактов", "No facts"}},
                                 {"not_found", {"Не найден", "Not found"}},
                                 {"failed", {"Ошибка", "Failed"}}})
               .defaults_to("none")
               .filterable()
               .evented("check_status_changed")
               .labels("Статус проверки", "Verification status"))
      .add(code("risk_level", {{"green", {"Низкий", "Low"}},
                               {"yellow", {"Средний", "Medium"}},
                               {"red", {"Высокий", "High"}},
                               {"none", {"Нет фактов", "No facts"}}})
               .filterable()
               .evented("check_status_changed")
               .labels("Уровень риска", "Risk level"))
      .add(timestamp("check_status_at")
               .read_only()
               .untracked()
               .labels("Дата проверки", "Verified at"))
      .add(reference("express_report_document_id", "document")
               .read_only()
               .labels("Экспресс-отчет", "Express report"))
      .add(
          timestamp("autofilled_at").read_only().untracked().labels("Автозаполнение", "Autofilled"))
      .add(text("autofill_source")
               .read_only()
               .untracked()
               .labels("Источник автозаполнения", "Autofill source"))
      .add(timestamp("last_contact_at")
               .read_only()
               .untracked()
               .sortable()
               .empty_first()
               .labels("Последний контакт", "Last contact"))
      .add(timestamp("next_reminder_at")
               .read_only()
               .untracked()
               .sortable()
               .labels("Ближайшее напоминание", "Next reminder"))
      .add(boolean("portal_default")
               .writable_by(WriteRule::administrators)
               .labels("Заказчик по умолчанию (поддержка)", "Default support client"))
      .add(reference("merged_into_id", "counterparty")
               .read_only()
               .filterable()
               .labels("Объединён с", "Merged into"));
}

}  // namespace

Resource counterparty() {
  return {
      .kind = "counterparty",
      .path = "counterparties",
      .table = "crm.counterparty",
      .doc = "One company or entrepreneur we deal with.",
      .label = {"Контрагент", "Counterparty"},
      .label_plural = {"Контрагенты", "Counterparties"},
      .sequence = "crm.counterparty_number",
      .auto_name = "Клиент №%",
      .fields = names_and_numbers().add(addresses_and_people()).add(work_with_customer()).list(),
      .access =
          {
              .grants = {{Role::manager, Right::write, {}},
                         {Role::service_manager, Right::write, {}},
                         {Role::creator, Right::write, {}},
                         {Role::cco, Right::write, {}},
                         {Role::crm_administrators, Right::write, {}},
                         {Role::all_crm_managers, Right::read, {}},
                         {Role::viewers, Right::read, {}}},
              .employees_create = true,
          },
      .collections = {{.name = "contacts",
                       .kind = "contact",
                       .doc = "Contact persons, the main one first.",
                       .parent_column = "counterparty_id",
                       .order_by = "c.is_main DESC, c.id"},
                      observer_collection()},
      .marketing = {"segment_code", "status_code", "acquisition_channel_code",
                    "promo_emails_allowed", "promo_emails_basis", "promo_emails_changed_at"},
      .default_sort = "name",
      .default_filters = {{"types", "eq", "buyer"}},
      .natural_keys = {"inn", "kpp", "ogrn"},
      .before_write = check_counterparty,
  };
}

}  // namespace c360::store
