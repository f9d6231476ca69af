// The rules of the sections: guards of a status, names, phones, duplicates, main contacts, tasks,
// comments, and what the service makes set-wise for intake.
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::AllocatedId;
using store::NewRecord;
using store::Pool;
using store::Profile;
using store::TxMode;

class Rules : public RecordsTest {
 protected:
  store::Actor mail() { return store::Actor::system("mail", "mail-1"); }
  Result<store::RecordView> change(std::string_view name, const std::string& key,
                                   std::string_view body, const store::Actor& actor) {
    return records_->update(kind(name), key, json(body), actor);
  }
  static std::string code_of(const Result<store::RecordView>& result) {
    if (result) return "ok";
    return result.error().fields.empty() ? result.error().reason
                                         : result.error().fields.front().code;
  }
};

// -- Leads and deals ------------------------------------------------------------------------------

TEST_F(Rules, ADisqualifiedLeadNeedsAReasonWhichLeavesWithTheStatus) {
  const auto lead = make("lead", R"({"name":"x"})", manager_);
  EXPECT_EQ(code_of(change("lead", lead.key, R"({"status":"disqualified"})", manager_)),
            "disqualification_reason_required");
  EXPECT_EQ(code_of(change("lead", lead.key,
                           R"({"status":"disqualified","disqualification_reason_code":"spam"})",
                           manager_)),
            "ok");
  const auto back = change("lead", lead.key, R"({"status":"interest"})", manager_);
  ASSERT_TRUE(back) << describe(back.error());
  EXPECT_EQ(member(*back, "disqualification_reason_code"), "null");
  const auto history = records_->history(kind("lead"), lead.key, {{"event", "updated"}}, manager_);
  ASSERT_TRUE(history);
  EXPECT_THAT(history->items, ::testing::HasSubstr(R"("new": null, "old": "spam")"));
}

TEST_F(Rules, TheFirstLeavingOfNewStartsProcessingOnce) {
  const auto lead = make("lead", R"({"name":"x"})", manager_);
  EXPECT_EQ(member(lead, "start_processing_at"), "null");
  const auto left = change("lead", lead.key, R"({"status":"nurturing"})", manager_);
  ASSERT_TRUE(left);
  const std::string started = member(*left, "start_processing_at");
  EXPECT_NE(started, "null");
  ASSERT_TRUE(change("lead", lead.key, R"({"status":"new"})", manager_));
  const auto again = change("lead", lead.key, R"({"status":"interest"})", manager_);
  ASSERT_TRUE(again);
  EXPECT_EQ(member(*again, "start_processing_at"), started);
}

TEST_F(Rules, ALeadBecomesADealOnlyWithACounterparty) {
  const auto lead = make("lead", R"({"name":"x"})", manager_);
  EXPECT_EQ(code_of(change("lead", lead.key, R"({"status":"deal_creation"})", manager_)),
            "counterparty_required");
  // The database says so too.
  EXPECT_THROW(sql("UPDATE crm.lead SET status = 'deal_creation' WHERE id = " + lead.key),
               std::runtime_error);
}

TEST_F(Rules, ClosingADealSetsTheTimeAndLeavingClearsIt) {
  const auto deal = make("deal", R"({"name":"x"})", manager_);
  for (const std::string status : {"completed", "rejected", "dropped_out"}) {
    const auto closed = change("deal", deal.key, R"({"status":")" + status + "\"}", manager_);
    ASSERT_TRUE(closed) << describe(closed.error());
    EXPECT_NE(member(*closed, "closed_at"), "null") << status;
  }
  const auto open = change("deal", deal.key, R"({"status":"decision"})", manager_);
  ASSERT_TRUE(open);
  EXPECT_EQ(member(*open, "closed_at"), "null");
  EXPECT_EQ(member(*open, "percent"), "60");
  EXPECT_THROW(sql("UPDATE crm.deal SET closed_at = now() WHERE id = " + deal.key),
               std::runtime_error);
}

TEST_F(Rules, TheDefaultListHidesWhatIsOver) {
  for (const std::string status : {"new", "dropped_out", "historical"}) {
    make("deal", R"({"name":"x","status":")" + status + "\"}", admin_);
  }
  EXPECT_EQ(records_->count(kind("deal"), {}, manager_), 1);
  EXPECT_EQ(records_->count(kind("deal"), {{"status", "dropped_out"}}, manager_), 1);
  EXPECT_EQ(records_->count(kind("deal"), {{"status.null", "false"}}, manager_), 3);
}

TEST_F(Rules, NamesFallBackToCompanySenderAndNumber) {
  EXPECT_EQ(
      member(make("deal", R"({"company_text":"ООО Луч","site_email":"a@b.ru"})", manager_), "name"),
      "ООО Луч");
  EXPECT_EQ(member(make("deal", R"({"site_email":"a@b.ru"})", manager_), "name"), "a@b.ru");
  const auto numbered = make("lead", "{}", manager_);
  EXPECT_EQ(member(numbered, "name"), "Лид №" + member(numbered, "number"));
}

TEST_F(Rules, NumbersOfUsersAreReadFromTheText) {
  const auto deal = make("deal", R"({"number_of_users":"50-100"})", manager_);
  EXPECT_EQ(member(deal, "number_of_users_min"), "50");
  EXPECT_EQ(member(deal, "number_of_users_max"), "100");
  const auto cleared = change("deal", deal.key, R"({"number_of_users":null})", manager_);
  ASSERT_TRUE(cleared);
  EXPECT_EQ(member(*cleared, "number_of_users_min"), "null");
}

TEST_F(Rules, StatusAndResponsibleHaveEventsOfTheirOwn) {
  const auto deal = make("deal", R"({"name":"x"})", manager_);
  ASSERT_TRUE(change(
      "deal", deal.key,
      R"({"name":"y","status":"paused","responsible_id":)" + std::to_string(*seller_.user_id) + "}",
      cco_));
  EXPECT_EQ(sql("SELECT string_agg(event, ',' ORDER BY event) FROM crm.history_event WHERE "
                "record_id = " +
                deal.key),
            "created,responsible_changed,status_changed,updated");
}

TEST_F(Rules, HtmlIsSanitisedOnTheWayIn) {
  const auto deal = make("deal", R"({"description":"<p>a</p><script>x</script>"})", manager_);
  EXPECT_EQ(member(deal, "description"), "<p>a</p>");
}

TEST_F(Rules, AReferenceMustExistAndBeSeen) {
  EXPECT_EQ(code_of(records_->create(kind("deal"), json(R"({"counterparty_id":4711})"), manager_)),
            "reference_not_found");
  EXPECT_EQ(
      code_of(records_->create(kind("deal"), json(R"({"request_source_code":"nope"})"), manager_)),
      "reference_not_found");
  const auto company = make("counterparty", R"({"name":"Чужая"})", store::Actor::system("job"),
                            {.profile = Profile::draft});
  const std::string body = R"({"counterparty_id":)" + company.key + "}";
  EXPECT_EQ(code_of(records_->create(kind("deal"), json(body), stranger_)), "reference_not_found");
  EXPECT_EQ(code_of(records_->create(kind("deal"), json(body), manager_)), "ok");
}

// -- Take to work ---------------------------------------------------------------------------------

TEST_F(Rules, ARecordWithoutResponsibleWaitsToBeTaken) {
  const auto deal = make("deal", R"({"name":"x","responsible_id":null})", manager_);
  const std::string task =
      sql("SELECT id FROM crm.task WHERE status = 'active' AND assignee_group_id = 'crm-manager' "
          "AND record_id = " +
          deal.key);
  ASSERT_FALSE(task.empty());

  const auto taken = records_->complete_task(std::stoll(task), "take_to_work", json("{}"), other_);
  ASSERT_TRUE(taken) << describe(taken.error());
  EXPECT_EQ(member(*taken, "responsible_id"), std::to_string(*other_.user_id));
  EXPECT_EQ(member(*taken, "status"), "first_contact");
  EXPECT_EQ(sql("SELECT status || ' ' || outcome FROM crm.task WHERE id = " + task),
            "completed take_to_work");
  EXPECT_EQ(sql("SELECT outcome FROM crm.history_event WHERE event = 'task_completed' AND "
                "record_id = " +
                deal.key),
            "take_to_work");
  EXPECT_EQ(records_->complete_task(std::stoll(task), "take_to_work", json("{}"), manager_)
                .error()
                .reason,
            "task_not_active");
}

TEST_F(Rules, DisqualifyingFromTheTaskNeedsAReason) {
  const auto lead = make("lead", R"({"name":"x","responsible_id":null})", manager_);
  const std::int64_t task =
      std::stoll(sql("SELECT id FROM crm.task WHERE record_id = " + lead.key));
  EXPECT_EQ(code_of(records_->complete_task(task, "disqualify", json("{}"), manager_)),
            "disqualification_reason_required");
  EXPECT_EQ(code_of(records_->complete_task(task, "drop_out", json("{}"), manager_)),
            "unknown_outcome");
  const auto done = records_->complete_task(
      task, "disqualify", json(R"({"disqualification_reason_code":"spam","comment":"бот"})"),
      manager_);
  ASSERT_TRUE(done) << describe(done.error());
  EXPECT_EQ(member(*done, "status"), "disqualified");
  EXPECT_EQ(sql("SELECT comment FROM crm.task WHERE record_id = " + lead.key), "бот");
}

TEST_F(Rules, TheTaskCancelsItself) {
  const auto assigned = make("deal", R"({"name":"x","responsible_id":null})", manager_);
  ASSERT_TRUE(change("deal", assigned.key,
                     R"({"responsible_id":)" + std::to_string(*seller_.user_id) + "}", cco_));
  const auto refused = make("deal", R"({"name":"x","responsible_id":null})", manager_);
  ASSERT_TRUE(change("deal", refused.key, R"({"status":"dropped_out"})", manager_));
  const auto removed = make("deal", R"({"name":"x","responsible_id":null})", manager_);
  ASSERT_TRUE(records_->remove(kind("deal"), removed.key, manager_));
  EXPECT_EQ(sql("SELECT string_agg(DISTINCT status, ',') FROM crm.task"), "canceled");
}

// -- Counterparties and contacts ------------------------------------------------------------------

constexpr std::string_view kFull =
    R"("segment_code":"small","acquisition_channel_code":"site","status_code":"active")";

TEST_F(Rules, AFullCounterpartyNamesWhatIsMissing) {
  const auto refused = records_->create(kind("counterparty"), json(R"({"name":"x"})"), manager_);
  ASSERT_FALSE(refused);
  std::vector<std::string> codes;
  for (const FieldError& field : refused.error().fields) codes.push_back(field.code);
  EXPECT_THAT(codes, ::testing::UnorderedElementsAre(
                         "segment_required", "acquisition_channel_required", "status_required"));
  const auto draft =
      records_->create(kind("counterparty"), json("{}"), mail(), {.profile = Profile::draft});
  ASSERT_TRUE(draft) << describe(draft.error());
  EXPECT_EQ(member(*draft, "name"), "Клиент №" + member(*draft, "number"));
  EXPECT_EQ(member(*draft, "name_is_auto"), "true");
  EXPECT_EQ(member(*draft, "status_code"), "potential");
  EXPECT_THAT(member(*draft, "missing_fields"), ::testing::HasSubstr("segment_code"));
  EXPECT_EQ(
      records_->create(kind("counterparty"), json("{}"), manager_, {.profile = Profile::draft})
          .error()
          .code,
      ErrorCode::forbidden);
}

TEST_F(Rules, IdentifiersAreCheckedUnlessImported) {
  const auto create = [&](std::string_view fields, store::WriteOptions options = {}) {
    return code_of(records_->create(
        kind("counterparty"),
        json("{\"name\":\"x\"," + std::string(fields) + "," + std::string(kFull) + "}"), admin_,
        options));
  };
  EXPECT_EQ(create(R"("inn":"7743013902")"), "inn_checksum");
  EXPECT_EQ(create(R"("kind":"individual","kpp":"770701001")"), "kpp_not_allowed");
  EXPECT_EQ(create(R"("email":"not an address")"), "invalid_email");
  EXPECT_EQ(create(R"("email_domains":["mail.ru"])"), "public_mail_domain");
  EXPECT_EQ(create(R"("email_domains":["Romashka.Example"])"), "ok");
  EXPECT_EQ(create(R"("inn":"7707083893","kpp":"773601001","ogrn":"1027700132195")"), "ok");
  EXPECT_EQ(create(R"("inn":"7743013902")", {.lenient = true}), "ok");
}

TEST_F(Rules, WhatALenientImportStoresIsNamedUntilItIsCorrected) {
  const auto made =
      make("counterparty",
           R"({"name":"x","inn":"7743013902","ogrn":"1057749631995",)" + std::string(kFull) + "}",
           admin_, {.lenient = true});
  ASSERT_EQ(made.warnings.size(), 2U);
  EXPECT_EQ(made.warnings[0].code, "inn_checksum");
  const auto missing = [&] {
    const auto read = records_->get(kind("counterparty"), made.key, admin_);
    return read ? member(*read, "missing_fields") : describe(read.error());
  };
  EXPECT_NE(missing().find(R"("inn","ogrn")"), std::string::npos) << missing();

  // Another change neither stumbles over them nor forgets them, also where they are sent along.
  ASSERT_TRUE(change("counterparty", made.key, R"({"inn":"7743013902","short_name":"X"})", admin_));
  EXPECT_NE(missing().find(R"("inn")"), std::string::npos) << missing();
  EXPECT_EQ(code_of(change("counterparty", made.key, R"({"inn":"7743013903"})", admin_)),
            "inn_checksum");

  ASSERT_TRUE(
      change("counterparty", made.key, R"({"inn":"7707083893","ogrn":"1027700132195"})", admin_));
  EXPECT_EQ(missing().find(R"("inn")"), std::string::npos) << missing();
  EXPECT_EQ(sql("SELECT unverified_fields FROM crm.counterparty WHERE id = " + made.key), "{}");
}

TEST_F(Rules, TheSameInnIsAConflictTheSameNameAWarning) {
  const std::string rest = "," + std::string(kFull) + "}";
  const auto first =
      make("counterparty", R"({"name":"ООО «Ромашка»","inn":"7707083893")" + rest, manager_);
  const auto same_inn = records_->create(
      kind("counterparty"), json(R"({"name":"Другое","inn":"7707083893")" + rest), manager_);
  ASSERT_FALSE(same_inn);
  EXPECT_EQ(same_inn.error().code, ErrorCode::conflict);
  EXPECT_EQ(same_inn.error().reason, "duplicate_inn");
  EXPECT_THAT(same_inn.error().detail, ::testing::HasSubstr(first.key));

  const auto same_name = make("counterparty", R"({"name":"ромашка, ООО")" + rest, manager_);
  ASSERT_EQ(same_name.warnings.size(), 1U);
  EXPECT_EQ(same_name.warnings[0].code, "possible_duplicate");
  EXPECT_EQ(same_name.warnings[0].id, first.id);
  EXPECT_THAT(same_name.json, ::testing::HasSubstr("possible_duplicate"));
  EXPECT_EQ(records_
                ->create(kind("counterparty"), json(R"({"name":"OOO Ромашка")" + rest), manager_,
                         {.strict = true})
                .error()
                .reason,
            "possible_duplicate");
}

TEST_F(Rules, ConsentIsDatedAndHasItsEvent) {
  const auto company = make("counterparty", R"({"name":"x",)" + std::string(kFull) + "}", manager_);
  EXPECT_EQ(member(company, "promo_emails_changed_at"), "null");
  const auto agreed =
      change("counterparty", company.key,
             R"({"promo_emails_allowed":true,"promo_emails_basis":"договор"})", manager_);
  ASSERT_TRUE(agreed) << describe(agreed.error());
  EXPECT_NE(member(*agreed, "promo_emails_changed_at"), "null");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'consent_changed'"), "1");
}

TEST_F(Rules, AMergedRecordSaysWhereItWent) {
  const auto target = make("deal", R"({"name":"target"})", manager_);
  const auto source = make("deal", R"({"name":"source"})", manager_);
  sql("UPDATE crm.deal SET merged_into_id = " + target.key +
      ", deleted_at = now() WHERE id = " + source.key);
  const auto moved = records_->get(kind("deal"), source.key, manager_);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->moved_to, target.id);
  EXPECT_FALSE(records_->get(kind("deal"), source.key, stranger_));
}

TEST_F(Rules, TheFirstContactIsMainAndTheOldestFollows) {
  const auto company = make("counterparty", R"({"name":"x",)" + std::string(kFull) + "}", manager_);
  const auto contact = [&](const std::string& name, const std::string& more = "") {
    return make("contact",
                R"({"full_name":")" + name + R"(","counterparty_id":)" + company.key + more + "}",
                manager_);
  };
  const auto first = contact("Иванов Пётр Сергеевич");
  const auto second = contact("Сидоров Олег");
  const auto third = contact("Яковлева Анна");
  EXPECT_EQ(member(first, "is_main"), "true");
  EXPECT_EQ(member(first, "last_name"), "Иванов");
  EXPECT_EQ(member(first, "middle_name"), "Сергеевич");
  EXPECT_EQ(member(second, "is_main"), "false");
  const auto main_one = [&] {
    return sql("SELECT string_agg(id::text, ',') FROM crm.contact WHERE is_main");
  };
  ASSERT_TRUE(records_->remove(kind("contact"), first.key, manager_));
  EXPECT_EQ(main_one(), second.key);
  ASSERT_TRUE(change("contact", third.key, R"({"is_main":true})", manager_));
  EXPECT_EQ(main_one(), third.key);
  EXPECT_EQ(code_of(records_->create(kind("contact"), json(R"({"position":"никто"})"), manager_)),
            "contact_identity_required");
}

TEST_F(Rules, PhonesAreFoundHoweverTheyAreWritten) {
  const auto contact =
      make("contact", R"({"full_name":"x","phone":"8 (495) 123-45-67"})", manager_);
  for (const std::string phone : {"+7 495 1234567", "123-45-67", "84951234567"}) {
    EXPECT_EQ(records_->count(kind("contact"), {{"phone", phone}}, manager_), 1) << phone;
  }
  ASSERT_TRUE(change("contact", contact.key, R"({"phone":"+7 812 765-43-21"})", manager_));
  EXPECT_EQ(records_->count(kind("contact"), {{"phone", "1234567"}}, manager_), 0);
  EXPECT_EQ(sql("SELECT e164 FROM crm.record_phone WHERE record_id = " + contact.key),
            "+78127654321");
}

TEST_F(Rules, PhonesOfUsersAreNormalisedToo) {
  const auto user = make("user", R"({"login":"ph","phone_mobile":"8 912 345-67-89"})", admin_);
  EXPECT_EQ(sql("SELECT e164 FROM crm.user_phone WHERE user_id = " + user.key), "+79123456789");
  ASSERT_TRUE(change("user", user.key, R"({"phone_mobile":"8 912 345-67-80"})", admin_));
  EXPECT_EQ(sql("SELECT e164 FROM crm.user_phone WHERE user_id = " + user.key), "+79123456780");
}

TEST_F(Rules, WhatWasReadMayBeSentBackUnchanged) {
  const auto company =
      make("counterparty",
           R"({"name":"x","external_ids":{"b":"1","a":["1","2"]},"email_domains":["x.example"],)" +
               std::string(kFull) + "}",
           manager_);
  const auto same = change("counterparty", company.key, company.json, manager_);
  ASSERT_TRUE(same) << describe(same.error());
  EXPECT_EQ(same->version, 1);
}

// -- Links ----------------------------------------------------------------------------------------

TEST_F(Rules, ContactsOfADealAreLinkedShownAndUnlinked) {
  const auto deal = make("deal", R"({"name":"x"})", manager_);
  const auto one = make("contact", R"({"full_name":"Один"})", manager_);
  const auto two = make("contact", R"({"full_name":"Два"})", manager_);
  ASSERT_TRUE(records_->link(kind("deal"), deal.key, "contacts", one.key, manager_));
  ASSERT_TRUE(records_->link(kind("deal"), deal.key, "contacts", two.key, manager_, true));
  const auto shown =
      records_->get(kind("deal"), deal.key, manager_, {{"include", "contacts,responsible"}});
  ASSERT_TRUE(shown) << describe(shown.error());
  const Json contacts = *json(shown->json).find("contacts");
  ASSERT_EQ(contacts.as_array().size(), 2U);
  EXPECT_EQ(contacts.as_array()[0].find("full_name")->as_string(), "Два");
  EXPECT_TRUE(contacts.as_array()[0].find("is_main")->as_bool());
  EXPECT_EQ(json(shown->json).find("responsible")->find("name")->as_string(), "manager");
  ASSERT_TRUE(records_->unlink(kind("deal"), deal.key, "contacts", two.key, manager_));
  EXPECT_EQ(sql("SELECT contact_id FROM crm.record_contact WHERE is_main"), one.key);
  EXPECT_EQ(records_->unlink(kind("deal"), deal.key, "contacts", two.key, manager_).error().code,
            ErrorCode::not_found);
}

TEST_F(Rules, AnObserverMayRead) {
  const auto deal = make("deal", R"({"name":"x"})", manager_);
  EXPECT_FALSE(records_->get(kind("deal"), deal.key, stranger_));
  EXPECT_EQ(
      records_
          ->link(kind("deal"), deal.key, "observers", std::to_string(*stranger_.user_id), other_)
          .error()
          .code,
      ErrorCode::forbidden);
  ASSERT_TRUE(records_->link(kind("deal"), deal.key, "observers",
                             std::to_string(*stranger_.user_id), manager_));
  EXPECT_TRUE(records_->get(kind("deal"), deal.key, stranger_));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'observer_added'"), "1");
}

// -- Activities and comments ----------------------------------------------------------------------

TEST_F(Rules, ACommentIsAnActivityAndTheLastContact) {
  const auto company = make("counterparty", R"({"name":"x",)" + std::string(kFull) + "}", manager_);
  const auto deal = make("deal", R"({"name":"x","counterparty_id":)" + company.key + "}", manager_);
  const auto comment =
      make("comment", R"({"record_id":)" + deal.key + R"(,"text":"<p>Звонил</p>"})", manager_);
  EXPECT_EQ(member(comment, "author_id"), std::to_string(*manager_.user_id));
  EXPECT_EQ(sql("SELECT type || ' ' || status || ' ' || comment_id FROM crm.activity WHERE id = " +
                member(comment, "activity_id")),
            "comment created " + comment.key);
  EXPECT_EQ(sql("SELECT last_contact_at IS NOT NULL FROM crm.counterparty"), "t");
  EXPECT_EQ(sql("SELECT record_id FROM crm.history_event WHERE event = 'comment_added'"), deal.key);
  const auto edited = change("comment", comment.key, R"({"text":"<p>Писал</p>"})", manager_);
  ASSERT_TRUE(edited) << describe(edited.error());
  EXPECT_EQ(member(*edited, "edited"), "true");
  ASSERT_TRUE(records_->remove(kind("comment"), comment.key, manager_));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.activity WHERE deleted_at IS NULL"), "0");
}

TEST_F(Rules, TheNearestReminderIsOnTheCard) {
  const auto company = make("counterparty", R"({"name":"x",)" + std::string(kFull) + "}", manager_);
  const auto reminder = [&](const std::string& at) {
    return make("activity",
                R"({"type":"reminder","parent_record_id":)" + company.key + R"(,"remind_at":")" +
                    at + "\"}",
                manager_);
  };
  reminder("2099-02-01T10:00:00Z");
  const auto nearest = reminder("2099-01-01T10:00:00Z");
  const auto next = [&] {
    return sql("SELECT next_reminder_at AT TIME ZONE 'UTC' FROM crm.counterparty");
  };
  EXPECT_EQ(next(), "2099-01-01 10:00:00");
  ASSERT_TRUE(change("activity", nearest.key, R"({"status":"completed"})", manager_));
  EXPECT_EQ(next(), "2099-02-01 10:00:00");
  EXPECT_EQ(code_of(records_->create(
                kind("activity"),
                json(R"({"type":"reminder","parent_record_id":)" + company.key + "}"), manager_)),
            "remind_at_required");
}

// -- Set-wise -------------------------------------------------------------------------------------

TEST_F(Rules, ManyAtOnceAreWhatOneByOneWouldBe) {
  const store::Actor actor = mail();
  auto tx = database_->begin(Pool::work, TxMode::read_write);
  ASSERT_TRUE(tx);
  const auto deals = records_->allocate(*tx, kind("deal"), 3);
  const auto contacts = records_->allocate(*tx, kind("contact"), 2);
  ASSERT_TRUE(tx->run());
  const std::vector<AllocatedId> deal_ids = store::Records::allocated(*tx, deals);
  const std::vector<AllocatedId> contact_ids = store::Records::allocated(*tx, contacts);
  std::vector<NewRecord> rows(3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].id = deal_ids[i].id;
    rows[i].number = deal_ids[i].number;
    rows[i].set("created_automatically", "t");
  }
  rows[0].set("company_text", "ООО Луч").set("number_of_users", "от 20");
  rows[1].set("date_received", "2026-01-01 10:00:00+00");
  rows[2].set("responsible_id", std::to_string(*seller_.user_id)).set("description", "<b>т</b>");
  std::vector<NewRecord> people(2);
  people[0] = {contact_ids[0].id, 0, {}};
  people[0].set("full_name", "Иванов Пётр").set("phone", "84951234567");
  people[1] = {contact_ids[1].id, 0, {}};
  people[1].set("email", "a@b.example");
  ASSERT_TRUE(records_->create_many(*tx, kind("deal"), rows, actor));
  ASSERT_TRUE(records_->create_many(*tx, kind("contact"), people, actor));
  const store::RecordContact pairs[] = {{deal_ids[0].id, contact_ids[0].id, true, 1},
                                        {deal_ids[0].id, contact_ids[1].id, true, 2}};
  // The second may not be main too: the first statement's mark stands.
  records_->add_record_contacts(*tx, std::span(pairs, 1));
  records_->add_record_contacts(*tx, std::span(pairs, 2));
  const auto done = tx->commit();
  ASSERT_TRUE(done) << describe(done.error());

  const auto first = records_->get(kind("deal"), std::to_string(deal_ids[0].id), admin_);
  ASSERT_TRUE(first) << describe(first.error());
  EXPECT_EQ(member(*first, "name"), "ООО Луч");
  EXPECT_EQ(member(*first, "number_of_users_min"), "20");
  EXPECT_EQ(member(*first, "origin"), "mail");
  EXPECT_EQ(member(*first, "created_by"), "null");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal WHERE name = 'Сделка №' || number"), "2");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.task WHERE kind = 'take_to_work'"), "2");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'created' AND origin = "
                "'mail' AND request_id = 'mail-1'"),
            "5");
  EXPECT_EQ(sql("SELECT e164 FROM crm.record_phone"), "+74951234567");
  EXPECT_EQ(sql("SELECT contact_id FROM crm.record_contact WHERE is_main"),
            std::to_string(contact_ids[0].id));

  // The same record made alone has the same columns but for ids, numbers and times.
  const auto alone = records_->create(
      kind("deal"), json(R"({"company_text":"ООО Луч","number_of_users":"от 20"})"), actor,
      {.profile = Profile::draft});
  ASSERT_TRUE(alone) << describe(alone.error());
  const Json one = json(alone->json);
  const Json many = json(first->json);
  for (const auto& [name, value] : one.as_object()) {
    if (name == "id" || name == "number" || name.ends_with("_at") || name == "date_received" ||
        name == "created_automatically") {
      continue;
    }
    ASSERT_NE(many.find(name), nullptr);
    EXPECT_EQ(many.find(name)->dump(), value.dump()) << name;
  }
}

TEST_F(Rules, ABadRecordAmongManyIsNamedAndNothingQueued) {
  auto tx = database_->begin(Pool::work, TxMode::read_write);
  ASSERT_TRUE(tx);
  std::vector<NewRecord> rows(2);
  rows[0] = {101, 0, {}};
  rows[0].set("full_name", "x");
  rows[1] = {102, 0, {}};
  rows[1].set("position", "никто");
  const auto refused = records_->create_many(*tx, kind("contact"), rows, mail());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fields.front().pointer, "/1/full_name");
  ASSERT_TRUE(tx->commit());
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record"), "0");
}

// -- Directories ----------------------------------------------------------------------------------

TEST_F(Rules, ADirectoryRowInUseIsDeactivatedNotDeleted) {
  const auto segment =
      make("segment", R"({"code":"own","name_ru":"Свой","name_en":"Own"})", admin_);
  make(
      "counterparty",
      R"({"name":"x","segment_code":"own","acquisition_channel_code":"site","status_code":"active"})",
      manager_);
  EXPECT_EQ(records_->remove(kind("segment"), "own", admin_).error().reason, "in_use");
  ASSERT_TRUE(change("segment", "own", R"({"is_active":false})", admin_));
  EXPECT_EQ(code_of(records_->create(
                kind("counterparty"),
                json(R"({"name":"y","segment_code":"own","acquisition_channel_code":"site",)"
                     R"("status_code":"active"})"),
                manager_)),
            "reference_not_found");
  EXPECT_EQ(records_->remove(kind("request_source"), "mail", admin_).error().reason, "is_system");
  EXPECT_EQ(code_of(records_->create(
                kind("segment"), json(R"({"code":"own","name_ru":"x","name_en":"x"})"), admin_)),
            "not_unique");
}

}  // namespace
}  // namespace c360::testing
