// Messages to people outside, and the templates they are made of (domain.md 16; ).
#include "store/draft.h"
#include "store/model/resources.h"
#include "store/operations/message_template.h"

namespace c360::store {
namespace {

std::vector<Choice> channels() {
  return {{"email", {"Почта", "E-mail"}},
          {"telegram", {"Telegram", "Telegram"}},
          {"sms", {"SMS", "SMS"}}};
}

std::vector<Choice> purposes() {
  return {{"service", {"Служебное", "Service"}},
          {"reminder", {"Напоминание", "Reminder"}},
          {"promo", {"Рекламное", "Promotional"}},
          {"support_reply", {"Ответ поддержки", "Support reply"}},
          {"notification", {"Уведомление", "Notification"}}};
}

std::vector<Choice> states() {
  return {{"queued", {"В очереди", "Queued"}},
          {"sending", {"Отправляется", "Sending"}},
          {"sent", {"Отправлено", "Sent"}},
          {"delivered", {"Доставлено", "Delivered"}},
          {"failed", {"Ошибка", "Failed"}},
          {"canceled", {"Отменено", "Canceled"}},
          {"suppressed", {"Не отправляется", "Suppressed"}},
          {"unknown", {"Неизвестно", "Unknown"}}};
}

constexpr std::string_view kOfCustomer =
    "crm.outbound_message v WHERE v.id = %.id AND v.user_id IS NULL";

// Whom it went to, what it is about, what stands in it.
Fields content_fields() {
  return Fields()
      .add(text("address").required().max_length(320).filterable().personal().labels("Адрес",
                                                                                     "Address"))
      .add(text("subject").defaults_to("").max_length(500).searchable().labels("Тема", "Subject"))
      .add(text("body").required().searchable().labels("Текст", "Text"))
      .add(text("body_html").large().labels("Текст (HTML)", "Text (HTML)"))
      .add(reference("counterparty_id", "counterparty").filterable().labels("Клиент", "Customer"))
      .add(reference("contact_id", "contact").filterable().labels("Контактное лицо", "Contact"))
      .add(reference("user_id", "user").filterable().labels("Пользователь", "User"))
      .add(reference("record_id", "record")
               .filterable()
               .labels("Объект", "Record")
               .described("What it is about: who may read that may read the message."))
      .add(directory("template_code", "message_template").filterable().labels("Шаблон", "Template"))
      .add(json("parameters").defaults_to("{}").large().labels("Значения", "Parameters"))
      .add(integer_array("document_version_ids")
               .labels("Вложения", "Attachments")
               .described("Versions of documents."))
      .add(text("in_reply_to").large().labels("В ответ на", "In reply to"))
      .add(text("dedupe_key").unique().filterable().labels("Ключ повтора", "Dedupe key"));
}

// How far it came.
Fields delivery_fields() {
  return Fields()
      .add(integer("attempts")
               .of_small_type("integer")
               .defaults_to("0")
               .labels("Попытки", "Attempts"))
      .add(integer("unclear_attempts")
               .of_small_type("integer")
               .defaults_to("0")
               .labels("Попытки с неясным исходом", "Unclear attempts")
               .described("After which it may have arrived: no complete answer came."))
      .add(timestamp("unclear_at")
               .large()
               .labels("Неясно с", "Unclear since")
               .described("The last of those attempts. Where the service knows messages by a name "
                          "of ours it is asked about it for three days."))
      .add(integer("parts_begun")
               .of_small_type("integer")
               .defaults_to("0")
               .large()
               .labels("Начато частей", "Parts begun")
               .described("Of a long Telegram message: the part that was asked for last."))
      .add(integer("parts_taken")
               .of_small_type("integer")
               .defaults_to("0")
               .large()
               .labels("Отправлено частей", "Parts sent")
               .described("Of a long Telegram message: those the service has taken; the next "
                          "attempt begins after them."))
      .add(timestamp("next_attempt_at").sortable().labels("Следующая попытка", "Next attempt"))
      .add(timestamp("claimed_until").large().labels("Отправляется до", "Being sent until"))
      .add(text("last_error").labels("Ошибка", "Last error"))
      .add(text("provider_message_id")
               .filterable()
               .labels("Идентификатор у оператора", "Id of the service"))
      .add(timestamp("created_at")
               .defaults_to("now")
               .filterable()
               .sortable()
               .labels("Дата создания", "Created"))
      .add(reference("created_by", "user").filterable().labels("Создатель", "Creator"))
      .add(version_fields())
      .add(timestamp("sent_at").filterable().sortable().labels("Отправлено", "Sent"))
      .add(timestamp("delivered_at").filterable().labels("Доставлено", "Delivered"));
}

}  // namespace

Resource outbound_message() {
  return {
      .kind = "outbound_message",
      .path = "messages",
      .table = "crm.outbound_message",
      .doc = "A message to one address by one channel, and how far it came.",
      .label = {"Исходящее сообщение", "Outbound message"},
      .label_plural = {"Исходящие сообщения", "Outbound messages"},
      .is_record = false,
      .name_field = "subject",
      .fields =
          Fields()
              .add(code("channel", channels()).required().filterable().labels("Канал", "Channel"))
              .add(code("purpose", purposes())
                       .required()
                       .filterable()
                       .labels("Назначение", "Purpose"))
              .add(code("status", states())
                       .defaults_to("queued")
                       .filterable()
                       .labels("Статус", "Status"))
              .add(text("reason")
                       .filterable()
                       .labels("Причина", "Reason")
                       .described("Of suppressed and failed: a stable word, such as no_consent."))
              .add(content_fields())
              .add(delivery_fields())
              .list(),
      // Those of the record it is about; how a user was reached is his own.
      .access = {.grants = {{Role::creator, Right::write, {}},
                            {Role::named, Right::read, {}, "user_id"},
                            {Role::crm_administrators, Right::write, {}}},
                 .inherits_from = "record_id",
                 .personal = {{Role::everyone, Right::read, {}, {}, {}, kOfCustomer},
                              {Role::named, Right::read, {}, "user_id"},
                              {Role::crm_administrators, Right::read, {}}}},
      .operations = {Operation::list, Operation::get},
      .soft_delete = false,
  };
}

Resource message_template() {
  return {
      .kind = "message_template",
      .path = "message-templates",
      .table = "crm.message_template",
      .doc = "The text of a message in two languages, with fields that are filled when it is sent.",
      .label = {"Шаблон сообщения", "Message template"},
      .label_plural = {"Шаблоны сообщений", "Message templates"},
      .is_record = false,
      .key = "code",
      .key_type = KeyType::text,
      .name_field = "name_ru",
      .fields =
          Fields()
              .add(code("channel", channels()).required().filterable().labels("Канал", "Channel"))
              .add(text("name_ru").required().max_length(300).searchable().sortable().labels(
                  "Название", "Name (Russian)"))
              .add(text("name_en").required().max_length(300).searchable().sortable().labels(
                  "Название (англ.)", "Name (English)"))
              .add(text("subject_ru")
                       .defaults_to("")
                       .max_length(500)
                       .labels("Тема", "Subject (Russian)"))
              .add(text("subject_en")
                       .defaults_to("")
                       .max_length(500)
                       .labels("Тема (англ.)", "Subject (English)"))
              .add(text("body_ru").required().max_length(65'536).labels("Текст", "Text (Russian)"))
              .add(text("body_en").required().max_length(65'536).labels("Текст (англ.)",
                                                                        "Text (English)"))
              .add(text_array("placeholders")
                       .labels("Поля", "Placeholders")
                       .described("What must be given by whoever sends by it: {{name}} in the "
                                  "texts. Besides these: contact.full_name, counterparty.name, "
                                  "sender.name, and custom fields as contact.custom.CODE and "
                                  "counterparty.custom.CODE."))
              .add(boolean("is_active").defaults_to("t").filterable().labels("Действует", "Active"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .read_only()
                       .sortable()
                       .labels("Дата создания", "Created"))
              .add(reference("created_by", "user").read_only().labels("Создатель", "Creator"))
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::crm_administrators, Right::write, {}}}},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .default_sort = "code",
      .soft_delete = false,
      .check_among = check_message_template,
  };
}

}  // namespace c360::store
