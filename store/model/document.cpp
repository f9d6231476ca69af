#include "store/draft.h"
#include "store/model/resources.h"

namespace c360::store {
namespace {

// domain.md 12.3
bool status_fits(std::string_view type, std::string_view status) {
  const auto one_of = [&](std::initializer_list<std::string_view> codes) {
    for (const auto code : codes) {
      if (status == code) return true;
    }
    return false;
  };
  if (type == "proposal") return one_of({"draft", "sent", "accepted", "rejected"});
  if (type == "invoice") {
    return one_of({"draft", "issued", "sent", "partially_paid", "paid", "canceled"});
  }
  if (type == "act") return one_of({"draft", "issued", "sent", "signed", "canceled"});
  return one_of({"active", "archived"});
}

constexpr std::string_view kScan =
    "SELECT EXISTS (SELECT FROM crm.document s WHERE s.parent_record_id = $1::bigint"
    " AND s.type_code = 'scan' AND s.deleted_at IS NULL) AS has_scan";

// domain.md 12.3: what was generated is not changed in place. Its number is that of a gapless
// series, and once it is no draft the customer holds what it says. The day on which an act was
// signed comes with that status.
void keep_generated(Draft& draft) {
  if (draft.creating() || !draft.before("generated_from")) return;
  const bool issued = draft.before("status") != "draft";
  const bool signed_now = draft.changed("status") && draft.get("status") == "signed";
  const auto keep = [&](std::string_view field, std::string_view code, const char* why) {
    if (draft.changed(field)) draft.wrong(field, code, why);
  };
  const char* const numbered = "A generated document keeps its type and its number.";
  keep("type_code", "document_generated", numbered);
  if (draft.before("number")) keep("number", "document_generated", numbered);
  if (!issued) return;
  const char* const said = "What was issued keeps what it says; generate a new document.";
  if (draft.get("status") == "draft") keep("status", "document_issued", said);
  for (const std::string_view field : {"amount", "vat_amount", "currency"}) {
    keep(field, "document_issued", said);
  }
  if (!signed_now) keep("document_date", "document_issued", said);
}

void check_document(Draft& draft) {
  const auto type = draft.get("type_code");
  if (!type) return;
  if (draft.creating() && !draft.is_given("status") &&
      (*type == "proposal" || *type == "invoice" || *type == "act")) {
    draft.set("status", "draft");
  }
  const auto status = draft.get("status");
  if (status && !status_fits(*type, *status)) {
    draft.wrong("status", "status_not_of_type",
                "A document of type " + std::string(*type) + " has no status " +
                    std::string(*status) + ".");
  }
  const bool signed_now = draft.changed("status") && status == "signed";
  const bool dated = draft.is_given("document_date") && draft.has("document_date");
  if (signed_now && !dated && draft.related("has_scan") != "t") {
    draft.wrong("document_date", "scan_or_date_required",
                "Signed needs a scan among the documents of the record, or the day it was signed.");
  }
  keep_generated(draft);
}

void check_folder(Draft& draft) {
  const auto name = draft.get("name");
  const bool steps = name == "." || name == "..";  // a way up, in an archive of it
  if (name && (steps || name->find_first_of("/\\") != std::string_view::npos)) {
    draft.wrong("name", "invalid_name", "A folder name has no slashes and is not \".\" or \"..\".");
  }
}

}  // namespace

Resource folder() {
  return {
      .kind = "folder",
      .path = "folders",
      .table = "crm.folder",
      .doc = "A folder of the document library.",
      .label = {"Папка", "Folder"},
      .label_plural = {"Папки", "Folders"},
      .fields =
          Fields()
              .add(reference("parent_folder_id", "folder")
                       .of_writers()
                       .filterable()
                       .labels("Родительская папка", "Parent folder")
                       .described("Of a folder the caller may write; null: in the root."))
              .add(text("name").required().max_length(255).filterable().sortable().labels("Имя",
                                                                                          "Name"))
              .add(made_by("path", FieldType::text, "crm.folder_path(t.parent_folder_id, t.name)")
                       .labels("Путь", "Path")
                       .described("/Contracts/2026"))
              .list(),
      .access = {.grants = {{Role::everyone, Right::read, {}},
                            {Role::creator, Right::write, {}},
                            {Role::cco, Right::write, {}},
                            {Role::crm_administrators, Right::write, {}}},
                 .employees_create = true},
      .default_sort = "name",
      .before_write = check_folder,
  };
}

Resource document() {
  return {
      .kind = "document",
      .path = "documents",
      .table = "crm.document",
      .doc = "A file with versions, of a record or of the library.",
      .label = {"Документ", "Document"},
      .label_plural = {"Документы", "Documents"},
      .fields =
          Fields()
              .add(reference("parent_record_id", "record")
                       .filterable()
                       .labels("Владелец", "Owner")
                       .described("A counterparty, deal, …; null: the library only."))
              .add(reference("folder_id", "folder")
                       .of_writers()
                       .filterable()
                       .labels("Папка", "Folder")
                       .described("Of a folder the caller may write; `under` finds what is in it "
                                  "and below it."))
              .add(directory("type_code", "document_type")
                       .required()
                       .filterable()
                       .labels("Тип", "Type"))
              .add(text("name").required().max_length(255).searchable().sortable().labels("Имя",
                                                                                          "Name"))
              .add(code("status", {{"draft", {"Черновик", "Draft"}},
                                   {"issued", {"Выставлен", "Issued"}},
                                   {"sent", {"Отправлен", "Sent"}},
                                   {"accepted", {"Принято", "Accepted"}},
                                   {"rejected", {"Отклонено", "Rejected"}},
                                   {"partially_paid", {"Частично оплачен", "Partially paid"}},
                                   {"paid", {"Оплачен", "Paid"}},
                                   {"signed", {"Подписан", "Signed"}},
                                   {"canceled", {"Аннулирован", "Canceled"}},
                                   {"active", {"Действует", "Active"}},
                                   {"archived", {"Архив", "Archived"}}})
                       .defaults_to("active")
                       .filterable()
                       .evented("status_changed")
                       .labels("Статус", "Status"))
              .add(text("number").max_length(100).searchable().sortable().labels("Номер", "Number"))
              .add(date("document_date").sortable().labels("Дата", "Date"))
              .add(reference("current_version_id", "document_version")
                       .required()
                       .read_only()
                       .untracked()
                       .labels("Текущая версия", "Current version"))
              .add(money("amount").sortable().labels("Сумма", "Amount"))
              .add(money("vat_amount").labels("Сумма НДС", "VAT amount"))
              .add(directory("currency", "currency").filterable().labels("Валюта", "Currency"))
              .add(made_by("path", FieldType::text,
                           "CASE WHEN t.folder_id IS NOT NULL OR t.parent_record_id IS NULL "
                           "THEN crm.folder_path(t.folder_id, t.name) END")
                       .large()
                       .labels("Путь", "Path")
                       .described("In the library; null: of its record only."))
              .add(json("generated_from")
                       .read_only()
                       .untracked()
                       .large()
                       .labels("Данные генерации", "Generation data"))
              .list(),
      .access = {.grants = {{Role::creator, Right::write, {}},
                            {Role::cco, Right::write, {}},
                            {Role::crm_administrators, Right::write, {}},
                            // What is in the library alone is his whose folder it is in.
                            {.role = Role::creator,
                             .right = Right::write,
                             .on = "crm.folder v WHERE v.id = %.folder_id AND "
                                   "%.parent_record_id IS NULL"}},
                 .inherits_from = "parent_record_id",
                 .orphan_read = Role::everyone,
                 .employees_create = true},
      .collections = {{.name = "versions",
                       .kind = "document_version",
                       .doc = "All versions, the newest first.",
                       .parent_column = "document_id",
                       .order_by = "c.version_no DESC"}},
      .operations = {Operation::list, Operation::get, Operation::update, Operation::remove,
                     Operation::restore, Operation::history},
      .related = {.sql = kScan, .parameters = {"parent_record_id"}},
      .before_write = check_document,
  };
}

Resource document_version() {
  return {
      .kind = "document_version",
      .path = "document-versions",
      .table = "crm.document_version",
      .doc = "One content of a document.",
      .label = {"Версия документа", "Document version"},
      .label_plural = {"Версии документов", "Document versions"},
      .is_record = false,
      .name_field = "file_name",
      .fields =
          Fields()
              .add(reference("document_id", "document")
                       .required()
                       .filterable()
                       .labels("Документ", "Document"))
              .add(integer("version_no")
                       .of_small_type("integer")
                       .required()
                       .sortable()
                       .labels("Номер версии", "Version number"))
              .add(made_by("label", FieldType::text,
                           "(1 + (t.version_no - 1) / 10) || '.' || ((t.version_no - 1) % 10)")
                       .labels("Версия", "Version")
                       .described("1.0, 1.1, …"))
              .add(bytes("content_sha256").required().filterable().labels("SHA-256", "SHA-256"))
              .add(integer("size_bytes").required().sortable().labels("Размер", "Size"))
              .add(
                  text("mime_type").required().filterable().labels("Тип содержимого", "Media type"))
              .add(text("file_name").required().sortable().labels("Имя файла", "File name"))
              .add(boolean("is_generated")
                       .read_only()
                       .filterable()
                       .labels("Сформирована", "Generated")
                       .described("Made by a template; false: uploaded."))
              .add(text("storage_key").required().secret())
              .add(text("comment").labels("Комментарий", "Comment"))
              .add(timestamp("created_at")
                       .defaults_to("now")
                       .sortable()
                       .labels("Дата создания", "Created"))
              .add(reference("created_by", "user").filterable().labels("Создатель", "Creator"))
              .list(),
      .access = {.grants = {{Role::cco, Right::read, {}},
                            {Role::crm_administrators, Right::read, {}}},
                 .inherits_from = "document_id"},
      .operations = {Operation::list, Operation::get},
      .has_versions = false,
      .soft_delete = false,
  };
}

}  // namespace c360::store
