#include "api/mail_conservation.h"

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "api/schema.h"
#include "store/mail_balance.h"

namespace c360::api {
namespace {

using store::Balance;
using store::FolderBalance;
using store::MailboxBalance;

// Which rows a term counts, as a filter of GET /mail/messages; in the order of store::Term.
constexpr std::array<std::string_view, store::kTermNames.size()> kTermFilters = {
    "outcome=deal_created,lead_created,support_created",
    "outcome=activity_added,comment_added",
    "outcome=ignored",
    "outcome=duplicate",
    "outcome=quarantined",
    "state=listed,stored",
    "outcome=vanished"};

// The scope lets the token in; the matrix of rights lets the person in (domain.md 3.4).
Result<void> needs_administrator(const Request& request) {
  if (request.caller->actor.is_administrator()) return {};
  return fail(ErrorCode::forbidden, "mail is the affair of the group crm-administrators",
              "administrators_only");
}

std::string rows_of(const MailboxBalance& mailbox) {
  return std::string(kApiPrefix) + "/mail/messages?mailbox_id=" + std::to_string(mailbox.id);
}

std::string rows_of(const MailboxBalance& mailbox, const FolderBalance& folder) {
  return rows_of(mailbox) + "&folder=" + percent_encoded(folder.folder) +
         "&uidvalidity=" + std::to_string(folder.uidvalidity);
}

void write_balance(JsonWriter& writer, const Balance& balance, const std::string& rows) {
  writer.member("holds", balance.holds())
      .member("listed", balance.listed)
      .member("rows", balance.rows)
      .member("link", std::string_view{rows});
  writer.key("terms").begin_array();
  for (std::size_t i = 0; i < store::kTermNames.size(); ++i) {
    const std::string link = rows + "&" + std::string(kTermFilters[i]);
    writer.begin_object()
        .member("term", store::kTermNames[i])
        .member("count", balance.terms[i])
        .member("link", std::string_view{link})
        .end_object();
  }
  writer.end_array();
}

void write_comparison(JsonWriter& writer, const FolderBalance& folder) {
  writer.key("comparison");
  if (!folder.comparison) {
    writer.null();
    return;
  }
  const store::ServerComparison& found = *folder.comparison;
  writer.begin_object()
      .member("at", std::string_view{to_rfc3339(found.begun)})
      .member("server", found.server)
      .member("missed", found.missed)
      .member("gone", found.gone)
      .member("difference", found.difference)
      .end_object();
}

// Counts by a name, each with the link to its rows.
void write_parts(JsonWriter& writer, std::string_view key, std::string_view name,
                 const std::vector<std::pair<std::string, std::int64_t>>& parts,
                 const std::function<std::string(const std::string&)>& link_of) {
  writer.key(key).begin_array();
  for (const auto& [value, count] : parts)
    writer.begin_object()
        .member(name, std::string_view{value})
        .member("count", count)
        .member("link", std::string_view{link_of(value)})
        .end_object();
  writer.end_array();
}

void write_mailbox(JsonWriter& writer, const MailboxBalance& mailbox) {
  const std::string rows = rows_of(mailbox);
  writer.begin_object()
      .member("mailbox", std::string_view{mailbox.code})
      .member("mailbox_id", mailbox.id)
      .member("enabled", mailbox.enabled);
  writer.key("compare_requested_at");
  mailbox.compare_requested_at ? writer.string(to_rfc3339(*mailbox.compare_requested_at))
                               : writer.null();
  write_balance(writer, mailbox.balance, rows);
  write_parts(writer, "ignored_by_rule", "rule_id", mailbox.ignored_by_rule,
              [&](const std::string& rule) {
                return rows + "&outcome=ignored&rule_id=" + percent_encoded(rule);
              });
  // The rows of quarantine have no mailbox of their own: the link leads to those of all mailboxes.
  write_parts(writer, "quarantined_by_reason", "reason", mailbox.quarantined_by_reason,
              [&](const std::string& reason) {
                return std::string(kApiPrefix) + "/mail/quarantine?status=open&reason=" + reason;
              });
  writer.key("folders").begin_array();
  for (const FolderBalance& folder : mailbox.folders) {
    writer.begin_object()
        .member("folder", std::string_view{folder.folder})
        .member("uidvalidity", folder.uidvalidity)
        .member("current", folder.current);
    write_balance(writer, folder.balance, rows_of(mailbox, folder));
    write_comparison(writer, folder);
    writer.end_object();
  }
  writer.end_array().end_object();
}

Result<void> show_conservation(const ApiServices& services, Request& request, Response& response) {
  if (auto allowed = needs_administrator(request); !allowed) return allowed;
  const auto code = request.query_value("mailbox");
  auto all = store::mail_balance(services.database, store::Pool::api, code);
  if (!all) return std::unexpected(std::move(all).error());
  if (code && all->empty())
    return fail(ErrorCode::not_found, "there is no mailbox " + std::string(*code));
  bool holds = true;
  for (const MailboxBalance& mailbox : *all) holds = holds && mailbox.balance.holds();
  JsonWriter writer;
  writer.begin_object().member("holds", holds).key("items").begin_array();
  for (const MailboxBalance& mailbox : *all) write_mailbox(writer, mailbox);
  writer.end_array().end_object();
  response.json(writer.view());
  return {};
}

Json::Object balance_properties() {
  const Json term =
      schema::object({{"term", schema::one_of({store::kTermNames.begin(), store::kTermNames.end()},
                                              "Where a mail can be; it is in exactly one")},
                      {"count", schema::integer()},
                      {"link", schema::string("Its rows")}},
                     {"term", "count", "link"});
  return {{"holds", schema::boolean("listed = rows = the sum of the terms")},
          {"listed", schema::integer("Messages the server listed, counted apart from the rows")},
          {"rows", schema::integer("Rows in the ledger")},
          {"link", schema::string("All of them")},
          {"terms", schema::array(term)}};
}

Json parts_schema(const std::string& name, std::string_view doc) {
  return schema::array(schema::object({{name, schema::string()},
                                       {"count", schema::integer()},
                                       {"link", schema::string("Its rows")}},
                                      {name, "count", "link"}),
                       doc);
}

Json conservation_schema() {
  const std::vector<std::string> required = {"holds", "listed", "rows", "link", "terms"};
  const Json comparison = schema::object(
      {{"at", schema::date_time("When the server was asked")},
       {"server", schema::integer("Messages the server had")},
       {"missed", schema::integer("Healed: the server had them, a listing had passed them by")},
       {"gone", schema::integer("Healed: they were to be fetched, the server had them no more")},
       {"difference", schema::integer("What still differs: 0")}},
      {"at", "server", "missed", "gone", "difference"}, "The last full comparison with the server");
  Json::Object folder = balance_properties();
  folder.emplace_back("folder", schema::string());
  folder.emplace_back("uidvalidity", schema::integer());
  folder.emplace_back("current", schema::boolean("The UIDVALIDITY the folder has now"));
  folder.emplace_back("comparison", schema::nullable(comparison));
  auto of_folder = required;
  of_folder.insert(of_folder.end(), {"folder", "uidvalidity", "current", "comparison"});

  Json::Object mailbox = balance_properties();
  mailbox.emplace_back("mailbox", schema::string("Its code"));
  mailbox.emplace_back("mailbox_id", schema::integer());
  mailbox.emplace_back("enabled", schema::boolean("The configuration names it"));
  mailbox.emplace_back("compare_requested_at", schema::nullable(schema::date_time()));
  mailbox.emplace_back("ignored_by_rule", parts_schema("rule_id", "The term `ignored` by rule"));
  mailbox.emplace_back("quarantined_by_reason",
                       parts_schema("reason", "What waits for a person, by reason"));
  mailbox.emplace_back("folders", schema::array(schema::object(std::move(folder), of_folder)));
  auto of_mailbox = required;
  of_mailbox.insert(of_mailbox.end(), {"mailbox", "mailbox_id", "enabled", "compare_requested_at",
                                       "ignored_by_rule", "quarantined_by_reason", "folders"});
  return schema::object({{"holds", schema::boolean("Of every mailbox shown")},
                         {"items", schema::array(schema::object(std::move(mailbox), of_mailbox))}},
                        {"holds", "items"});
}

Route conservation_route(const ApiServices& services) {
  Route route{.path = std::string(kApiPrefix) + "/mail/conservation",
              .access = Access::scope,
              .scope = "mail:read",
              .operation_id = "get_mail_conservation",
              .summary =
                  "Where every listed mail is: listed = created + attached + ignored + "
                  "duplicate + quarantined + pending + vanished",
              .tag = "mail"};
  route.parameters = {{.name = "mailbox",
                       .doc = "Code of one mailbox; all without it",
                       .schema = schema::string()}};
  route.answers = {{.doc = "The equation, counted now",
                    .media_type = std::string(kJson),
                    .schema = conservation_schema()}};
  route.handler = [services](Request& request, Response& response) {
    return show_conservation(services, request, response);
  };
  return route;
}

Route compare_route(const ApiServices& services) {
  Route route{.method = Method::post,
              .path = std::string(kApiPrefix) + "/mail/mailboxes/{id}/compare",
              .access = Access::scope,
              .scope = "mail:write",
              .operation_id = "compare_mailbox",
              .summary =
                  "Compare everything the server has with the ledger, soon; the result is "
                  "in GET /mail/conservation",
              .tag = "mail"};
  route.parameters = {{.name = "id",
                       .place = ParameterPlace::path,
                       .doc = "Id of the mailbox",
                       .schema = schema::integer(),
                       .required = true}};
  route.answers = {
      {.status = 202,
       .doc = "The daemon that holds the mailbox compares it within seconds; done when a "
              "comparison's `at` is no earlier than requested_at",
       .media_type = std::string(kJson),
       .schema = schema::object({{"requested_at", schema::date_time()}}, {"requested_at"})}};
  route.handler = [services](Request& request, Response& response) -> Result<void> {
    if (auto allowed = needs_administrator(request); !allowed) return allowed;
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    auto asked = store::request_comparison(services.database, *id);
    if (!asked) return std::unexpected(std::move(asked).error());
    JsonWriter writer;
    writer.begin_object().member("requested_at", std::string_view{to_rfc3339(*asked)}).end_object();
    response.json(writer.view(), 202);
    return {};
  };
  return route;
}

}  // namespace

void add_conservation_routes(std::vector<Route>& routes, const ApiServices& services) {
  routes.push_back(conservation_route(services));
  routes.push_back(compare_route(services));
}

}  // namespace c360::api
