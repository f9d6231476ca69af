// Whatever names a record that can be merged goes along with it, or it is said here why not.
#include "store/operations/merge_parts.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using Merged = std::string_view;
constexpr std::array<Merged, 3> kMerged = {"lead", "deal", "counterparty"};

// Column of a foreign key, and why no part moves it; "KIND: " in front where that is of one alone.
const std::multimap<std::string, std::string> kStays = {
    // Moved by hand: rows that the two may have in common (merge_records.cpp, merge_customers.cpp).
    {"crm.record_contact.record_id", "joined: the contacts of both, each person once"},
    {"crm.record_observer.record_id", "joined: the observers of both"},
    {"crm.record_link.from_id", "moved, but for a link between the two"},
    {"crm.record_link.to_id", "moved, but for a link between the two"},
    {"crm.project_counterparty.counterparty_id", "joined: the projects of both"},
    {"crm.release_counterparty.counterparty_id", "joined: the releases of both"},
    {"crm.lead.created_deal_id", "goes with the field created_from_lead_id of the deal"},
    {"crm.deal.created_from_lead_id", "goes with the field created_deal_id of the lead"},
    // What is said of the source itself, and says nothing of the target.
    {"crm.lead.merged_into_id", "the way from a record to the one it went into, step by step"},
    {"crm.deal.merged_into_id", "the way from a record to the one it went into, step by step"},
    {"crm.counterparty.merged_into_id", "the way from a record to the one it went into"},
    {"crm.merge.source_id", "what was moved when, by which it is undone"},
    {"crm.merge.target_id", "what was moved when, by which it is undone"},
    {"crm.record_phone.record_id", "the index of its own phone fields"},
    {"crm.search_document.record_id", "the index of its own text"},
    {"crm.counterparty_fact.counterparty_id", "what a register said of its own INN"},
    {"crm.requisite_write.counterparty_id", "who wrote its own values, and when"},
    {"crm.express_report.counterparty_id", "the report on its own INN; its PDF moves, a document"},
    // What was done or told then, about the record it was about.
    {"crm.notification.record_id", "told already; the id leads to the target"},
    {"ops.quarantine_attempt.target_record_id", "a journal of what people did"},
    {"ops.quarantine_attempt.record_id", "a journal of what people did"},
    {"ops.quarantine.target_record_id", "a person's word; find_mail_target follows the merge"},
    // Not of these kinds.
    {"crm.bank_account.owner_record_id", "of legal entities and organisations of ours"},
    {"crm.line_item.parent_id", "lead: lines are of deals and orders"},
    {"crm.line_item.parent_id", "counterparty: lines are of deals and orders"},
};

bool is_excused(const std::string& column, Merged kind) {
  const auto [begin, end] = kStays.equal_range(column);
  return std::any_of(begin, end, [&](const auto& entry) {
    const std::string& why = entry.second;
    const bool of_one = std::ranges::any_of(
        kMerged, [&](Merged each) { return why.starts_with(std::string(each) + ": "); });
    return !of_one || why.starts_with(std::string(kind) + ": ");
  });
}

class MergeParts : public RecordsTest {
 protected:
  bool moves(const std::string& column, Merged merged) const {
    return std::ranges::any_of(store::merge_parts(), [&](const store::MergePart& part) {
      return std::string(part.table) + "." + std::string(part.column) == column &&
             store::moves_with(part, kind(merged));
    });
  }
  // "crm.deal.counterparty_id counterparty": columns that hold the id of a record, and its kind;
  // of any kind: "record". A key of an entity into crm.record is the record itself.
  std::set<std::pair<std::string, std::string>> references() {
    std::set<std::pair<std::string, std::string>> found;
    for (const std::string& line : TempPostgres::shared().query(options_.url, R"sql(
SELECT n.nspname || '.' || c.relname || '.' || a.attname || ' ' || t.relname
FROM pg_constraint k
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair(own, other)
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.own
JOIN pg_attribute o ON o.attrelid = k.confrelid AND o.attnum = pair.other AND o.attname = 'id'
JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND a.attname <> 'id'
  AND k.confrelid IN ('crm.record'::regclass, 'crm.lead'::regclass, 'crm.deal'::regclass,
                      'crm.counterparty'::regclass))sql")) {
      const std::size_t space = line.find(' ');
      found.emplace(line.substr(0, space), line.substr(space + 1));
    }
    return found;
  }
};

TEST_F(MergeParts, NothingThatNamesAMergedRecordIsForgotten) {
  const auto columns = references();
  ASSERT_GT(columns.size(), 40U);
  for (const auto& [column, of] : columns) {
    for (const Merged merged : kMerged) {
      if (of != "record" && of != merged) continue;
      EXPECT_TRUE(moves(column, merged) || is_excused(column, merged))
          << column << " names a " << merged
          << ": a part of store/operations/merge_parts.cpp moves it, or kStays says why not";
    }
  }
}

TEST_F(MergeParts, WhatStaysIsThereAndIsNotMovedAllTheSame) {
  const auto columns = references();
  for (const auto& [column, why] : kStays) {
    bool known = false;
    for (const auto& [each, of] : columns) {
      if (each != column) continue;
      known = true;
      for (const Merged merged : kMerged) {
        if ((of != "record" && of != merged) || !is_excused(column, merged)) continue;
        EXPECT_FALSE(moves(column, merged)) << column << " is moved and excused";
      }
    }
    EXPECT_TRUE(known) << column << " names no record";
  }
}

}  // namespace
}  // namespace c360::testing
