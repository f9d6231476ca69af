// What intake keeps, as readable resources; only intake and the operations of the API write it.
#include "daemon/base/text.h"
#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

// Rows of ops.*: read by administrators, written by intake.
Resource readable(Resource resource) {
  resource.is_record = false;
  resource.access = {.grants = {{Role::crm_administrators, Right::write, {}}}};
  resource.operations = {Operation::list, Operation::get};
  resource.has_versions = false;
  resource.soft_delete = false;
  return resource;
}

std::vector<Choice> mailbox_kinds() {
  return {{"crm", {"CRM", "CRM"}},
          {"activity", {"Активности", "Activities"}},
          {"support", {"Поддержка", "Support"}}};
}

}  // namespace

std::vector<Choice> link_grades() {
  return {{"authenticated", {"Подтверждён", "Authenticated"}},
          {"known_sender", {"Известный отправитель", "Known sender"}},
          {"claimed", {"Не подтверждён", "Claimed"}}};
}

Resource mailbox() {
  return readable({
      .kind = "mailbox",
      .path = "mail/mailboxes",
      .table = "ops.mailbox",
      .doc = "A mailbox of the configuration and how it fares; the password is never here.",
      .label = {"Почтовый ящик", "Mailbox"},
      .label_plural = {"Почтовые ящики", "Mailboxes"},
      .name_field = "code",
      .fields = Fields()
                    .add(text("code").required().unique().sortable())
                    .add(code("kind", mailbox_kinds()).required().filterable())
                    .add(text("uri_masked").defaults_to(""))
                    .add(text("host").defaults_to("").filterable())
                    .add(integer("port").of_small_type("integer").defaults_to("993"))
                    .add(code("tls", {{"imaps", {"IMAPS", "IMAPS"}},
                                      {"starttls", {"STARTTLS", "STARTTLS"}},
                                      {"none", {"Нет", "None"}}})
                             .defaults_to("imaps"))
                    .add(text("username").defaults_to(""))
                    .add(text("secret_ref").defaults_to(""))
                    .add(text("folder").defaults_to("INBOX"))
                    .add(boolean("delete_after"))
                    .add(boolean("unseen_only").defaults_to("t"))
                    .add(integer("poll_ms").of_small_type("integer").defaults_to("60000"))
                    .add(boolean("enabled").defaults_to("t").filterable())
                    .add(code("target", {{"deal", {"Сделка", "Deal"}}, {"lead", {"Лид", "Lead"}}})
                             .defaults_to("deal")
                             .filterable())
                    .add(text("rules").defaults_to(""))
                    .add(text("responsible").defaults_to(""))
                    .add(integer("last_uidvalidity"))
                    .add(integer("last_uid"))
                    .add(timestamp("last_poll_at").sortable())
                    .add(timestamp("last_ok_at").sortable())
                    .add(text("last_error"))
                    .add(integer("consecutive_failures").of_small_type("integer").defaults_to("0"))
                    .add(integer("sync_total").defaults_to("0"))
                    .add(integer("sync_done").defaults_to("0"))
                    .add(integer("sync_per_minute").defaults_to("0"))
                    .add(integer("sync_left_seconds"))
                    .add(timestamp("compare_requested_at"))
                    .add(timestamp("updated_at").defaults_to("now"))
                    .list(),
      .default_sort = "code",
  });
}

Resource mail_import() {
  return readable({
      .kind = "mail_import",
      .path = "mail/imports",
      .table = "ops.mail_import",
      .doc = "A file of mails that was sent to POST /mail/import: how far it is while it is taken "
             "in, and what it came to.",
      .label = {"Загрузка писем", "Mail import"},
      .label_plural = {"Загрузки писем", "Mail imports"},
      .name_field = "status",
      .fields =
          Fields()
              .add(reference("mailbox_id", "mailbox").required().filterable())
              .add(code("status", {{"running", {"Идёт", "Running"}},
                                   {"done", {"Завершена", "Done"}},
                                   {"failed", {"Ошибка", "Failed"}},
                                   {"broken_off", {"Прервана", "Broken off"}}})
                       .defaults_to("running")
                       .filterable()
                       .described("broken_off: the daemon that took it in has died; sent again, "
                                  "what it had done is known."))
              .add(timestamp("started_at").defaults_to("now").sortable())
              .add(timestamp("updated_at").defaults_to("now").sortable())
              .add(timestamp("finished_at").sortable())
              .add(integer("file_bytes")
                       .described("Length of the file; nothing where the sender "
                                  "did not say (no Content-Length)."))
              .add(integer("read_bytes").defaults_to("0").described("How much of it was read."))
              .add(integer("mails").defaults_to("0"))
              .add(integer("pending").defaults_to("0").described(
                  "Stored and not applied yet; tried again by themselves."))
              .add(json("outcomes")
                       .defaults_to("{}")
                       .described("How many mails ended in which state."))
              .add(integer("mails_per_minute").defaults_to("0").described("Since the beginning."))
              .add(integer("left_seconds").described("At this rate."))
              .add(text("error").described("What ended it, where it failed."))
              .list(),
  });
}

Resource mail_message() {
  return readable({
      .kind = "mail_message",
      .path = "mail/messages",
      .table = "ops.mail_message",
      .view = "ops.mail",
      .doc = "The ledger: every message a server ever listed and what became of it.",
      .label = {"Письмо", "Mail message"},
      .label_plural = {"Письма", "Mail messages"},
      .name_field = "subject",
      .fields =
          Fields()
              .add(reference("mailbox_id", "mailbox").required().filterable())
              .add(text("folder").defaults_to("INBOX").filterable())
              .add(integer("uidvalidity").required().filterable())
              .add(integer("uid").required().sortable())
              .add(code("state", {{"listed", {"Найдено", "Listed"}},
                                  {"stored", {"Сохранено", "Stored"}},
                                  {"done", {"Обработано", "Done"}}})
                       .defaults_to("listed")
                       .filterable())
              .add(timestamp("listed_at").defaults_to("now").sortable())
              .add(timestamp("fetched_at").sortable())
              .add(timestamp("internal_date").sortable())
              .add(bytes("raw_sha256").filterable())
              .add(integer("size_bytes").sortable())
              .add(integer("attempts").of_small_type("integer").defaults_to("0").filterable())
              .add(timestamp("next_attempt_at").sortable())
              .add(text("error"))
              .add(text("message_id").filterable())
              .add(text_array("in_reply_to"))
              .add(text_array("references_ids"))
              .add(text("from_name").filterable())
              .add(citext("from_address").filterable())
              .add(text("from_domain").filterable())
              .add(text("reply_to"))
              .add(json("to_addresses").defaults_to("[]"))
              .add(json("cc_addresses").defaults_to("[]"))
              .add(text("subject").filterable())
              .add(timestamp("sent_at").sortable())
              .add(code("date_source", {{"header", {"Заголовок", "Header"}},
                                        {"internal", {"Сервер", "Internal"}},
                                        {"fetched", {"Получение", "Fetched"}}})
                       .filterable())
              .add(text("body_text").large())
              .add(text("body_html").large())
              .add(text("charset").filterable())
              .add(text("language").filterable())
              .add(boolean("is_auto_generated").filterable())
              .add(boolean("is_bounce").filterable())
              .add(text_array("special_formats", {{"tnef", {"Outlook (winmail.dat)", "TNEF"}},
                                                  {"smime", {"S/MIME", "S/MIME"}},
                                                  {"pgp", {"PGP", "PGP"}}})
                       .filterable()
                       .described("Content wrapped so that only some programs open it; kept as "
                                  "attachments."))
              .add(text("bounced_message_id")
                       .filterable()
                       .described("Of a bounce: the message that came back; outcome_record_id is "
                                  "the record it was about, where that is known."))
              .add(json("auth_results")
                       .defaults_to("{}")
                       .described("What our own server found out about the sender (RFC 8601)."))
              .add(code("link_grade", link_grades())
                       .filterable()
                       .described("Of a mail attached to a record there was: whether our own "
                                  "server vouches for the sender, he is known at the record, or "
                                  "neither. What is only claimed changes no state."))
              .add(code("outcome", {{"deal_created", {"Создана сделка", "Deal created"}},
                                    {"lead_created", {"Создан лид", "Lead created"}},
                                    {"activity_added", {"Добавлена активность", "Activity added"}},
                                    {"support_created", {"Создана заявка", "Support created"}},
                                    {"comment_added", {"Добавлен комментарий", "Comment added"}},
                                    {"duplicate", {"Дубликат", "Duplicate"}},
                                    {"ignored", {"Пропущено", "Ignored"}},
                                    {"quarantined", {"Карантин", "Quarantined"}},
                                    {"vanished", {"Исчезло", "Vanished"}}})
                       .filterable())
              .add(reference("outcome_record_id", "record").filterable())
              .add(reference("duplicate_of_id", "mail_message").filterable())
              .add(text("rule_id").filterable())
              .add(integer("rule_set_version").filterable())
              .add(json("extracted").defaults_to("{}").large())
              .add(timestamp("processed_at").sortable())
              .add(timestamp("flagged_at").filterable())
              .list(),
      .collections = {{.name = "attachments",
                       .kind = "mail_attachment",
                       .doc = "Its attachments.",
                       .parent_column = "mail_message_id",
                       .order_by = "c.id"}},
  });
}

Resource mail_attachment() {
  return readable({
      .kind = "mail_attachment",
      .path = "mail/attachments",
      .table = "ops.mail_attachment",
      .doc = "A part of a mail that is a file.",
      .label = {"Вложение", "Attachment"},
      .label_plural = {"Вложения", "Attachments"},
      .name_field = "file_name",
      .fields = Fields()
                    .add(reference("mail_message_id", "mail_message").required().filterable())
                    .add(text("part").required())
                    .add(text("file_name").required().filterable())
                    .add(text("mime_type").required().filterable())
                    .add(text("detected_type").filterable())
                    .add(integer("size_bytes").required().sortable())
                    .add(bytes("sha256").required().filterable())
                    .add(text("content_id"))
                    .add(boolean("is_inline").filterable())
                    .add(reference("document_id", "document").filterable())
                    .add(text("blocked_reason").filterable())
                    .list(),
  });
}

Resource quarantine() {
  return readable({
      .kind = "quarantine",
      .path = "mail/quarantine",
      .table = "ops.quarantine",
      .doc = "Mails that wait for a person, each with the reason.",
      .label = {"Карантин", "Quarantine"},
      .label_plural = {"Карантин", "Quarantine"},
      .name_field = "reason",
      .fields =
          Fields()
              .add(reference("mail_message_id", "mail_message").required().unique().filterable())
              .add(code("reason",
                        {{"empty_body", {"Пустое письмо", "Empty body"}},
                         {"no_rule", {"Нет правила", "No rule"}},
                         {"unknown_alias", {"Неизвестный псевдоним", "Unknown alias"}},
                         {"target_not_found", {"Объект не найден", "Target not found"}},
                         {"target_deleted", {"Объект удалён", "Target deleted"}},
                         {"unknown_sender", {"Неизвестный отправитель", "Unknown sender"}},
                         {"ambiguous_target", {"Объект неоднозначен", "Ambiguous target"}},
                         {"oversize", {"Слишком большое", "Oversize"}},
                         {"parse_error", {"Не разобрано", "Parse error"}},
                         {"charset_error", {"Кодировка", "Charset error"}},
                         {"loop_suspected", {"Возможна петля", "Loop suspected"}},
                         {"too_many_retries", {"Много попыток", "Too many retries"}},
                         {"attachment_blocked", {"Вложение запрещено", "Attachment blocked"}}})
                       .required()
                       .filterable())
              .add(text("details").defaults_to(""))
              .add(code("status", {{"open", {"Открыто", "Open"}},
                                   {"released", {"Выпущено", "Released"}},
                                   {"rejected", {"Отклонено", "Rejected"}},
                                   {"retried", {"Повторено", "Retried"}}})
                       .defaults_to("open")
                       .filterable())
              .add(reference("assigned_to", "user").filterable())
              .add(reference("target_record_id", "record").filterable())
              .add(reference("task_id", "task").filterable())
              .add(text("resolution"))
              .add(reference("resolved_by", "user").filterable())
              .add(timestamp("resolved_at").sortable())
              .add(timestamp("created_at").defaults_to("now").sortable())
              .list(),
      .collections = {{.name = "attempts",
                       .kind = "quarantine_attempt",
                       .doc = "What people did with it, each time.",
                       .parent_column = "quarantine_id",
                       .order_by = "c.id"}},
  });
}

Resource quarantine_attempt() {
  return readable({
      .kind = "quarantine_attempt",
      .path = "mail/quarantine-attempts",
      .table = "ops.quarantine_attempt",
      .doc = "One thing a person did with a held mail, and what came of it.",
      .label = {"Попытка разбора", "Quarantine attempt"},
      .label_plural = {"Попытки разбора", "Quarantine attempts"},
      .name_field = "action",
      .fields = Fields()
                    .add(reference("quarantine_id", "quarantine").required().filterable())
                    .add(code("action", {{"retry", {"Повторить", "Retry"}},
                                         {"release", {"Пропустить", "Release"}},
                                         {"discard", {"Отклонить", "Discard"}},
                                         {"set_target", {"Указать объект", "Set the target"}}})
                             .required()
                             .filterable())
                    .add(reference("user_id", "user").filterable())
                    .add(text("comment"))
                    .add(reference("target_record_id", "record").filterable())
                    .add(integer("rule_set_version").filterable())
                    .add(text("rule_id").filterable())
                    .add(text("outcome").required().filterable())
                    .add(text("reason").filterable())
                    .add(text("details"))
                    .add(reference("record_id", "record").filterable())
                    .add(timestamp("created_at").defaults_to("now").sortable())
                    .list(),
  });
}

namespace {

void check_sender_rule(Draft& draft) {
  const auto given = draft.get("sender");
  if (!draft.is_set("sender") || !given) return;
  const std::string sender = to_lower(trimmed(*given));
  const std::size_t at = sender.find('@');
  const std::string domain = at == std::string::npos ? "" : sender.substr(at + 1);
  const bool plain = sender.find_first_of(" \t\r\n<>,;\"") == std::string::npos;
  if (sender != "unknown" && (!plain || domain.empty() || domain.contains('@')))
    draft.wrong("sender", "invalid_sender",
                "A sender is an address, @domain, or unknown for whoever the CRM does not know.");
  draft.set("sender", sender);
}

}  // namespace

Resource mail_sender_rule() {
  return {
      .kind = "mail_sender_rule",
      .path = "mail/sender-rules",
      .table = "ops.mail_sender_rule",
      .doc =
          "What to do with the mail of a sender, before any rule of a file: the most particular "
          "one decides, from the next mail on.",
      .label = {"Правило для отправителя", "Sender rule"},
      .label_plural = {"Правила для отправителей", "Sender rules"},
      .is_record = false,
      .name_field = "sender",
      .fields =
          Fields()
              .add(citext("sender").required().max_length(320).filterable().sortable().described(
                  "An address, @domain, or unknown: neither user nor contact nor "
                  "portal account."))
              .add(
                  reference("mailbox_id", "mailbox").filterable().described("Null: every mailbox."))
              .add(code("action", {{"allow", {"Принимать", "Allow"}},
                                   {"quarantine", {"В карантин", "Quarantine"}},
                                   {"block", {"Пропускать", "Block"}}})
                       .required()
                       .filterable()
                       .described("block: ignored by the built-in rule blocked-sender; quarantine: "
                                  "kept for a person; allow: taken in, and no count of answers "
                                  "makes it a loop."))
              .add(text("comment").max_length(1000))
              .add(timestamp("created_at").defaults_to("now").read_only().sortable())
              .add(reference("created_by", "user").read_only())
              .add(version_fields())
              .list(),
      .access = {.grants = {{Role::crm_administrators, Right::write, {}}}},
      .operations = {Operation::list, Operation::get, Operation::create, Operation::update,
                     Operation::remove, Operation::history},
      .default_sort = "sender",
      .soft_delete = false,
      .before_write = check_sender_rule,
  };
}

Resource rule_set() {
  return readable({
      .kind = "rule_set",
      .path = "rules/sets",
      .table = "ops.rule_set",
      .doc = "Every rule set that ever decided a mail, with its files.",
      .label = {"Набор правил", "Rule set"},
      .label_plural = {"Наборы правил", "Rule sets"},
      .key = "version",
      .name_field = "",
      .fields = Fields()
                    .add(code("source", {{"file", {"Файл", "File"}},
                                         {"database", {"База данных", "Database"}}})
                             .defaults_to("file")
                             .filterable())
                    .add(bytes("sha256").required().unique().filterable())
                    .add(json("files").required().large())
                    .add(timestamp("loaded_at").defaults_to("now").sortable())
                    .add(text("loaded_by").defaults_to("").filterable())
                    .add(text("error"))
                    .list(),
      .default_sort = "-version",
  });
}

}  // namespace c360::store
