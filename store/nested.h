// A record made together with rows inside it, in one transaction: a counterparty with its contacts
// and legal entities, an order with its lines, a deal with its contacts (R-041; domain.md 1.5).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/records.h"

namespace c360::store {

// Rows that can be made together with a record.
struct NestedKind {
  std::string name;  // of the member of the body: "contacts", "legal_entities"
  std::string_view doc;
  std::string_view parent_column;
  const Resource* child = nullptr;
  bool linked = false;  // contacts of a lead, deal or support request: no parent of theirs
};
struct NestedRows {
  NestedKind kind;
  Json::Array rows;
};

// Of the resource: its collections whose rows name it as their parent, its contacts, and what is
// part of it, its rights being those of the record.
std::vector<NestedKind> nested_kinds(const Registry& registry, const Resource& resource);

// Takes the collections out of `body` ({"name": …, "contacts": [{…}]}). validation_failed for
// what is no list of objects, for more than `max_rows` in all (too_many), and for a row that names
// its parent by itself.
Result<std::vector<NestedRows>> take_nested_rows(const Registry& registry, const Resource& resource,
                                                 Json& body, std::size_t max_rows);

// Creates the record and then its rows, in `tx`, which it leaves open. Wrong rows are told all at
// once, by pointers such as /contacts/1/email. The view shows the rows, and the record as they left
// it (totals, version). Of linked contacts the first is the main one; a record without a name or a
// company is called by it.
Result<RecordView> create_with_rows(Records& records, Transaction& tx, const Resource& resource,
                                    const Json& body, const std::vector<NestedRows>& nested,
                                    const Actor& actor, WriteOptions options);

}  // namespace c360::store
