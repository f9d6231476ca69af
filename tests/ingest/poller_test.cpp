#include "ingest/poller.h"

#include <gmock/gmock.h>

#include <future>
#include <new>
#include <thread>
#include <utility>

#include "store/left_out_mail.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

using Poller = IntakeTest;

TEST_F(Poller, AFormMailBecomesADealWithEverythingItSays) {
  server.add(41, form_mail(1));

  pass();

  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_TRUE(server.seen(41));
  EXPECT_EQ(one("SELECT concat_ws('|', name, status, company_text, request_category_code, origin, "
                "number_of_users, number_of_users_min, number_of_users_max, ym_client_id, "
                "created_automatically, description) FROM crm.deal"),
            "ООО «Пример 1»|new|ООО «Пример 1»|price|mail|50-100|50|100|170000001|t|"
            "Нужна цена &lt;срочно&gt;");
  EXPECT_EQ(one("SELECT concat_ws('|', c.full_name, c.position, c.email, c.phone, p.e164) "
                "FROM crm.contact c JOIN crm.record_contact r ON r.contact_id = c.id "
                "JOIN crm.record_phone p ON p.record_id = c.id WHERE r.is_main"),
            "Петров Иван|Инженер|petrov1@primer.example|+7 (495) 123-45-67|+74951234567");
  EXPECT_EQ(
      one("SELECT to_char(date_received AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM crm.deal"),
      "2025-11-10 07:15");
  EXPECT_EQ(one("SELECT count(*) FROM crm.history_event e JOIN crm.deal d ON d.id = e.record_id "
                "WHERE e.event = 'created'"),
            "1");
  EXPECT_EQ(one("SELECT kind || ' ' || status FROM crm.task"), "take_to_work active");
  EXPECT_EQ(one("SELECT (m.outcome_record_id = d.id AND d.mail_message_id = m.id)::text "
                "FROM ops.mail m, crm.deal d"),
            "true");
}

TEST_F(Poller, HowLongAMailTookIsMeasuredFromWhenTheServerGotIt) {
  server.add(41, ScriptedMessage{.bytes = form_mail(1),
                                 .flags = {},
                                 .internal_date = clock.now() - std::chrono::hours{2},
                                 .rfc822_size = {},
                                 .refused = {}});
  server.add(42, form_mail(2));  // the server does not say

  pass();

  const std::string metrics = quiet.metrics.serialize();
  EXPECT_THAT(metrics, ::testing::HasSubstr(
                           "client360_mail_processing_delay_seconds_count{mailbox=\"crm\"} 1\n"));
  const std::string sum = "client360_mail_processing_delay_seconds_sum{mailbox=\"crm\"} ";
  const auto at = metrics.find(sum);
  ASSERT_NE(at, std::string::npos);
  EXPECT_GE(std::stod(metrics.substr(at + sum.size())), 7'200);
}

TEST_F(Poller, HowTheCharsetOfAMailWasFoundIsCounted) {
  server.add(41, form_mail(1));
  std::string undeclared = form_mail(2);
  const std::string declaration = "; charset=utf-8";
  undeclared.erase(undeclared.find(declaration), declaration.size());
  server.add(42, undeclared);

  pass();

  for (const char* line : {"client360_mail_charset_paths_total{path=\"declared\"} 1\n",
                           "client360_mail_charset_paths_total{path=\"utf8\"} 1\n"})
    EXPECT_THAT(quiet.metrics.serialize(), ::testing::HasSubstr(line));
}

TEST_F(Poller, ARefusedFlagIsTriedAgainAndMakesNoSecondRecord) {
  server.add(41, form_mail(1));
  server.fail_next("add_flags", Error{.code = ErrorCode::upstream_rejected, .detail = "read-only"});

  pass();
  EXPECT_FALSE(server.seen(41));
  pass();

  EXPECT_TRUE(server.seen(41));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
}

TEST_F(Poller, AConnectionLostInTheFetchLosesNothing) {
  for (ingest::Uid uid = 1; uid <= 30; ++uid) server.add(uid, form_mail(static_cast<int>(uid)));
  server.fail_fetch_after(7, Error{.code = ErrorCode::unavailable, .detail = "closed"});

  EXPECT_FALSE(poller().pass());
  poller_.reset();  // another poller, as after a crash
  pass();

  EXPECT_EQ(one("SELECT count(*) || '|' || count(DISTINCT company_text) FROM crm.deal"), "30|30");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE outcome = 'deal_created' "
                "AND flagged_at IS NOT NULL"),
            "30");
}

TEST_F(Poller, AnotherUidvalidityMakesKnownMailsDuplicates) {
  server.add(41, form_mail(1));
  settings.unseen_only = false;
  pass();

  server.folder().uidvalidity = 9;
  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  EXPECT_EQ(one("SELECT outcome || '|' || (duplicate_of_id IS NOT NULL) FROM ops.mail "
                "WHERE uidvalidity = 9"),
            "duplicate|true");
}

TEST_F(Poller, TheSameBytesTwiceInOneBatchAreOneDeal) {
  server.add(41, form_mail(1));
  server.add(42, form_mail(1));

  pass();

  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_EQ(outcome(42), "duplicate");
  EXPECT_TRUE(server.seen(42));
}

TEST_F(Poller, ACopyOfAMailReadBeforeIsADuplicateAndBothAreAskedForAgain) {
  server.add(41, form_mail(1));
  pass();
  server.add(42, form_mail(1));
  server.add(43, form_mail(2));

  pass();

  EXPECT_EQ(outcome(42), "duplicate");
  EXPECT_EQ(outcome(43), "deal_created");
  EXPECT_TRUE(server.seen(42));
  EXPECT_EQ(server.fetched(), (std::vector<ingest::Uid>{41, 42, 43, 42, 41}));
}

TEST_F(Poller, AfterAnotherUidvalidityNothingKnownIsFetchedTwice) {
  server.add(41, form_mail(1));
  server.add(42, form_mail(2));
  settings.unseen_only = false;
  pass();
  server.folder().uidvalidity = 9;

  pass();

  EXPECT_EQ(server.fetched(), (std::vector<ingest::Uid>{41, 42, 41, 42}));
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE outcome = 'duplicate'"), "2");
}

// Two ways into one mailbox: the one that comes second learns of it when it commits.
TEST_F(Poller, TheSameBytesAppliedElsewhereInTheSameMomentAreADuplicate) {
  const std::string mail = form_mail(2);
  server.add(41, form_mail(1));
  pass();
  server.add(42, mail);
  auto other = database.begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(other);
  constexpr store::Sql kTakeTheirBytes{"take_their_bytes",
                                       "UPDATE ops.mail_content SET raw_sha256 = $1::bytea"};
  ASSERT_TRUE(
      other->query(kTakeTheirBytes, std::move(store::Params{}.add("\\x" + to_hex(sha256(mail))))));
  auto passing = std::async(std::launch::async, [this] { return poller().pass(); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
             "wait_event_type = 'Lock'") == "0" &&
         std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  ASSERT_TRUE(other->commit());

  const auto passed = passing.get();

  ASSERT_TRUE(passed) << passed.error().detail;
  EXPECT_EQ(outcome(42), "duplicate");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
}

TEST_F(Poller, AMailGoneBeforeItWasFetchedIsVanished) {
  server.add(41, ScriptedMessage{.bytes = form_mail(1), .vanishes = true});

  pass();

  EXPECT_EQ(outcome(41), "vanished");
}

// A server that forgets a mail for a while, and one that shows it again.
TEST_F(Poller, AMailThatSeemedToBeGoneIsTakenInOnceTheServerShowsItAgain) {
  server.add(41, ScriptedMessage{.bytes = form_mail(1), .vanishes = true});
  pass();
  ASSERT_EQ(outcome(41), "vanished");

  server.add(41, form_mail(1));
  pass();

  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_TRUE(server.seen(41));
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail"), "1");
}

TEST_F(Poller, AMailTheSpoolFolderCannotHoldWaitsAloneUntilItCan) {
  options.spool_bytes = 2'000;
  options.spool_folder = "/nowhere";
  options.attempt_limit = 2;
  server.add(41, form_mail(1));
  server.add(42, form_mail(2, "Запрос стоимости", std::string(20'000, 'x') + "\r\n"));
  server.add(43, form_mail(3));
  for (int i = 0; i < 3; ++i) {
    pass();
    postgres.execute(url, "UPDATE ops.mail_message SET next_attempt_at = now()");
  }
  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_EQ(outcome(42), "listed");
  EXPECT_EQ(outcome(43), "deal_created");
  EXPECT_THAT(one("SELECT error FROM ops.mail WHERE uid = 42"),
              ::testing::HasSubstr("spool file in /nowhere"));

  options.spool_folder = spool;
  poller_.reset();
  pass();

  EXPECT_EQ(outcome(42), "deal_created");
}

// Every daemon that died at a batch would else count against all of it.
TEST_F(Poller, OnlyTheMailUnderWayIsChargedWithAnAttempt) {
  options.attempt_limit = 3;
  const std::string attempts = "SELECT string_agg(attempts::text, ',' ORDER BY uid) FROM ops.mail";
  for (const int uid : {1, 2, 3}) server.add(static_cast<ingest::Uid>(uid), form_mail(uid));
  // The first of them breaks the connection of whoever makes its deal.
  postgres.execute(url,
                   "CREATE FUNCTION drop_me() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                   " $$ BEGIN IF NEW.company_text = 'ООО «Пример 1»' THEN"
                   " PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;"
                   "CREATE TRIGGER drop_me BEFORE INSERT ON crm.deal FOR EACH ROW"
                   " EXECUTE FUNCTION drop_me()");
  EXPECT_FALSE(poller().pass());
  EXPECT_EQ(one(attempts), "1,1,1");
  EXPECT_FALSE(poller().pass());
  EXPECT_EQ(one(attempts), "2,1,1");
  EXPECT_FALSE(poller().pass());
  EXPECT_EQ(one(attempts), "3,1,1");

  pass();

  EXPECT_EQ(reason(1), "too_many_retries");
  EXPECT_THAT(one("SELECT details FROM ops.quarantine"),
              ::testing::HasSubstr("after 3 attempts; no attempt came to an end"));
  EXPECT_EQ(outcome(2), "deal_created");
  EXPECT_EQ(outcome(3), "deal_created");
}

TEST_F(Poller, MailsTooLargeForOneBatchAreReadInPiecesAndInOrder) {
  settings.batch_bytes = 1;
  server.add(1, letter("m0@romashka.example", "Вопрос по продукту"));
  for (int i = 1; i < 6; ++i) {
    server.add(static_cast<ingest::Uid>(i + 1),
               letter("m" + std::to_string(i) + "@romashka.example", "Re: Вопрос по продукту",
                      "In-Reply-To: <m" + std::to_string(i - 1) + "@romashka.example>\r\n"));
  }

  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  EXPECT_EQ(one("SELECT count(*) FROM crm.activity"), "5");
}

TEST_F(Poller, AnExceptionEndsThePassAndNotTheService) {
  server.add(41, form_mail(1));
  bool broken = true;
  auto box = std::make_unique<ingest::Poller>(
      mailbox_id(), settings,
      [&]() -> std::unique_ptr<ingest::Mailbox> {
        if (std::exchange(broken, false)) throw std::bad_alloc();
        return scripted_factory(server)();
      },
      ingest::PollerPorts{database, inboxes, leases, workers, options, quiet.observer, clock});

  const auto passed = box->pass();
  ASSERT_FALSE(passed);
  EXPECT_EQ(passed.error().reason, "exception");
  ASSERT_TRUE(box->pass());

  EXPECT_EQ(outcome(41), "deal_created");
}

TEST_F(Poller, AMailTheServerRefusesIsRetriedAloneAndThenQuarantined) {
  options.attempt_limit = 2;
  server.add(41, ScriptedMessage{.bytes = form_mail(1),
                                 .refused = Error{.code = ErrorCode::upstream_rejected,
                                                  .detail = "NO internal error"}});
  server.add(42, form_mail(2));

  pass();
  EXPECT_EQ(outcome(41), "listed");
  EXPECT_EQ(outcome(42), "deal_created");
  postgres.execute(url, "UPDATE ops.mail_message SET next_attempt_at = now()");
  pass();

  EXPECT_EQ(outcome(41), "quarantined");
  EXPECT_EQ(reason(41), "too_many_retries");
  EXPECT_NE(one("SELECT details FROM ops.quarantine").find("NO internal error"), std::string::npos);
  EXPECT_EQ(one("SELECT kind || ' ' || status FROM crm.task WHERE kind = 'quarantine_review'"),
            "quarantine_review active");
}

TEST_F(Poller, QuarantinedMailStaysUnseenAndIsMarkedWithAKeyword) {
  server.add(41, letter("l1@romashka.example", "пусто", "", " \r\n "));

  pass();

  EXPECT_EQ(reason(41), "empty_body");
  EXPECT_FALSE(server.seen(41));
  EXPECT_TRUE(server.flags(41).contains("$Client360Failed"));
}

TEST_F(Poller, AReplyWithADealNumberIsAnActivityWithItsAttachments) {
  server.add(41, form_mail(1));
  pass();
  const std::string number = one("SELECT number FROM crm.deal");
  server.add(42, with_attachment("r1@romashka.example", "Re: Сделка #" + number + ": уточнение"));

  pass();

  EXPECT_EQ(outcome(42), "activity_added");
  EXPECT_EQ(one("SELECT a.type || '|' || a.status || '|' || a.direction || '|' || d.number "
                "FROM crm.activity a JOIN crm.deal d ON d.id = a.parent_record_id"),
            "email|completed|in|" + number);
  EXPECT_EQ(one("SELECT d.name || '|' || d.type_code || '|' || v.size_bytes FROM crm.document d "
                "JOIN crm.document_version v ON v.id = d.current_version_id "
                "JOIN crm.activity_document x ON x.document_id = d.id"),
            "act.pdf|attachment|19");
  EXPECT_EQ(one("SELECT file_name FROM ops.mail_attachment WHERE document_id IS NOT NULL"),
            "act.pdf");
}

TEST_F(Poller, ANumberThatNobodyHasIsQuarantinedAndRetriedLater) {
  server.add(41, letter("r1@romashka.example", "Сделка #424242"));

  pass();

  EXPECT_EQ(reason(41), "target_not_found");
}

TEST_F(Poller, AReplyInTheThreadBelongsToTheRecordOfTheFirstMail) {
  server.add(41, letter("first@romashka.example", "Вопрос по продукту"));
  pass();
  server.add(42, letter("second@romashka.example", "Re: Вопрос по продукту",
                        "In-Reply-To: <first@romashka.example>\r\n"));
  server.add(43, letter("third@romashka.example", "Re: Вопрос по продукту",
                        "References: <first@romashka.example> <second@romashka.example>\r\n"));

  pass();

  EXPECT_EQ(outcome(42), "activity_added");
  EXPECT_EQ(outcome(43), "activity_added");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  EXPECT_EQ(one("SELECT count(*) FROM crm.activity a JOIN crm.deal d ON d.id = a.parent_record_id"),
            "2");
}

TEST_F(Poller, AThreadWithinOneBatchIsOneDeal) {
  server.add(41, letter("first@romashka.example", "Вопрос по продукту"));
  server.add(42, letter("second@romashka.example", "Re: Вопрос по продукту",
                        "In-Reply-To: <first@romashka.example>\r\n"));

  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  EXPECT_EQ(outcome(42), "activity_added");
}

// Each batch is read while the former one is applied; the replies must still find their deal.
TEST_F(Poller, AThreadOverManyBatchesIsOneDeal) {
  settings.batch_messages = 1;
  server.add(41, letter("first@romashka.example", "Вопрос по продукту"));
  for (ingest::Uid uid = 42; uid <= 60; ++uid)
    server.add(uid, letter("reply" + std::to_string(uid) + "@romashka.example",
                           "Re: Вопрос по продукту", "In-Reply-To: <first@romashka.example>\r\n"));

  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  EXPECT_EQ(one("SELECT count(*) FROM crm.activity"), "19");
}

TEST_F(Poller, NoBatchIsAppliedBeforeTheOneItFollows) {
  settings.batch_messages = 1;
  server.add(41, letter("first@romashka.example", "Вопрос по продукту"));
  server.add(42, letter("second@romashka.example", "Re: Вопрос по продукту",
                        "In-Reply-To: <first@romashka.example>\r\n"));
  // The database drops whoever makes a deal.
  postgres.execute(url,
                   "CREATE FUNCTION drop_me() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                   " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
                   "CREATE TRIGGER drop_me BEFORE INSERT ON crm.deal EXECUTE FUNCTION drop_me()");
  EXPECT_FALSE(poller().pass());
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE state = 'done'"), "0");

  postgres.execute(url, "DROP TRIGGER drop_me ON crm.deal");
  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
  EXPECT_EQ(outcome(42), "activity_added");
}

TEST_F(Poller, OneMailTheDatabaseRefusesDoesNotTakeItsNeighboursWithIt) {
  postgres.execute(url,
                   "ALTER TABLE crm.deal ADD CONSTRAINT no_seven "
                   "CHECK (company_text <> 'ООО «Пример 7»')");
  for (ingest::Uid uid = 1; uid <= 20; ++uid) server.add(uid, form_mail(static_cast<int>(uid)));

  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "19");
  EXPECT_EQ(reason(7), "parse_error");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE state <> 'done'"), "0");
}

// A disk that is full for an hour fails every try; none of them is held against the mail.
TEST_F(Poller, AStoredMailThatIsDamagedDoesNotHoldTheOthersUp) {
  server.add(41, form_mail(1));
  server.add(42, form_mail(2));
  postgres.execute(url,
                   "CREATE FUNCTION drop_me() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                   " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
                   "CREATE TRIGGER drop_me BEFORE INSERT ON crm.deal EXECUTE FUNCTION drop_me()");
  EXPECT_FALSE(poller().pass());
  postgres.execute(url,
                   "DROP TRIGGER drop_me ON crm.deal; DELETE FROM ops.blob_chunk WHERE sha256 = "
                   "(SELECT raw_sha256 FROM ops.mail_message WHERE uid = 41)");

  pass();

  EXPECT_EQ(outcome(41), "quarantined");
  EXPECT_EQ(reason(41), "parse_error");
  EXPECT_EQ(outcome(42), "deal_created");
}

TEST_F(Poller, ADatabaseWithoutSpaceCostsNoMailItsAttempts) {
  postgres.execute(
      url,
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;"
      "CREATE TRIGGER full_disk BEFORE INSERT ON crm.deal EXECUTE FUNCTION full_disk()");
  server.add(41, form_mail(1));
  for (int attempt = 0; attempt < 2 * options.attempt_limit; ++attempt) {
    EXPECT_FALSE(poller().pass());
    postgres.execute(url, "UPDATE ops.mail_message SET next_attempt_at = NULL");
  }
  ASSERT_EQ(outcome(41), "stored");

  postgres.execute(url, "DROP TRIGGER full_disk ON crm.deal");
  pass();

  EXPECT_EQ(outcome(41), "deal_created");
}

// Nor does a slow one, whichever mail of it is tried alone.
TEST_F(Poller, ASlowDatabaseCostsNoMailItsAttempts) {
  postgres.execute(url,
                   "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN RAISE 'canceling statement' USING ERRCODE = 'query_canceled'; END $$;"
                   "CREATE TRIGGER slow BEFORE INSERT ON crm.deal EXECUTE FUNCTION slow()");
  for (const int uid : {41, 42}) server.add(static_cast<ingest::Uid>(uid), form_mail(uid));
  for (int attempt = 0; attempt < 3 * options.attempt_limit; ++attempt) {
    const auto passed = poller().pass();
    ASSERT_FALSE(passed);
    ASSERT_EQ(passed.error().reason, "statement_timeout");
    postgres.execute(url, "UPDATE ops.mail_message SET next_attempt_at = NULL");
  }
  EXPECT_EQ(one("SELECT string_agg(attempts::text, ' ') FROM ops.mail"), "1 1");

  postgres.execute(url, "DROP TRIGGER slow ON crm.deal");
  pass();

  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_EQ(outcome(42), "deal_created");
}

TEST_F(Poller, AMailThatTakesTooLongWhileOthersPassIsHeldInTheEnd) {
  options.pace.mail = {.first = std::chrono::hours{1}, .limit = std::chrono::hours{1}};
  postgres.execute(url,
                   "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN IF NEW.company_text = 'ООО «Пример 41»' THEN RAISE"
                   " 'canceling statement' USING ERRCODE = 'query_canceled'; END IF; RETURN NEW;"
                   " END $$; CREATE TRIGGER slow BEFORE INSERT ON crm.deal FOR EACH ROW"
                   " EXECUTE FUNCTION slow()");
  server.add(41, form_mail(41));
  int tries = 0;
  for (int uid = 42; uid < 62 && outcome(41) != "quarantined"; ++uid) {
    (void)poller().pass();  // without it, until its time has come
    server.add(static_cast<ingest::Uid>(uid), form_mail(uid));
    pass();
    EXPECT_EQ(outcome(static_cast<ingest::Uid>(uid)), "deal_created");
    postgres.execute(url, "UPDATE ops.mail_message SET next_attempt_at = NULL");
    ++tries;
  }

  EXPECT_EQ(reason(41), "too_many_retries");
  EXPECT_GE(tries, options.attempt_limit);
  EXPECT_THAT(one("SELECT details FROM ops.quarantine"), ::testing::HasSubstr("canceling"));
  expect_ledger_holds();
}

TEST_F(Poller, ALargeMailTravelsThroughAFileAndArrivesByteForByte) {
  options.spool_bytes = 1'000;
  const std::string big = form_mail(1, "Запрос стоимости", std::string(200'000, 'x') + "\r\n");
  server.add(41, big);

  pass();

  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_EQ(one("SELECT encode(sha256(string_agg(c.data, ''::bytea ORDER BY c.seq)), 'hex') "
                "FROM ops.blob_chunk c JOIN ops.mail m ON m.raw_sha256 = c.sha256"),
            to_hex(sha256(big)));
}

TEST_F(Poller, AKnownCompanyAndPersonAreFoundAndCompleted) {
  const auto company = records.create(
      registry.get("counterparty"), *Json::parse(R"({"name": "ООО Пример 1", "types": ["buyer"]})"),
      store::Actor::system("import"), {.profile = store::Profile::draft});
  ASSERT_TRUE(company) << company.error().detail;
  const auto person = records.create(
      registry.get("contact"),
      *Json::parse("{\"counterparty_id\": " + std::to_string(company->id) +
                   ", \"full_name\": \"Петров Иван\", \"email\": \"petrov1@primer.example\"}"),
      store::Actor::system("import"), {.profile = store::Profile::draft});
  ASSERT_TRUE(person) << person.error().detail;
  server.add(41, form_mail(1));

  pass();

  EXPECT_EQ(one("SELECT counterparty_id FROM crm.deal"), std::to_string(company->id));
  EXPECT_EQ(one("SELECT count(*) FROM crm.contact"), "1");
  EXPECT_EQ(one("SELECT position || '|' || phone FROM crm.contact"), "Инженер|+7 (495) 123-45-67");
}

TEST_F(Poller, MailReadBeforeWeCameIsInTheLedgerAndLeftAlone) {
  server.add(41, ScriptedMessage{.bytes = form_mail(1), .flags = {"\\Seen"}});

  pass();

  EXPECT_EQ(one("SELECT outcome || '|' || rule_id FROM ops.mail"), "ignored|already-seen");
  EXPECT_EQ(server.calls("fetch"), 0);
}

TEST_F(Poller, MailLeftOutIsTakenInWhenAPersonWantsIt) {
  settings.since = std::chrono::sys_days{std::chrono::year{2025} / 1 / 1};
  settings.first_sync_limit = 1;
  const Instant recent = Instant{*settings.since} + std::chrono::hours{24 * 30};
  const auto message = [&](int id, std::set<std::string> flags, Instant received) {
    return ScriptedMessage{.bytes = form_mail(id),
                           .flags = std::move(flags),
                           .internal_date = received,
                           .rfc822_size = {},
                           .refused = {}};
  };
  server.add(1, message(1, {"\\Seen"}, recent));
  server.add(2, message(2, {"\\Deleted"}, recent));
  server.add(3, message(3, {}, recent - std::chrono::hours{24 * 90}));
  server.add(4, message(4, {}, recent));
  server.add(5, message(5, {}, recent));
  pass();
  ASSERT_EQ(one("SELECT string_agg(coalesce(rule_id, outcome), ' ' ORDER BY uid) FROM ops.mail "
                "WHERE uid < 5"),
            "already-seen already-deleted before-since before-first-sync");

  for (int uid = 1; uid <= 4; ++uid) {
    const auto id = std::stoll(one("SELECT id FROM ops.mail WHERE uid = " + std::to_string(uid)));
    const auto taken = store::process_left_out(database, id);
    EXPECT_TRUE(taken) << taken.error().detail;
    const auto again = store::process_left_out(database, id);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().reason, "not_left_out");
  }
  query("UPDATE ops.mailbox SET compare_requested_at = now() RETURNING 1");
  pass();

  EXPECT_EQ(one("SELECT string_agg(outcome, ' ' ORDER BY uid) FROM ops.mail"),
            "deal_created deal_created deal_created deal_created deal_created");
  EXPECT_EQ(one("SELECT bool_and(listed = rows AND pending = 0 AND ignored = 0)::text FROM "
                "ops.mail_conservation"),
            "true");
}

// The rest of the folder has its rows too, and what is wanted later is taken in then.
TEST_F(Poller, OnlyMailThatTheSearchNamesIsTakenIn) {
  settings.search.subject_or_body = "стоимости";
  settings.search.received_before = "now-72h";
  const auto message = [&](const std::string& bytes, std::chrono::hours age) {
    return ScriptedMessage{.bytes = bytes, .internal_date = clock.now() - age};
  };
  server.add(1, message(form_mail(1), std::chrono::hours{24 * 9}));
  server.add(2, message(letter("a@x", "Привет"), std::chrono::hours{24 * 9}));
  server.add(3, message(form_mail(3), std::chrono::hours{0}));
  pass();
  EXPECT_EQ(one("SELECT string_agg(coalesce(rule_id || outcome, outcome), ' ' ORDER BY uid) FROM "
                "ops.mail WHERE uid > 1"),
            "outside-searchignored outside-searchignored");
  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_FALSE(server.seen(2));
  EXPECT_FALSE(server.seen(3));

  server.folder().messages.at(3).internal_date = clock.now() - std::chrono::hours{24 * 9};
  server.add(4, message(form_mail(4), std::chrono::hours{24 * 9}));
  pass();

  EXPECT_EQ(outcome(2), "ignored");
  EXPECT_EQ(outcome(3), "deal_created");
  EXPECT_EQ(outcome(4), "deal_created");
  expect_ledger_holds();
}

TEST_F(Poller, ASearchGoesOnBehindWhatItFoundUnlessOlderMailMayBeWantedNow) {
  settings.unseen_only = false;
  settings.search.subject_or_body = "стоимости";
  settings.search.received_since = "now-72h";
  const auto above = [&](ingest::Uid uid) {
    server.add(uid, form_mail(static_cast<int>(uid)));
    server.folder().messages.at(uid).internal_date = clock.now();
    pass();
    EXPECT_EQ(outcome(uid), "deal_created");
    return server.searched_above().back();
  };
  above(1);  // compares
  above(2);  // perhaps other terms were searched for before

  EXPECT_EQ(above(7), 2U);
  EXPECT_EQ(above(8), 7U);
  poller_.reset();
  settings.search.sent_before = "now+1h";
  EXPECT_EQ(above(9), 0U);
  EXPECT_EQ(above(10), 0U);
}

TEST_F(Poller, OtherTermsOfASearchAreLookedForInAllOfTheFolder) {
  settings.unseen_only = false;
  settings.search.subject_or_body = "Привет";
  server.add(1, form_mail(1));
  server.add(2, letter("a@x", "Привет"));
  pass();
  ASSERT_EQ(outcome(1), "ignored");
  poller_.reset();
  settings.search.subject_or_body = "стоимости";

  pass();

  EXPECT_EQ(outcome(1), "deal_created");
}

TEST_F(Poller, MailLeftOutUnderAnotherUidvalidityIsNotTakenIn) {
  server.add(41, ScriptedMessage{.bytes = form_mail(1), .flags = {"\\Seen"}});
  pass();
  const auto id = std::stoll(one("SELECT id FROM ops.mail"));
  server.folder().uidvalidity = 9;
  pass();

  const auto taken = store::process_left_out(database, id);

  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().reason, "renumbered");
  EXPECT_EQ(one("SELECT outcome FROM ops.mail WHERE id = " + std::to_string(id)), "ignored");
}

TEST_F(Poller, TwoDaemonsDoNotWorkOnOneMailbox) {
  ingest::LeaseKeeper others{database, "test:2", quiet.observer, [] {}};
  const auto other = make_poller(others);
  server.add(41, form_mail(1));
  pass();
  server.add(42, form_mail(2));

  ASSERT_TRUE(other->pass());

  EXPECT_FALSE(other->status().holds_lease);
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail"), "1");
  leases.release("crm", "INBOX");
  ASSERT_TRUE(other->pass());
  EXPECT_EQ(outcome(42), "deal_created");
}

TEST_F(Poller, AFolderThatAnotherDaemonHasIsAwaitedByWhoHasTheOthers) {
  settings.folders = {"INBOX", "Orders"};
  settings.initial_delay = {};
  server.folder("Orders");
  ingest::LeaseKeeper others{database, "test:2", quiet.observer, [] {}};
  ASSERT_TRUE(others.hold("crm", "Orders"));
  const auto becomes = [this](bool awaits) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (poller().awaits_lease() != awaits && std::chrono::steady_clock::now() < deadline) {
      poller().poll_now();
      std::this_thread::yield();
    }
    return poller().awaits_lease() == awaits;
  };
  poller().start();
  EXPECT_TRUE(becomes(true));
  EXPECT_TRUE(poller().status().holds_lease);

  others.release("crm", "Orders");

  EXPECT_TRUE(becomes(false));
}

TEST_F(Poller, AHolderWhoseLeaseWasTakenWritesNothing) {
  server.add(41, form_mail(1));
  ASSERT_TRUE(leases.hold("crm", "INBOX"));
  postgres.execute(url,
                   "UPDATE ops.mailbox_lease SET holder = 'thief', fence = fence + 1, "
                   "expires_at = now() + interval '1 hour'");

  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "0");
  EXPECT_FALSE(server.seen(41));
  EXPECT_FALSE(poller().status().holds_lease);
}

class ActivityMailbox : public Poller {
 protected:
  // The number of a deal, and from now on the mailbox is one of activities.
  std::string deal_before() {
    server.add(41, form_mail(1));
    pass();
    poller_.reset();
    leases.release("crm", "INBOX");
    server.remove(41);
    settings.code = "activity";
    settings.kind = ingest::MailboxKind::activity;
    return one("SELECT number FROM crm.deal");
  }
};

TEST_F(ActivityMailbox, KeepsTheTextOfAMailAndItsFiles) {
  const std::string number = deal_before();
  server.add(51, with_attachment("a1@romashka.example", "Протокол (Сделка: " + number + ")"));

  pass();

  EXPECT_EQ(outcome(51), "activity_added");
  EXPECT_EQ(one("SELECT type || '|' || topic || '|' || text FROM crm.activity WHERE text LIKE "
                "'См.%'"),
            "email|Протокол (Сделка: " + number + ")|См. вложение.");
  EXPECT_EQ(one("SELECT position(convert_to('%PDF-1.4', 'UTF8') IN c.data) > 0 FROM crm.document d "
                "JOIN crm.document_version v ON v.id = d.current_version_id "
                "JOIN ops.blob_chunk c ON c.sha256 = v.content_sha256 WHERE d.name = 'act.pdf'"),
            "t");
}

TEST_F(ActivityMailbox, AnAliasThatIsSwitchedOffTakesNoMail) {
  const std::string number = deal_before();
  query("UPDATE crm.activity_target SET enabled = false WHERE alias = 'Сделка'");
  server.add(51, letter("a1@romashka.example", "Протокол (Сделка: " + number + ")"));

  pass();

  EXPECT_EQ(reason(51), "unknown_alias");
}

TEST_F(ActivityMailbox, FindsItsRecordByTheSuffix) {
  const std::string number = deal_before();
  server.add(51, letter("a1@romashka.example", "Протокол (Сделка: " + number + ")"));
  server.add(52, letter("a2@romashka.example", "Протокол (нечто: 5)"));
  server.add(53, letter("a3@romashka.example", "Протокол без ссылки"));

  pass();

  EXPECT_EQ(outcome(51), "activity_added");
  EXPECT_EQ(reason(52), "unknown_alias");
  EXPECT_EQ(outcome(53), "quarantined");
}

TEST_F(Poller, ItsThreadStopsAtOnceWhileItIdles) {
  settings.use_idle = true;
  settings.delay = std::chrono::hours{1};
  server.add(41, form_mail(1));
  poller().start();
  while (!server.seen(41)) std::this_thread::yield();  // told after the commit

  poller().request_stop();
  poller().join();

  EXPECT_EQ(outcome(41), "deal_created");
}

}  // namespace
}  // namespace c360::testing
