// Every field a client may write, with values that are not for it: one typed error for each, all at
// once, in the language asked for. The table is the declarations themselves.
#include <optional>
#include <set>

#include "api/schema.h"
#include "tests/api/api_fixture.h"
#include "tests/api/rights_table.h"

namespace c360::api {
namespace {

using store::Field;
using store::FieldType;

bool is_text(const Field& field) {
  switch (field.type) {
    case FieldType::text:
    case FieldType::html:
    case FieldType::citext:
    case FieldType::email:
    case FieldType::phone:
    case FieldType::url:
    case FieldType::code:
    case FieldType::directory:
      return true;
    default:
      return false;
  }
}

// What is not of the field's type, whatever that is. JSON takes any value.
std::optional<Json> of_another_type(const Field& field) {
  if (field.type == FieldType::json) return std::nullopt;
  return Json::Object{{"of", "another type"}};
}

std::optional<Json> too_long(const Field& field) {
  if (field.is_array()) return Json(Json::Array(1'001, Json(1)));
  if (!is_text(field)) return std::nullopt;
  const std::size_t most = field.type == FieldType::html ? 1'000'000 : 65'536;
  return Json(std::string((field.length_limit > 0 ? field.length_limit : most) + 1, 'x'));
}

// Of the right type, and nevertheless nothing that could be meant.
std::optional<Json> impossible(const Field& field) {
  switch (field.type) {
    case FieldType::integer:
      return Json(Json::Number{"99999999999999999999"});
    case FieldType::money:
      return Json("1.2345");
    case FieldType::decimal:
      return Json("1.23456789012345678901");
    case FieldType::date:
      return Json("2026-02-30");
    case FieldType::timestamp:
      return Json("2026-02-30T25:00:00Z");
    case FieldType::interval:
      return Json("half an hour");
    case FieldType::email:
      return Json("nobody");
    case FieldType::url:
      return Json("javascript:alert(1)");
    case FieldType::bytes:
      return Json("xyz");
    case FieldType::reference:
      return Json(Json::Number{"-17"});
    case FieldType::directory:
      return Json("no such code");
    case FieldType::text_array:
      return Json(Json::Array{Json(1)});
    case FieldType::integer_array:
      return Json(Json::Array{Json("one")});
    case FieldType::boolean:
    case FieldType::json:
      return std::nullopt;
    case FieldType::text:
    case FieldType::html:
    case FieldType::citext:
    case FieldType::phone:
    case FieldType::code:
      break;
  }
  if (!field.choices.empty()) return Json("no such choice");
  if (field.check != nullptr && field.check("?")) return Json("?");
  return Json(std::string("with a zero\0inside", 18));
}

struct Mistake {
  std::string_view name;
  std::optional<Json> (*value)(const Field& field);
};
constexpr Mistake kMistakes[] = {
    {"another type", of_another_type}, {"too long", too_long}, {"impossible", impossible}};

bool is_russian(std::string_view text) {
  return text.find("\xD0") != std::string_view::npos || text.find("\xD1") != std::string_view::npos;
}

class BadInput : public ApiTest {
 protected:
  void SetUp() override {
    // All the fields of a kind too long at once are more than a request may hold.
    options_.max_json_bytes = std::uint64_t{16} * 1024 * 1024;
    ApiTest::SetUp();
    make_records([this](const std::string& statement) { sql(statement); },
                 [this] {
                   for (const std::string& name : people_of_records()) {
                     sql("INSERT INTO public.person VALUES ('" + name + "', " +
                         std::to_string(add_user(name)) + ") RETURNING 1");
                   }
                 });
    token_ = add_token(add_user("admin", {"crm-administrators"}), {"admin"});
  }

  bool takes_fields(Method method, const std::string& path) const {
    return std::ranges::any_of(api_->router().routes(), [&](const Route& route) {
      return route.method == method && route.path == path &&
             std::ranges::find(route.request_media_types, "application/json") !=
                 route.request_media_types.end();
    });
  }

  // Sends the mistake in every field at once, in both languages.
  void send(Method method, const std::string& path, const store::Resource& resource,
            const Mistake& mistake) {
    const std::string place =
        std::string(to_string(method)) + " " + path + ", " + std::string(mistake.name);
    Json body = Json::Object{};
    std::set<std::string> wanted;
    for (const Field& field : resource.fields) {
      if (!is_writable(field, method == Method::post)) continue;
      auto value = mistake.value(field);
      if (!value) continue;
      body.set(std::string(field.name), std::move(*value));
      wanted.insert("/" + std::string(field.name));
    }
    if (wanted.empty()) return;
    HttpClient client(port(), token_);
    const auto ask = [&](std::string_view language) {
      return client.request(to_string(method), path,
                            {{"Content-Type", "application/json"},
                             {"If-Match", "*"},
                             {"Accept-Language", std::string(language)}},
                            body.dump());
    };
    const HttpAnswer english = ask("en");
    const HttpAnswer russian = ask("ru");
    ASSERT_EQ(english.status, 422) << place << english.body.substr(0, 2'000);
    ASSERT_EQ(russian.status, 422) << place << russian.body.substr(0, 2'000);
    const Json in_english = english.json();
    const Json in_russian = russian.json();
    const auto& thought = in_english.find("errors")->as_array();
    const auto& said = in_russian.find("errors")->as_array();
    ASSERT_EQ(said.size(), thought.size()) << place;
    std::set<std::string> pointers;
    for (std::size_t i = 0; i < thought.size(); ++i) {
      const std::string& pointer = thought[i].find("pointer")->as_string();
      // Of an array its elements may be named instead.
      pointers.insert(pointer.substr(0, pointer.find('/', 1)));
      EXPECT_NE(thought[i].find("code")->as_string(), "") << place << pointer;
      EXPECT_EQ(said[i].find("pointer")->as_string(), pointer) << place;
      EXPECT_EQ(said[i].find("code")->as_string(), thought[i].find("code")->as_string()) << place;
      const std::string& detail = said[i].find("detail")->as_string();
      EXPECT_TRUE(is_russian(detail)) << place << pointer << ": " << detail;
      EXPECT_FALSE(detail.starts_with("Значение не принято: "))
          << place << pointer << ": " << detail;
      EXPECT_NE(thought[i].find("detail")->as_string(), "") << place << pointer;
    }
    for (const std::string& pointer : wanted) {
      EXPECT_TRUE(pointers.contains(pointer))
          << place << ": nothing said of " << pointer << ": "
          << body.find(pointer.substr(1))->dump().substr(0, 100);
    }
    fields_ += static_cast<int>(wanted.size());
  }

  // The key of one that is there; empty: there is none.
  std::string any_key(const store::Resource& resource) const {
    const std::string alive = resource.soft_delete ? " WHERE deleted_at IS NULL" : "";
    const auto rows = database_->execute(
        store::Pool::work, {"", "SELECT " + std::string(resource.key) + "::text FROM " +
                                    std::string(resource.table) + alive + " ORDER BY 1 LIMIT 1"});
    EXPECT_TRUE(rows);
    return !rows || rows->empty() ? std::string() : std::string(rows->text(0, 0));
  }
  // A value for a field that must be sent.
  Json some_value(const Field& field) const {
    switch (field.type) {
      case FieldType::boolean:
        return true;
      case FieldType::integer:
        return 1;
      case FieldType::money:
      case FieldType::decimal:
        return "1.00";
      case FieldType::date:
        return "2026-03-01";
      case FieldType::timestamp:
        return "2026-03-01T10:00:00Z";
      case FieldType::interval:
        return "PT1H";
      case FieldType::email:
        return "a@customer.example";
      case FieldType::url:
        return "https://customer.example/";
      case FieldType::reference:
        return Json(Json::Number{any_key(registry_->get(field.target))});
      case FieldType::directory:
        return any_key(registry_->get(field.target));
      case FieldType::text_array:
      case FieldType::integer_array:
        return Json::Array{};
      case FieldType::json:
        return Json::Object{};
      default:
        if (!field.choices.empty()) return Json(std::string(field.choices.front().code));
        if (field.name == "sender") return Json("@customer.example");
        if (field.name == "record_kind") return Json("deal");
        return Json(field.name == "field" ? "description" : "x");
    }
  }
  // By the API, of what must be sent.
  void make_row(const store::Resource& resource) {
    Json body = Json::Object{};
    for (const Field& field : resource.fields) {
      // A mail has a subject.
      const bool wanted = (field.is_not_null && !field.default_value) ||
                          field.name == resource.key || field.name.starts_with("subject_");
      const bool sent = is_writable(field, true) && wanted;
      if (sent) body.set(std::string(field.name), some_value(field));
    }
    HttpClient client(port(), token_);
    const auto made =
        client.post(std::string(kApiPrefix) + "/" + std::string(resource.path), body.dump());
    EXPECT_EQ(made.status, 201) << resource.kind << ": " << body.dump() << made.body;
  }

  std::string token_;
  int fields_ = 0;
};

TEST_F(BadInput, OfEveryFieldOfANewRecordIsSaidAtOnceInBothLanguages) {
  for (const auto& resource : registry_->all()) {
    const std::string path = std::string(kApiPrefix) + "/" + std::string(resource->path);
    if (!takes_fields(Method::post, path) || !resource->offers(store::Operation::create)) continue;
    for (const Mistake& mistake : kMistakes) send(Method::post, path, *resource, mistake);
  }
  EXPECT_GT(fields_, 1'000);
}

TEST_F(BadInput, OfATokenToo) {
  HttpClient client(port(), token_);
  const auto answer = client.post("/api/v1/tokens",
                                  R"({"login": 1, "name": [], "scopes": [1], "expires_at": "x",
                                      "a/b": 1})");
  EXPECT_EQ(answer.status, 422) << answer.body;
  const Json problem = answer.json();
  std::set<std::string> pointers;
  for (const Json& error : problem.find("errors")->as_array()) {
    pointers.insert(error.find("pointer")->as_string());
  }
  EXPECT_EQ(pointers,
            (std::set<std::string>{"/login", "/name", "/scopes", "/expires_at", "/a~1b"}));
}

TEST_F(BadInput, OfEveryFieldThatMayChangeIsSaidAtOnceInBothLanguages) {
  for (const auto& resource : registry_->all()) {
    const std::string path = std::string(kApiPrefix) + "/" + std::string(resource->path);
    if (!takes_fields(Method::patch, path + "/{id}")) continue;
    std::string key = any_key(*resource);
    if (key.empty()) {
      make_row(*resource);
      key = any_key(*resource);
    }
    EXPECT_NE(key, "") << resource->kind << " has no row to change";
    if (key.empty()) continue;
    const std::string item = path + "/" + key;
    for (const Mistake& mistake : kMistakes) send(Method::patch, item, *resource, mistake);
  }
  EXPECT_GT(fields_, 1'000);
}

}  // namespace
}  // namespace c360::api
