#include "store/operations/add_mail_comments.h"

#include <vector>

namespace c360::store {

namespace {

constexpr Sql kAdd{"mail_comments_add", R"sql(
  WITH made AS (
    INSERT INTO crm.comment (record_id, text, author_id, author_contact_id, source, activity_id,
                             mail_message_id)
    SELECT a.parent_record_id, a.text, u.author::bigint, u.contact::bigint, 'mail', a.id, a.mail_message_id
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS u (activity, author, contact)
    JOIN crm.activity a ON a.id = u.activity
    RETURNING id, record_id, activity_id, mail_message_id
  ), tied AS (
    UPDATE crm.activity a SET comment_id = made.id FROM made WHERE a.id = made.activity_id
  )
  INSERT INTO crm.history_event (record_id, record_kind, event, changes, request_id, origin,
                                 mail_message_id)
  SELECT made.record_id, r.kind, 'comment_added',
         jsonb_build_array(jsonb_build_object('field', 'comment', 'old', null, 'new', made.id)),
         nullif($4::text, ''), $5::text, made.mail_message_id
  FROM made JOIN crm.record r ON r.id = made.record_id)sql"};

}  // namespace

void add_mail_comments(Transaction& tx, std::span<const MailComment> comments, const Actor& actor) {
  if (comments.empty()) return;
  std::vector<std::int64_t> activities;
  std::vector<std::optional<std::string>> authors;
  std::vector<std::optional<std::string>> contacts;
  const auto text = [](const std::optional<std::int64_t>& id) {
    return id ? std::optional(std::to_string(*id)) : std::nullopt;
  };
  for (const MailComment& comment : comments) {
    activities.push_back(comment.activity_id);
    authors.push_back(text(comment.author_user_id));
    contacts.push_back(text(comment.author_contact_id));
  }
  using Texts = std::span<const std::optional<std::string>>;
  Params params;
  params.add_array(std::span<const std::int64_t>(activities));
  params.add_array(Texts(authors)).add_array(Texts(contacts));
  params.add(std::string_view(actor.request_id)).add(std::string_view(actor.origin));
  tx.queue(kAdd, std::move(params));
}

}  // namespace c360::store
