// Requests made from the OpenAPI document, within what it describes and around it, against a server
// with one record of each kind: every answer is a declared one, none is a 5xx, none is missing.
//
// C360_FUZZ_SEED repeats a run (a failure prints its seed and the number of the request),
// C360_FUZZ_REQUESTS sets how many there are.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "daemon/base/text.h"
#include "tests/api/api_fixture.h"
#include "tests/api/rights_table.h"

namespace c360::api {
namespace {

// A sanitizer or a build without optimisation is slow; the whole number is for the release build.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRequests = 300;
#elif defined(__OPTIMIZE__)
constexpr std::uint64_t kRequests = 10'000;
#else
constexpr std::uint64_t kRequests = 1'000;
#endif
constexpr std::uint64_t kSeed = 360;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') || std::string_view("-._~*,:").contains(c);
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kHex[byte >> 4U];
      encoded += kHex[byte & 15U];
    }
  }
  return encoded;
}

// The keys of what is there, by kind.
using Keys = std::map<std::string, std::vector<std::string>, std::less<>>;

// Makes the values: fitting a schema, or not.
class ValueMaker {
 public:
  ValueMaker(const Json& document, const Keys& keys, std::uint64_t seed)
      : document_(document), keys_(keys), random_(seed) {}

  // Whether something happens that happens so many times in a hundred.
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
  std::size_t below(std::size_t limit) { return random_() % limit; }
  template <typename List>
  const typename List::value_type& one_of(const List& list) {
    return list[below(list.size())];
  }

  const Json& resolved(const Json& schema) const {
    const Json* node = &schema;
    while (const Json* reference = node->find("$ref")) {
      node = &document_;
      const auto parts = split(reference->as_string(), '/');
      for (std::size_t i = 1; i < parts.size(); ++i) node = node->find(parts[i]);
    }
    return *node;
  }

  std::string key_of(std::string_view kind) {
    const auto found = keys_.find(kind);
    if (found == keys_.end() || found->second.empty() || chance(8)) return odd_text();
    return one_of(found->second);
  }

  Json fitting(const Json& unresolved, int depth = 0) {
    const Json& schema = resolved(unresolved);
    if (const Json* choices = schema.find("anyOf")) {
      return fitting(one_of(choices->as_array()), depth + 1);
    }
    if (const Json* codes = schema.find("enum")) return one_of(codes->as_array());
    if (const Json* examples = schema.find("examples")) return one_of(examples->as_array());
    const Json* type = schema.find("type");
    if (type == nullptr) return depth > 3 ? Json() : odd(depth + 1);
    const std::string name =
        type->is_string() ? type->as_string() : one_of(type->as_array()).as_string();
    if (name == "null") return {};
    if (name == "boolean") return chance(50);
    if (name == "integer") return number(schema);
    if (name == "string") return text(schema);
    if (name == "array") return array(schema, depth);
    return object(schema, depth);
  }

  // Anything at all.
  Json odd(int depth = 0) {
    switch (below(depth > 3 ? 8 : 10)) {
      case 0:
        return {};
      case 1:
        return chance(50);
      case 2:
        return Json(Json::Number{std::string(one_of(kNumbers))});
      case 3:
        return Json(Json::Number{std::to_string(static_cast<std::int64_t>(random_()))});
      case 8: {
        Json::Array items;
        for (std::size_t i = below(4); i > 0; --i) items.push_back(odd(depth + 1));
        return items;
      }
      case 9: {
        Json made = Json::Object{};
        for (std::size_t i = below(4); i > 0; --i) made.set(odd_text(), odd(depth + 1));
        return made;
      }
      default:
        return odd_text();
    }
  }

  std::string odd_text() {
    if (chance(2)) return std::string(20'000, 'x');
    return std::string(one_of(kTexts));
  }

  // The body with something about it changed.
  Json spoilt(Json body) {
    if (!body.is_object() || body.as_object().empty() || chance(10)) return odd();
    for (std::size_t i = 1 + below(3); i > 0 && !body.as_object().empty(); --i) {
      Json::Object& members = body.as_object();
      Json::Member& member = members[below(members.size())];
      switch (below(5)) {
        case 0:
          std::swap(member, members.back());
          members.pop_back();
          break;
        case 1:
          body.set("field_" + std::to_string(below(9)), odd());
          break;
        case 2:
          if (member.second.is_object()) {
            member.second = spoilt(std::move(member.second));
            break;
          }
          [[fallthrough]];
        default:
          member.second = odd();
      }
    }
    return body;
  }

 private:
  static constexpr std::array<std::string_view, 12> kNumbers = {"0",
                                                                "-1",
                                                                "1.5",
                                                                "1e3",
                                                                "2147483648",
                                                                "9223372036854775807",
                                                                "9223372036854775808",
                                                                "-0",
                                                                "1e400",
                                                                "0.01",
                                                                "-999999999",
                                                                "17"};
  static constexpr std::array<std::string_view, 31> kTexts = {"",
                                                              " ",
                                                              "0",
                                                              "-1",
                                                              "17",
                                                              "999999",
                                                              "9223372036854775807",
                                                              "9223372036854775808",
                                                              "1.5",
                                                              "abc",
                                                              "null",
                                                              "true",
                                                              "*",
                                                              "2026-01-31",
                                                              "2026-02-30",
                                                              "2026-01-31T10:15:00Z",
                                                              "0001-01-01",
                                                              "infinity",
                                                              "новый",
                                                              "'; DROP TABLE crm.deal; --",
                                                              "%",
                                                              "\\",
                                                              "\"",
                                                              "a,b,,c",
                                                              "../../etc",
                                                              "inn:7707083893",
                                                              "external_ids.x:1",
                                                              std::string_view("a\0b", 3),
                                                              "\xFF",
                                                              "\xF0\x9F\x98\x80",
                                                              "<p onclick='x'>y</p>"};

  Json number(const Json& schema) {
    if (const auto kind = referenced(schema); kind && chance(90)) {
      const auto found = keys_.find(*kind);
      if (found != keys_.end() && !found->second.empty()) {
        return Json(Json::Number{one_of(found->second)});
      }
    }
    const Json* minimum = schema.find("minimum");
    return static_cast<std::int64_t>(below(100)) + (minimum != nullptr ? *minimum->as_int64() : 0);
  }

  Json text(const Json& schema) {
    if (const auto kind = referenced(schema); kind && chance(90)) {
      const auto found = keys_.find(*kind);
      if (found != keys_.end() && !found->second.empty()) return Json(one_of(found->second));
    }
    if (const Json* format = schema.find("format")) {
      return format->as_string() == "date" ? "2026-03-0" + std::to_string(1 + below(9))
                                           : "2026-03-01T10:15:0" + std::to_string(below(9)) + "Z";
    }
    if (schema.find("pattern") != nullptr) return std::to_string(below(1'000));
    if (const Json* most = schema.find("maxLength"); most != nullptr && chance(5)) {
      return std::string(static_cast<std::size_t>(*most->as_int64()), 'y');
    }
    return chance(85) ? "text " + std::to_string(below(1'000)) : odd_text();
  }

  Json array(const Json& schema, int depth) {
    Json::Array items;
    for (std::size_t i = below(depth > 2 ? 1 : 3); i > 0; --i) {
      items.push_back(fitting(*schema.find("items"), depth + 1));
    }
    return items;
  }

  Json object(const Json& schema, int depth) {
    Json made = Json::Object{};
    const Json* properties = schema.find("properties");
    if (properties == nullptr) return made;
    const Json* required = schema.find("required");
    for (const auto& [name, member] : properties->as_object()) {
      const bool needed =
          required != nullptr &&
          std::ranges::find(required->as_array(), Json(name)) != required->as_array().end();
      // What may not be null is mostly asked for.
      const Json* type = resolved(member).find("type");
      const bool wanted = type != nullptr && type->is_string() && type->as_string() != "array";
      if (needed || (depth < 3 && chance(wanted ? 85 : 12))) {
        made.set(name, fitting(member, depth + 1));
      }
    }
    return made;
  }

  // Descriptions of references end with the kind they name.
  static std::optional<std::string_view> referenced(const Json& schema) {
    constexpr std::string_view kMark = "References: ";
    const Json* description = schema.find("description");
    if (description == nullptr) return std::nullopt;
    const std::string_view said = description->as_string();
    const auto at = said.find(kMark);
    if (at == std::string_view::npos) return std::nullopt;
    return said.substr(at + kMark.size());
  }

  const Json& document_;
  const Keys& keys_;
  std::mt19937_64 random_;
};

struct FuzzedOperation {
  std::string method;
  std::string path;
  const Json* says;
};

class RequestFuzz : public ApiTest {
 protected:
  void SetUp() override {
    // A reader that waits gets its answer soon.
    options_.limits.max_event_wait = std::chrono::milliseconds{20};
    ApiTest::SetUp();
    make_records([this](const std::string& statement) { sql(statement); },
                 [this] {
                   for (const std::string& name : people_of_records()) {
                     sql("INSERT INTO public.person VALUES ('" + name + "', " +
                         std::to_string(add_user(name)) + ") RETURNING 1");
                   }
                 });
    for (const auto& resource : registry_->all()) {
      const auto rows = database_->execute(
          store::Pool::work, {"", "SELECT " + std::string(resource->key) + "::text FROM " +
                                      std::string(resource->table) + " ORDER BY 1 LIMIT 20"});
      ASSERT_TRUE(rows);
      auto& keys = keys_[std::string(resource->kind)];
      for (int i = 0; i < rows->size(); ++i) keys.emplace_back(rows->text(i, 0));
    }
    for (const auto& [path, item] : validator_->document().find("paths")->as_object()) {
      for (const auto& [method, operation] : item.as_object()) {
        operations_.push_back({to_upper(method), path, &operation});
      }
    }
  }

  // The user is fuzzed too: his token revoked, his group emptied. Then comes another.
  void sign_in(const std::string& group) {
    const auto user = add_user("fuzzer", {group});
    user_ = HttpClient(port(), add_token(user, {"admin"}));
    user_.on_exchange(
        [this](const HttpExchange& exchange) { faults_ = validator_->check(exchange); });
  }

  HttpAnswer send(ValueMaker& make, const FuzzedOperation& operation, std::string& said) {
    const Json* tags = operation.says->find("tags");
    const std::string kind = tags == nullptr ? "" : tags->as_array().front().as_string();
    std::string target;
    for (const std::string_view segment : split(operation.path, '/')) {
      if (segment.empty()) continue;
      const bool is_key = segment.starts_with('{');
      target +=
          "/" + (is_key ? percent_encoded(key_for(make, segment, kind)) : std::string(segment));
    }
    testing::HttpHeaders headers;
    if (const Json* parameters = operation.says->find("parameters")) {
      add_parameters(make, *parameters, target, headers);
    }
    if (make.chance(20)) headers.emplace_back("Accept-Language", make.chance(50) ? "ru" : "en");
    std::string body;
    if (const Json* request = operation.says->find("requestBody")) {
      body = body_of(make, *request, headers);
    }
    said = operation.method + " " + target;
    for (const auto& [name, value] : headers) said += "\n" + name + ": " + value;
    said += "\n\n" + body.substr(0, 4'000);
    return user_.request(operation.method, target, std::move(headers), body);
  }

  static std::string key_for(ValueMaker& make, std::string_view segment, const std::string& kind) {
    std::string key;
    if (segment == "{id}") {
      key = make.key_of(kind == "record" ? "deal" : kind);
    } else {
      key = make.chance(80) ? make.key_of("user") : make.odd_text();
    }
    return key.empty() ? "0" : key;
  }

  static void add_parameters(ValueMaker& make, const Json& parameters, std::string& target,
                             testing::HttpHeaders& headers) {
    const auto usual = static_cast<int>(100 / (parameters.as_array().size() + 1));
    for (const Json& parameter : parameters.as_array()) {
      const std::string& place = parameter.find("in")->as_string();
      std::string name = parameter.find("name")->as_string();
      const bool required = parameter.find("required") != nullptr;
      if (place == "path") continue;
      if (place == "header") {
        if (make.chance(required ? 90 : 30)) headers.emplace_back(name, header_value(make, name));
        continue;
      }
      if (!make.chance(required ? 95 : std::min(usual, 30))) continue;
      if (make.chance(10)) name += "." + std::string(make.one_of(kOperators));
      const Json value =
          make.chance(70) ? make.fitting(*parameter.find("schema")) : Json(make.odd_text());
      target += target.contains('?') ? '&' : '?';
      target += percent_encoded(name) + "=" +
                percent_encoded(value.is_string() ? value.as_string() : value.dump());
    }
  }

  static std::string header_value(ValueMaker& make, const std::string& name) {
    if (name == "If-Match") return make.chance(70) ? "*" : make.one_of(kTags);
    if (name == "Idempotency-Key") return "key-" + std::to_string(make.below(200));
    if (name == "Range") return make.one_of(kRanges);
    return "17";
  }

  static std::string body_of(ValueMaker& make, const Json& request, testing::HttpHeaders& headers) {
    const auto& [type, media] = make.one_of(request.find("content")->as_object());
    headers.emplace_back("Content-Type", make.chance(3)  ? "text/plain"
                                         : type == "*/*" ? "application/pdf"
                                                         : type);
    if (make.chance(3)) return make.one_of(kBroken);
    if (!type.ends_with("json")) return make.odd_text();
    Json body = make.fitting(*media.find("schema"));
    if (make.chance(30)) body = make.spoilt(std::move(body));
    return body.dump();
  }

  // What was made can be asked for from now on.
  void remember(const FuzzedOperation& operation, const HttpAnswer& answer) {
    if (answer.status != 201 || answer.header("content-type") != "application/json") return;
    const auto body = Json::parse(answer.body);
    const Json* id = body ? body->find("id") : nullptr;
    const Json* tags = operation.says->find("tags");
    if (id == nullptr || !id->is_number() || tags == nullptr) return;
    keys_[tags->as_array().front().as_string()].push_back(id->number_text());
  }

  static constexpr std::array<std::string_view, 10> kOperators = {
      "ne", "gt", "gte", "lt", "lte", "in", "like", "null", "odd", ""};
  static constexpr std::array<const char*, 5> kTags = {"\"1\"", "\"2\"", "W/\"1\"", "1", "\"x"};
  static constexpr std::array<const char*, 5> kRanges = {"bytes=0-", "bytes=1-1", "bytes=-5",
                                                         "bytes=9-1", "lines=1"};
  static constexpr std::array<const char*, 8> kBroken = {
      "{",    "[]",
      "null", "{\"a\":1,\"a\":2}",
      "\xFF", "{\"name\":\"\xC3\"}",
      "{}{}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};

  void fuzz(const std::string& group, std::uint64_t requests);

  Keys keys_;
  std::vector<FuzzedOperation> operations_;
  HttpClient user_{0};
  std::vector<std::string> faults_;  // of the last exchange
};

// What stands behind a service outside that no test of this file connects says so, and only that.
bool is_not_connected(const FuzzedOperation& operation, const HttpAnswer& answer) {
  constexpr std::array<std::string_view, 4> kOutside = {
      "/lookup/", "/autofill", "/documents/{id}/preview", "/document-templates/{code}/preview"};
  return answer.status == 503 && answer.field("code") == "not_connected" &&
         std::ranges::any_of(kOutside, [&](auto part) { return operation.path.contains(part); });
}

void RequestFuzz::fuzz(const std::string& group, std::uint64_t requests) {
  const std::uint64_t seed = setting("C360_FUZZ_SEED", kSeed);
  ValueMaker make(validator_->document(), keys_, seed);
  std::ranges::shuffle(operations_, std::mt19937_64(seed));
  sign_in(group);
  std::map<int, int> met;
  int failures = 0;
  for (std::uint64_t i = 0; i < requests && failures < 20; ++i) {
    const FuzzedOperation& operation = operations_[i % operations_.size()];
    std::string said;
    const HttpAnswer answer = send(make, operation, said);
    ++met[answer.status];
    if (answer.status == 0) faults_.emplace_back("no answer");
    if (answer.status >= 500 && !is_not_connected(operation, answer)) {
      faults_.emplace_back("a 5xx");
    }
    for (const std::string& fault : faults_) {
      ++failures;
      ADD_FAILURE() << "C360_FUZZ_SEED=" << seed << ", request " << i << ": " << fault << "\n"
                    << said << "\n-> " << answer.status << " " << answer.body.substr(0, 1'000);
    }
    remember(operation, answer);
    if (answer.status == 401) sign_in(group);
  }
  for (const auto& [status, count] : met) RecordProperty("status_" + std::to_string(status), count);
  EXPECT_GT(met[200] + met[201] + met[204], static_cast<int>(requests / 20))
      << "most of it never got past the first check";
}

TEST_F(RequestFuzz, NoRequestIsAnsweredByWhatIsNotDeclared) {
  fuzz("crm-administrators", setting("C360_FUZZ_REQUESTS", kRequests));
}

// Who may not do everything goes other ways: through predicates of rights, and refusals.
TEST_F(RequestFuzz, NoRequestOfAManagerIsEither) {
  fuzz("crm-manager", setting("C360_FUZZ_REQUESTS", kRequests) / 2);
}

}  // namespace
}  // namespace c360::api
