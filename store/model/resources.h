// The declarations, one function per concept; registry.cpp lists them.
#pragma once

#include <vector>

#include "store/model/resource.h"

namespace c360::store {

// Of every record (domain.md 1.2); the registry adds them.
Fields record_fields();
// What a lead and a deal share (domain.md 6.1).
Fields opportunity_fields();
void check_opportunity(Draft& draft);
// Name and number of a record that has a number.
Field number_field();

Resource user();
Resource group();
Resource token();
Resource counterparty();
Resource contact();
Resource lead();
Resource deal();
Resource folder();
Resource document();
Resource document_version();
Resource activity();
Resource comment();
Resource task();
Resource mailbox();
Resource mail_message();
Resource mail_attachment();
Resource quarantine();
Resource rule_set();
Resource custom_field_def();
std::vector<Resource> directories();

}  // namespace c360::store
