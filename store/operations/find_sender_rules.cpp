#include "store/operations/find_sender_rules.h"

namespace c360::store {

namespace {

constexpr Sql kRules{"mail_sender_rules", R"sql(
  SELECT DISTINCT ON (u.i) u.i, r.id, r.sender, r.action, r.mailbox_id IS NOT NULL
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS u (email, domain, i)
  JOIN ops.mail_sender_rule r
    ON r.sender IN (u.email::citext, ('@' || u.domain)::citext, 'unknown')
   AND (r.mailbox_id IS NULL OR r.mailbox_id = $1::bigint)
  WHERE r.sender <> 'unknown'
     OR NOT EXISTS (SELECT FROM crm.user p WHERE p.email = u.email::citext AND p.is_active)
        AND NOT EXISTS (SELECT FROM crm.contact k
                        WHERE k.email = u.email::citext AND k.deleted_at IS NULL)
        AND NOT EXISTS (SELECT FROM crm.counterparty_user a
                        WHERE a.email = u.email::citext AND a.status <> 'blocked')
  ORDER BY u.i, CASE WHEN r.sender = 'unknown' THEN 2 WHEN r.sender LIKE '@%' THEN 1 ELSE 0 END,
           r.mailbox_id NULLS LAST)sql"};
constexpr Sql kAnswers{"mail_answer_count", R"sql(
  SELECT lower(c.from_address::text), count(*) FROM ops.mail_content c
  WHERE c.from_address = ANY ($1::citext[]) AND c.read_at > now() - make_interval(secs => $2::bigint)
    AND (cardinality(c.in_reply_to) > 0 OR cardinality(c.references_ids) > 0)
  GROUP BY 1)sql"};

SenderAction action_of(std::string_view name) {
  return name == "block"        ? SenderAction::block
         : name == "quarantine" ? SenderAction::quarantine
                                : SenderAction::allow;
}

}  // namespace

SenderRuleLookup::SenderRuleLookup(Transaction& tx, std::int64_t mailbox_id,
                                   std::span<const SenderClue> clues)
    : tx_(tx), count_(clues.size()) {
  std::vector<std::string> emails;
  std::vector<std::string> domains;
  for (const SenderClue& clue : clues) {
    emails.push_back(clue.email);
    domains.push_back(clue.domain);
  }
  using Texts = std::span<const std::string>;
  ticket_ = tx.queue(
      kRules,
      std::move(Params{}.add(mailbox_id).add_array(Texts(emails)).add_array(Texts(domains))));
}

std::vector<std::optional<SenderRule>> SenderRuleLookup::results() const {
  std::vector<std::optional<SenderRule>> found(count_);
  const Rows& rows = tx_.rows(ticket_);
  for (int row = 0; row < rows.size(); ++row)
    found[static_cast<std::size_t>(rows.int64(row, 0) - 1)] =
        SenderRule{.id = rows.int64(row, 1),
                   .sender = std::string(rows.text(row, 2)),
                   .action = action_of(rows.text(row, 3)),
                   .of_mailbox = rows.boolean(row, 4)};
  return found;
}

AnswerCount::AnswerCount(Transaction& tx, std::span<const std::string> addresses,
                         std::chrono::seconds window)
    : tx_(tx) {
  ticket_ = tx.queue(
      kAnswers,
      std::move(Params{}.add_array(addresses).add(static_cast<std::int64_t>(window.count()))));
}

std::map<std::string, std::int64_t> AnswerCount::results() const {
  std::map<std::string, std::int64_t> counts;
  const Rows& rows = tx_.rows(ticket_);
  for (int row = 0; row < rows.size(); ++row)
    counts.emplace(std::string(rows.text(row, 0)), rows.int64(row, 1));
  return counts;
}

}  // namespace c360::store
