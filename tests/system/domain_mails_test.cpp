// The mails of tests/fixtures/mail/domain on their whole way: delivered to a real IMAP server,
// taken in by the real daemon, and then the CRM against the expectation beside each mail.
//
// The expectations follow the reference where it differs from us: `category` is then "email" though
// the subject is recognised, and `kind` is lead where the default target makes a deal.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "daemon/base/text.h"
#include "store/records.h"
#include "tests/support/dovecot.h"
#include "tests/support/quiet.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

// Text at a path such as "from/0/address"; empty where there is null or nothing.
std::string text(const Json& json, std::string_view path) {
  const Json* at = &json;
  for (const auto step : split(path, '/')) {
    if (at->is_array()) {
      const auto index = static_cast<std::size_t>(std::stoi(std::string(step)));
      at = index < at->as_array().size() ? &at->as_array()[index] : nullptr;
    } else {
      at = at->is_object() ? at->find(step) : nullptr;
    }
    if (at == nullptr) return {};
  }
  if (at->is_string()) return at->as_string();
  return at->is_null() ? std::string() : at->dump();
}

struct DomainMail {
  std::string name;
  std::string bytes;
  Json expected;
  std::string wants(std::string_view path) const { return text(expected, path); }
};

std::vector<DomainMail> domain_mails() {
  std::vector<DomainMail> mails;
  for (const auto& entry : fs::directory_iterator(C360_SOURCE_DIR "/tests/fixtures/mail/domain")) {
    if (entry.path().extension() != ".eml") continue;
    auto expected = Json::parse(slurp(fs::path(entry.path()).replace_extension(".json")));
    if (!expected) throw std::runtime_error("no expectation beside " + entry.path().string());
    mails.push_back({entry.path().stem(), slurp(entry.path()), std::move(*expected)});
  }
  std::ranges::sort(mails, {}, &DomainMail::name);
  return mails;
}

std::string digits(std::string_view from) {
  std::string result;
  std::ranges::copy_if(from, std::back_inserter(result),
                       [](char c) { return c >= '0' && c <= '9'; });
  return result;
}

std::string plain_dashes(std::string from) {
  for (const std::string_view dash : {"–", "—"})
    for (auto at = from.find(dash); at != std::string::npos; at = from.find(dash))
      from.replace(at, dash.size(), "-");
  return from;
}

// Everything that one mail caused, as one JSON document.
constexpr std::string_view kCaused = R"sql(
SELECT json_build_object(
  'mailbox', b.code, 'outcome', m.outcome, 'rule', m.rule_id, 'reason', q.reason,
  'raw', encode(m.raw_sha256, 'hex'), 'subject', m.subject,
  'from', json_build_object('name', m.from_name, 'address', m.from_address),
  'sent', to_char(m.sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'flagged', m.flagged_at IS NOT NULL, 'rule_set', m.rule_set_version,
  'deal', (SELECT to_json(d) FROM crm.deal d WHERE d.mail_message_id = m.id),
  'received', (SELECT d.date_received = m.sent_at FROM crm.deal d WHERE d.id = m.outcome_record_id),
  'history', (SELECT count(*) FROM crm.history_event h WHERE h.record_id = m.outcome_record_id),
  'leads', (SELECT count(*) FROM crm.lead l WHERE l.mail_message_id = m.id),
  'contacts', (SELECT json_agg(json_build_object('main', rc.is_main, 'full_name', c.full_name,
                 'position', c.position, 'department', c.department, 'phone', c.phone,
                 'email', c.email, 'counterparty', c.counterparty_id))
               FROM crm.deal d JOIN crm.record_contact rc ON rc.record_id = d.id
               JOIN crm.contact c ON c.id = rc.contact_id WHERE d.mail_message_id = m.id),
  'activities', (SELECT json_agg(json_build_object('type', a.type, 'status', a.status,
                   'direction', a.direction, 'topic', a.topic, 'text', a.text, 'deal', p.number,
                   'people', (SELECT string_agg(c.email, ',') FROM crm.contact c
                              WHERE c.id = ANY (a.participant_contact_ids)),
                   'files', (SELECT count(*) FROM crm.activity_document x
                             WHERE x.activity_id = a.id)))
                 FROM crm.activity a JOIN crm.deal p ON p.id = a.parent_record_id
                 WHERE a.mail_message_id = m.id),
  'attachments', (SELECT json_agg(json_build_object('filename', t.file_name, 'type', t.mime_type,
                    'size', t.size_bytes, 'sha256', encode(t.sha256, 'hex'),
                    'document', f.name, 'document_type', f.type_code,
                    'of_record', f.parent_record_id = m.outcome_record_id))
                  FROM ops.mail_attachment t LEFT JOIN crm.document f ON f.id = t.document_id
                  WHERE t.mail_message_id = m.id),
  'request', (SELECT json_build_object('subject', s.subject, 'priority', s.priority,
                'status', s.status, 'content', s.content, 'content_text', s.content_text,
                'author', s.author, 'channel', s.channel, 'group', s.assignee_group_id,
                'customer', c.name, 'initiator', k.full_name, 'origin', s.origin,
                'received', s.date_received = m.sent_at,
                'is_record', s.id = m.outcome_record_id)
              FROM crm.support_request s JOIN crm.counterparty c ON c.id = s.counterparty_id
              JOIN crm.contact k ON k.id = s.initiator_contact_id
              WHERE s.mail_message_id = m.id))
FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id
LEFT JOIN ops.quarantine q ON q.mail_message_id = m.id WHERE m.message_id = '{}')sql";

void check_mail(const DomainMail& mail, const Json& got) {
  EXPECT_EQ(text(got, "mailbox"), mail.wants("mailbox"));
  EXPECT_EQ(text(got, "raw"), mail.wants("sha256_crlf")) << "as IMAP hands it over";
  EXPECT_EQ(text(got, "subject"), mail.wants("subject"));
  EXPECT_EQ(text(got, "from/name"), mail.wants("from/0/name"));
  EXPECT_EQ(text(got, "from/address"), mail.wants("from/0/address"));
  EXPECT_EQ(text(got, "sent"), mail.wants("date_utc"));
  EXPECT_EQ(text(got, "flagged"), "true");
  EXPECT_NE(text(got, "rule_set"), "");
  EXPECT_EQ(text(got, "leads"), "0");
}

void check_contact(const DomainMail& mail, const Json& got) {
  ASSERT_EQ(got.find("contacts")->as_array().size(), 1U);
  // Without a name among the labels the sender's names the person.
  const std::string name = mail.wants("contact/fio");
  EXPECT_EQ(text(got, "contacts/0/full_name"), name.empty() ? mail.wants("from/0/name") : name);
  EXPECT_EQ(text(got, "contacts/0/position"), mail.wants("contact/position"));
  EXPECT_EQ(text(got, "contacts/0/department"), mail.wants("contact/department"));
  EXPECT_EQ(digits(text(got, "contacts/0/phone")), digits(mail.wants("contact/phone")));
  EXPECT_EQ(text(got, "contacts/0/email"), mail.wants("contact/email"));
  EXPECT_EQ(text(got, "contacts/0/main"), "true");
  EXPECT_EQ(text(got, "contacts/0/counterparty"), text(got, "deal/counterparty_id"));
}

void check_attachments(const DomainMail& mail, const Json& got) {
  const Json* wanted = mail.expected.find("attachments");
  const std::size_t count = wanted == nullptr ? 0 : wanted->as_array().size();
  const Json* found = got.find("attachments");
  ASSERT_EQ(found->is_null() ? 0 : found->as_array().size(), count);
  // Without files the mail is only linked; with them it is an activity that carries them.
  EXPECT_EQ(text(got, "activities/0/files"), count == 0 ? "" : std::to_string(count));
  for (std::size_t i = 0; i < count; ++i) {
    const Json& file = found->as_array()[i];
    const Json& want = wanted->as_array()[i];
    EXPECT_EQ(text(file, "filename"), text(want, "filename"));
    EXPECT_EQ(text(file, "document"), text(want, "filename"));
    EXPECT_EQ(text(file, "type"), text(want, "content_type"));
    EXPECT_EQ(text(file, "size"), text(want, "size"));
    EXPECT_EQ(text(file, "sha256"), text(want, "sha256"));
    EXPECT_EQ(text(file, "document_type"), "attachment");
    EXPECT_EQ(text(file, "of_record"), "true");
  }
}

// domain.md 18.3: by subject where it is recognised; without an id and a known subject "email".
void check_category(const DomainMail& mail, const Json& got) {
  const std::string subject = mail.wants("subject_category");
  const bool recognised = !subject.empty() && subject != "other";
  EXPECT_EQ(text(got, "deal/request_category_code"), recognised ? subject : mail.wants("category"));
  const bool metrica = !mail.wants("ym_client_id").empty();
  const bool any_id = metrica || !mail.wants("ga_client_id").empty();
  EXPECT_EQ(text(got, "deal/request_source_code"), metrica ? "" : any_id ? "unknown" : "mail");
}

void check_deal(const DomainMail& mail, const Json& got) {
  EXPECT_EQ(text(got, "outcome"), "deal_created");
  EXPECT_EQ(text(got, "rule"), mail.wants("kind") == "other" ? "other-letter" : "website-form");
  ASSERT_TRUE(got.find("deal")->is_object());
  EXPECT_EQ(text(got, "deal/company_text"), mail.wants("company"));
  const std::string person = text(got, "contacts/0/full_name");
  EXPECT_EQ(text(got, "deal/name"), mail.wants("company").empty() ? person : mail.wants("company"));
  EXPECT_EQ(text(got, "deal/description"), mail.wants("comment"));
  EXPECT_EQ(plain_dashes(text(got, "deal/number_of_users")),
            plain_dashes(mail.wants("number_of_users")));
  EXPECT_EQ(text(got, "deal/site_page"), mail.wants("site_from"));
  EXPECT_EQ(text(got, "deal/site_email"), mail.wants("from/0/address"));
  EXPECT_EQ(text(got, "deal/ga_client_id"), mail.wants("ga_client_id"));
  EXPECT_EQ(text(got, "deal/ym_client_id"), mail.wants("ym_client_id"));
  EXPECT_THAT(text(got, "deal/email_message"), HasSubstr(mail.wants("site_from")));
  EXPECT_EQ(text(got, "deal/status"), "new");
  EXPECT_EQ(text(got, "deal/origin"), "mail");
  EXPECT_EQ(text(got, "deal/created_automatically"), "true");
  EXPECT_EQ(text(got, "received"), "true") << "received when it was sent";
  EXPECT_NE(text(got, "history"), "0");
  check_category(mail, got);
  check_contact(mail, got);
  check_attachments(mail, got);
}

void check_activity(const DomainMail& mail, const Json& got, std::string_view number) {
  EXPECT_EQ(text(got, "outcome"), "activity_added");
  EXPECT_EQ(text(got, "rule"),
            mail.wants("mailbox") == "crm" ? "record-reference" : "activity-suffix");
  EXPECT_TRUE(got.find("deal")->is_null());
  ASSERT_EQ(got.find("activities")->as_array().size(), 1U);
  EXPECT_EQ(text(got, "activities/0/deal"), number);
  EXPECT_EQ(text(got, "activities/0/type"), "email");
  EXPECT_EQ(text(got, "activities/0/status"), "completed");
  EXPECT_EQ(text(got, "activities/0/direction"), "in");
  EXPECT_EQ(text(got, "activities/0/people"), mail.wants("from/0/address"));
  EXPECT_THAT(text(got, "activities/0/text"), HasSubstr(mail.wants("text_contains/0")));
}

void check_request(const DomainMail& mail, const Json& got) {
  EXPECT_EQ(text(got, "outcome"), "support_created");
  EXPECT_EQ(text(got, "rule"), "new-request");
  ASSERT_TRUE(got.find("request")->is_object());
  EXPECT_EQ(text(got, "request/subject"), mail.wants("subject"));
  EXPECT_EQ(text(got, "request/priority"), mail.wants("support/priority"));
  ASSERT_EQ(mail.wants("support/client"), "romashka");
  EXPECT_EQ(text(got, "request/customer"), "ООО «Ромашка»");
  EXPECT_EQ(text(got, "request/initiator"), mail.wants("from/0/name"));
  EXPECT_EQ(text(got, "request/author"),
            mail.wants("from/0/name") + " <" + mail.wants("from/0/address") + ">");
  EXPECT_EQ(text(got, "request/content"), "Добрый день, карточка не открывается с утра.");
  EXPECT_EQ(text(got, "request/content_text"), "Добрый день, карточка не открывается с утра.");
  EXPECT_EQ(text(got, "request/status"), "first_line");
  EXPECT_EQ(text(got, "request/group"), "support-line-1");
  EXPECT_EQ(text(got, "request/channel"), "external");
  EXPECT_EQ(text(got, "request/origin"), "mail");
  EXPECT_EQ(text(got, "request/received"), "true") << "received when it was sent";
  EXPECT_EQ(text(got, "request/is_record"), "true");
  EXPECT_NE(text(got, "history"), "0");
}

// What is asked for by name is there: the deal whose number the mails give, its customer with the
// person who writes, and the customer of one of the forms.
struct Seed {
  std::string form_customer;
};

class DomainMails : public SystemTest {
 protected:
  Dovecot dovecot_;

  std::string mailbox(std::string_view kind) const {
    return fmt::format(
        "[mailbox.{0}]\nkind = '{0}'\nhost = '127.0.0.1'\nport = {1}\nca_file = '{2}'\n"
        "username = '{0}'\npassword_file = 'password'\ndelay_ms = 1000\n",
        kind, dovecot_.imaps_port(), dovecot_.ca_file());
  }

  Seed seed() {
    const Quiet quiet;
    const SystemClock clock;
    store::Database database{{.url = database_}, quiet.observer};
    const store::Registry registry = store::Registry::standard();
    store::Records records{
        database, registry, {.cursor_key = Secret{"a key of the tests, long enough"}}, clock};
    const auto make = [&](std::string_view kind, const std::string& body) {
      auto made =
          records.create(registry.get(kind), *Json::parse(body), store::Actor::system("import"),
                         {.profile = store::Profile::draft});
      EXPECT_TRUE(made) << (made ? "" : made.error().detail);
      return std::to_string(made ? made->id : 0);
    };
    const std::string customer =
        make("counterparty", R"({"name": "ООО «Ромашка»", "types": ["buyer"],)"
                             R"("email_domains": ["romashka.example"]})");
    make("contact", R"({"full_name": "Петрова Ольга", "email": "o.petrova@romashka.example",)"
                    R"("counterparty_id": )" +
                        customer + "}");
    one("SELECT setval('crm.deal_number', 1041)");
    make("deal", R"({"name": "Пилот", "counterparty_id": )" + customer + "}");
    return {make("counterparty", R"({"name": "ООО «Скобка»", "types": ["buyer"]})")};
  }
};

TEST_F(DomainMails, EachGivesTheExpectedRecordOverImapAndThroughTheDaemon) {
  const Seed seeded = seed();
  const auto mails = domain_mails();
  ASSERT_EQ(mails.size(), 28U);
  for (const DomainMail& mail : mails) dovecot_.deliver(mail.wants("mailbox"), mail.bytes);
  daemon_.write("password", dovecot_.options().password);
  start(config(mailbox("crm") + mailbox("activity") + mailbox("support")));
  ASSERT_TRUE(eventually([&] {
    return one("SELECT count(*) FROM ops.mail WHERE flagged_at IS NOT NULL") == "28";
  })) << daemon_.log();

  for (const DomainMail& mail : mails) {
    SCOPED_TRACE(mail.name);
    std::string sql(kCaused);
    sql.replace(sql.find("{}"), 2, mail.wants("message_id"));
    const auto got = Json::parse(one(sql));
    ASSERT_TRUE(got.has_value());
    check_mail(mail, *got);
    const std::string kind = mail.wants("kind");
    if (kind == "lead" || kind == "other") {
      check_deal(mail, *got);
      const bool known = mail.wants("company") == "ООО «Скобка»";
      EXPECT_EQ(text(*got, "deal/counterparty_id"), known ? seeded.form_customer : "");
    } else if (kind == "activity") {
      check_activity(mail, *got, "1042");
    } else if (kind == "support") {
      check_request(mail, *got);
    } else {  // the reference drops what has no usable suffix
      EXPECT_EQ(text(*got, "outcome"), "quarantined");
      EXPECT_EQ(text(*got, "reason"), "no_rule");
    }
  }
  // Nothing beside it: one deal a form, one activity a mail that refers to a record.
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal WHERE origin = 'mail'"), "24");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail"), "28");
  EXPECT_EQ(one("SELECT count(*) FROM crm.support_request"), "1");
  EXPECT_EQ(dovecot_.stored("activity").size(), 2U);
}

}  // namespace
}  // namespace c360::testing
