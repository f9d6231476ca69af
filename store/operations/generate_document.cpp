// Documents made of a record by a template: proposals of deals, invoices and acts of orders,
// whatever an installation has templates for (domain.md 12.3, 12.4; R-099, R-205, R-234, R-237):
// the DOCX file and the page are filled and numbered here, in the transaction of the call; printing
// the page is a job.
#include "daemon/base/text.h"
#include "store/blob.h"
#include "store/documents/content.h"
#include "store/documents/docx.h"
#include "store/documents/record_fields.h"
#include "store/documents/stored_templates.h"
#include "store/documents/template.h"
#include "store/draft.h"
#include "store/jobs.h"
#include "store/numbering.h"
#include "store/operations/action.h"
#include "store/operations/attach_documents.h"
#include "store/operations/document_versions.h"
#include "store/operations/rendered_pages.h"

namespace c360::store {
namespace {

// The draft to be made anew. The row of the record is locked, so there is one call at a time.
constexpr Sql kDraft{"generate_draft", R"sql(
SELECT d.id, coalesce(d.number, ''), d.document_date::text,
       (d.generated_from ->> 'own_organisation_id')::bigint
FROM crm.document d
WHERE d.parent_record_id = $1 AND d.type_code = $2 AND d.status = 'draft'
  AND d.generated_from -> 'template' ->> 'code' = $3 AND d.deleted_at IS NULL
ORDER BY d.id DESC LIMIT 1)sql"};

struct EarlierDraft {
  std::int64_t id = 0;
  std::string number;
  std::string date;
  std::optional<std::int64_t> own_organisation_id;
};

Result<std::optional<EarlierDraft>> earlier_draft(ActionCall& call, const DocumentTemplate& by) {
  const auto rows = call.tx.query(kDraft, std::move(Params{}
                                                        .add(call.id)
                                                        .add(std::string_view(by.type_code))
                                                        .add(std::string_view(by.code))));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  return EarlierDraft{.id = (*rows)->int64(0, 0),
                      .number = std::string((*rows)->text(0, 1)),
                      .date = std::string((*rows)->text(0, 2)),
                      .own_organisation_id = (*rows)->optional_int64(0, 3)};
}

struct Prepared {
  DocumentContent content;
  std::optional<EarlierDraft> draft;  // it gets a new version, with its number and day
};

// The record as whoever asks sees it.
Result<Json> read_record(ActionCall& call) {
  const auto view = read_in(call.records, call.tx, call.resource, call.id, call.actor);
  if (!view) return std::unexpected(view.error());
  return Json::parse(view->json);
}

std::optional<std::int64_t> customer_of(const Json& record) {
  const Json* id = record.find("counterparty_id");
  return id != nullptr && id->is_number() ? id->as_int64() : std::nullopt;
}

// A draft of another organisation has a number of that one's series: it is left alone.
Result<Prepared> prepare(ActionCall& call, const DocumentTemplate& by) {
  std::optional<EarlierDraft> draft;
  if (!call.flag("as_new")) {
    auto found = earlier_draft(call, by);
    if (!found) return std::unexpected(std::move(found).error());
    draft = std::move(*found);
  }
  const auto zone = TimeZone::named(call.records.options().limits.time_zone);
  if (!zone) return std::unexpected(zone.error());
  const auto record = read_record(call);
  if (!record) return std::unexpected(record.error());
  ContentRequest request{.type = by.type_code,
                         .kind = call.resource.kind,
                         .record_id = call.id,
                         .counterparty_id = customer_of(*record),
                         .time_zone = call.records.options().limits.time_zone};
  if (draft) {
    request.number = draft->number;
    request.date = draft->date;
  }
  auto content = read_content(call.tx, request, call.actor);
  if (content && draft && draft->own_organisation_id != content->own_organisation_id) {
    draft.reset();
    request.number.clear();
    request.date.clear();
    content = read_content(call.tx, request, call.actor);
  }
  if (!content) return std::unexpected(std::move(content).error());
  const auto custom = read_custom_fields(call.tx);
  if (!custom) return std::unexpected(custom.error());
  content->data.set("record", record_fields(call.resource, **custom, *record, *zone));
  return Prepared{.content = std::move(*content), .draft = std::move(draft)};
}

// Gapless; the counter stays locked until the commit.
Result<std::string> take_number(ActionCall& call, std::string_view type, DocumentContent& content) {
  if (type != "invoice" && type != "act") return std::string();
  auto number = next_number(
      call.tx,
      {.name = type, .year = content.year, .own_organisation_id = content.own_organisation_id});
  if (!number) return std::unexpected(std::move(number).error());
  std::string text = std::to_string(*number);
  if (type == "invoice") text.insert(0, content.invoice_prefix);
  set_document_number(content, text);
  return text;
}

// «Счет №5 от 23.11.2026»
std::string name_of(const DocumentTemplate& by, const DocumentContent& content) {
  const std::string_view type = by.type_code;
  const Json& document = *content.data.find("document");
  const std::string& date = document.find("date")->as_string();
  if (type == "proposal") {
    return "Коммерческое предложение от " + date + ", сделка №" +
           content.data.find("deal")->find("number")->as_string();
  }
  if (type != "invoice" && type != "act") return by.name + " от " + date;
  return (type == "invoice" ? "Счет №" : "Акт №") + document.find("number")->as_string() + " от " +
         date;
}

std::string origin_of(const DocumentTemplate& by, const DocumentContent& content) {
  Json from{Json::Object{{"template", Json::Object{{"code", by.code}, {"version", by.version}}}}};
  if (content.own_organisation_id) from.set("own_organisation_id", *content.own_organisation_id);
  from.set("data", content.data);
  return from.dump();
}

// One form of the document.
struct FilledFile {
  std::string bytes;
  std::string_view media_type;
  std::string file_name;
  Sha256 sha256{};
};
using FilledFiles = std::vector<FilledFile>;

// In the order of their versions: the page is last, so that it is what is printed.
Result<FilledFiles> fill_files(ActionCall& call, const DocumentTemplate& by,
                               std::string_view docx_template, const DocumentContent& content) {
  FilledFiles files;
  const std::string name = name_of(by, content);
  if (by.has_docx) {
    auto docx = fill_docx(docx_template, content.data);
    if (!docx) return std::unexpected(std::move(docx).error());
    files.push_back({std::move(*docx), kDocxType, name + ".docx"});
  }
  if (!by.page.empty()) {
    auto html = fill_template(by.page, content.data);
    if (!html) return std::unexpected(std::move(html).error());
    files.push_back({std::move(*html), kPageType, name + ".html"});
  }
  std::vector<BlobContent> blobs;
  for (FilledFile& each : files) {
    blobs.push_back(make_blob(each.bytes));
    each.sha256 = blobs.back().sha256;
  }
  if (auto put = put_blobs(call.tx, blobs); !put) return std::unexpected(put.error());
  return files;
}

// `made_now`: the document is of this transaction, and takes them whatever its status.
Result<void> add_versions(ActionCall& call, std::int64_t id, std::span<const FilledFile> files,
                          bool made_now) {
  for (const FilledFile& each : files) {
    auto version = add_document_version(call.tx, id,
                                        {.sha256 = each.sha256,
                                         .size_bytes = static_cast<std::int64_t>(each.bytes.size()),
                                         .media_type = std::string(each.media_type),
                                         .file_name = each.file_name,
                                         .comment = std::nullopt,
                                         .is_rendering = made_now,
                                         .is_generated = true},
                                        call.actor);
    if (!version) return std::unexpected(std::move(version).error());
  }
  return {};
}

Result<std::int64_t> add_document(ActionCall& call, const DocumentTemplate& by,
                                  const DocumentContent& content, const std::string& number,
                                  const FilledFiles& files) {
  const FilledFile& first = files.front();
  const Resource& document = call.records.registry().get("document");
  const auto allocation = call.records.allocate(call.tx, document, 1);
  if (auto ran = call.tx.run(); !ran) return std::unexpected(ran.error());
  const std::int64_t id = Records::allocated(call.tx, allocation).front().id;
  NewDocument row{.id = id,
                  .parent_record_id = call.id,
                  .type_code = by.type_code,
                  .name = name_of(by, content),
                  .file_name = first.file_name,
                  .sha256 = first.sha256,
                  .size_bytes = static_cast<std::int64_t>(first.bytes.size()),
                  .media_type = std::string(first.media_type),
                  .is_generated = true,
                  .activity_id = {},
                  .folder_id = {}};
  // Those with statuses of their own begin as drafts (domain.md 12.3).
  row.values = {{"document_date", content.date},
                {"amount", content.amount},
                {"vat_amount", content.vat_amount},
                {"currency", content.currency},
                {"generated_from", origin_of(by, content)}};
  if (!number.empty()) row.values.push_back({"number", number});
  if (auto made = attach_documents(call.tx, call.records, {&row, 1}, call.actor); !made) {
    return std::unexpected(made.error());
  }
  if (auto added = add_versions(call, id, std::span(files).subspan(1), true); !added) {
    return std::unexpected(added.error());
  }
  return id;
}

Result<std::int64_t> renew_draft(ActionCall& call, const DocumentTemplate& by,
                                 const DocumentContent& content, std::int64_t id,
                                 const FilledFiles& files) {
  if (auto added = add_versions(call, id, files, false); !added)
    return std::unexpected(added.error());
  WriteOptions write{.finish = Finish::run};
  write.also = [&](Draft& draft) {
    draft.set("amount", content.amount);
    draft.set("vat_amount", content.vat_amount);
    draft.set("currency", content.currency);
    draft.set("generated_from", origin_of(by, content));
  };
  auto changed = call.records.update(call.tx, call.records.registry().get("document"),
                                     std::to_string(id), Json(Json::Object{}), call.actor, write);
  if (!changed) return std::unexpected(std::move(changed).error());
  return id;
}

// The one asked for, of this kind of record and, where the action is of one type, of that.
Result<DocumentTemplate> wanted_template(ActionCall& call, std::string_view type) {
  const std::string_view code = call.value("template").value_or(type);
  auto found = find_template(call.tx, code);
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The document cannot be made with this template."};
  if (!found && found.error().code == ErrorCode::not_found) {
    error.reason = found.error().reason;
    error.fields.push_back({"/template", error.reason, found.error().detail});
    return std::unexpected(std::move(error));
  }
  if (!found) return found;
  if (found->kind == call.resource.kind && (type.empty() || found->type_code == type)) return found;
  error.reason = "template_of_other_kind";
  error.fields.push_back({"/template", error.reason,
                          "It makes documents of type " + found->type_code +
                              " for records of kind " + found->kind + "."});
  return std::unexpected(std::move(error));
}

Result<ActionResult> generate(ActionCall& call, std::string_view type) {
  const auto by = wanted_template(call, type);
  if (!by) return std::unexpected(by.error());
  auto prepared = prepare(call, *by);
  if (!prepared) return std::unexpected(std::move(prepared).error());
  DocumentContent& content = prepared->content;
  // Read before the number is taken, whose counter others wait for until the commit.
  const auto docx_template = by->has_docx ? read_template_docx(call.tx, *by) : std::string();
  if (!docx_template) return std::unexpected(docx_template.error());
  std::string number;
  if (!prepared->draft) {
    auto taken = take_number(call, by->type_code, content);
    if (!taken) return std::unexpected(std::move(taken).error());
    number = std::move(*taken);
  }
  const auto files = fill_files(call, *by, *docx_template, content);
  if (!files) return std::unexpected(files.error());
  const auto id = prepared->draft ? renew_draft(call, *by, content, prepared->draft->id, *files)
                                  : add_document(call, *by, content, number, *files);
  if (!id) return std::unexpected(id.error());
  if (!by->page.empty()) {
    queue_job(
        call.tx,
        {.kind = std::string(kPrintPageJob), .record_id = *id, .created_by = call.actor.user_id});
  }
  auto view =
      read_in(call.records, call.tx, call.records.registry().get("document"), *id, call.actor);
  if (!view) return std::unexpected(view.error());
  return ActionResult{.json = std::move(view->json),
                      .version = view->version,
                      .id = view->id,
                      .created = !prepared->draft};
}

Result<ActionResult> generate_proposal(ActionCall& call) { return generate(call, "proposal"); }
Result<ActionResult> generate_invoice(ActionCall& call) { return generate(call, "invoice"); }
Result<ActionResult> generate_act(ActionCall& call) { return generate(call, "act"); }
Result<ActionResult> generate_any(ActionCall& call) { return generate(call, {}); }

Field template_parameter() {
  return text("template")
      .max_length(50)
      .labels("Шаблон", "Template")
      .described("Code of a document template.");
}

void refuse_canceled(Action& order_action) {
  order_action.condition = "t.status <> 'canceled'";
  order_action.refusal = "order_canceled";
  order_action.refusal_detail = "The order is canceled.";
}

}  // namespace

Action generate_action(std::string_view type) {
  Action action{
      .name = type,
      .doc =
          "Made of the lines and requisites as they are now, as a draft; a draft there is gets "
          "new versions and keeps its number and day. What is missing is listed. The DOCX is there "
          "at once, the PDF follows within seconds.",
      .parameters = {template_parameter(),
                     boolean("as_new")
                         .labels("Новый документ", "A new document")
                         .described("true: another one, although there is a draft.")},
      .answers = "document",
      .creates = true};
  if (type == "proposal") {
    action.label = {"Сформировать КП", "Generate the proposal"};
    action.handler = generate_proposal;
    return action;
  }
  const bool is_invoice = type == "invoice";
  action.label = is_invoice ? Label{"Сформировать счет", "Generate the invoice"}
                            : Label{"Сформировать акт", "Generate the act"};
  action.handler = is_invoice ? generate_invoice : generate_act;
  refuse_canceled(action);
  return action;
}

Action generate_any_action(std::string_view kind) {
  Field code = template_parameter();
  code.required();
  Action action{
      .name = "documents/generate",
      .label = {"Сформировать документ", "Generate a document"},
      .doc = "By a template for records of this kind; as of proposals, invoices and acts.",
      .parameters = {code, boolean("as_new")
                               .labels("Новый документ", "A new document")
                               .described("true: another one, although there is a draft.")},
      .answers = "document",
      .creates = true,
      .handler = generate_any};
  if (kind == "order") refuse_canceled(action);
  return action;
}

}  // namespace c360::store
