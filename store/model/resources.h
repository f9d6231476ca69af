// The declarations, one function per concept; registry.cpp lists them.
#pragma once

#include <vector>

#include "store/model/resource.h"

namespace c360::store {

// Of every record (domain.md 1.2); the registry adds them.
Fields record_fields();
// What a lead and a deal share (domain.md 6.1).
Fields opportunity_fields();
Access opportunity_access();
std::vector<std::string_view> opportunity_marketing();
Collection contact_collection();
void check_opportunity(Draft& draft);
// The number of a record that has one.
Field number_field();
// Who may read a record besides (domain.md 3.3).
Collection observer_collection();
// What every change moves, of what is no record; the version alone, and with its time.
Field row_version_field();
Fields version_fields();

// Check digits that must agree: INN, OGRN, KPP.
void check_requisites(Draft& draft);
// Of a mail address that servers refuse: why, for a person. A changed address has none.
Field email_fault();
void forget_email_fault(Draft& draft);
// The same of a chat, which the field of that name holds.
Field telegram_fault();
void forget_telegram_fault(Draft& draft, std::string_view chat);
// Of what belongs to a customer (domain.md 3.4): his people's, and its creator's.
Access satellite_access(std::string_view owner_field);
std::vector<Choice> product_kinds();
// Of what has lines, a deal or an order: the sums, the lines, and that they are of one currency.
Fields total_fields();
Collection item_collection();
void check_currency_of_lines(Draft& draft);

Resource user();
Resource group();
Resource token();
Resource counterparty();
Resource contact();
Resource own_organisation();
Resource legal_entity();
Resource bank_account();
Resource product();
Resource contract();
Resource agreement();
Resource order();
Resource line_item();
Resource payment();
Resource assignment();
Resource personal_account();
Resource personal_account_product();
Resource counterparty_invoice_type();
Resource counterparty_user();
Resource correspondence_in();
Resource correspondence_out();
Resource project();
Resource release();
Resource release_stage();
Resource saved_view();
Resource section_label();
Resource section();
Resource custom();
Resource required_field();
Resource lead();
Resource deal();
Resource folder();
Resource document();
Resource document_version();
Resource activity();
Resource comment();
Resource task();
Resource support_request();
Resource support_sla();
Resource support_client_settings();
Resource notification();
Resource notification_setting();
Resource mailbox();
Resource mail_import();
Resource mail_message();
Resource mail_attachment();
Resource quarantine();
Resource mail_sender_rule();
Resource quarantine_attempt();
Resource rule_set();
Resource custom_field_def();
Resource outbound_message();
Resource message_template();
// How sure it is that a mail belongs to its record: authenticated, known_sender, claimed.
std::vector<Choice> link_grades();
std::vector<Resource> directories();

}  // namespace c360::store
