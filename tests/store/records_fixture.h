// A database with the model, Records over it, and the people of a small sales department.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/json.h"
#include "store/database.h"
#include "store/records.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::testing {

inline std::optional<store::NormalisedPhone> normalise_for_test(std::string_view raw) {
  std::string digits;
  for (const char c : raw) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (digits.size() == 11 && digits.front() == '8') digits.front() = '7';
  if (digits.size() == 10) digits = "7" + digits;
  if (digits.size() != 11) return std::nullopt;
  return store::NormalisedPhone{"+" + digits, ""};
}

// Keeps what a simple reader of these tests can follow: drops <script>…</script>.
inline std::string sanitise_for_test(std::string_view html) {
  std::string text(html);
  const std::size_t begin = text.find("<script");
  if (begin == std::string::npos) return text;
  const std::size_t end = text.find("</script>", begin);
  text.erase(begin, end == std::string::npos ? std::string::npos : end + 9 - begin);
  return text;
}

class RecordsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_ = TempPostgres::shared().create_options();
    database_ = std::make_unique<store::Database>(options_, quiet_.observer);
    store::RecordsOptions options;
    options.cursor_key = Secret("a key of the tests");
    options.normalise_phone = normalise_for_test;
    options.sanitise_html = sanitise_for_test;
    records_ = std::make_unique<store::Records>(*database_, registry_, options, clock_);
    admin_ = person("admin", {"crm-administrators"});
    cco_ = person("cco", {"crm-cco"});
    manager_ = person("manager", {"crm-manager"});
    other_ = person("other", {"crm-manager"});
    seller_ = person("seller", {});
    stranger_ = person("stranger", {});
  }

  store::Actor person(const std::string& login, std::vector<std::string> groups) {
    const std::string id = sql("INSERT INTO crm.user (login, last_name) VALUES ('" + login +
                               "', '" + login + "') RETURNING id");
    for (const std::string& group : groups) {
      sql("INSERT INTO crm.group_member (group_id, user_id) VALUES ('" + group + "', " + id + ")");
    }
    store::Actor actor;
    actor.user_id = std::stoll(id);
    actor.login = login;
    actor.groups = std::move(groups);
    actor.request_id = "req-1";
    return actor;
  }

  // The first column of the first row, empty when there is none.
  std::string sql(const std::string& text) {
    const auto rows = TempPostgres::shared().query(options_.url, text);
    return rows.empty() ? std::string() : rows.front();
  }

  const store::Resource& kind(std::string_view name) const { return registry_.get(name); }
  static Json json(std::string_view text) {
    auto parsed = Json::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : Json();
  }
  // Creates and gives the representation; fails the test otherwise.
  store::RecordView make(std::string_view name, std::string_view body, const store::Actor& actor,
                         store::WriteOptions options = {}) {
    auto made = records_->create(kind(name), json(body), actor, options);
    EXPECT_TRUE(made) << name << ": " << (made ? "" : describe(made.error()));
    return made ? *made : store::RecordView{};
  }
  static std::string describe(const Error& error) {
    std::string text =
        std::string(to_string(error.code)) + " " + error.reason + ": " + error.detail;
    for (const FieldError& field : error.fields) text += " " + field.pointer + "=" + field.code;
    return text;
  }
  // What the service says to a body or a change: "accepted", or code and every "/field=code".
  std::string said_to(std::string_view name, std::string_view body, const store::Actor& actor) {
    const auto done = records_->create(kind(name), json(body), actor);
    return done ? "accepted" : said(done.error());
  }
  std::string said_to_change(std::string_view name, const std::string& key, std::string_view change,
                             const store::Actor& actor) {
    const auto done = records_->update(kind(name), key, json(change), actor);
    return done ? "accepted" : said(done.error());
  }
  static std::string said(const Error& error) {
    if (error.fields.empty()) return std::string(to_string(error.code)) + " " + error.reason;
    std::string all;
    for (const FieldError& field : error.fields) {
      all += (all.empty() ? "" : " ") + field.pointer + "=" + field.code;
    }
    return all;
  }
  // Of a record, as an administrator reads it.
  std::string value(std::string_view name, const std::string& key, std::string_view field) {
    const auto read = records_->get(kind(name), key, admin_);
    EXPECT_TRUE(read) << name << " " << key;
    return read ? member(*read, field) : "";
  }
  // "write", "read" or "none"; the change must alter the record.
  std::string right_on(std::string_view name, const std::string& key, std::string_view change,
                       const store::Actor& actor) {
    if (!records_->get(kind(name), key, actor)) return "none";
    const auto done = records_->update(kind(name), key, json(change), actor);
    if (done) return "write";
    return done.error().reason == "read_only" ? "read" : said(done.error());
  }
  std::string company_of(const store::Actor& responsible) {
    return make("counterparty",
                R"({"name":"К","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active","responsible_id":)" +
                    std::to_string(*responsible.user_id) + "}",
                admin_)
        .key;
  }
  static std::string member(const store::RecordView& view, std::string_view name) {
    const Json value = json(view.json);
    const Json* found = value.find(name);
    if (!found) return "absent";
    return found->is_string() ? found->as_string() : found->dump();
  }

  Quiet quiet_;
  store::DatabaseOptions options_;
  std::unique_ptr<store::Database> database_;
  store::Registry registry_ = store::Registry::standard();
  SystemClock clock_;
  std::unique_ptr<store::Records> records_;
  store::Actor admin_, cco_, manager_, other_, seller_, stranger_;
};

}  // namespace c360::testing
