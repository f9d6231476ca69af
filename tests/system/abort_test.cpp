// The intake as a process of its own, ended by SIGKILL before and after every step of a mail's way
// that lasts (tests/support/step_relay.h), then begun again: what comes of the mail is the same
// each time, in the ledger, in the CRM and on the server.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <map>
#include <ostream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "tests/ingest/intake_fixture.h"
#include "tests/support/dovecot.h"
#include "tests/support/step_relay.h"

namespace c360::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using Moment = StepRelay::Moment;

constexpr std::size_t kMostSteps = 60;  // more than there are: the test must come to an end

// What is done to the mail on the server, and the command that does it.
struct Manner {
  std::string name;
  void (*choose)(ingest::MailboxSettings&);
  std::string command;
  std::string mail_done;          // folder and flags afterwards; empty: gone
  std::string capabilities = {};  // of the server; empty: all it has
};

// What a mail is, in words and as bytes that differ with `number`; and its end.
struct Kind {
  std::string name;
  std::string (*mail)(int number);
  std::string outcome;
  // Of the mailbox it comes into; null: as it is.
  void (*choose)(ingest::MailboxSettings&) = nullptr;
};

const std::string kMailHeld = "INBOX a";  // the first keyword, $Client360Failed

const Manner kSeen{"Seen", [](auto&) {}, "STORE", "INBOX S"};
const Manner kRemoved{"Removed", [](auto& settings) { settings.delete_after = true; }, "EXPUNGE",
                      ""};
const Manner kMoved{"Moved", [](auto& settings) { settings.move_to = "Done"; }, "MOVE", "Done "};
const Manner kCopied{"Copied", kMoved.choose, "COPY", "Done ", "IMAP4rev1 UIDPLUS"};

// The first mail of every mailbox is form_mail(1).
const Kind kForm{"Form", [](int number) { return form_mail(number); }, "deal_created"};
const Kind kAnswer{"Answer",
                   [](int number) {
                     return "In-Reply-To: <form-1@site.client360.example>\r\n" +
                            with_attachment(fmt::format("answer-{}@romashka.example", number),
                                            "Наш вопрос");
                   },
                   "activity_added"};
const Kind kHeld{"Held",
                 [](int number) {
                   return letter(fmt::format("held-{}@romashka.example", number), "Сделка #424242");
                 },
                 "quarantined"};
const Kind kRepetition{"Repetition", [](int) { return form_mail(1); }, "duplicate"};
const Kind kOwn{
    "Own",
    [](int number) {
      std::string mail = letter(fmt::format("own-{}@client360.example", number), "Наше письмо");
      return mail.replace(mail.find("anna@romashka.example"), 21, "crm@client360.example");
    },
    "ignored"};

const Kind kLead{"Lead", kForm.mail, "lead_created",
                 [](auto& settings) { settings.target = ingest::MailTarget::lead; }};
const Kind kSupport{
    "Support",
    [](int number) {
      return with_attachment(fmt::format("support-{}@romashka.example", number), "Не печатает");
    },
    "support_created", [](auto& settings) { settings.kind = ingest::MailboxKind::support; }};

struct Case {
  Manner manner;
  Kind kind;
};
// What a mail is shows before the commit, what is done with it on the server after it.
const std::vector<Case> kCases{
    {kSeen, kForm},    {kSeen, kAnswer}, {kSeen, kHeld},   {kSeen, kRepetition}, {kSeen, kOwn},
    {kRemoved, kForm}, {kMoved, kForm},  {kCopied, kForm}, {kSeen, kLead},       {kSeen, kSupport}};
void PrintTo(const Case& one, std::ostream* out) { *out << one.manner.name << one.kind.name; }

// How many mails lie where and with which flags; or how many rows which table has.
using Counts = std::map<std::string, int>;

Counts operator-(const Counts& after, const Counts& before) {
  Counts grown = after;
  for (const auto& [what, count] : before) grown[what] -= count;
  std::erase_if(grown, [](const auto& entry) { return entry.second == 0; });
  return grown;
}

// All that came of the mails of one pass.
struct Effect {
  Counts rows;
  Counts on_server;
  std::string mails;  // as newest_mails() tells

  bool operator==(const Effect&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Effect& effect) {
    for (const auto& counts : {effect.rows, effect.on_server})
      for (const auto& [what, count] : counts) out << what << " " << count << "\n";
    return out << effect.mails;
  }
};

class AbortTest : public ::testing::Test {
 protected:
  // A server that announces `capabilities` (empty: all it has), an empty mailbox, an empty
  // database.
  void begin(const std::string& capabilities = {});
  // Whom the senders of letters belong to.
  void add_customer();
  void deliver(const std::string& bytes) { dovecot_->deliver(settings_.imap.username, bytes); }

  // One pass of the whole intake, to its orderly end: what the child process is for.
  void take_in() const;
  // take_in() in a child process.
  StepRelay::Watched run(std::optional<StepRelay::Abort> abort = {}) const;
  // A pass that must come to its end; the steps it took.
  std::vector<std::string> complete() const;
  // Dies at the step, whose name it returns, and goes on in another process. Nothing: there is no
  // such step.
  std::optional<std::string> dies_and_goes_on(std::size_t step, Moment moment);
  // That for every step there is; `prepare` and `check` stand around each, the latter is told the
  // step's name.
  void die_at_every_step(const std::function<void()>& prepare,
                         const std::function<void(const std::string& step, Moment)>& check);

  // The first column of every row.
  std::vector<std::string> query(const std::string& sql);
  Counts rows();
  Counts on_server() const;
  // What the ledger and the CRM say of the newest mails, without what differs between any two.
  std::string newest_mails(int count, int number);
  void expect_sound();

  TempPostgres& postgres_ = TempPostgres::shared();
  std::shared_ptr<const parsers::RuleSet> rules_ = shipped_rules();
  std::unique_ptr<Dovecot> dovecot_;
  std::unique_ptr<StepRelay> relay_;
  std::string url_ = postgres_.create_database();
  Quiet quiet_;
  store::Database database_{store::DatabaseOptions{.url = url_}, quiet_.observer};  // for query()
  ingest::MailboxSettings settings_;
};

void AbortTest::begin(const std::string& capabilities) {
  dovecot_ = std::make_unique<Dovecot>(DovecotOptions{.capabilities = capabilities});
  relay_ = std::make_unique<StepRelay>(postgres_, dovecot_->imap_port());
  settings_.code = "crm";
  settings_.own_addresses = {"crm@client360.example"};
  settings_.use_idle = false;
  settings_.imap.host = "127.0.0.1";
  settings_.imap.port = relay_->imap_port();
  settings_.imap.tls = ingest::imap::TlsMode::none;
  settings_.imap.password = Secret{dovecot_->options().password};
  settings_.imap.username = "box";
}

void AbortTest::add_customer() {
  const SystemClock clock;
  const store::Registry registry = store::Registry::standard();
  store::Records records{database_, registry, records_options(), clock};
  const auto make = [&](std::string_view kind, const std::string& fields) {
    const auto made =
        records.create(registry.get(kind), *Json::parse(fields), store::Actor::system("import"),
                       {.profile = store::Profile::draft});
    if (!made) throw std::runtime_error(made.error().detail);
    return std::to_string(made->id);
  };
  const std::string customer =
      make("counterparty", R"({"name": "Ромашка", "email_domains": ["romashka.example"]})");
  make("contact", R"({"full_name": "Anna", "email": "anna@romashka.example", "counterparty_id": )" +
                      customer + "}");
}

void AbortTest::take_in() const {
  std::string url = url_;
  const std::string& folder = postgres_.socket_folder();
  url.replace(url.find(folder), folder.size(), relay_->postgres_folder());
  const Quiet quiet;
  const SystemClock clock;
  store::Database database{store::DatabaseOptions{.url = url}, quiet.observer};
  const store::Registry registry = store::Registry::standard();
  store::Records records{database, registry, records_options(), clock};
  const ingest::IntakeOptions options{.holder = store::lease_holder(),
                                      .pass_slice = std::chrono::hours{1}};
  ingest::Intake intake{database, registry, records, rules_, options, quiet.observer, clock};
  intake.configure({settings_});
  for (;;) {
    const ingest::MailboxStatus status = intake.status().front();
    if (status.consecutive_failures > 0) throw std::runtime_error("the pass: " + status.reason);
    if (status.last_pass) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

StepRelay::Watched AbortTest::run(std::optional<StepRelay::Abort> abort) const {
  const pid_t test = getpid();
  const pid_t child = fork();
  if (child != 0) return relay_->watch(child, abort);
  // Whatever happens, nothing of the test itself goes on here.
  try {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == test) take_in();
  } catch (const std::exception& fault) {
    fmt::print(stderr, "{}\n", fault.what());
    _exit(1);
  }
  _exit(0);
}

std::vector<std::string> AbortTest::complete() const {
  StepRelay::Watched watched = run();
  EXPECT_TRUE(WIFEXITED(watched.status) && WEXITSTATUS(watched.status) == 0) << watched.status;
  return std::move(watched.steps);
}

std::optional<std::string> AbortTest::dies_and_goes_on(std::size_t step, Moment moment) {
  const StepRelay::Watched watched = run(StepRelay::Abort{step, moment});
  if (!watched.aborted) return std::nullopt;
  // What fifteen seconds do: the lease of the dead one runs out.
  query("UPDATE ops.mailbox_lease SET expires_at = now()");
  complete();
  return watched.steps.back();
}

void AbortTest::die_at_every_step(
    const std::function<void()>& prepare,
    const std::function<void(const std::string& step, Moment)>& check) {
  for (const Moment moment : {Moment::before, Moment::after}) {
    for (std::size_t step = 1;; ++step) {
      ASSERT_LE(step, kMostSteps);
      prepare();
      const auto died_at = dies_and_goes_on(step, moment);
      SCOPED_TRACE(fmt::format("{} step {}, {}", moment == Moment::before ? "before" : "after",
                               step, died_at.value_or("which there is not")));
      check(died_at.value_or(""), moment);
      if (HasFailure()) return;
      if (!died_at) break;
    }
  }
}

std::vector<std::string> AbortTest::query(const std::string& sql) {
  const auto rows = database_.execute(store::Pool::api, store::Sql{"", sql});
  if (!rows) throw std::runtime_error(rows.error().detail);
  std::vector<std::string> values;
  for (int row = 0; row < rows->size(); ++row) values.emplace_back(rows->text(row, 0));
  return values;
}

Counts AbortTest::rows() {
  static const std::string all = query(R"sql(
    SELECT string_agg(format('SELECT %1$L || count(*) FROM %2$s', oid::regclass || '=', oid::regclass),
                      ' UNION ALL ')
    FROM pg_class
    WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('crm', 'ops'))sql")
                                     .front();
  Counts counts;
  for (const std::string& line : query(all)) {
    const std::size_t mark = line.find('=');
    counts[line.substr(0, mark)] = std::stoi(line.substr(mark + 1));
  }
  return counts;
}

Counts AbortTest::on_server() const {
  Counts counts;
  for (const char* folder : {"INBOX", "Done"})
    for (const StoredMail& mail : dovecot_->stored(settings_.imap.username, folder))
      ++counts[std::string(folder) + " " + mail.flags];
  return counts;
}

std::string AbortTest::newest_mails(int count, int number) {
  const auto mails = query(R"sql(
    SELECT jsonb_strip_nulls(jsonb_build_object(
      'mail', to_jsonb(m) - ARRAY['id', 'uid', 'uidvalidity', 'mailbox_id', 'attempts', 'raw_sha256', 'size_bytes', 'listed_at',
        'internal_date', 'fetched_at', 'processed_at', 'flagged_at', 'outcome_record_id',
        'duplicate_of_id'],
      'flagged', m.flagged_at IS NOT NULL, 'copy', m.duplicate_of_id IS NOT NULL,
      'raw', (SELECT sum(length(c.data)) = m.size_bytes FROM ops.blob_chunk c
              WHERE c.sha256 = m.raw_sha256),
      'deal', (SELECT json_agg(json_build_array(d.name, d.status, d.company_text, d.description,
                 d.date_received, (SELECT json_agg(json_build_array(k.full_name, k.email, k.phone))
                 FROM crm.record_contact r JOIN crm.contact k ON k.id = r.contact_id
                 WHERE r.record_id = d.id)))
               FROM crm.deal d WHERE d.mail_message_id = m.id),
      'lead', (SELECT json_agg(json_build_array(l.name, l.status, l.company_text, l.description,
                 l.date_received, (SELECT json_agg(json_build_array(k.full_name, k.email, k.phone))
                 FROM crm.record_contact r JOIN crm.contact k ON k.id = r.contact_id
                 WHERE r.record_id = l.id)))
               FROM crm.lead l WHERE l.mail_message_id = m.id),
      'request', (SELECT json_agg(json_build_array(s.subject, s.status, s.content_text,
                    s.priority, s.counterparty_id))
                  FROM crm.support_request s WHERE s.id = m.outcome_record_id),
      'activity', (SELECT json_agg(json_build_array(a.type, a.status, a.direction, a.topic, a.text,
                     p.name)) FROM crm.activity a JOIN crm.deal p ON p.id = a.parent_record_id
                   WHERE a.mail_message_id = m.id),
      'attachment', (SELECT json_agg(json_build_array(t.part, t.file_name, t.size_bytes, t.sha256,
                       t.document_id IS NOT NULL))
                     FROM ops.mail_attachment t WHERE t.mail_message_id = m.id),
      'held', (SELECT json_agg(json_build_array(q.reason, q.details, q.status, t.status))
               FROM ops.quarantine q LEFT JOIN crm.task t ON t.id = q.task_id
               WHERE q.mail_message_id = m.id),
      'history', (SELECT json_agg(h.event ORDER BY h.id) FROM crm.history_event h
                  WHERE h.record_id = m.outcome_record_id AND m.outcome IN
                    ('deal_created', 'lead_created', 'support_created'))))
    FROM ops.mail m ORDER BY m.id DESC LIMIT )sql" +
                           std::to_string(count));
  std::string json;
  for (const std::string& mail : mails) json += mail + "\n";
  const std::string digits = std::to_string(number);
  for (std::size_t at = json.find(digits); at != std::string::npos; at = json.find(digits, at))
    json.replace(at, digits.size(), "N");
  return json;
}

void AbortTest::expect_sound() {
  EXPECT_THAT(query("SELECT invariant FROM ops.invariant WHERE violations > 0 UNION ALL "
                    "SELECT invariant FROM ops.invariant_scan WHERE violations > 0"),
              IsEmpty());
}

using AbortInTheFirstPass = AbortTest;
class Abort : public AbortTest, public ::testing::WithParamInterface<Case> {};

// Each time a new mail of that kind comes into the same mailbox.
TEST_P(Abort, BeforeOrAfterAnyStepChangesNothingOfWhatComesOfTheMail) {
  const auto& [manner, kind] = GetParam();
  manner.choose(settings_);
  if (kind.choose != nullptr) kind.choose(settings_);
  begin(manner.capabilities);
  if (settings_.kind == ingest::MailboxKind::support) add_customer();
  deliver(form_mail(1));
  complete();
  int number = 700'000;
  Counts rows_before = rows();
  Counts server_before = on_server();
  const auto arrives = [&, &what = kind] { deliver(what.mail(++number)); };
  const auto effect = [&] {
    const Counts rows_now = rows();
    const Counts server_now = on_server();
    return Effect{rows_now - std::exchange(rows_before, rows_now),
                  server_now - std::exchange(server_before, server_now), newest_mails(1, number)};
  };
  // The first of its kind may bring what later ones share.
  arrives();
  complete();
  effect();
  arrives();
  const std::vector<std::string> steps = complete();
  const Effect undisturbed = effect();
  EXPECT_THAT(undisturbed.mails, HasSubstr("\"" + kind.outcome + "\""));
  const bool held = kind.outcome == kHeld.outcome;
  EXPECT_THAT(steps, IsSupersetOf({HasSubstr("mail_list"), HasSubstr("mail_stored"),
                                   HasSubstr("mail_finish"), HasSubstr("mail_flagged"),
                                   HasSubstr(held ? "STORE" : manner.command)}));
  const std::string place = held ? kMailHeld : manner.mail_done;
  EXPECT_EQ(undisturbed.on_server, place.empty() ? Counts{} : (Counts{{place, 1}}));

  die_at_every_step(arrives, [&](const std::string& step, Moment moment) {
    Effect wanted = undisturbed;
    // Until the original is gone nothing tells that it was copied: it is copied once more, marked
    // as it is.
    if (manner.command == "COPY") {
      const bool marked = step == (moment == Moment::before ? "EXPUNGE" : "STORE");
      const bool copied = step == (moment == Moment::before ? "STORE" : "COPY");
      if (marked) ++wanted.on_server["Done T"];
      if (copied) ++wanted.on_server["Done "];
    }
    EXPECT_EQ(effect(), wanted);
  });
  expect_sound();
}

INSTANTIATE_TEST_SUITE_P(OfAMail, Abort, ::testing::ValuesIn(kCases), [](const auto& named) {
  return named.param.manner.name + named.param.kind.name;
});

// What the first pass over a mailbox does once: each time with another mailbox.
TEST_F(AbortInTheFirstPass, BeforeOrAfterAnyStepChangesNothingOfWhatComesOfTheMails) {
  begin();
  int number = 700'000;
  Counts rows_before = rows();
  const auto fill = [&] {
    settings_.code = settings_.imap.username = fmt::format("box{}", ++number);
    for (const Kind& kind : {kForm, kHeld, kForm, kOwn}) deliver(kind.mail(number));
  };
  const auto effect = [&] {
    const Counts rows_now = rows();
    return Effect{rows_now - std::exchange(rows_before, rows_now), on_server(),
                  newest_mails(4, number)};
  };
  fill();
  complete();  // finds the steps
  effect();
  fill();
  EXPECT_THAT(complete(), IsSupersetOf({HasSubstr("mail_sync_mailbox"), HasSubstr("lease.acquire"),
                                        HasSubstr("mail_set_folder"), HasSubstr("mail_begin_sync"),
                                        HasSubstr("mail_compared"), HasSubstr("mail_finish")}));
  const Effect undisturbed = effect();
  EXPECT_THAT(undisturbed.mails, AllOf(HasSubstr(kForm.outcome), HasSubstr(kHeld.outcome),
                                       HasSubstr("duplicate"), HasSubstr(kOwn.outcome)));
  EXPECT_EQ(undisturbed.on_server, (Counts{{"INBOX S", 3}, {kMailHeld, 1}}));

  die_at_every_step(fill, [&](const std::string&, Moment) { EXPECT_EQ(effect(), undisturbed); });
  expect_sound();
}

}  // namespace
}  // namespace c360::testing
