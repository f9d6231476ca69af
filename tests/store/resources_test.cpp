// Every Resource, by its declaration: create, read, change, stale write, forbidden, history,
// filters, sorting, paging. What is here is promised of each of them.
#include <algorithm>
#include <thread>

#include "store/model/list_filters.h"
#include "store/required_fields.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::Operation;
using store::Parameters;
using store::RecordView;
using store::Resource;

class Resources : public RecordsTest {
 protected:
  // A body that creates one, and a change to it.
  std::string body(const Resource& resource, const std::string& mark) {
    const std::string name = "\"" + mark + "\"";
    if (resource.kind == "contact" || resource.kind == "user") {
      return resource.kind == "user" ? R"({"login":)" + name + R"(,"last_name":)" + name + "}"
                                     : R"({"full_name":)" + name + "}";
    }
    if (resource.kind == "counterparty") {
      return R"({"name":)" + name +
             R"(,"segment_code":"small","acquisition_channel_code":"site","status_code":"active"})";
    }
    if (resource.kind == "activity") {
      return R"({"parent_record_id":)" + parent() + R"(,"type":"call","topic":)" + name + "}";
    }
    if (resource.kind == "support_request") {
      return R"({"counterparty_id":)" + company() + R"(,"subject":)" + name + R"(,"content":)" +
             name + "}";
    }
    if (resource.kind == "own_organisation") {
      return R"({"full_name":)" + name + R"(,"inn":"7707083893"})";
    }
    if (resource.kind == "legal_entity") {
      return R"({"counterparty_id":)" + company() + R"(,"full_name":)" + name +
             R"(,"inn":"7707083893","billed_by_organisation_id":)" + issuer() + "}";
    }
    if (resource.kind == "bank_account") {
      return R"({"owner_record_id":)" + issuer() +
             R"(,"account_number":"40702810938000000001","bik":"044525225","bank_name":)" + name +
             "}";
    }
    if (resource.kind == "contract") return R"({"summary":)" + name + "}";
    if (resource.kind == "agreement") {
      return R"({"contract_id":)" + contract() + R"(,"summary":)" + name + "}";
    }
    if (resource.kind == "order") {
      return R"({"counterparty_id":)" + company() + R"(,"comment":)" + name + "}";
    }
    if (resource.kind == "line_item") {
      return R"({"parent_id":)" + parent() + R"(,"name":)" + name +
             R"(,"kind":"service","unit_code":"796","price":"1.00","quantity":"2"})";
    }
    if (resource.kind == "payment") {
      return R"({"counterparty_id":)" + company() + R"(,"amount":"5.00","comment":)" + name + "}";
    }
    if (resource.kind == "personal_account") {
      return R"({"counterparty_id":)" + company() + R"(,"name":)" + name + "}";
    }
    if (resource.kind == "personal_account_product") {
      return R"({"personal_account_id":)" +
             make("personal_account", R"({"counterparty_id":)" + company() + "}", admin_).key +
             R"(,"product_id":)" + make("product", body(kind("product"), mark), admin_).key + "}";
    }
    if (resource.kind == "counterparty_invoice_type") {
      return R"({"counterparty_id":)" + company() +
             R"(,"invoice_type_code":"usage","invoice_name":)" + name + "}";
    }
    if (resource.kind == "counterparty_user") {
      return R"({"counterparty_id":)" + company() + R"(,"email":"a@b.example","login":)" + name +
             R"(,"full_name":)" + name + "}";
    }
    if (resource.kind == "correspondence_in") {
      return R"({"type_code":"letter","counterparty_id":)" + company() + R"(,"summary":)" + name +
             "}";
    }
    if (resource.kind == "correspondence_out") {
      return R"({"type_code":"letter","counterparty_id":)" + company() +
             R"(,"own_organisation_id":)" + issuer() + R"(,"performer_id":)" +
             std::to_string(*admin_.user_id) + R"(,"summary":)" + name + "}";
    }
    if (resource.kind == "project") return R"({"code":)" + name + R"(,"name":)" + name + "}";
    if (resource.kind == "release") {
      return R"({"start_date":"2026-01-01","planned_date":"2026-02-01","performer_id":)" +
             std::to_string(*admin_.user_id) + R"(,"name":)" + name + "}";
    }
    if (resource.kind == "release_stage") {
      return R"({"release_id":)" + make("release", body(kind("release"), mark), admin_).key +
             R"(,"name":)" + name + "}";
    }
    if (resource.kind == "saved_view") {
      return R"({"record_kind":"deal","name":)" + name + "}";
    }
    if (resource.kind == "section") {
      return R"({"code":"s_)" + mark + R"(","name_ru":)" + name + R"(,"name_en":)" + name +
             R"(,"plural_ru":"x","plural_en":"x"})";
    }
    if (resource.kind == "custom") {
      const std::string own = "own" + std::to_string(counter_++);
      return R"({"section_code":")" + make("section", body(kind("section"), own), admin_).key +
             R"(","name":)" + name + "}";
    }
    if (resource.kind == "section_label") {
      return R"({"record_kind":"deal","name_ru":)" + name + R"(,"name_en":)" + name +
             R"(,"plural_ru":"x","plural_en":"x"})";
    }
    if (resource.kind == "required_field") {
      // Asked for by the profile that no test here creates by, of another field each time.
      int left = counter_++;
      for (const store::Field& field : kind("deal").fields) {
        if (!store::may_be_asked_for(kind("deal"), field) || left-- > 0) continue;
        return R"({"record_kind":"deal","profile":"requisites","field":")" +
               std::string(field.name) + "\"}";
      }
    }
    if (resource.kind == "assignment") return R"({"title":)" + name + "}";
    if (resource.kind == "product") {
      return R"({"name":)" + name +
             R"(,"kind":"service","unit_code":"796","price":"1.00","vat_rate_code":"vat22"})";
    }
    if (resource.kind == "comment") {
      return R"({"record_id":)" + parent() + R"(,"text":)" + name + "}";
    }
    if (resource.kind == "group") {
      return R"({"id":"g-)" + mark + R"(","name_ru":)" + name + R"(,"name_en":)" + name + "}";
    }
    if (resource.kind == "activity_target") {
      return R"({"alias":)" + name + R"(,"record_kind":"deal","search_field":"number"})";
    }
    if (resource.kind == "custom_field_def") {
      return R"({"record_kind":"deal","code":"f_)" + mark + R"(","name_ru":)" + name +
             R"(,"name_en":)" + name + R"(,"type":"text"})";
    }
    if (resource.kind == "mail_sender_rule") {
      return R"({"sender":"@)" + mark + R"(.example","action":"block"})";
    }
    if (resource.kind == "public_mail_domain") return R"({"domain":")" + mark + R"(.example"})";
    if (resource.kind == "notification_setting") {
      return R"({"event":"reminder","channel":"email","user_id":)" +
             std::to_string(*person("told" + std::to_string(counter_++), {}).user_id) + "}";
    }
    if (resource.kind == "support_sla") {
      return R"({"priority":"low","time_first_reaction":"PT1H","time_resolve":"PT2H",)"
             R"("counterparty_id":)" +
             company_of(admin_) + "}";
    }
    if (resource.kind == "support_client_settings") {
      return R"({"counterparty_id":)" + company_of(admin_) + "}";
    }
    if (resource.key == "code") {
      const std::string code = resource.kind == "currency" ? "X" + upper(mark) : "c-" + mark;
      std::string text = R"({"code":")" + code + R"(","name_ru":)" + name + R"(,"name_en":)" + name;
      if (resource.kind == "legal_form") text += R"(,"full_name_ru":"ф","full_name_en":"f")";
      if (resource.kind == "notification_event") text += R"(,"text_ru":"%","text_en":"%")";
      if (resource.kind == "unit") text += R"(,"short_ru":"ф","short_en":"f")";
      if (resource.kind == "message_template") {
        text +=
            R"(,"channel":"email","subject_ru":"т","subject_en":"s","body_ru":"т","body_en":"t")";
      }
      if (resource.kind == "currency") {
        text += R"(,"symbol":"x","num_code":")" + std::to_string(900 + counter_++) + "\"";
      }
      return text + "}";
    }
    return R"({"name":)" + name + "}";
  }
  static std::string upper(const std::string& mark) {
    std::string letters;
    for (const char c : mark.substr(mark.size() - 2)) {
      letters += static_cast<char>('A' + (c >= 'a' ? c - 'a' : c - '0'));
    }
    return letters;
  }
  static std::string change(const Resource& resource, const std::string& mark) {
    if (resource.kind == "public_mail_domain") return "{}";
    if (resource.kind == "activity_target") return R"({"enabled":false})";
    if (resource.kind == "required_field") {
      return mark == "stale" ? R"({"profile":"requisites"})" : R"({"profile":"none"})";
    }
    if (resource.kind == "personal_account_product") {
      return mark == "stale" ? R"({"quantity":"3"})" : R"({"quantity":"2"})";
    }
    if (resource.kind == "notification_setting") {
      return mark == "stale" ? R"({"enabled":false})" : R"({"enabled":true})";
    }
    if (resource.kind == "support_sla") {
      return mark == "stale" ? R"({"penalty_percent":"1.00"})" : R"({"penalty_percent":"2.00"})";
    }
    if (resource.kind == "support_client_settings") {
      return mark == "stale" ? R"({"line1_minutes_left":1})" : R"({"line1_minutes_left":2})";
    }
    const std::string field = resource.kind == "contact"                     ? "full_name"
                              : resource.kind == "user"                      ? "first_name"
                              : resource.kind == "mail_sender_rule"          ? "comment"
                              : resource.kind == "contract"                  ? "summary"
                              : resource.kind == "agreement"                 ? "summary"
                              : resource.kind == "order"                     ? "comment"
                              : resource.kind == "payment"                   ? "comment"
                              : resource.kind == "line_item"                 ? "name"
                              : resource.kind == "saved_view"                ? "name"
                              : resource.kind == "release_stage"             ? "name"
                              : resource.kind == "counterparty_invoice_type" ? "invoice_name"
                              : resource.kind == "counterparty_user"         ? "full_name"
                              : resource.kind == "correspondence_in"         ? "summary"
                              : resource.kind == "correspondence_out"        ? "summary"
                              : resource.kind == "assignment"                ? "title"
                              : resource.kind == "bank_account"              ? "comment"
                              : resource.kind == "own_organisation"          ? "full_name"
                              : resource.kind == "legal_entity"              ? "full_name"
                              : resource.kind == "activity"                  ? "topic"
                              : resource.kind == "support_request"           ? "subject"
                              : resource.kind == "comment"                   ? "text"
                              : resource.is_record                           ? "name"
                                                                             : "name_ru";
    return R"({")" + field + R"(":")" + mark + "\"}";
  }
  std::string parent() {
    if (parent_.empty()) parent_ = make("deal", R"({"name":"parent"})", admin_).key;
    return parent_;
  }
  std::string company() {
    if (company_.empty()) {
      company_ = make("counterparty",
                      R"({"name":"company","segment_code":"small",)"
                      R"("acquisition_channel_code":"site","status_code":"active"})",
                      admin_)
                     .key;
    }
    return company_;
  }
  std::string contract() {
    if (contract_.empty()) contract_ = make("contract", "{}", admin_).key;
    return contract_;
  }
  std::string issuer() {
    if (issuer_.empty()) {
      issuer_ = make("own_organisation", R"({"full_name":"we","inn":"7727563778"})", admin_).key;
    }
    return issuer_;
  }
  std::vector<const Resource*> creatable() {
    std::vector<const Resource*> list;
    for (const auto& resource : registry_.all()) {
      // Of a task nothing is changed but its end: Tasks.
      if (resource->offers(Operation::create) && resource->has_versions) {
        list.push_back(resource.get());
      }
    }
    return list;
  }
  RecordView created(const Resource& resource, const std::string& mark) {
    return make(resource.kind, body(resource, mark), admin_);
  }

  std::string parent_;
  std::string company_;
  std::string issuer_;
  std::string contract_;
  int counter_ = 0;
};

TEST_F(Resources, AreCreatedReadAndChanged) {
  for (const Resource* resource : creatable()) {
    SCOPED_TRACE(resource->kind);
    const RecordView made = created(*resource, "aa");
    ASSERT_FALSE(made.json.empty());
    EXPECT_EQ(made.version, 1);

    const auto read = records_->get(*resource, made.key, admin_);
    ASSERT_TRUE(read) << describe(read.error());
    EXPECT_EQ(read->json, made.json);
    if (change(*resource, "x") == "{}") continue;

    store::WriteOptions expected;
    expected.expected_version = 1;
    const auto changed =
        records_->update(*resource, made.key, json(change(*resource, "changed")), admin_, expected);
    ASSERT_TRUE(changed) << describe(changed.error());
    EXPECT_EQ(changed->version, 2);
    EXPECT_EQ(records_->get(*resource, made.key, admin_)->json, changed->json);

    const auto stale =
        records_->update(*resource, made.key, json(change(*resource, "stale")), admin_, expected);
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().code, ErrorCode::precondition_failed);

    // The same values again change nothing, the version included.
    const auto again =
        records_->update(*resource, made.key, json(change(*resource, "changed")), admin_);
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(again->version, 2);
  }
}

TEST_F(Resources, TellEveryWrongFieldAtOnce) {
  for (const Resource* resource : creatable()) {
    SCOPED_TRACE(resource->kind);
    const auto refused =
        records_->create(*resource, json(R"({"no_such_field":1,"a/b":2,"row_version":7})"), admin_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::validation_failed);
    std::vector<std::string> found;
    for (const FieldError& field : refused.error().fields) {
      found.push_back(field.pointer + " " + field.code);
    }
    EXPECT_THAT(found, ::testing::IsSupersetOf({"/no_such_field unknown_field",
                                                "/a~1b unknown_field", "/row_version read_only"}));
    EXPECT_EQ(records_->create(*resource, json("[]"), admin_).error().code,
              ErrorCode::invalid_request);
  }
}

TEST_F(Resources, KeepTheirHistory) {
  for (const Resource* resource : creatable()) {
    if (!resource->is_record) continue;
    SCOPED_TRACE(resource->kind);
    const RecordView made = created(*resource, "bb");
    ASSERT_TRUE(records_->update(*resource, made.key, json(change(*resource, "новое")), admin_));
    ASSERT_TRUE(records_->remove(*resource, made.key, admin_));
    ASSERT_TRUE(records_->restore(*resource, made.key, admin_));

    const auto page = records_->history(*resource, made.key, {}, admin_);
    ASSERT_TRUE(page) << describe(page.error());
    const Json items = json(page->items);
    std::vector<std::string> events;
    for (const Json& item : items.as_array()) events.push_back(item.find("event")->as_string());
    EXPECT_THAT(events, ::testing::ElementsAre("restored", "deleted", "updated", "created"));
    const Json& updated = items.as_array()[2];
    EXPECT_EQ(updated.find("actor_id")->as_int64(), admin_.user_id);
    EXPECT_EQ(updated.find("request_id")->as_string(), "req-1");
    EXPECT_EQ(updated.find("version")->as_int64(), 2);
    bool seen = false;
    for (const Json& each : updated.find("changes")->as_array()) {
      seen = seen || (each.find("new")->is_string() && each.find("new")->as_string() == "новое");
    }
    EXPECT_TRUE(seen) << page->items;

    // Pages of history continue without overlap.
    const auto first = records_->history(*resource, made.key, {{"limit", "3"}}, admin_);
    ASSERT_TRUE(first && first->next_cursor);
    const auto rest = records_->history(*resource, made.key,
                                        {{"limit", "3"}, {"cursor", *first->next_cursor}}, admin_);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->size, 1);
    EXPECT_FALSE(rest->next_cursor);
  }
}

TEST_F(Resources, DeletedOnesAreHiddenButNotFromAdministrators) {
  for (const Resource* resource : creatable()) {
    if (!resource->is_record) continue;
    SCOPED_TRACE(resource->kind);
    const RecordView made = created(*resource, "cc");
    ASSERT_TRUE(records_->remove(*resource, made.key, admin_));
    EXPECT_FALSE(records_->get(*resource, made.key, manager_));
    EXPECT_TRUE(records_->get(*resource, made.key, admin_));
    EXPECT_EQ(records_->count(*resource, {{"id", made.key}}, admin_), 0);
    EXPECT_EQ(records_->count(*resource, {{"id", made.key}, {"deleted", "only"}}, admin_), 1);
    EXPECT_EQ(records_->list(*resource, {{"deleted", "only"}}, manager_).error().code,
              ErrorCode::forbidden);
    EXPECT_EQ(
        records_->update(*resource, made.key, json(change(*resource, "x")), admin_).error().code,
        ErrorCode::not_found);
    EXPECT_EQ(records_->restore(*resource, made.key, manager_).error().code, ErrorCode::not_found);
  }
}

TEST_F(Resources, FilterAndSortByEveryFieldThatSaysSo) {
  for (const auto& resource : registry_.all()) {
    for (const store::Field& field : resource->fields) {
      SCOPED_TRACE(std::string(resource->kind) + "." + std::string(field.name));
      if (field.is_sortable) {
        for (const std::string sign : {"", "-"}) {
          const auto page =
              records_->list(*resource, {{"sort", sign + std::string(field.name)}}, admin_);
          EXPECT_TRUE(page) << describe(page.error());
        }
      }
      // By itself it asks for something else than equality: see list_filters_test.
      if (store::find_list_filter(resource->kind, field.name) != nullptr) continue;
      if (!field.is_filterable) {
        const auto page = records_->list(*resource, {{std::string(field.name), "1"}}, admin_);
        ASSERT_FALSE(page);
        EXPECT_EQ(page.error().reason, "unknown_field");
        continue;
      }
      const std::string name(field.name);
      const auto works = [&](const std::string& filter, const std::string& value) {
        const auto page = records_->list(*resource, {{filter, value}}, admin_);
        EXPECT_TRUE(page) << filter << ": " << describe(page.error());
      };
      works(name + ".null", "true");
      std::string value = "1";
      switch (field.type) {
        case store::FieldType::boolean:
          value = "true";
          break;
        case store::FieldType::date:
        case store::FieldType::timestamp:
          value = "2026-01-31";
          works(name + ".gte", value);
          works(name + ".lt", value);
          break;
        case store::FieldType::code:
          value = std::string(field.choices.front().code);
          works(name, value + "," + value);
          break;
        case store::FieldType::phone:
          value = "4951234567";
          break;
        case store::FieldType::bytes:
          value = "00ff";
          break;
        case store::FieldType::text_array:
          if (!field.choices.empty()) value = std::string(field.choices.front().code);
          break;
        case store::FieldType::text:
        case store::FieldType::citext:
          works(name + ".like", "100%_\\");
          break;
        default:
          break;
      }
      works(name, value);
      works(name + ".ne", value);
      if (field.type != store::FieldType::boolean) works(name + ".in", value + "," + value);
      const auto unknown = records_->list(*resource, {{name + ".zzz", "1"}}, admin_);
      ASSERT_FALSE(unknown);
      EXPECT_EQ(unknown.error().reason, "unknown_operator");
    }
    if (std::any_of(resource->fields.begin(), resource->fields.end(),
                    [](const store::Field& field) { return field.is_searchable; })) {
      const auto page = records_->list(*resource, {{"q", "ромашка 12%"}}, admin_);
      EXPECT_TRUE(page) << describe(page.error());
    }
    for (const store::Collection& collection : resource->collections) {
      const auto page =
          records_->list(*resource, {{"include", std::string(collection.name)}}, admin_);
      EXPECT_TRUE(page) << resource->kind << " " << collection.name << ": "
                        << describe(page.error());
    }
    for (const store::Field& field : resource->fields) {
      if (field.target.empty() || !registry_.find(field.target)) continue;
      std::string include(field.name);
      for (const std::string_view suffix : {"_id", "_code"}) {
        if (include.ends_with(suffix)) include.resize(include.size() - suffix.size());
      }
      const auto page = records_->list(*resource, {{"include", include}}, admin_);
      EXPECT_TRUE(page) << resource->kind << " " << include << ": " << describe(page.error());
    }
  }
}

TEST_F(Resources, PagesMeetEveryRowOnceUnderWrites) {
  for (int i = 0; i < 25; ++i) {
    const std::string amount = i % 3 == 0 ? "null" : "\"" + std::to_string(i % 5) + ".00\"";
    make("deal", R"({"name":"n)" + std::to_string(i % 7) + R"(","amount":)" + amount + "}", admin_);
  }
  for (const std::string sort : {"-date_received", "name", "-name", "amount", "-amount",
                                 "amount,-name", "-amount,name", "id", "-id"}) {
    SCOPED_TRACE(sort);
    std::vector<std::string> seen;
    Parameters parameters = {{"sort", sort}, {"limit", "4"}, {"fields", "id"}};
    for (int page_number = 0; page_number < 20; ++page_number) {
      const auto page = records_->list(kind("deal"), parameters, admin_);
      ASSERT_TRUE(page) << describe(page.error());
      const Json items = json(page->items);
      for (const Json& item : items.as_array()) {
        seen.push_back(item.find("id")->number_text());
      }
      // A row that comes in front of the cursor does not shift what follows.
      if (page_number == 1 && sort == "-date_received") {
        make("deal", R"({"name":"newer"})", admin_);
      }
      if (!page->next_cursor) break;
      if (parameters.size() == 3) parameters.emplace_back("cursor", "");
      parameters.back().second = *page->next_cursor;
    }
    std::vector<std::string> unique = seen;
    std::sort(unique.begin(), unique.end());
    EXPECT_EQ(std::unique(unique.begin(), unique.end()), unique.end());
    EXPECT_EQ(seen.size(), sort == "-date_received" ? 25U : 26U);
  }
}

TEST_F(Resources, ACursorIsOursAndOfThisListOrRefused) {
  for (int i = 0; i < 3; ++i) make("deal", R"({"name":"n"})", admin_);
  const auto page = records_->list(kind("deal"), {{"limit", "1"}}, admin_);
  ASSERT_TRUE(page && page->next_cursor);
  std::string tampered = *page->next_cursor;
  tampered[tampered.size() / 2] = tampered[tampered.size() / 2] == 'A' ? 'B' : 'A';
  for (const std::string& cursor :
       {tampered, std::string("AAAA"), std::string("!"), std::string(3000, 'A')}) {
    const auto refused = records_->list(kind("deal"), {{"cursor", cursor}}, admin_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(refused.error().reason, "invalid_cursor");
  }
  // Another order or another list is another cursor.
  EXPECT_FALSE(
      records_->list(kind("deal"), {{"cursor", *page->next_cursor}, {"sort", "name"}}, admin_));
  EXPECT_FALSE(records_->list(kind("lead"), {{"cursor", *page->next_cursor}}, admin_));
}

TEST_F(Resources, UnknownParametersNameTheKnownOnes) {
  struct Case {
    Parameters parameters;
    std::string reason;
    std::string mentions;
  };
  const Case cases[] = {
      {{{"nope", "1"}}, "unknown_field", "counterparty_id"},
      {{{"amount.like", "1"}}, "unknown_operator", "gte"},
      {{{"amount", "ten"}}, "invalid_value", "decimal"},
      {{{"status", "done"}}, "invalid_value", "paused"},
      {{{"id", "99999999999999999999"}}, "invalid_value", "number"},
      {{{"created_at.gte", "yesterday"}}, "invalid_value", "RFC 3339"},
      {{{"sort", "email_message"}}, "unknown_field", "date_received"},
      {{{"fields", "id,nope"}}, "unknown_field", "stage_code"},
      {{{"include", "nope"}}, "unknown_include", "contacts"},
      {{{"limit", "0"}}, "invalid_value", "500"},
      {{{"limit", "501"}}, "invalid_value", "500"},
      {{{"count", "some"}}, "invalid_value", "exact"},
      {{{"q", std::string(300, 'x')}}, "too_long", "200"},
  };
  for (const Case& each : cases) {
    const auto refused = records_->list(kind("deal"), each.parameters, admin_);
    ASSERT_FALSE(refused) << each.parameters.front().first;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(refused.error().reason, each.reason);
    EXPECT_THAT(refused.error().detail, ::testing::HasSubstr(each.mentions));
  }
  Parameters many;
  for (int i = 0; i < 31; ++i) many.emplace_back("name.ne", "x");
  EXPECT_EQ(records_->list(kind("deal"), many, admin_).error().reason, "too_many");
}

TEST_F(Resources, NumbersAreUniqueUnderConcurrency) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this] {
      for (int i = 0; i < kEach; ++i) make("deal", "{}", admin_);
    });
  }
  threads.clear();
  EXPECT_EQ(sql("SELECT count(DISTINCT number) FROM crm.deal"), std::to_string(kThreads * kEach));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal WHERE name <> 'Сделка №' || number"), "0");
}

TEST_F(Resources, SearchUsesItsIndex) {
  sql("SET enable_seqscan = off");
  for (const auto& resource : registry_.all()) {
    if (!resource->is_record) continue;
    const std::string index = sql("SELECT indexdef FROM pg_indexes WHERE indexname = '" +
                                  std::string(resource->kind) + "_search_idx'");
    std::string expected;
    for (const store::Field& field : resource->fields) {
      if (!field.is_searchable) continue;
      expected += (expected.empty() ? "" : " ") + std::string(field.name);
    }
    if (expected.empty()) continue;
    ASSERT_FALSE(index.empty()) << resource->kind;
    // The columns in the order of the declaration are what makes the two expressions one.
    std::string found;
    for (std::size_t at = index.find('(');
         (at = index.find("COALESCE(", at)) != std::string::npos;) {
      at += 9;
      while (index[at] == '(') ++at;
      const std::size_t end = index.find_first_of(":,)", at);
      found += (found.empty() ? "" : " ") + index.substr(at, end - at);
    }
    EXPECT_EQ(found, expected) << index;
  }
}

}  // namespace
}  // namespace c360::testing
