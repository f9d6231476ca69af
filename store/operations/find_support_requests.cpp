#include "store/operations/find_support_requests.h"

#include <algorithm>

namespace c360::store {

namespace {

constexpr Sql kCustomers{"support_sender_customers", R"sql(
  SELECT u.i, c.id, c.by_domain, c.portal_default, c.contact_id, c.account_id
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u (email, domain, i),
  LATERAL (
    SELECT k.id, k.portal_default, bool_or(x.by_domain) AS by_domain, min(x.contact_id) AS contact_id,
           min(x.account_id) AS account_id
    FROM (
      (SELECT id, true AS by_domain, NULL::bigint AS contact_id, NULL::bigint AS account_id
       FROM crm.counterparty
       WHERE u.domain <> '' AND email_domains @> ARRAY[u.domain] AND deleted_at IS NULL
       ORDER BY id LIMIT 10)
      UNION ALL
      (SELECT counterparty_id, false, id, NULL FROM crm.contact
       WHERE u.email <> '' AND email = u.email::citext AND deleted_at IS NULL
         AND counterparty_id IS NOT NULL
       ORDER BY id LIMIT 10)
      UNION ALL
      (SELECT counterparty_id, false, NULL, id FROM crm.counterparty_user
       WHERE u.email <> '' AND email = u.email::citext AND status <> 'blocked'
       ORDER BY id LIMIT 10)) x
    JOIN crm.counterparty k ON k.id = x.id AND k.deleted_at IS NULL
    GROUP BY k.id, k.portal_default) c
  ORDER BY u.i, c.id)sql"};
constexpr Sql kUsers{"support_sender_users", R"sql(
  SELECT u.i, p.id FROM unnest($1::text[]) WITH ORDINALITY AS u (email, i)
  JOIN crm.user p ON p.email = u.email::citext AND p.is_active
  WHERE u.email <> '' ORDER BY u.i, p.id)sql"};
constexpr Sql kRequests{"support_request_states", R"sql(
  SELECT id, counterparty_id, number, status, returns_to, closed_at, initiator_user_id,
         initiator_contact_id, initiator_account_id
  FROM crm.support_request
  WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE)sql"};
constexpr Sql kFirstLines{"support_first_lines", R"sql(
  SELECT u.id, coalesce(own.line1_group, usual.line1_group)
  FROM unnest($1::bigint[]) AS u (id)
  LEFT JOIN crm.support_client_settings own ON own.counterparty_id = u.id
  LEFT JOIN crm.support_client_settings usual ON usual.counterparty_id IS NULL)sql"};

}  // namespace

const SupportSender::Customer* SupportSender::customer(std::int64_t id) const {
  const auto found = std::ranges::find(customers, id, &Customer::id);
  return found == customers.end() ? nullptr : &*found;
}

SupportCustomer support_customer(const SupportSender& sender) {
  using Customer = SupportSender::Customer;
  const auto only = [&](auto&& wanted) {
    SupportCustomer found;
    for (const Customer& customer : sender.customers) {
      if (!wanted(customer)) continue;
      if (found.customer != nullptr) return SupportCustomer{.customer = nullptr, .ambiguous = true};
      found.customer = &customer;
    }
    return found;
  };
  const auto ours = only([](const Customer& c) { return c.by_domain && c.knows_sender(); });
  if (ours.customer != nullptr || ours.ambiguous) return ours;
  const bool known =
      sender.user_id || std::ranges::any_of(sender.customers, &Customer::knows_sender);
  const auto usual = only([](const Customer& c) { return c.by_domain && c.is_default; });
  if (usual.customer != nullptr && known) return usual;
  return only([](const Customer& c) { return c.knows_sender(); });
}

const SupportSender::Customer* only_customer_by_domain(const SupportSender& sender) {
  const SupportSender::Customer* found = nullptr;
  for (const SupportSender::Customer& customer : sender.customers) {
    if (!customer.by_domain) continue;
    if (found != nullptr) return nullptr;
    found = &customer;
  }
  return found;
}

SupportInitiator support_initiator(const SupportSender& sender, std::int64_t customer_id) {
  const SupportSender::Customer* customer = sender.customer(customer_id);
  if (customer != nullptr && customer->contact_id) return {.contact_id = customer->contact_id};
  if (customer != nullptr && customer->account_id) return {.account_id = customer->account_id};
  return {.user_id = sender.user_id};
}

SupportSenderLookup::SupportSenderLookup(Transaction& tx, std::span<const SupportSenderClue> clues)
    : tx_(tx), count_(clues.size()) {
  std::vector<std::string> emails;
  std::vector<std::string> domains;
  for (const SupportSenderClue& clue : clues) {
    emails.push_back(clue.email);
    domains.push_back(clue.domain);
  }
  using Texts = std::span<const std::string>;
  customers_ =
      tx.queue(kCustomers, std::move(Params{}.add_array(Texts(emails)).add_array(Texts(domains))));
  users_ = tx.queue(kUsers, std::move(Params{}.add_array(Texts(emails))));
}

std::vector<SupportSender> SupportSenderLookup::results() const {
  std::vector<SupportSender> senders(count_);
  const Rows& rows = tx_.rows(customers_);
  for (int row = 0; row < rows.size(); ++row)
    senders[static_cast<std::size_t>(rows.int64(row, 0) - 1)].customers.push_back(
        {.id = rows.int64(row, 1),
         .by_domain = rows.boolean(row, 2),
         .is_default = rows.boolean(row, 3),
         .contact_id = rows.optional_int64(row, 4),
         .account_id = rows.optional_int64(row, 5)});
  const Rows& users = tx_.rows(users_);
  for (int row = 0; row < users.size(); ++row)
    senders[static_cast<std::size_t>(users.int64(row, 0) - 1)].user_id = users.int64(row, 1);
  return senders;
}

SupportRequestLookup::SupportRequestLookup(Transaction& tx,
                                           std::span<const std::int64_t> request_ids,
                                           std::span<const std::int64_t> customer_ids)
    : tx_(tx) {
  requests_ = tx.queue(kRequests, std::move(Params{}.add_array(request_ids)));
  lines_ = tx.queue(kFirstLines, std::move(Params{}.add_array(customer_ids)));
}

std::map<std::int64_t, SupportRequestState> SupportRequestLookup::requests() const {
  std::map<std::int64_t, SupportRequestState> found;
  const Rows& rows = tx_.rows(requests_);
  for (int row = 0; row < rows.size(); ++row) {
    SupportRequestState state{.counterparty_id = rows.int64(row, 1),
                              .number = rows.int64(row, 2),
                              .status = std::string(rows.text(row, 3)),
                              .returns_to = std::string(rows.text(row, 4)),
                              .closed_at = rows.instant(row, 5),
                              .initiator = {.user_id = rows.optional_int64(row, 6),
                                            .contact_id = rows.optional_int64(row, 7),
                                            .account_id = rows.optional_int64(row, 8)}};
    found.emplace(rows.int64(row, 0), std::move(state));
  }
  return found;
}

std::map<std::int64_t, std::string> SupportRequestLookup::first_lines() const {
  std::map<std::int64_t, std::string> lines;
  const Rows& rows = tx_.rows(lines_);
  for (int row = 0; row < rows.size(); ++row)
    lines.emplace(rows.int64(row, 0), std::string(rows.text(row, 1)));
  return lines;
}

}  // namespace c360::store
