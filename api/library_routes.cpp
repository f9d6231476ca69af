#include "api/library_routes.h"

#include "api/preconditions.h"
#include "api/preview_routes.h"
#include "api/query_number.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/stored_content.h"
#include "api/write_once.h"
#include "store/operations/archive_documents.h"
#include "store/operations/remove_folder.h"

namespace c360::api {
namespace {

using store::Collection;
using store::Resource;
using store::Transaction;

constexpr std::int64_t kMaxFolderDepth = 32;  // domain.md 12.2
constexpr std::string_view kZip = "application/zip";

// -- The tree -------------------------------------------------------------------------------------

// $1 the folder (0: the root), $2 levels, $3 rows, $4 the caller. Each folder follows its parent,
// brothers by name.
std::string tree_text(const store::Records& records, const store::Actor& actor) {
  const auto& registry = records.registry();
  const auto seen = [&](std::string_view kind, std::string_view alias) {
    return records.access()
        .predicate(actor, registry.get(kind), store::Right::read, alias, "$4::bigint")
        .sql;
  };
  const std::string folders = "f.deleted_at IS NULL AND " + seen("folder", "f");
  return "WITH RECURSIVE tree(id, parent, name, depth, path, place) AS ("
         "SELECT f.id, f.parent_folder_id, f.name, 1,"
         " crm.folder_path(f.parent_folder_id, f.name), ARRAY[lower(f.name)] FROM crm.folder f"
         " WHERE coalesce(f.parent_folder_id, 0) = $1::bigint AND " +
         folders +
         " UNION ALL SELECT f.id, f.parent_folder_id, f.name, p.depth + 1,"
         " p.path || '/' || f.name, p.place || lower(f.name)"
         " FROM crm.folder f JOIN tree p ON f.parent_folder_id = p.id"
         " WHERE p.depth < $2::bigint AND " +
         folders +
         ") SELECT tree.id, tree.parent, tree.name, tree.depth, tree.path,"
         " (SELECT count(*) FROM crm.document d WHERE d.folder_id = tree.id"
         " AND d.deleted_at IS NULL AND " +
         seen("document", "d") + "), $4::bigint FROM tree ORDER BY tree.place LIMIT $3::bigint";
}

void write_tree(const store::Rows& rows, Response& response) {
  JsonWriter out;
  out.begin_object().key("items").begin_array();
  for (int row = 0; row < rows.size(); ++row) {
    out.begin_object().member("id", rows.int64(row, 0)).key("parent_folder_id");
    rows.is_null(row, 1) ? out.null() : out.integer(rows.int64(row, 1));
    out.member("name", rows.text(row, 2))
        .member("depth", rows.int64(row, 3))
        .member("path", rows.text(row, 4))
        .member("documents", rows.int64(row, 5))
        .end_object();
  }
  out.end_array().end_object();
  response.json(out.view());
}

Result<void> send_tree(const ApiServices& services, Request& request, Response& response) {
  auto top = query_number(request, "folder_id");
  if (!top) return std::unexpected(top.error());
  auto depth = query_number(request, "max_depth", 1, kMaxFolderDepth);
  if (!depth) return std::unexpected(depth.error());
  store::Records& records = services.records;
  const store::Actor actor = actor_of(request);
  if (*top) {
    auto seen = records.get(records.registry().get("folder"), std::to_string(**top), actor,
                            {{"fields", "id"}});
    if (!seen) return std::unexpected(std::move(seen).error());
  }
  const store::Plan plan = records.queries().keep_always(tree_text(records, actor));
  auto rows =
      services.database.execute(store::Pool::api, plan.sql,
                                std::move(store::Params{}
                                              .add(top->value_or(0))
                                              .add(depth->value_or(kMaxFolderDepth))
                                              .add(static_cast<std::int64_t>(kMaxTreeFolders) + 1)
                                              .add(actor.user_id)));
  if (!rows) return std::unexpected(std::move(rows).error());
  if (rows->size() > static_cast<int>(kMaxTreeFolders)) {
    return fail(ErrorCode::validation_failed,
                "the tree has more than " + std::to_string(kMaxTreeFolders) +
                    " folders; ask for less of it with folder_id and max_depth",
                "tree_too_large");
  }
  write_tree(*rows, response);
  return {};
}

Json tree_schema() {
  const Json folder =
      schema::object({{"id", schema::integer()},
                      {"parent_folder_id", schema::nullable(schema::integer())},
                      {"name", schema::string()},
                      {"depth", schema::integer("1: directly in the folder asked for")},
                      {"path", schema::string("/Contracts/2026")},
                      {"documents", schema::integer("Directly in it, that the caller sees")}},
                     {"id", "parent_folder_id", "name", "depth", "path", "documents"});
  return schema::object({{"items", schema::array(folder, "Each folder follows its parent")}},
                        {"items"});
}

Route tree_route(const ApiServices& services) {
  return {
      .method = Method::get,
      .path = "/api/v1/library/tree",
      .access = Access::scope,
      .scope = "folder:read",
      .operation_id = "get_library_tree",
      .summary = "All folders of the library, or of one folder, as one list in the tree's order",
      .tag = "folder",
      .handler = [services](Request& request,
                            Response& response) { return send_tree(services, request, response); },
      .parameters = {{.name = "folder_id",
                      .doc = "Only what is below it; default the whole library",
                      .schema = schema::integer()},
                     {.name = "max_depth",
                      .doc = "Levels; default and most " + std::to_string(kMaxFolderDepth),
                      .schema = schema::integer()}},
      .answers = {
          {.doc = "The folders", .media_type = std::string(kJson), .schema = tree_schema()}}};
}

// -- A folder -------------------------------------------------------------------------------------

Parameter folder_id() {
  return {.name = "id",
          .place = ParameterPlace::path,
          .doc = "Id of the folder",
          .schema = schema::integer(),
          .required = true};
}

Route contents_route(const ApiServices& services, const ApiOptions& options,
                     const Collection& collection) {
  const auto& registry = services.records.registry();
  const Resource& folder = registry.get("folder");
  const Resource& child = registry.get(collection.kind);
  Route route{.method = Method::get,
              .path = "/api/v1/folders/{id}/" + std::string(collection.name),
              .access = Access::scope,
              .scope = scope_of(child, false),
              .operation_id = "list_folder_" + std::string(collection.name),
              .summary = std::string(collection.doc),
              .tag = "folder",
              .handler = children_handler(services, folder, child, collection),
              .parameters = list_parameters(child, options),
              .answers = {{.doc = "A page",
                           .media_type = std::string(kJson),
                           .schema = page_schema(component_name(child.kind))},
                          moved_answer()},
              .check_query = false};
  route.parameters.insert(route.parameters.begin(), folder_id());
  return route;
}

Result<void> remove_in(const ApiServices& services, Transaction* transaction, std::int64_t id,
                       bool recursive, const store::Actor& actor, store::WriteOptions write) {
  write.finish = store::Finish::run;
  const auto remove = [&](Transaction& tx) {
    return store::remove_folder(services.records, tx, id, recursive, actor, write);
  };
  if (transaction != nullptr) return remove(*transaction);
  return store::in_transaction(services.database, store::Pool::api, remove);
}

Result<void> delete_folder(const ApiServices& services, Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto recursive = flag_parameter(request, "recursive");
  if (!recursive) return std::unexpected(recursive.error());
  auto version = required_version(request);
  if (!version) return std::unexpected(version.error());
  const store::WriteOptions write{.expected_version = *version};
  const store::Actor actor = actor_of(request);
  return write_once(services, request, {}, response,
                    [&](Transaction* transaction, Response& answer) -> Result<void> {
                      auto removed =
                          remove_in(services, transaction, *id, *recursive, actor, write);
                      if (removed) answer.status = 204;
                      return removed;
                    });
}

Parameter header_field(std::string name, std::string doc, bool required) {
  return {.name = std::move(name),
          .place = ParameterPlace::header,
          .doc = std::move(doc),
          .schema = schema::string(),
          .required = required};
}

Route delete_route(const ApiServices& services) {
  return {.method = Method::remove,
          .path = "/api/v1/folders/{id}",
          .access = Access::scope,
          .scope = "folder:write",
          .operation_id = "delete_folder",
          .summary = "Delete: Folder",
          .tag = "folder",
          .handler = [services](
                         Request& request,
                         Response& response) { return delete_folder(services, request, response); },
          .parameters =
              {folder_id(),
               {.name = "recursive",
                .doc = "With all folders and library documents in it; documents of records stay "
                       "with their record. At most " +
                       std::to_string(store::kMaxFolderRemoval) + " at once",
                .schema = schema::boolean()},
               header_field("If-Match",
                            "ETag of the folder as it was read; 412 when it has changed", true),
               header_field("Idempotency-Key",
                            "Makes a repetition harmless for 72 h; at most 255 characters", false)},
          .answers = {{.status = 204, .doc = "Deleted"}}};
}

// -- All documents at once ------------------------------------------------------------------------

RouteHandler archive_handler(const ApiServices& services, const Resource& owner) {
  return [services, &owner](Request& request, Response& response) -> Result<void> {
    auto seen = sees_record(services, owner, request, "/documents.zip", response);
    if (!seen) return std::unexpected(std::move(seen).error());
    if (!*seen) return {};
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    auto made = store::archive_documents(
        services.database, services.records, owner, *id, actor_of(request),
        [&](std::int64_t document) { return print_page(services, request, document); });
    if (!made) return std::unexpected(std::move(made).error());
    auto zip = std::make_shared<const store::ZipFile>(std::move(*made));
    response.content_type = kZip;
    response.add_header(
        "Content-Disposition",
        attachment_disposition(std::string(owner.kind) + "-" + std::to_string(*id) + ".zip"));
    response.stream_size = zip->size();
    response.stream = [zip](const BodySink& sink) { return zip->read(sink); };
    return {};
  };
}

Route archive_route(const ApiServices& services, const Resource& owner) {
  return {
      .method = Method::get,
      .path = std::string(kApiPrefix) + "/" + std::string(owner.path) + "/{id}/documents.zip",
      .access = Access::scope,
      .scope = "document:read",
      .operation_id = "get_" + std::string(owner.kind) + "_documents_zip",
      .summary = "All its documents in their current versions, as one ZIP file; at most " +
                 std::to_string(store::kMaxArchiveDocuments) + " and " +
                 std::to_string(store::kMaxArchiveBytes / 1024 / 1024) + " MiB",
      .tag = "document",
      .handler = archive_handler(services, owner),
      .parameters = {{.name = "id",
                      .place = ParameterPlace::path,
                      .doc = "Id of the " + std::string(owner.kind),
                      .schema = schema::integer(),
                      .required = true}},
      .answers = {
          {.doc = "The file", .media_type = std::string(kZip), .headers = {"Content-Disposition"}},
          moved_answer()}};
}

}  // namespace

void add_library_routes(std::vector<Route>& routes, const ApiServices& services,
                        const ApiOptions& options) {
  routes.push_back(tree_route(services));
  routes.push_back(contents_route(services, options,
                                  {.name = "folders",
                                   .kind = "folder",
                                   .doc = "Folders directly inside the folder",
                                   .parent_column = "parent_folder_id"}));
  routes.push_back(contents_route(services, options,
                                  {.name = "documents",
                                   .kind = "document",
                                   .doc = "Documents directly inside the folder",
                                   .parent_column = "folder_id"}));
  routes.push_back(delete_route(services));
  for (const auto& resource : services.records.registry().all()) {
    if (!resource->holds_attached_rows() && resource->kind != "folder") continue;
    routes.push_back(archive_route(services, *resource));
  }
}

}  // namespace c360::api
