// What must hold whoever writes: each invariant of the model is broken once by raw SQL, and the
// database refuses.
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Constraints : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    deal_ = make("deal", R"({"name":"x"})", admin_).key;
    lead_ = make("lead", R"({"name":"x"})", admin_).key;
    company_ = make("counterparty",
                    R"({"name":"К","segment_code":"small","acquisition_channel_code":"site",)"
                    R"("status_code":"active","inn":"7707083893"})",
                    admin_)
                   .key;
    user_ = std::to_string(*admin_.user_id);
  }
  std::string record(const std::string& kind_name) {
    return sql("INSERT INTO crm.record (kind) VALUES ('" + kind_name + "') RETURNING id");
  }
  void refused(const std::string& text) { EXPECT_THROW(sql(text), std::runtime_error) << text; }
  void accepted(const std::string& text) { EXPECT_NO_THROW(sql(text)) << text; }

  std::string deal_, lead_, company_, user_;
};

TEST_F(Constraints, OfRecordsUsersAndHistory) {
  refused("INSERT INTO crm.record (kind) VALUES ('client')");
  refused("INSERT INTO crm.user (login, last_name) VALUES ('ADMIN', 'x')");
  refused("INSERT INTO crm.user (login, last_name, kind) VALUES ('a', 'x', 'robot')");
  refused("UPDATE crm.user SET line_manager_id = id");
  accepted("UPDATE crm.user SET line_manager_id = " + user_ + " WHERE id <> " + user_);
  refused("UPDATE crm.user SET line_manager_id = " + std::to_string(*cco_.user_id) +
          " WHERE id = " + user_);
  refused("INSERT INTO crm.group (id, name_ru, name_en) VALUES ('Bad Id', 'x', 'x')");
  refused("INSERT INTO crm.api_token (user_id, name, token_sha256) VALUES (" + user_ +
          ", 'x', '\\x00')");
  refused("UPDATE crm.history_event SET comment = 'forged'");
  refused("DELETE FROM crm.history_event");
}

TEST_F(Constraints, OfCounterpartiesAndContacts) {
  const auto set = [&](const std::string& what) {
    return "UPDATE crm.counterparty SET " + what + " WHERE id = " + company_;
  };
  refused(set("types = '{}'"));
  refused(set("types = '{enemy}'"));
  refused(set("inn = '12'"));
  refused(set("kind = 'individual', kpp = '770701001'"));
  refused(set("merged_into_id = id"));
  refused(set("country_code = 'ru'"));
  refused(set("email_domains = '{gmail.com}'"));
  refused(set("website = 'javascript:alert(1)'"));
  refused(set("name = ' x'"));
  const std::string twin = record("counterparty");
  refused("INSERT INTO crm.counterparty (id, name, name_key, inn) VALUES (" + twin +
          ", 'К', 'К', '7707083893')");
  accepted("INSERT INTO crm.counterparty (id, name, name_key, inn, kpp) VALUES (" + twin +
           ", 'К', 'К', '7707083893', '770701001')");
  accepted(set("portal_default = true"));
  refused("UPDATE crm.counterparty SET portal_default = true WHERE id = " + twin);
  const std::string one = record("contact");
  const std::string two = record("contact");
  refused("INSERT INTO crm.contact (id) VALUES (" + one + ")");
  accepted("INSERT INTO crm.contact (id, full_name, counterparty_id, is_main) VALUES (" + one +
           ", 'x', " + company_ + ", true)");
  refused("INSERT INTO crm.contact (id, full_name, counterparty_id, is_main) VALUES (" + two +
          ", 'x', " + company_ + ", true)");
  accepted("INSERT INTO crm.contact (id, full_name, counterparty_id) VALUES (" + two + ", 'x', " +
           company_ + ")");
  accepted("INSERT INTO crm.record_contact VALUES (" + deal_ + ", " + one + ", true, 1)");
  refused("INSERT INTO crm.record_contact VALUES (" + deal_ + ", " + two + ", true, 2)");
}

TEST_F(Constraints, OfLeadsAndDeals) {
  refused("UPDATE crm.lead SET status = 'disqualified'");
  refused("UPDATE crm.lead SET status = 'won'");
  refused("UPDATE crm.lead SET merged_into_id = id");
  refused("UPDATE crm.deal SET merged_into_id = id");
  refused("UPDATE crm.deal SET amount = -1");
  refused("UPDATE crm.deal SET currency = 'XXX'");
  refused("UPDATE crm.deal SET status = 'completed'");
  refused("UPDATE crm.deal SET total_amount = 1");
  refused("UPDATE crm.deal SET number_of_users_min = 5, number_of_users_max = 4");
  accepted("UPDATE crm.deal SET created_from_lead_id = " + lead_);
  const std::string other = record("deal");
  refused("INSERT INTO crm.deal (id, name, created_from_lead_id) VALUES (" + other + ", 'x', " +
          lead_ + ")");
  const std::string contract = record("contract");
  accepted("INSERT INTO crm.contract (id, contract_date, initiator_id, counterparty_id) VALUES (" +
           contract + ", '2026-01-01', " + user_ + ", " + company_ + ")");
  accepted("UPDATE crm.deal SET contract_id = " + contract + ", counterparty_id = " + company_);
  const std::string stranger = record("counterparty");
  accepted("INSERT INTO crm.counterparty (id, name, name_key) VALUES (" + stranger + ", 'Ч', 'Ч')");
  refused("UPDATE crm.deal SET counterparty_id = " + stranger);
}

TEST_F(Constraints, OfDocumentsAndActivities) {
  const std::string document = record("document");
  // A document without a version does not outlive its transaction.
  refused("INSERT INTO crm.document (id, type_code, name, current_version_id) VALUES (" + document +
          ", 'attachment', 'x', " + document + ")");
  const std::string folder = record("folder");
  accepted("INSERT INTO crm.folder (id, name) VALUES (" + folder + ", 'x')");
  refused("UPDATE crm.folder SET parent_folder_id = id");
  refused("UPDATE crm.folder SET name = 'a/b'");
  const std::string twin = record("folder");
  refused("INSERT INTO crm.folder (id, name) VALUES (" + twin + ", 'X')");
  const std::string activity = record("activity");
  const auto insert = [&](const std::string& columns, const std::string& values) {
    return "INSERT INTO crm.activity (id, parent_record_id, activity_date, " + columns +
           ") VALUES (" + activity + ", " + deal_ + ", now(), " + values + ")";
  };
  refused(insert("type, status", "'call', 'created'"));
  refused(insert("type, status", "'reminder', 'planned'"));
  refused(insert("type, status, direction", "'meeting', 'planned', 'in'"));
  refused(insert("type, status, duration", "'call', 'planned', '-1 hour'"));
  accepted(insert("type, status, direction", "'call', 'planned', 'in'"));
  refused("INSERT INTO crm.task (kind, title_ru, title_en) VALUES ('custom', 'x', 'x')");
  refused(
      "INSERT INTO crm.task (kind, title_ru, title_en, assignee_user_id, assignee_group_id) "
      "VALUES ('custom', 'x', 'x', " +
      user_ + ", 'crm-cco')");
  refused("INSERT INTO crm.assignment (id, title, initiator_id) VALUES (" + record("assignment") +
          ", 'x', " + user_ + ")");
}

TEST_F(Constraints, OfMoneyAndWhatComesLater) {
  const auto payment = [&](const std::string& columns, const std::string& values) {
    return "INSERT INTO crm.payment (id, amount, counterparty_id, responsible_id, status" +
           columns + ") VALUES (" + record("payment") + ", 10, " + company_ + ", " + user_ + ", " +
           values + ")";
  };
  refused(payment("", "'planned'"));
  refused(payment("", "'paid'"));
  refused(payment(", fact_payment_date", "'paid', '2026-01-01'"));
  refused(payment("", "'canceled'"));
  refused(payment(", paid_amount", "'partial_paid', 10"));
  accepted(payment(", fact_payment_date, paid_amount", "'paid', '2026-01-01', 10"));
  const auto line = [&](const std::string& values) {
    return "INSERT INTO crm.line_item (parent_id, parent_kind, position, name, kind, unit_code, "
           "vat_rate_code, vat_percent, price, discount_percent, quantity, price_with_discount, "
           "amount, discount_amount, vat_amount, amount_with_vat) VALUES (" +
           values + ")";
  };
  const std::string head = deal_ + ", 'deal', 1, 'x', 'service', '356', 'vat22', 22, ";
  accepted(line(head + "99.99, 7.5, 3, 92.49, 277.47, 22.50, 61.04, 338.51"));
  refused(line(head + "99.99, 7.5, 3, 92.49, 277.47, 22.50, 61.05, 338.52"));
  refused(line(company_ + ", 'deal', 1, 'x', 'service', '356', 'vat22', 22, 1, 0, 1, 1, 1, 0, "
                          "0.22, 1.22"));
  refused(
      "INSERT INTO crm.vat_rate (code, name_ru, name_en, percent, valid_from, is_default) "
      "VALUES ('vat30', 'x', 'x', 30, '2027-01-01', true)");
  refused(
      "INSERT INTO crm.currency (code, num_code, name_ru, name_en, symbol) VALUES ('rub', "
      "'999', 'x', 'x', 'x')");
}

TEST_F(Constraints, HistoryGoesToItsMonthAndPartitionsAreMadeAhead) {
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event_default"), "0");
  EXPECT_EQ(sql("SELECT crm.ensure_history_partitions(3)"), "0");
  EXPECT_EQ(sql("SELECT crm.ensure_history_partitions(5)"), "2");
  refused("SELECT crm.ensure_history_partitions(1000)");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE xid IS NULL"), "0");
}

}  // namespace
}  // namespace c360::testing
