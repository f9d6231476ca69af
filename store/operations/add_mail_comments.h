// Comments that came by mail, set-wise: each belongs to an activity of type comment made before in
// the same transaction, and takes record, text and mail from it (domain.md 13.2, 18.8).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "store/actor.h"
#include "store/database.h"

namespace c360::store {

struct MailComment {
  std::int64_t activity_id = 0;
  std::optional<std::int64_t> author_user_id;  // one of us wrote it
  std::optional<std::int64_t> author_contact_id;
};

// Queues comments, their place in the activities, and the event `comment_added` of each record.
void add_mail_comments(Transaction& tx, std::span<const MailComment> comments, const Actor& actor);

}  // namespace c360::store
