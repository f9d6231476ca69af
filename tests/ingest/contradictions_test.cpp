// A server that contradicts itself about the bytes of mails, on the whole path: each mail ends with
// its own, and is flagged or removed only then.
#include <gmock/gmock.h>

#include "tests/ingest/hostile_fixture.h"
#include "tests/ingest/misbehaviours.h"

namespace c360::testing {
namespace {

class Contradicting : public HostileTest {
 protected:
  // What was said of it stays until the next pass, which is asked for.
  void expect_contradiction(std::string_view metric) {
    crm.delay = std::chrono::hours{1};
    start();
    expect_trouble("contradicts itself", metric);
    EXPECT_TRUE(log().contains(" reason=contradicted")) << log();
    intake->poll_now("crm");
    expect_recovery();
  }
};

TEST_F(Contradicting, ABodyShorterThanItsSizeIsFetchedAgain) {
  liar.misbehave("UID FETCH", 1, sends_instead(liar, [](const ImapAccount::Message& message) {
                   return message.bytes.substr(0, message.bytes.size() / 2);
                 }));

  expect_contradiction(kRetries);
}

TEST_F(Contradicting, ABodyLongerThanItsSizeIsFetchedAgain) {
  liar.misbehave("UID FETCH", 1, sends_instead(liar, [](const ImapAccount::Message& message) {
                   return message.bytes + "and what nobody wrote\r\n";
                 }));

  expect_contradiction(kRetries);
}

TEST_F(Contradicting, ASizeThatIsOnlyAnEstimateIsCountedAndDoesNoHarm) {
  liar.on("UID FETCH", [&](ImapConnection& client, const ImapCommand& command) {
    for (const auto& message : liar.account().messages("INBOX")) {
      if (!command.asks_for(message.uid)) continue;
      client.line("* 1 FETCH (RFC822.SIZE 7 UID " + std::to_string(message.uid) + " BODY[] {" +
                  std::to_string(message.bytes.size()) + "}\r\n" + message.bytes + ")");
    }
    client.ok(command);
  });

  expect_contradiction(kMismatches);
  EXPECT_THAT(quiet.metrics.serialize(),
              ::testing::HasSubstr("client360_mail_size_mismatches_total{mailbox=\"crm\"} 5"));
}

TEST_F(Contradicting, TheBodyOfAnotherMailIsNotTakenForIt) {
  liar.misbehave("UID FETCH", 1,
                 sends_instead(
                     liar,
                     [this](const ImapAccount::Message& message) {
                       return message.uid == 1 ? liar.account().messages("INBOX").at(3).bytes
                                               : message.bytes;
                     },
                     /*true_size=*/false));

  expect_contradiction(kRetries);
}

// The bytes of a mail that was read before, for a new one: taken for its duplicate it would be
// flagged, or removed, and never be read.
class BytesOfAnother : public Contradicting {
 protected:
  // The next `times` fetches of `uid` give the bytes of the mails `others`, one after the other.
  void lie_about(std::uint32_t uid, std::vector<std::uint32_t> others) {
    const auto told = std::make_shared<std::size_t>(0);
    const auto bytes = std::make_shared<std::vector<std::string>>();
    for (const std::uint32_t other : others)
      bytes->push_back(liar.account().messages("INBOX").at(other - 1).bytes);
    liar.misbehave("UID FETCH", 0,
                   [this, uid, told, bytes](ImapConnection& client, const ImapCommand& command) {
                     if (!command.asks_for(uid) || *told == bytes->size())
                       return liar.answer(client, command);
                     const std::string body = bytes->at((*told)++);
                     sends_instead(
                         liar,
                         [uid, body](const ImapAccount::Message& message) {
                           return message.uid == uid ? body : message.bytes;
                         },
                         /*true_size=*/false)(client, command);
                   });
  }
  std::uint32_t add_form() { return liar.account().add("INBOX", form_mail(++forms_)); }
  long fetches_of(std::uint32_t uid) const {
    return std::ranges::count_if(liar.transcript(), [&](const std::string& line) {
      constexpr std::string_view kFetch = "UID FETCH ";
      return line.starts_with(kFetch) &&
             ImapCommand{"", "UID FETCH", line.substr(kFetch.size())}.asks_for(uid);
    });
  }
  // Its own, as it was on the server when the test added it.
  void expect_own_bytes(std::uint32_t uid, const std::string& bytes) {
    EXPECT_EQ(one("SELECT encode(raw_sha256, 'hex') || ' ' || outcome" + of_mail(uid)),
              to_hex(sha256(bytes)) + " deal_created");
  }
};

TEST_F(BytesOfAnother, FromAnEarlierPassAreNotTakenForANewMail) {
  crm.delay = std::chrono::hours{1};
  start();
  expect_recovery();
  lie_about(6, {2});
  const std::uint32_t uid = add_form();
  ASSERT_EQ(uid, 6U);

  intake->poll_now("crm");
  expect_trouble("contradicts itself", kRetries);
  intake->poll_now("crm");

  expect_recovery();
  expect_own_bytes(uid, liar.account().messages("INBOX").back().bytes);
  EXPECT_EQ(fetches_of(uid), 2);
}

TEST_F(BytesOfAnother, FromAnEarlierBatchAreNotTakenForAMail) {
  crm.batch_messages = 2;
  lie_about(4, {1});

  expect_contradiction(kRetries);

  expect_own_bytes(4, liar.account().messages("INBOX").at(3).bytes);
}

TEST_F(BytesOfAnother, RemoveNoMailThatWasNotRead) {
  crm.delete_after = true;
  crm.delay = std::chrono::hours{1};
  wants_flags = false;
  const std::string second = liar.account().messages("INBOX").at(1).bytes;
  start();
  ASSERT_TRUE(comes_true([&] { return liar.account().messages("INBOX").empty(); }));
  const std::uint32_t uid = add_form();
  const std::string own = liar.account().messages("INBOX").back().bytes;
  liar.misbehave("UID FETCH", 1,
                 sends_instead(
                     liar, [second](const ImapAccount::Message&) { return second; },
                     /*true_size=*/false));

  intake->poll_now("crm");
  expect_trouble("contradicts itself", kRetries);
  ASSERT_TRUE(comes_true([&] { return liar.account().messages("INBOX").empty(); }));

  expect_own_bytes(uid, own);
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE outcome = 'duplicate'"), "0");
  expect_equation();
}

// Once more asked it names another one: neither is believed, and the mail waits.
TEST_F(BytesOfAnother, OfOneMailAndThenOfTheNextAreNotTakenEither) {
  crm.delay = std::chrono::hours{1};
  start();
  expect_recovery();
  lie_about(6, {2, 3});
  const std::uint32_t uid = add_form();

  intake->poll_now("crm");
  expect_trouble("of one other mail, then of the next", kRetries);
  EXPECT_EQ(one("SELECT state || ' ' || attempts" + of_mail(uid)), "listed 1");
  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return settled(liar, "crm");
  }));

  expect_recovery();
  expect_own_bytes(uid, liar.account().messages("INBOX").back().bytes);
}

// The first lie names a mail that comes later: the one that was read is the wrong one then, and the
// true one would end as its duplicate.
class BytesOfALaterMail : public BytesOfAnother {
 protected:
  // Fetches of `uid` give `bytes`, the next `times` of them (0: all until healed).
  void answer_with(std::uint32_t uid, const std::string& bytes, int times) {
    const auto left = std::make_shared<int>(times);
    liar.misbehave(
        "UID FETCH", 0,
        [this, uid, bytes, times, left](ImapConnection& client, const ImapCommand& command) {
          if (!command.asks_for(uid) || (times > 0 && (*left)-- <= 0))
            return liar.answer(client, command);
          sends_instead(
              liar,
              [uid, bytes](const ImapAccount::Message& message) {
                return message.uid == uid ? bytes : message.bytes;
              },
              /*true_size=*/false)(client, command);
        });
  }
  // Uid 6 is answered with what uid 7 will have, read and flagged; then 7 comes.
  void take_the_sixth_for_the_seventh() {
    crm.delay = std::chrono::hours{1};
    start();
    expect_recovery();
    sixth_ = form_mail(++forms_);
    seventh_ = form_mail(++forms_);
    answer_with(6, seventh_, 1);
    ASSERT_EQ(liar.account().add("INBOX", sixth_), 6U);
    intake->poll_now("crm");
    ASSERT_TRUE(comes_true([&] { return settled(liar, "crm") && all_seen(); }));
    expect_own_bytes(6, seventh_);
  }
  void expect_each_its_own() {
    expect_own_bytes(6, sixth_);
    expect_own_bytes(7, seventh_);
    EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE outcome = 'duplicate'"), "0");
  }
  std::string sixth_, seventh_;
};

TEST_F(BytesOfALaterMail, GiveNeitherMailTheRecordOfTheOther) {
  take_the_sixth_for_the_seventh();
  const std::string made = one("SELECT outcome_record_id" + of_mail(6));
  ASSERT_EQ(liar.account().add("INBOX", seventh_), 7U);

  intake->poll_now("crm");
  expect_trouble("answered for uid 6 with the bytes of uid 7", kRetries);
  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return settled(liar, "crm") && all_seen();
  }));

  expect_recovery();
  expect_each_its_own();
  EXPECT_EQ(one("SELECT outcome_record_id" + of_mail(7)), made) << "the record of its bytes";
}

// Not told of the end of the true one before its row is known.
TEST_F(BytesOfALaterMail, AreFlaggedOnlyOnceTheirMailIsKnown) {
  crm.use_idle = false;
  take_the_sixth_for_the_seventh();
  ASSERT_EQ(liar.account().add("INBOX", seventh_), 7U);
  intake_options.attempt_limit = 1'000'000;
  liar.misbehave("UID STORE", 0, answers("NO not now"));

  intake->poll_now("crm");
  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return settled(liar, "crm");
  }));

  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE uid IN (6, 7) AND flagged_at IS NOT NULL"),
            "0");
  liar.heal();
  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return all_seen();
  }));
  expect_recovery();
  expect_each_its_own();
}

// The batch of the first one is still on its way when the second one is fetched.
// The mail came twice the same, and the connection ended before the one it resembles was asked for.
TEST_F(BytesOfALaterMail, AreFoundOutWhereTheConnectionEndsBetween) {
  take_the_sixth_for_the_seventh();
  const std::string copy = liar.account().messages("INBOX").front().bytes;
  ASSERT_EQ(liar.account().add("INBOX", seventh_), 7U);
  ASSERT_EQ(liar.account().add("INBOX", copy), 8U);
  const auto asked = std::make_shared<int>(0);
  liar.misbehave("UID FETCH", 0, [this, asked](ImapConnection& client, const ImapCommand& command) {
    if (!command.asks_for(8) || ++*asked != 2) return liar.answer(client, command);
    const auto seventh = liar.account().messages("INBOX").at(6);
    client.line("* 7 FETCH (UID 7 RFC822.SIZE " + std::to_string(seventh.bytes.size()) +
                " BODY[] {" + std::to_string(seventh.bytes.size()) + "}\r\n" + seventh.bytes + ")");
    client.close();
  });

  intake->poll_now("crm");
  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return settled(liar, "crm") && all_seen();
  }));

  EXPECT_GE(*asked, 2);
  expect_recovery();
  expect_own_bytes(6, sixth_);
  expect_own_bytes(7, seventh_);
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE outcome = 'duplicate'"), "1") << "uid 8";
}
TEST_F(BytesOfALaterMail, OfTheNextBatchAreFoundOutToo) {
  crm.batch_messages = 2;
  const auto mails = liar.account().messages("INBOX");
  answer_with(2, mails.at(2).bytes, 1);

  start();

  ASSERT_TRUE(comes_true([&] { return settled(liar, "crm") && all_seen(); }));
  expect_recovery();
  for (const auto& mail : mails) expect_own_bytes(mail.uid, mail.bytes);
}

TEST_F(BytesOfALaterMail, OfTheNextBatchRemoveNothingThatWasNotRead) {
  crm.batch_messages = 2;
  crm.delete_after = true;
  wants_flags = false;
  const auto mails = liar.account().messages("INBOX");
  answer_with(2, mails.at(2).bytes, 1);

  start();

  ASSERT_TRUE(comes_true([&] { return liar.account().messages("INBOX").empty(); }));
  for (const auto& mail : mails) expect_own_bytes(mail.uid, mail.bytes);
  expect_equation();
}

// True copies, and a server that says otherwise when it is asked again: the copy waits and is one.
TEST_F(BytesOfALaterMail, AreNotSeenInATrueCopy) {
  crm.delay = std::chrono::hours{1};
  start();
  expect_recovery();
  const std::string first = liar.account().messages("INBOX").front().bytes;
  answer_with(1, form_mail(++forms_), 1);
  const std::uint32_t copy = liar.account().add("INBOX", first);

  intake->poll_now("crm");
  expect_trouble("contradicts itself", kRetries);
  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return settled(liar, "crm") && all_seen();
  }));

  expect_recovery();
  EXPECT_EQ(one("SELECT string_agg(outcome, ',' ORDER BY outcome) FROM ops.mail m JOIN ops.mailbox "
                "b ON b.id = m.mailbox_id WHERE b.code = 'crm' AND uid IN (1, " +
                std::to_string(copy) + ")"),
            "deal_created,duplicate");
}

// Whoever lies in turn, now of the one and now of the other, is not listened to for ever.
TEST_F(BytesOfALaterMail, ToldInTurnForEverEndInQuarantine) {
  intake_options.attempt_limit = 3;
  crm.delay = std::chrono::hours{1};
  start();
  expect_recovery();
  const std::string first = liar.account().messages("INBOX").front().bytes;
  const auto asked = std::make_shared<int>(0);
  // The new mail is a copy each time; the one it is compared with is something else each time.
  liar.misbehave("UID FETCH", 0,
                 [this, first, asked](ImapConnection& client, const ImapCommand& command) {
                   const int turn = ++*asked % 3;
                   sends_instead(
                       liar,
                       [first, turn, asked](const ImapAccount::Message&) {
                         return turn == 0 ? form_mail(10'000 + *asked) : first;
                       },
                       /*true_size=*/false)(client, command);
                 });
  (void)add_form();

  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return one("SELECT count(*) FROM ops.mail WHERE outcome = 'quarantined'") == "1";
  }));

  EXPECT_EQ(one("SELECT q.reason FROM ops.quarantine q"), "too_many_retries");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal d JOIN ops.mail m ON m.id = d.mail_message_id JOIN "
                "ops.mailbox b ON b.id = m.mailbox_id WHERE b.code = 'crm'"),
            "5");
  expect_equation();
}

// The one before is refused now: its bytes cannot be compared, so the copy waits for them.
TEST_F(BytesOfALaterMail, ThatCannotBeAskedForAgainLetTheCopyWait) {
  crm.delay = std::chrono::hours{1};
  start();
  expect_recovery();
  const std::string first = liar.account().messages("INBOX").front().bytes;
  liar.misbehave("UID FETCH", 0, [this](ImapConnection& client, const ImapCommand& command) {
    if (command.asks_for(1)) return client.no(command, "[SERVERBUG] cannot read it");
    liar.answer(client, command);
  });
  const std::uint32_t copy = liar.account().add("INBOX", first);

  intake->poll_now("crm");
  expect_trouble("cannot be asked for again", kRetries);
  EXPECT_EQ(one("SELECT state" + of_mail(copy)), "listed");
  liar.heal();
  ASSERT_TRUE(comes_true([&] {
    intake->poll_now("crm");
    return settled(liar, "crm") && all_seen();
  }));

  expect_recovery();
  EXPECT_EQ(one("SELECT outcome" + of_mail(copy)), "duplicate");
}

}  // namespace
}  // namespace c360::testing
