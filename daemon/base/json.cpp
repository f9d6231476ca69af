#include "daemon/base/json.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "daemon/base/foreign_json.h"
#include "daemon/base/text.h"

namespace c360 {

namespace {

struct Strictness {
  std::size_t depth = 32;
  bool last_wins = false;  // of a name that stands twice; otherwise the text is refused
};
constexpr Strictness kForeign{.depth = 64, .last_wins = true};
// Names are compared with each other: without a bound a body of 1 MB costs minutes.
constexpr std::size_t kMaxMembers = 1000;

// Builds Json from nlohmann's events; the first broken rule ends the parse.
constexpr std::size_t kMaxProblemBytes = 500;

class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(Strictness strictness) : strictness_(strictness) {}

  bool null() override { return put(Json{}); }
  bool boolean(bool value) override { return put(Json{value}); }
  bool number_integer(number_integer_t value) override {
    return put(Json{Json::Number{std::to_string(value)}});
  }
  bool number_unsigned(number_unsigned_t value) override {
    return put(Json{Json::Number{std::to_string(value)}});
  }
  bool number_float(number_float_t /*value*/, const string_t& spelling) override {
    return put(Json{Json::Number{spelling}});
  }
  bool string(string_t& value) override { return put(Json{std::move(value)}); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(Json{Json::Object{}}); }
  bool key(string_t& name) override {
    const auto& members = stack_.back().as_object();
    if (members.size() >= kMaxMembers) {
      problem_ = "more than " + std::to_string(kMaxMembers) + " names in one object";
      return false;
    }
    if (!strictness_.last_wins &&
        std::ranges::any_of(members, [&](const Json::Member& m) { return m.first == name; })) {
      problem_ = "the name \"" + name + "\" stands twice in one object";
      return false;
    }
    names_.push_back(std::move(name));
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(Json{Json::Array{}}); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …": the id says nothing
    // to a person.
    std::string text = error.what();
    const auto end = text.find("] ");
    if (end != std::string::npos) text.erase(0, end + 2);
    // It shows what was read last, be that no UTF-8 or all of a long text.
    problem_ = utf8_prefix(replace_invalid_utf8(text), kMaxProblemBytes);
    return false;
  }

  Json take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

 private:
  bool open(Json container) {
    if (stack_.size() >= strictness_.depth) {
      problem_ = "nested deeper than " + std::to_string(strictness_.depth) + " levels";
      return false;
    }
    stack_.push_back(std::move(container));
    return true;
  }
  bool close() {
    Json done = std::move(stack_.back());
    stack_.pop_back();
    return put(std::move(done));
  }
  bool put(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (stack_.back().is_array()) {
      stack_.back().as_array().push_back(std::move(value));
    } else {
      if (strictness_.last_wins) {
        stack_.back().set(std::move(names_.back()), std::move(value));
      } else {
        stack_.back().as_object().emplace_back(std::move(names_.back()), std::move(value));
      }
      names_.pop_back();
    }
    return true;
  }

  Strictness strictness_;
  Json root_;
  std::vector<Json> stack_;
  std::vector<std::string> names_;
  std::string problem_;
};

Result<Json> parsed(std::string_view text, Strictness strictness) {
  Builder builder{strictness};
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    return fail(ErrorCode::invalid_request, "not valid JSON: " + builder.problem(), "invalid_json");
  return builder.take();
}

}  // namespace

std::optional<std::int64_t> Json::as_int64() const {
  if (!is_number()) return std::nullopt;
  const std::string& text = number_text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

const Json* Json::find(std::string_view name) const {
  if (!is_object()) return nullptr;
  for (const Member& member : as_object())
    if (member.first == name) return &member.second;
  return nullptr;
}

Json& Json::set(std::string name, Json value) {
  if (is_null()) value_ = Object{};
  for (Member& member : as_object()) {
    if (member.first == name) {
      member.second = std::move(value);
      return *this;
    }
  }
  as_object().emplace_back(std::move(name), std::move(value));
  return *this;
}

std::string_view Json::type_name() const {
  constexpr std::array<std::string_view, 6> kNames = {"null",   "boolean", "number",
                                                      "string", "array",   "object"};
  return kNames[value_.index()];
}

Result<Json> Json::parse(std::string_view text) { return parsed(text, {}); }

Result<Json> parse_foreign_json(std::string_view text) { return parsed(text, kForeign); }

std::string Json::dump() const {
  JsonWriter writer;
  writer.value(*this);
  return writer.take();
}

struct JsonWriter::State {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
};

namespace {
rapidjson::SizeType size_of(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}
// RapidJSON refuses a null pointer, which an empty string_view may hold.
const char* data_of(std::string_view text) { return text.data() == nullptr ? "" : text.data(); }
}  // namespace

JsonWriter::JsonWriter() : state_(std::make_unique<State>()) {}
JsonWriter::~JsonWriter() = default;

JsonWriter& JsonWriter::begin_object() {
  state_->writer.StartObject();
  return *this;
}
JsonWriter& JsonWriter::end_object() {
  state_->writer.EndObject();
  return *this;
}
JsonWriter& JsonWriter::begin_array() {
  state_->writer.StartArray();
  return *this;
}
JsonWriter& JsonWriter::end_array() {
  state_->writer.EndArray();
  return *this;
}
JsonWriter& JsonWriter::key(std::string_view name) {
  state_->writer.Key(data_of(name), size_of(name));
  return *this;
}
JsonWriter& JsonWriter::null() {
  state_->writer.Null();
  return *this;
}
JsonWriter& JsonWriter::boolean(bool value) {
  state_->writer.Bool(value);
  return *this;
}
JsonWriter& JsonWriter::integer(std::int64_t value) {
  state_->writer.Int64(value);
  return *this;
}
JsonWriter& JsonWriter::number(std::string_view spelling) {
  state_->writer.RawValue(data_of(spelling), spelling.size(), rapidjson::kNumberType);
  return *this;
}
JsonWriter& JsonWriter::string(std::string_view utf8) {
  state_->writer.String(data_of(utf8), size_of(utf8));
  return *this;
}
JsonWriter& JsonWriter::raw(std::string_view json) {
  state_->writer.RawValue(data_of(json), json.size(), rapidjson::kObjectType);
  return *this;
}

JsonWriter& JsonWriter::value(const Json& json) {
  if (json.is_null()) return null();
  if (json.is_bool()) return boolean(json.as_bool());
  if (json.is_number()) return number(json.number_text());
  if (json.is_string()) return string(json.as_string());
  if (json.is_array()) {
    begin_array();
    for (const Json& element : json.as_array()) value(element);
    return end_array();
  }
  begin_object();
  for (const auto& [name, member] : json.as_object()) key(name).value(member);
  return end_object();
}

std::string_view JsonWriter::view() const {
  return {state_->buffer.GetString(), state_->buffer.GetSize()};
}
std::string JsonWriter::take() {
  std::string text{view()};
  clear();
  return text;
}
void JsonWriter::clear() {
  state_->buffer.Clear();
  state_->writer.Reset(state_->buffer);
}

}  // namespace c360
