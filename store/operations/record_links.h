// Links from one record to another, or to a page of the web (domain.md 7.3; R-201). A link is shown
// at both of its ends, to whom the other end is shown too; it is made by who may write the record
// it starts from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/records.h"

namespace c360::store {

struct NewLink {
  std::string kind = "related";  // related, based_on, reply_to, web
  std::optional<std::int64_t> to_id;
  std::string url;
  std::string title;
};

inline constexpr int kMaxLinks = 200;  // of one record, shown
inline constexpr std::size_t kMaxLinkUrlBytes = 2'000;
inline constexpr std::size_t kMaxLinkTitleCharacters = 500;

// A JSON array: id, kind, direction (out, in), record_id, record_kind, name, url, title,
// created_by, created_at. Of the other ends only those of `kinds`: what the token may read.
// not_found where the record is not seen.
Result<std::string> read_links(Database& database, const Records& records, const Resource& resource,
                               std::int64_t id, const Actor& actor,
                               std::span<const std::string_view> kinds);

// The same as part of another reading: queued, and made JSON once it has run. Whether the record
// itself is seen is the caller's affair.
Ticket queue_links(Transaction& tx, const Records& records, std::int64_t id, const Actor& actor,
                   std::span<const std::string_view> kinds);
// As they were at the moment that queue_past_moment() set for this record.
Ticket queue_past_links(Transaction& tx, const Records& records, std::int64_t id,
                        const Actor& actor, std::span<const std::string_view> kinds);
std::string links_json(const Rows& rows);

// The id of the link. validation_failed with every wrong field; not_found where the record at the
// other end is not seen; conflict where it is there already.
Result<std::int64_t> add_link(Records& records, Transaction& tx, const Resource& resource,
                              std::int64_t id, const NewLink& link, const Actor& actor);
// Links the program itself made (merged_from) stay: conflict.
Result<void> remove_link(Records& records, Transaction& tx, const Resource& resource,
                         std::int64_t id, std::int64_t link_id, const Actor& actor);

}  // namespace c360::store
