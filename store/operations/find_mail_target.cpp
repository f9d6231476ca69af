#include "store/operations/find_mail_target.h"

namespace c360::store {

namespace {

constexpr int kLongestChain = 20;

constexpr Sql kFind{"find_mail_target", R"sql(
  SELECT u.i, t.kind, r.id, r.gone, r.merged_into_id
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
         WITH ORDINALITY AS u (kind, alias, field, value, i)
  LEFT JOIN crm.activity_target a ON u.kind = '' AND a.alias = u.alias::citext AND a.enabled
  CROSS JOIN LATERAL (
    SELECT coalesce(nullif(u.kind, ''), a.record_kind) AS kind,
           coalesce(nullif(u.field, ''), a.search_field) AS field,
           CASE WHEN u.value ~ '^[0-9]{1,18}$' THEN u.value::bigint END AS number) t
  LEFT JOIN LATERAL (
    SELECT d.id, d.deleted_at IS NOT NULL AS gone, d.merged_into_id FROM crm.deal d
    WHERE t.kind = 'deal' AND t.field = 'number' AND d.number = t.number
    UNION ALL
    SELECT l.id, l.deleted_at IS NOT NULL, l.merged_into_id FROM crm.lead l
    WHERE t.kind = 'lead' AND t.field = 'number' AND l.number = t.number
    UNION ALL
    SELECT o.id, o.deleted_at IS NOT NULL, NULL FROM crm.order o
    WHERE t.kind = 'order' AND t.field = 'number' AND o.number = t.number
    UNION ALL
    SELECT p.id, p.deleted_at IS NOT NULL, NULL FROM crm.payment p
    WHERE t.kind = 'payment' AND t.field = 'number' AND p.number = t.number
    UNION ALL
    SELECT c.id, c.deleted_at IS NOT NULL, NULL FROM crm.contract c
    WHERE t.kind = 'contract' AND t.field = 'number' AND c.number = u.value
    UNION ALL
    SELECT g.id, g.deleted_at IS NOT NULL, NULL FROM crm.agreement g
    WHERE t.kind = 'agreement' AND t.field = 'number' AND g.number = u.value
    UNION ALL
    SELECT k.id, k.deleted_at IS NOT NULL, k.merged_into_id FROM crm.counterparty k
    WHERE t.kind = 'counterparty' AND t.field = 'number' AND k.number = t.number
    UNION ALL
    SELECT k.id, k.deleted_at IS NOT NULL, k.merged_into_id FROM crm.counterparty k
    WHERE t.kind = 'counterparty' AND t.field = 'inn' AND k.inn = u.value
    UNION ALL
    SELECT s.id, s.deleted_at IS NOT NULL, NULL FROM crm.support_request s
    WHERE t.kind = 'support_request' AND t.field = 'number' AND s.number = t.number
    UNION ALL  -- by id, as a person chose it: whether it lives is looked up as of a merged one
    SELECT i.id, true, i.id FROM crm.record i
    WHERE t.field = 'id' AND i.kind = t.kind AND i.id = t.number
  ) r ON true
  ORDER BY u.i, r.id)sql"};

constexpr Sql kState{"mail_target_state", R"sql(
  SELECT r.kind, coalesce(d.merged_into_id, l.merged_into_id, k.merged_into_id),
         coalesce(d.deleted_at, l.deleted_at, k.deleted_at, o.deleted_at, p.deleted_at, c.deleted_at,
                  g.deleted_at, s.deleted_at) IS NOT NULL
  FROM crm.record r
  LEFT JOIN crm.deal d ON d.id = r.id
  LEFT JOIN crm.lead l ON l.id = r.id
  LEFT JOIN crm.counterparty k ON k.id = r.id
  LEFT JOIN crm.order o ON o.id = r.id
  LEFT JOIN crm.payment p ON p.id = r.id
  LEFT JOIN crm.contract c ON c.id = r.id
  LEFT JOIN crm.agreement g ON g.id = r.id
  LEFT JOIN crm.support_request s ON s.id = r.id
  WHERE r.id = $1::bigint)sql"};

}  // namespace

MailTargetLookup::MailTargetLookup(Transaction& tx, std::span<const MailTargetQuery> queries)
    : tx_(tx), count_(queries.size()) {
  std::vector<std::string> kinds;
  std::vector<std::string> aliases;
  std::vector<std::string> fields;
  std::vector<std::string> values;
  for (const MailTargetQuery& query : queries) {
    kinds.push_back(query.kind);
    aliases.push_back(query.alias);
    fields.push_back(query.search_field);
    values.push_back(query.value);
  }
  Params params;
  for (const auto* column : {&kinds, &aliases, &fields, &values})
    params.add_array(std::span<const std::string>(*column));
  ticket_ = tx.queue(kFind, std::move(params));
}

Result<std::vector<MailTarget>> MailTargetLookup::results() {
  struct Hits {
    std::string kind;
    std::vector<std::int64_t> alive;
    std::vector<std::int64_t> merged;
    bool gone = false;
  };
  std::vector<Hits> hits(count_);
  const Rows& rows = tx_.rows(ticket_);
  for (int row = 0; row < rows.size(); ++row) {
    Hits& hit = hits[static_cast<std::size_t>(rows.int64(row, 0) - 1)];
    hit.kind = rows.text(row, 1);
    if (rows.is_null(row, 2)) continue;
    if (!rows.boolean(row, 3)) {
      hit.alive.push_back(rows.int64(row, 2));
    } else if (!rows.is_null(row, 4)) {
      hit.merged.push_back(rows.int64(row, 2));
    } else {
      hit.gone = true;
    }
  }
  std::vector<MailTarget> targets(count_);
  for (std::size_t i = 0; i < count_; ++i) {
    MailTarget& target = targets[i];
    const Hits& hit = hits[i];
    target.kind = hit.kind;
    if (hit.kind.empty()) {
      target.status = MailTargetStatus::unknown_alias;
    } else if (hit.alive.size() == 1) {
      target.status = MailTargetStatus::found;
      target.record_id = hit.alive.front();
    } else if (hit.alive.size() > 1 || hit.merged.size() > 1) {
      target.status = MailTargetStatus::ambiguous;
    } else if (hit.merged.size() == 1) {
      auto followed = follow_merges(tx_, hit.merged.front());
      if (!followed) return std::unexpected(followed.error());
      target = *followed;
    } else {
      target.status = hit.gone ? MailTargetStatus::deleted : MailTargetStatus::not_found;
    }
  }
  return targets;
}

Result<MailTarget> follow_merges(Transaction& tx, std::int64_t record_id) {
  MailTarget target{.record_id = record_id};
  for (int step = 0; step < kLongestChain; ++step) {
    auto found = tx.query(kState, std::move(Params{}.add(target.record_id)));
    if (!found) return std::unexpected(found.error());
    const Rows& rows = **found;
    if (rows.empty()) return target;
    target.kind = rows.text(0, 0);
    if (const auto into = rows.optional_int64(0, 1)) {
      target.record_id = *into;
      continue;
    }
    target.status = rows.boolean(0, 2) ? MailTargetStatus::deleted : MailTargetStatus::found;
    return target;
  }
  return target;
}

}  // namespace c360::store
