// Directories (domain.md 1.7, 4): code, two names, order; every active user reads them.
#include "store/model/resources.h"

namespace c360::store {
namespace {

Fields ordering_fields() {
  return Fields()
      .add(integer("sort_order")
               .of_small_type("integer")
               .defaults_to("0")
               .sortable()
               .labels("Порядок", "Order"))
      .add(boolean("is_active").defaults_to("t").filterable().labels("Действует", "Active"))
      .add(boolean("is_system").read_only().labels("Системное", "System"));
}

Fields named_fields() {
  return Fields()
      .add(text("name_ru").required().max_length(300).searchable().sortable().labels(
          "Название", "Name (Russian)"))
      .add(text("name_en").required().max_length(300).searchable().sortable().labels(
          "Название (англ.)", "Name (English)"));
}

std::vector<Operation> editable() {
  return {Operation::list,   Operation::get,    Operation::create,
          Operation::update, Operation::remove, Operation::history};
}

struct Name {
  std::string_view kind, path, table, ru, en, ru_plural, en_plural;
};

Resource directory_of(const Name& name, const Fields& more = {}, bool cco_edits = false) {
  Resource resource{
      .kind = name.kind,
      .path = name.path,
      .table = name.table,
      .doc = "A directory.",
      .label = {name.ru, name.en},
      .label_plural = {name.ru_plural, name.en_plural},
      .is_record = false,
      .key = "code",
      .key_type = KeyType::text,
      .name_field = "name_ru",
      .fields = named_fields().add(more).add(ordering_fields()).add(version_fields()).list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .operations = editable(),
      .default_sort = "sort_order",
      .soft_delete = false,
  };
  if (cco_edits) resource.access.grants.push_back({Role::cco, Right::write, {}});
  return resource;
}

Resource activity_target() {
  return {
      .kind = "activity_target",
      .path = "activity-targets",
      .table = "crm.activity_target",
      .doc = "Where a mail with the subject suffix \"(alias: value)\" goes.",
      .label = {"Псевдоним для писем", "Activity target"},
      .label_plural = {"Псевдонимы для писем", "Activity targets"},
      .is_record = false,
      .key = "alias",
      .key_type = KeyType::text,
      .name_field = "",
      .fields =
          Fields()
              .add(code("record_kind", {{"deal", {"Сделка", "Deal"}},
                                        {"lead", {"Лид", "Lead"}},
                                        {"order", {"Заказ", "Order"}},
                                        {"payment", {"Платеж", "Payment"}},
                                        {"contract", {"Договор", "Contract"}},
                                        {"agreement", {"Доп. соглашение", "Agreement"}},
                                        {"counterparty", {"Контрагент", "Counterparty"}},
                                        {"support_request", {"Заявка", "Support request"}}})
                       .required()
                       .filterable())
              .add(code("search_field", {{"number", {"Номер", "Number"}}, {"inn", {"ИНН", "INN"}}})
                       .required())
              .add(boolean("enabled").defaults_to("t").filterable())
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .operations = editable(),
      .default_sort = "alias",
      .soft_delete = false,
  };
}

Resource public_mail_domain() {
  return {
      .kind = "public_mail_domain",
      .path = "public-mail-domains",
      .table = "crm.public_mail_domain",
      .doc = "Mail domains that never link a sender to a company.",
      .label = {"Публичный почтовый домен", "Public mail domain"},
      .label_plural = {"Публичные почтовые домены", "Public mail domains"},
      .is_record = false,
      .key = "domain",
      .key_type = KeyType::text,
      .name_field = "",
      .fields = version_fields().list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .operations = editable(),
      .default_sort = "domain",
      .soft_delete = false,
  };
}

}  // namespace

std::vector<Resource> directories() {
  std::vector<Resource> list;
  list.push_back(directory_of(
      {"notification_event", "notification-events", "crm.notification_event", "Событие уведомления",
       "Notification event", "События уведомлений", "Notification events"},
      Fields()
          .add(text("text_ru")
                   .required()
                   .max_length(500)
                   .labels("Текст", "Text (Russian)")
                   .described("% stands for the record."))
          .add(text("text_en").required().max_length(500).labels("Текст (англ.)", "Text (English)"))
          .add(boolean("inbox").defaults_to("t").labels("В системе", "In the application"))
          .add(boolean("email").labels("По эл. почте", "By e-mail"))
          .add(boolean("telegram").labels("В Telegram", "By Telegram"))));
  list.push_back(directory_of({"request_category", "request-categories", "crm.request_category",
                               "Категория обращения", "Request category", "Категории обращений",
                               "Request categories"}));
  list.push_back(
      directory_of({"request_source", "request-sources", "crm.request_source", "Источник обращения",
                    "Request source", "Источники обращений", "Request sources"}));
  list.push_back(directory_of({"disqualification_reason", "disqualification-reasons",
                               "crm.disqualification_reason", "Причина дисквалификации",
                               "Disqualification reason", "Причины дисквалификации",
                               "Disqualification reasons"}));
  list.push_back(directory_of(
      {"segment", "segments", "crm.segment", "Сегмент", "Segment", "Сегменты", "Segments"}, {},
      true));
  list.push_back(directory_of(
      {"acquisition_channel", "acquisition-channels", "crm.acquisition_channel",
       "Канал привлечения", "Acquisition channel", "Каналы привлечения", "Acquisition channels"},
      {}, true));
  list.push_back(directory_of(
      {"customer_status", "customer-statuses", "crm.customer_status", "Статус контрагента",
       "Customer status", "Статусы контрагентов", "Customer statuses"},
      {}, true));
  list.push_back(directory_of({"invoice_type", "invoice-types", "crm.invoice_type", "Тип счёта",
                               "Invoice type", "Типы счетов", "Invoice types"},
                              {}, true));
  list.push_back(
      directory_of({"legal_form", "legal-forms", "crm.legal_form", "Организационно-правовая форма",
                    "Legal form", "Организационно-правовые формы", "Legal forms"},
                   Fields()
                       .add(text("okopf_code").max_length(5).filterable().labels("ОКОПФ", "OKOPF"))
                       .add(text("full_name_ru")
                                .required()
                                .max_length(300)
                                .labels("Полное название", "Full name (Russian)"))
                       .add(text("full_name_en")
                                .required()
                                .max_length(300)
                                .labels("Полное название (англ.)", "Full name (English)"))));
  list.push_back(directory_of(
      {"currency", "currencies", "crm.currency", "Валюта", "Currency", "Валюты", "Currencies"},
      Fields()
          .add(text("num_code")
                   .required()
                   .max_length(3)
                   .unique()
                   .labels("Цифровой код", "Numeric code"))
          .add(text("symbol").required().max_length(10).labels("Знак", "Symbol"))
          .add(integer("minor_digits")
                   .of_small_type("integer")
                   .defaults_to("2")
                   .labels("Знаков после запятой", "Minor digits"))));
  list.push_back(
      directory_of({"vat_rate", "vat-rates", "crm.vat_rate", "Ставка НДС", "VAT rate", "Ставки НДС",
                    "VAT rates"},
                   Fields()
                       .add(decimal("percent", 5, 2).labels("Ставка, %", "Percent"))
                       .add(date("valid_from").labels("Действует с", "Valid from"))
                       .add(date("valid_to").labels("Действует по", "Valid to"))
                       .add(boolean("is_default").filterable().labels("По умолчанию", "Default"))));
  list.push_back(directory_of(
      {"unit", "units", "crm.unit", "Единица измерения", "Unit", "Единицы измерения", "Units"},
      Fields()
          .add(text("short_ru").required().max_length(20).labels("Сокращение", "Short (Russian)"))
          .add(text("short_en")
                   .required()
                   .max_length(20)
                   .labels("Сокращение (англ.)", "Short (English)"))));
  list.push_back(
      directory_of({"contract_party", "contract-parties", "crm.contract_party", "Договор с",
                    "Contract party", "Стороны договора", "Contract parties"}));
  list.push_back(
      directory_of({"contract_kind", "contract-kinds", "crm.contract_kind", "Вид договора",
                    "Contract kind", "Виды договоров", "Contract kinds"}));
  list.push_back(directory_of({"contract_subject", "contract-subjects", "crm.contract_subject",
                               "Предмет договора", "Contract subject", "Предметы договоров",
                               "Contract subjects"}));
  list.push_back(directory_of({"correspondence_type_in", "correspondence-types-in",
                               "crm.correspondence_type_in", "Тип входящего документа",
                               "Type of incoming letters", "Типы входящих документов",
                               "Types of incoming letters"}));
  list.push_back(directory_of({"correspondence_type_out", "correspondence-types-out",
                               "crm.correspondence_type_out", "Тип исходящего документа",
                               "Type of outgoing letters", "Типы исходящих документов",
                               "Types of outgoing letters"}));
  list.push_back(directory_of({"delivery_kind", "delivery-kinds", "crm.delivery_kind", "Доставка",
                               "Delivery", "Виды доставки", "Delivery kinds"}));
  list.push_back(directory_of(
      {"case_file", "case-files", "crm.case_file", "Дело", "Case file", "Номенклатура дел",
       "Case files"},
      Fields().add(text("retention").max_length(200).labels("Срок хранения", "Retention"))));
  list.push_back(
      directory_of({"document_type", "document-types", "crm.document_type", "Тип документа",
                    "Document type", "Типы документов", "Document types"}));
  list.push_back(
      directory_of({"support_petition_type", "support-petition-types", "crm.support_petition_type",
                    "Тип обращения", "Petition type", "Типы обращений", "Petition types"}));
  list.push_back(
      directory_of({"support_service_type", "support-service-types", "crm.support_service_type",
                    "Вид сервиса", "Service type", "Виды сервиса", "Service types"}));
  list.push_back(directory_of({"support_module", "support-modules", "crm.support_module",
                               "Модуль системы", "Module", "Модули системы", "Modules"}));
  list.push_back(directory_of(
      {"support_mark", "support-marks", "crm.support_mark", "Метка", "Mark", "Метки", "Marks"}));
  list.push_back(directory_of({"support_priority", "support-priorities", "crm.support_priority",
                               "Приоритет", "Priority", "Приоритеты", "Priorities"}));
  list.push_back(activity_target());
  list.push_back(public_mail_domain());
  return list;
}

}  // namespace c360::store
