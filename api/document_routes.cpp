#include "api/document_routes.h"

#include <charconv>
#include <utility>

#include "api/multipart.h"
#include "api/preview_routes.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/spool.h"
#include "api/stored_content.h"
#include "api/write_once.h"
#include "daemon/base/text.h"
#include "store/blob.h"
#include "store/documents/docx.h"
#include "store/operations/attach_documents.h"
#include "store/operations/document_versions.h"
#include "store/operations/rendered_pages.h"
#include "store/validation.h"

namespace c360::api {
namespace {

using store::Resource;
using store::Transaction;

constexpr store::Sql kContent{"api_document_content", R"sql(
SELECT v.content_sha256, v.size_bytes, v.mime_type, v.file_name
FROM crm.document d
JOIN crm.document_version v ON v.document_id = d.id
WHERE d.id = $1 AND CASE
    WHEN $2::int IS NOT NULL THEN v.version_no = $2::int
    WHEN $3 <> '' THEN v.version_no = (SELECT max(n.version_no) FROM crm.document_version n
                                       WHERE n.document_id = d.id AND n.mime_type = $3)
    ELSE v.id = d.current_version_id END)sql"};

struct Upload {
  Spool spool;
  Sha256 sha256{};
  std::string file_name;
  std::string media_type;
  std::map<std::string, std::string, std::less<>> fields;

  std::string field(std::string_view name, std::string_view otherwise = {}) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string(otherwise) : found->second;
  }
};

// Without folders and control characters; never empty.
std::string safe_name(std::string_view name) {
  const auto slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string safe;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) safe.push_back(c);
  }
  safe = utf8_prefix(trimmed(safe), 250);
  return safe.empty() || safe == "." || safe == ".." ? "document" : safe;
}

Result<void> receive_form(Request& request, std::string_view boundary, Upload& upload) {
  auto form = read_multipart(*request.body, boundary,
                             [&](std::string_view piece) { return upload.spool.append(piece); });
  if (!form) return std::unexpected(std::move(form).error());
  if (!form->file) {
    return fail(ErrorCode::invalid_request, "the form holds no file", "file_missing");
  }
  upload.fields = std::move(form->fields);
  upload.file_name = form->file->file_name;
  upload.media_type = form->file->media_type;
  return {};
}

Result<void> receive_raw(Request& request, std::string_view content_type, Upload& upload) {
  upload.media_type = content_type;
  for (const auto& [name, value] : request.query) upload.fields.insert_or_assign(name, value);
  upload.file_name = upload.field("name");
  std::string piece(std::size_t{64} * 1024, '\0');
  for (;;) {
    auto count = request.body->read(piece.data(), piece.size());
    if (!count) return std::unexpected(std::move(count).error());
    if (*count == 0) return {};
    if (auto kept = upload.spool.append(std::string_view(piece).substr(0, *count)); !kept) {
      return kept;
    }
  }
}

Result<void> receive(Request& request, Upload& upload) {
  const auto content_type = request.header("content-type").value_or("application/octet-stream");
  const bool is_form = content_type.starts_with("multipart/");
  const auto boundary = multipart_boundary(content_type);
  if (is_form && !boundary) {
    return fail(ErrorCode::invalid_request,
                "multipart bodies are multipart/form-data with a boundary", "multipart");
  }
  auto received = is_form ? receive_form(request, *boundary, upload)
                          : receive_raw(request, content_type, upload);
  if (!received) return received;
  if (upload.spool.size() == 0) {
    return fail(ErrorCode::invalid_request, "the file is empty", "file_empty");
  }
  upload.sha256 = upload.spool.finish();
  upload.file_name = safe_name(upload.file_name);
  // A label for the download, no promise: the client's word, without what could break a header.
  const bool sane = upload.media_type.size() <= 200 && is_valid_utf8(upload.media_type) &&
                    upload.media_type.find_first_of("\r\n") == std::string::npos;
  if (!sane || upload.media_type.empty()) upload.media_type = "application/octet-stream";
  return {};
}

// forbidden unless the caller may change the record the document is to hang on.
Result<void> may_write(const ApiServices& services, const Resource& resource, std::int64_t id,
                       const store::Actor& actor) {
  const auto allowed =
      services.records.access().predicate(actor, resource, store::Right::write, "t", "$2::bigint");
  if (allowed.always) return {};
  const std::string sql = "SELECT ($2::bigint IS NOT NULL) AND (" + allowed.sql + ") FROM " +
                          std::string(resource.table) + " t WHERE t." + std::string(resource.key) +
                          " = $1";
  auto rows = services.database.execute(store::Pool::api, {"", sql},
                                        std::move(store::Params{}.add(id).add(actor.user_id)));
  if (!rows) return std::unexpected(std::move(rows).error());
  if (!rows->empty() && rows->boolean(0, 0)) return {};
  return fail(ErrorCode::forbidden,
              "you may read this " + std::string(resource.kind) + " but not change it",
              "read_only");
}

Result<void> put_content(Transaction& transaction, Upload& upload) {
  upload.spool.rewind();
  auto put = store::put_blob_stream(
      transaction, [&](std::span<char> into) { return upload.spool.read(into); }, upload.sha256);
  if (!put) return std::unexpected(std::move(put).error());
  return {};
}

void write_uploaded(Response& response, std::int64_t id, std::int64_t version, const Upload& upload,
                    std::string_view name) {
  JsonWriter writer;
  writer.begin_object()
      .member("id", id)
      .member("version_no", version)
      .member("name", name)
      .member("file_name", std::string_view{upload.file_name})
      .member("mime_type", std::string_view{upload.media_type})
      .member("size_bytes", static_cast<std::int64_t>(upload.spool.size()))
      .member("content_sha256", std::string_view{to_hex(upload.sha256)})
      .end_object();
  response.json(writer.view(), 201);
  response.add_header("Location", std::string(kApiPrefix) + "/documents/" + std::to_string(id));
}

// Where a new document goes: to a record, into a folder, or to the root of the library.
struct Place {
  std::optional<std::int64_t> record;
  std::optional<std::int64_t> folder;
};

// What can be missing is a row the form names: the type (the parent was seen).
Error told(Error error, const Resource& document) {
  if (error.reason != "document_type_code_fkey")
    return store::explained(std::move(error), document);
  Error wrong{.code = ErrorCode::validation_failed,
              .detail = "the document cannot be stored as asked"};
  wrong.fields.push_back({"/type_code", "unknown", "There is no such document type."});
  return wrong;
}

Result<void> add_document(const ApiServices& services, Transaction& transaction, const Place& place,
                          Upload& upload, const store::Actor& actor, Response& response) {
  const Resource& document = services.records.registry().get("document");
  const auto allocation = services.records.allocate(transaction, document, 1);
  if (auto put = put_content(transaction, upload); !put) return put;
  if (auto ran = transaction.run(); !ran) return ran;
  const std::int64_t id = store::Records::allocated(transaction, allocation).front().id;
  const std::string name = safe_name(upload.field("name", upload.file_name));
  const store::NewDocument row{
      .id = id,
      .parent_record_id = place.record,
      .type_code = upload.field("type_code", place.record ? "attachment" : "library"),
      .name = name,
      .file_name = upload.file_name,
      .comment = upload.field("comment"),
      .sha256 = upload.sha256,
      .size_bytes = static_cast<std::int64_t>(upload.spool.size()),
      .media_type = upload.media_type,
      .activity_id = {},
      .folder_id = place.folder};
  if (auto made = store::attach_documents(transaction, services.records, {&row, 1}, actor); !made) {
    return made;
  }
  if (auto ran = transaction.run(); !ran) {
    return std::unexpected(told(std::move(ran).error(), document));
  }
  write_uploaded(response, id, 1, upload, name);
  return {};
}

Result<void> add_version(Transaction& transaction, std::int64_t id, Upload& upload,
                         const store::Actor& actor, Response& response) {
  if (auto put = put_content(transaction, upload); !put) return put;
  const std::string comment = upload.field("comment");
  auto number = store::add_document_version(
      transaction, id,
      {.sha256 = upload.sha256,
       .size_bytes = static_cast<std::int64_t>(upload.spool.size()),
       .media_type = upload.media_type,
       .file_name = upload.file_name,
       .comment = comment.empty() ? std::optional<std::string>{} : comment},
      actor);
  if (!number) return std::unexpected(std::move(number).error());
  write_uploaded(response, id, *number, upload, upload.file_name);
  return {};
}

using UploadEffect = std::function<Result<void>(Transaction&, Response&)>;

// In the transaction of an Idempotency-Key, or in one of its own.
Result<void> write_upload(const ApiServices& services, const Request& request, const Upload& upload,
                          Response& response, const UploadEffect& effect) {
  // The fields of a form are part of what was asked, as its file is.
  std::string asked(as_bytes_view(upload.sha256));
  for (const auto& [name, value] : upload.fields)
    asked.append(name).append("=").append(value) += '\n';
  return write_once(services, request, asked, response,
                    [&](Transaction* transaction, Response& answer) -> Result<void> {
                      if (transaction != nullptr) return effect(*transaction, answer);
                      return store::in_transaction(services.database, store::Pool::api,
                                                   [&](Transaction& own) {
                                                     answer.clear();  // of an attempt before
                                                     return effect(own, answer);
                                                   });
                    });
}

RouteHandler upload_handler(const ApiServices& services, const Resource& parent) {
  return [services, &parent](Request& request, Response& response) -> Result<void> {
    auto seen = sees_record(services, parent, request, "/documents", response);
    if (!seen) return std::unexpected(std::move(seen).error());
    if (!*seen) return {};
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    const store::Actor actor = actor_of(request);
    if (auto allowed = may_write(services, parent, *id, actor); !allowed) return allowed;
    Upload upload;
    if (auto received = receive(request, upload); !received) return received;
    return write_upload(
        services, request, upload, response, [&](Transaction& transaction, Response& answer) {
          const bool in_folder = parent.kind == "folder";
          const Place place{.record = in_folder ? std::nullopt : std::optional(*id),
                            .folder = in_folder ? std::optional(*id) : std::nullopt};
          return add_document(services, transaction, place, upload, actor, answer);
        });
  };
}

// Into the root of the library: any employee's.
RouteHandler root_upload_handler(const ApiServices& services) {
  const Resource& document = services.records.registry().get("document");
  return [services, &document](Request& request, Response& response) -> Result<void> {
    const store::Actor actor = actor_of(request);
    if (auto allowed = services.records.access().may_create(actor, document); !allowed) {
      return allowed;
    }
    Upload upload;
    if (auto received = receive(request, upload); !received) return received;
    return write_upload(services, request, upload, response,
                        [&](Transaction& transaction, Response& answer) {
                          return add_document(services, transaction, {}, upload, actor, answer);
                        });
  };
}

RouteHandler version_handler(const ApiServices& services) {
  const Resource& document = services.records.registry().get("document");
  return [services, &document](Request& request, Response& response) -> Result<void> {
    auto seen = sees_record(services, document, request, "/versions", response);
    if (!seen) return std::unexpected(std::move(seen).error());
    if (!*seen) return {};
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    const store::Actor actor = actor_of(request);
    if (auto allowed = may_write(services, document, *id, actor); !allowed) return allowed;
    Upload upload;
    if (auto received = receive(request, upload); !received) return received;
    return write_upload(services, request, upload, response,
                        [&](Transaction& transaction, Response& answer) {
                          return add_version(transaction, *id, upload, actor, answer);
                        });
  };
}

// Media type of `?format=`; empty: none is asked for.
Result<std::string_view> wanted_format(const Request& request) {
  const auto format = request.query_value("format");
  if (!format) return std::string_view();
  if (*format == "docx") return store::kDocxType;
  if (*format == "pdf") return store::kPrintType;
  return fail(ErrorCode::invalid_request, "format is docx or pdf.", "bad_format");
}

RouteHandler download_handler(const ApiServices& services) {
  const Resource& document = services.records.registry().get("document");
  return [services, &document](Request& request, Response& response) -> Result<void> {
    auto seen = sees_record(services, document, request, "/content", response);
    if (!seen) return std::unexpected(std::move(seen).error());
    if (!*seen) return {};
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    std::optional<int> version;
    if (const auto sent = request.query_value("version")) {
      int number = 0;
      const auto [stop, error] = std::from_chars(sent->data(), sent->data() + sent->size(), number);
      if (error != std::errc{} || stop != sent->data() + sent->size() || number < 1) {
        return fail(ErrorCode::invalid_request, "version is a version_no of the document");
      }
      version = number;
    }
    const auto format = wanted_format(request);
    if (!format) return std::unexpected(format.error());
    if (*format == store::kPrintType && !version) {
      if (auto printed = print_page(services, request, *id); !printed) return printed;
    }
    auto rows = services.database.execute(
        store::Pool::api, kContent, std::move(store::Params{}.add(*id).add(version).add(*format)));
    if (!rows) return std::unexpected(std::move(rows).error());
    if (rows->empty()) {
      return fail(ErrorCode::not_found, "the document has no such version",
                  format->empty() ? "not_found" : "no_such_format");
    }
    return send_content(services.database, request, response,
                        {.sha256 = rows->bytes(0, 0),
                         .size = rows->int64(0, 1),
                         .media_type = std::string(rows->text(0, 2)),
                         .file_name = std::string(rows->text(0, 3))});
  };
}

Json uploaded_schema() {
  return schema::object({{"id", schema::integer("Of the document")},
                         {"version_no", schema::integer()},
                         {"name", schema::string()},
                         {"file_name", schema::string()},
                         {"mime_type", schema::string()},
                         {"size_bytes", schema::integer()},
                         {"content_sha256", schema::string()}},
                        {"id", "version_no", "name", "size_bytes", "content_sha256"});
}

Parameter text_query(std::string name, std::string doc) {
  return {.name = std::move(name), .doc = std::move(doc), .schema = schema::string()};
}

Route upload_route(std::string path, std::string id, std::string summary,
                   const ApiOptions& options) {
  return {.method = Method::post,
          .path = std::move(path),
          .access = Access::scope,
          .scope = "document:write",
          .operation_id = std::move(id),
          .summary = std::move(summary),
          .tag = "document",
          .parameters = {{.name = "id",
                          .place = ParameterPlace::path,
                          .doc = "Id of the record",
                          .schema = schema::integer(),
                          .required = true},
                         {.name = "Idempotency-Key",
                          .place = ParameterPlace::header,
                          .doc = "Makes a repetition harmless for 72 h",
                          .schema = schema::string()},
                         text_query("name", "Name, where the body is the file itself"),
                         text_query("type_code",
                                    "Document type; default attachment, in the library: library"),
                         text_query("comment", "Kept with the version")},
          .request_media_types = {"multipart/form-data", "*/*"},
          .max_body_bytes = options.max_document_bytes,
          .answers = {{.status = 201,
                       .doc = "Stored",
                       .media_type = std::string(kJson),
                       .schema = uploaded_schema(),
                       .headers = {"Location"}},
                      moved_answer()}};
}

}  // namespace

void add_document_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options) {
  for (const auto& resource : services.records.registry().all()) {
    if (!resource->holds_attached_rows() && resource->kind != "folder") continue;
    Route route = upload_route(
        std::string(kApiPrefix) + "/" + std::string(resource->path) + "/{id}/documents",
        "upload_" + std::string(resource->kind) + "_document",
        "Upload a file to the record: the body itself, or a form with the field `file`", options);
    route.handler = upload_handler(services, *resource);
    routes.push_back(std::move(route));
  }
  Route root = upload_route("/api/v1/documents", "upload_library_document",
                            "Upload a file to the root of the document library", options);
  std::erase_if(root.parameters, [](const Parameter& each) { return each.name == "id"; });
  root.handler = root_upload_handler(services);
  routes.push_back(std::move(root));

  Route version = upload_route("/api/v1/documents/{id}/versions", "add_document_version",
                               "Upload a new version", options);
  version.handler = version_handler(services);
  routes.push_back(std::move(version));

  Route content{.method = Method::get,
                .path = "/api/v1/documents/{id}/content",
                .access = Access::scope,
                .scope = "document:read",
                .operation_id = "get_document_content",
                .summary = "The file",
                .tag = "document",
                .parameters = {{.name = "id",
                                .place = ParameterPlace::path,
                                .doc = "Id of the document",
                                .schema = schema::integer(),
                                .required = true},
                               {.name = "version",
                                .doc = "version_no; default the current one",
                                .schema = schema::integer()},
                               {.name = "format",
                                .doc = "docx or pdf: the newest version that is one, where no "
                                       "version is named",
                                .schema = schema::one_of({"docx", "pdf"}, "A form of the file")},
                               range_parameter()},
                .answers = content_answers("*/*")};
  content.answers.push_back(moved_answer());
  content.handler = download_handler(services);
  routes.push_back(std::move(content));
}

}  // namespace c360::api
