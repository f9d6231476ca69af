#include "api/lookup_routes.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "adapters/dadata_lookups.h"
#include "adapters/register_facts.h"
#include "api/auth.h"
#include "api/schema.h"
#include "api/write_once.h"
#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/operations/pedigree.h"

namespace c360::api {
namespace {

using adapters::Address;
using adapters::Bank;
using adapters::CallResult;
using adapters::CleanAddress;
using adapters::CleanPhone;
using adapters::DadataLookups;
using store::Transaction;

constexpr int kUsualFound = 10;
constexpr std::string_view kBadText = "Expected a text of 1 to 300 characters.";
static_assert(DadataLookups::kMaxText == 300 && DadataLookups::kMaxFound == 20);

struct LookupContext {
  ApiServices services;
  std::uint64_t max_body_bytes;
};

Result<DadataLookups*> lookups_of(const LookupContext& context) {
  if (context.services.lookups == nullptr)
    return fail(ErrorCode::unavailable, "No register of companies is connected.", "not_connected");
  return context.services.lookups;
}

template <typename T>
Result<T> told(const LookupContext& context, CallResult<T> answer, std::string_view unknown) {
  if (answer) return std::move(*answer);
  Error error = adapters::to_client_error(answer.error(), context.services.clock.now());
  if (error.code == ErrorCode::not_found) error.reason = unknown;
  return std::unexpected(std::move(error));
}

bool is_askable(const std::string& text) {
  return !trimmed(text).empty() && utf8_length(text) <= DadataLookups::kMaxText;
}

struct Question {
  std::string text;
  int count = kUsualFound;
};

Result<Question> read_question(const Request& request) {
  Question question{.text = std::string(request.query_value("q").value_or(""))};
  if (!is_askable(question.text))
    return fail(ErrorCode::invalid_request, "q is a text of 1 to 300 characters", "invalid_value");
  if (const auto limit = request.query_value("limit")) {
    const auto [stop, error] =
        std::from_chars(limit->data(), limit->data() + limit->size(), question.count);
    if (error != std::errc{} || stop != limit->data() + limit->size() || question.count < 1 ||
        question.count > DadataLookups::kMaxFound)
      return fail(ErrorCode::invalid_request, "limit is a number between 1 and 20",
                  "invalid_value");
  }
  return question;
}

// -- Answers --------------------------------------------------------------------------------------

using Member = std::pair<std::string_view, std::optional<std::string>>;

void write_members(JsonWriter& json, const std::vector<Member>& members) {
  for (const auto& [name, value] : members) {
    json.key(name);
    value ? json.string(*value) : json.null();
  }
}

std::vector<Member> members_of(const Address& address) {
  return {{"value", address.value},
          {"with_postal_code", address.with_postal_code},
          {"postal_code", address.postal_code},
          {"country", address.country},
          {"region", address.region},
          {"area", address.area},
          {"city", address.city},
          {"settlement", address.settlement},
          {"street", address.street},
          {"house", address.house},
          {"block", address.block},
          {"flat", address.flat},
          {"fias_id", address.fias_id},
          {"kladr_id", address.kladr_id},
          {"timezone", address.timezone},
          {"latitude", address.latitude},
          {"longitude", address.longitude}};
}

std::vector<Member> members_of(const Bank& bank) {
  return {{"bik", bank.bik},
          {"name", bank.name},
          {"city", bank.city},
          {"correspondent_account", bank.correspondent_account},
          {"swift", bank.swift},
          {"inn", bank.inn},
          {"kpp", bank.kpp},
          {"registration_number", bank.registration_number},
          {"kind", bank.kind},
          {"address", bank.address},
          {"status", std::string(to_string(bank.status))}};
}

std::vector<Member> members_of(const CleanPhone& phone) {
  return {{"value", phone.phone},
          {"type", phone.type},
          {"extension", phone.extension},
          {"timezone", phone.timezone}};
}

std::string_view quality_of(const CleanAddress& clean) {
  switch (clean.quality) {
    case CleanAddress::Quality::good:
      return "good";
    case CleanAddress::Quality::assumed:
      return "assumed";
    default:
      return "ambiguous";
  }
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const std::string& text : texts) json.string(text);
  json.end_array();
}

// -- Routes ---------------------------------------------------------------------------------------

Result<void> find_parties(const LookupContext& context, const Request& request,
                          Response& response) {
  const auto question = read_question(request);
  if (!question) return std::unexpected(question.error());
  const auto lookups = lookups_of(context);
  if (!lookups) return std::unexpected(lookups.error());
  const auto found = told(context, (*lookups)->parties(question->text, question->count), "");
  if (!found) return std::unexpected(found.error());
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const adapters::Party& party : *found) {
    const store::RegisterFacts facts =
        adapters::register_facts(party.requisites, "dadata", context.services.clock.now());
    json.begin_object().key("fields").begin_object();
    for (const auto& [field, value] : facts.values) json.member(field, value);
    json.end_object().member("legal_form", facts.legal_form);
    write_texts(json, "warnings", facts.warnings);
    json.end_object();
  }
  response.json(json.end_array().end_object().take());
  return {};
}

Result<void> find_addresses(const LookupContext& context, const Request& request,
                            Response& response) {
  const auto question = read_question(request);
  if (!question) return std::unexpected(question.error());
  const auto lookups = lookups_of(context);
  if (!lookups) return std::unexpected(lookups.error());
  const auto found = told(context, (*lookups)->addresses(question->text, question->count), "");
  if (!found) return std::unexpected(found.error());
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const Address& address : *found) {
    json.begin_object();
    write_members(json, members_of(address));
    json.end_object();
  }
  response.json(json.end_array().end_object().take());
  return {};
}

Result<void> show_bank(const LookupContext& context, const Request& request, Response& response) {
  const auto lookups = lookups_of(context);
  if (!lookups) return std::unexpected(lookups.error());
  const auto bank = told(context, (*lookups)->bank(request.path_value(0)), "bik_not_found");
  if (!bank) return std::unexpected(bank.error());
  JsonWriter json;
  json.begin_object();
  write_members(json, members_of(*bank));
  write_texts(json, "warnings", bank->warnings);
  response.json(json.end_object().take());
  return {};
}

struct WhatToClean {
  bool is_phone = false;
  std::string text;
};

Result<WhatToClean> read_what_to_clean(std::string_view body) {
  const auto json = Json::parse(body);
  if (!json) return std::unexpected(json.error());
  if (!json->is_object())
    return fail(ErrorCode::invalid_request,
                "the body is a JSON " + std::string(json->type_name()) + ", not an object");
  Error error{.code = ErrorCode::validation_failed, .detail = "The body is not as it should be."};
  WhatToClean wanted;
  for (const auto& [name, value] : json->as_object()) {
    const std::string pointer = "/" + std::string(utf8_prefix(name, 80));
    if (name != "address" && name != "phone") {
      error.fields.push_back({pointer, "unknown_field", "Known here: address, phone."});
    } else if (!value.is_string() || !is_askable(value.as_string())) {
      error.fields.push_back({pointer, "invalid_value", std::string(kBadText)});
    } else if (!wanted.text.empty()) {
      error.fields.push_back({pointer, "one_of_two", "Either address or phone."});
    } else {
      wanted = {.is_phone = name == "phone", .text = value.as_string()};
    }
  }
  if (error.fields.empty() && !wanted.text.empty()) return wanted;
  if (error.fields.empty())
    error.fields.push_back({"/address", "one_of_two", "Either address or phone."});
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

Result<std::string> cleaned(const LookupContext& context, DadataLookups& lookups,
                            const WhatToClean& wanted) {
  constexpr std::string_view kUnknown = "not_recognised";
  JsonWriter json;
  json.begin_object();
  if (wanted.is_phone) {
    const auto phone = told(context, lookups.clean_phone(wanted.text), kUnknown);
    if (!phone) return std::unexpected(phone.error());
    json.key("address").null().key("phone").begin_object();
    write_members(json, members_of(*phone));
    json.member("is_foreign", phone->is_foreign).end_object();
  } else {
    const auto clean = told(context, lookups.clean_address(wanted.text), kUnknown);
    if (!clean) return std::unexpected(clean.error());
    json.key("address").begin_object();
    write_members(json, members_of(clean->address));
    json.member("quality", quality_of(*clean)).end_object().key("phone").null();
  }
  return json.end_object().take();
}

Result<void> clean(const LookupContext& context, Request& request, Response& response) {
  const ApiServices& services = context.services;
  auto body = request.read_body(context.max_body_bytes);
  if (!body) return std::unexpected(std::move(body).error());
  const auto wanted = read_what_to_clean(*body);
  if (!wanted) return std::unexpected(wanted.error());
  // It is paid for: by whoever may make what it is cleaned for.
  const auto& customer = services.records.registry().get("counterparty");
  if (auto may = services.records.access().may_create(actor_of(request), customer); !may)
    return may;
  // Nobody pays twice for one request.
  const auto before = answered_before(services, request, *body, response);
  if (!before) return std::unexpected(before.error());
  if (*before) return {};
  const auto lookups = lookups_of(context);
  if (!lookups) return std::unexpected(lookups.error());
  const auto answer = cleaned(context, **lookups, *wanted);
  if (!answer) return std::unexpected(answer.error());
  return write_once(services, request, *body, response,
                    [&](Transaction*, Response& once) -> Result<void> {
                      once.json(*answer);
                      return {};
                    });
}

// -- What the document says -----------------------------------------------------------------------

Json maybe_text(std::string_view doc = {}) { return schema::nullable(schema::string(doc)); }

Json texts_schema(const std::vector<Member>& members) {
  Json::Object properties;
  std::vector<std::string> required;
  for (const auto& [name, value] : members) {
    properties.emplace_back(name, maybe_text());
    required.emplace_back(name);
  }
  return schema::object(std::move(properties), std::move(required));
}

Json with(Json object, std::string_view name, Json member) {
  const auto properties =
      std::ranges::find(object.as_object(), "properties", &Json::Object::value_type::first);
  properties->second.as_object().emplace_back(name, std::move(member));
  return object;
}

Json party_schema() {
  Json::Object fields;
  for (const std::string_view field : store::kRequisiteFields)
    fields.emplace_back(field, schema::string());
  return schema::object(
      {{"fields", schema::object(std::move(fields), {"inn"}, "What a card would get; those known")},
       {"legal_form", schema::string("Its short name; empty: not told")},
       {"warnings", schema::array(schema::string(), "What was dropped, and why")}},
      {"fields", "legal_form", "warnings"});
}

Json cleaned_schema() {
  Json address = with(texts_schema(members_of(Address{})), "quality",
                      schema::one_of({"good", "assumed", "ambiguous"},
                                     "assumed: something was added; ambiguous: others fit too"));
  Json phone = with(texts_schema(members_of(CleanPhone{})), "is_foreign", schema::boolean());
  return schema::object({{"address", schema::nullable(std::move(address))},
                         {"phone", schema::nullable(std::move(phone))}},
                        {"address", "phone"});
}

Json items_schema(Json item) {
  return schema::object({{"items", schema::array(std::move(item), "The best first")}}, {"items"});
}

Route lookup_route(std::string_view path, std::string operation, std::string summary, Json answer) {
  return {.method = Method::get,
          .path = std::string(kApiPrefix) + "/lookup" + std::string(path),
          .access = Access::scope,
          .scope = "counterparty:read",
          .operation_id = std::move(operation),
          .summary = std::move(summary),
          .tag = "lookup",
          .answers = {
              {.doc = "As found", .media_type = std::string(kJson), .schema = std::move(answer)}}};
}

std::vector<Parameter> question_parameters() {
  return {{.name = "q",
           .doc = "What was typed: 1 to 300 characters",
           .schema = schema::string(),
           .required = true},
          {.name = "limit",
           .doc = "How many at most: 1 to 20; without it 10",
           .schema = schema::integer()}};
}

Route clean_route(const LookupContext& context) {
  Route route =
      lookup_route("/clean", "clean", "Spell an address or a phone as it should be; costs money",
                   cleaned_schema());
  route.method = Method::post;
  route.scope = "counterparty:write";
  route.handler = [context](Request& request, Response& response) {
    return clean(context, request, response);
  };
  route.parameters = {{.name = "Idempotency-Key",
                       .place = ParameterPlace::header,
                       .doc = "Makes a repetition free for 72 h; at most 255 characters",
                       .schema = schema::string()}};
  route.request_media_types = {std::string(kJson)};
  route.request_schema = schema::object(
      {{"address", schema::string("Either this")}, {"phone", schema::string("or this")}}, {},
      "One of them, of 1 to 300 characters");
  route.max_body_bytes = context.max_body_bytes;
  return route;
}

}  // namespace

void add_lookup_routes(std::vector<Route>& routes, const ApiServices& services,
                       const ApiOptions& options) {
  const LookupContext context{services, options.max_json_bytes};
  Route parties = lookup_route("/parties", "lookup_parties", "Companies by name, INN or address",
                               items_schema(party_schema()));
  parties.parameters = question_parameters();
  parties.handler = [context](Request& request, Response& response) {
    return find_parties(context, request, response);
  };
  routes.push_back(std::move(parties));

  Route addresses = lookup_route("/addresses", "lookup_addresses", "Addresses that fit",
                                 items_schema(texts_schema(members_of(Address{}))));
  addresses.parameters = question_parameters();
  addresses.handler = [context](Request& request, Response& response) {
    return find_addresses(context, request, response);
  };
  routes.push_back(std::move(addresses));

  Route bank = lookup_route("/banks/{bik}", "lookup_bank", "A bank by its BIK",
                            with(texts_schema(members_of(Bank{})), "warnings",
                                 schema::array(schema::string(), "What was dropped, and why")));
  bank.parameters = {{.name = "bik",
                      .place = ParameterPlace::path,
                      .doc = "9 digits",
                      .schema = schema::string(),
                      .required = true}};
  bank.handler = [context](Request& request, Response& response) {
    return show_bank(context, request, response);
  };
  routes.push_back(std::move(bank));
  routes.push_back(clean_route(context));
}

}  // namespace c360::api
