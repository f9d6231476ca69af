#include "api/preview_routes.h"

#include <charconv>
#include <cstring>

#include "adapters/document_renderer.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "api/stored_content.h"
#include "store/blob.h"
#include "store/operations/rendered_pages.h"

namespace c360::api {
namespace {

using store::Resource;

// A PDF that is drawn sits in memory.
constexpr std::int64_t kMaxDrawnBytes = std::int64_t{50} * 1024 * 1024;
constexpr int kUsualDpi = 96;

Result<const adapters::DocumentRenderer*> renderer_of(const ApiServices& services) {
  if (services.renderer != nullptr) return services.renderer;
  return fail(ErrorCode::unavailable,
              "No renderer of documents is connected: see the setting documents.renderer.",
              "not_connected");
}

// The client is gone, or the server stops.
adapters::GivenUp nobody_waits(const Request& request) {
  return [peer = request.peer] { return peer != nullptr && peer->gone(); };
}

Result<store::StoredVersion> shown_pdf(const ApiServices& services, const Request& request,
                                       std::int64_t id) {
  if (auto printed = print_page(services, request, id); !printed) {
    return std::unexpected(printed.error());
  }
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  auto version = store::shown_version(*tx, id);
  if (version && version->media_type != store::kPrintType) {
    return fail(ErrorCode::conflict,
                "The document is " + version->media_type +
                    ", which has no preview: get its "
                    "content.",
                "no_preview");
  }
  return version;
}

// None where it is not sent.
Result<std::optional<int>> small_number(const Request& request, std::string_view name, int least,
                                        int most) {
  const auto sent = request.query_value(name);
  if (!sent) return std::nullopt;
  int number = 0;
  const auto [stop, error] = std::from_chars(sent->data(), sent->data() + sent->size(), number);
  if (error != std::errc{} || stop != sent->data() + sent->size() || number < least ||
      number > most) {
    return fail(ErrorCode::invalid_request,
                std::string(name) + " is a number from " + std::to_string(least) + " to " +
                    std::to_string(most) + ".",
                "bad_" + std::string(name));
  }
  return number;
}

Result<void> send_page(const ApiServices& services, const Request& request,
                       const store::StoredVersion& version, int page, int dpi, Response& response) {
  const auto renderer = renderer_of(services);
  if (!renderer) return std::unexpected(renderer.error());
  Sha256 sha256{};
  std::memcpy(sha256.data(), version.sha256.data(), sha256.size());
  const auto read = [&]() -> Result<std::string> {
    auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
    if (!tx) return std::unexpected(tx.error());
    return store::read_blob(*tx, sha256, kMaxDrawnBytes);
  };
  auto png = (*renderer)->png(read, page, dpi, nobody_waits(request));
  if (!png) return std::unexpected(std::move(png).error());
  response.content_type = "image/png";
  response.cache_control = "private, no-cache";
  response.add_header("Content-Disposition", "inline");
  response.body = std::move(*png);
  return {};
}

RouteHandler preview_handler(const ApiServices& services) {
  const Resource& document = services.records.registry().get("document");
  return [services, &document](Request& request, Response& response) -> Result<void> {
    auto seen = sees_record(services, document, request, "/preview", response);
    if (!seen) return std::unexpected(std::move(seen).error());
    if (!*seen) return {};
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    const auto page = small_number(request, "page", 1, adapters::kMaxPreviewPage);
    if (!page) return std::unexpected(page.error());
    const auto dpi =
        small_number(request, "dpi", adapters::kMinPreviewDpi, adapters::kMaxPreviewDpi);
    if (!dpi) return std::unexpected(dpi.error());
    const auto version = shown_pdf(services, request, *id);
    if (!version) return std::unexpected(version.error());
    if (*page)
      return send_page(services, request, *version, **page, dpi->value_or(kUsualDpi), response);
    return send_content(services.database, request, response,
                        {.sha256 = version->sha256,
                         .size = version->size_bytes,
                         .media_type = version->media_type,
                         .file_name = version->file_name},
                        true);
  };
}

}  // namespace

Result<void> print_page(const ApiServices& services, const Request& request, std::int64_t id) {
  std::optional<store::UnprintedPage> page;
  {
    auto tx = services.database.begin(store::Pool::api, store::TxMode::read_only);
    if (!tx) return std::unexpected(tx.error());
    auto found = store::unprinted_page(*tx, id);
    if (!found) return std::unexpected(std::move(found).error());
    page = std::move(*found);
  }
  if (!page) return {};
  const auto renderer = renderer_of(services);
  if (!renderer) return std::unexpected(renderer.error());
  const auto pdf = (*renderer)->pdf(page->html, nobody_waits(request));
  if (!pdf) return std::unexpected(pdf.error());
  const store::Actor actor = actor_of(request);
  // Nobody's deed: whoever looks first brings it about.
  return store::in_transaction(
      services.database, store::Pool::api, [&](store::Transaction& tx) -> Result<void> {
        return store::add_print(tx, id, *page, *pdf,
                                store::Actor::system("system", actor.request_id));
      });
}

void add_preview_routes(std::vector<Route>& routes, const ApiServices& services) {
  Route preview{.method = Method::get,
                .path = std::string(kApiPrefix) + "/documents/{id}/preview",
                .access = Access::scope,
                .scope = "document:read",
                .operation_id = "preview_document",
                .summary = "The document as a PDF to look at; with `page` that page of it as a PNG",
                .tag = "document",
                .handler = preview_handler(services),
                .parameters = {{.name = "id",
                                .place = ParameterPlace::path,
                                .doc = "Id of the document",
                                .schema = schema::integer(),
                                .required = true},
                               {.name = "page", .doc = "From 1", .schema = schema::integer()},
                               {.name = "dpi",
                                .doc = "Of the picture, 24 to 200; default 96",
                                .schema = schema::integer()},
                               range_parameter()},
                .answers = content_answers(std::string(store::kPrintType))};
  preview.answers.front().other_media_types = {"image/png"};
  preview.answers.push_back(moved_answer());
  routes.push_back(std::move(preview));
}

}  // namespace c360::api
