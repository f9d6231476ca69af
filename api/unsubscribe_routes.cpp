// The page by which a customer withdraws his consent to advertising (R-069, RFC 8058). Whoever has
// the link may use it, and nobody learns from it whether there is such a customer.
#include "api/message_routes.h"
#include "api/schema.h"
#include "store/installation_keys.h"
#include "store/sealed_secrets.h"
#include "store/unsubscribe.h"

namespace c360::api {
namespace {

// Of "List-Unsubscribe=One-Click", in whatever form; what stands in it says nothing new.
constexpr std::uint64_t kMaxFormBytes = 4'096;

constexpr std::string_view kBegin =
    "<!DOCTYPE html>\n<html lang=\"ru\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<meta name=\"robots\" content=\"noindex\">"
    "<title>Отказ от рассылки / Unsubscribe</title></head><body>\n";
constexpr std::string_view kQuestion =
    "<h1>Отказ от рассылки</h1>\n<p>Вы больше не будете получать от нас рекламные сообщения.</p>\n"
    "<p lang=\"en\">You will get no more promotional messages from us.</p>\n"
    "<form method=\"post\"><button type=\"submit\">Отказаться / Unsubscribe</button></form>\n";
constexpr std::string_view kDone =
    "<h1>Вы отказались от рассылки</h1>\n<p>Рекламных сообщений больше не будет.</p>\n"
    "<p lang=\"en\">You have unsubscribed: there will be no more promotional messages.</p>\n";
constexpr std::string_view kUnknown =
    "<h1>Ссылка не действует</h1>\n<p>Откройте её из письма целиком.</p>\n"
    "<p lang=\"en\">This link is not valid: open it from the message, whole.</p>\n";
constexpr std::string_view kEnd = "</body></html>\n";

void write_page(std::string_view content, int status, Response& response) {
  response.status = status;
  response.content_type = "text/html; charset=utf-8";
  response.body.assign(kBegin).append(content).append(kEnd);
  response.content_security_policy =
      "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
}

struct Page {
  ApiServices services;
  SealRing seals;  // of the installation's keys
};

Result<std::optional<store::UnsubscribeLink>> link_of(const Page& page, const Request& request) {
  auto key = store::installation_key(page.services.database, store::kUnsubscribeKey, page.seals);
  if (!key) return std::unexpected(key.error());
  return store::read_unsubscribe(*key, request.path_value(0));
}

// Mail programs look at links before people do: this changes nothing.
Result<void> ask(const Page& page, const Request& request, Response& response) {
  auto link = link_of(page, request);
  if (!link) return std::unexpected(link.error());
  write_page(*link ? kQuestion : kUnknown, *link ? 200 : 404, response);
  return {};
}

Result<void> withdraw(const Page& page, Request& request, Response& response) {
  if (auto form = request.read_body(kMaxFormBytes); !form) return std::unexpected(form.error());
  auto link = link_of(page, request);
  if (!link) return std::unexpected(link.error());
  if (!*link) {
    write_page(kUnknown, 404, response);
    return {};
  }
  auto done = store::withdraw_consent(page.services.database, page.services.records, **link,
                                      request.request_id);
  if (!done) return done;
  write_page(kDone, 200, response);
  return {};
}

}  // namespace

void add_unsubscribe_routes(std::vector<Route>& routes, const ApiServices& services,
                            const ApiOptions& options) {
  const Page page{
      services, store::secret_seals(options.webhook_key, options.former_webhook_key).installation};
  Route get{.method = Method::get,
            .path = "/unsubscribe/{token}",
            .access = Access::open,
            .operation_id = "show_unsubscribe",
            .summary = "The page by which a customer refuses advertising",
            .tag = "outbound_message"};
  get.parameters = {{.name = "token",
                     .place = ParameterPlace::path,
                     .doc = "Signed, from the message",
                     .schema = schema::string(),
                     .required = true}};
  get.check_query = false;  // links grow parameters on their way
  get.hidden = true;        // a page for people
  Route post = get;
  get.handler = [page](Request& request, Response& response) {
    return ask(page, request, response);
  };
  post.method = Method::post;
  post.operation_id = "unsubscribe";
  post.request_media_types = {"application/x-www-form-urlencoded", "multipart/form-data"};
  post.max_body_bytes = kMaxFormBytes;
  post.handler = [page](Request& request, Response& response) {
    return withdraw(page, request, response);
  };
  routes.push_back(std::move(get));
  routes.push_back(std::move(post));
}

}  // namespace c360::api
