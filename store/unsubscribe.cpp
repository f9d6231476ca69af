#include "store/unsubscribe.h"

#include <charconv>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/model/registry.h"

namespace c360::store {
namespace {

// Of the customer he was merged into, and that one into another. One that is being merged just now
// is waited for, and then says where he went.
constexpr Sql kConsent{"unsubscribe_consent", R"sql(
WITH RECURSIVE way (id, next, step) AS (
  SELECT id, merged_into_id, 0 FROM crm.counterparty WHERE id = $1
   UNION ALL
  SELECT k.id, k.merged_into_id, way.step + 1
    FROM way JOIN crm.counterparty AS k ON k.id = way.next WHERE way.step < 100)
SELECT id, promo_emails_allowed AND deleted_at IS NULL, merged_into_id FROM crm.counterparty
 WHERE id = (SELECT id FROM way WHERE next IS NULL)
   FOR NO KEY UPDATE)sql"};

constexpr std::size_t kProofDigits = 32;
constexpr std::size_t kLongestToken = 100;

std::string proof_of(const Secret& key, std::string_view what) {
  return to_hex(hmac_sha256(key.reveal(), "unsubscribe " + std::string(what)))
      .substr(0, kProofDigits);
}

// The customer whose consent it is now, locked; none where he has none left.
Result<std::optional<std::int64_t>> consenting(Transaction& tx, std::int64_t customer) {
  for (;;) {
    auto consent = tx.query(kConsent, std::move(Params{}.add(customer)));
    if (!consent) return std::unexpected(consent.error());
    const Rows& rows = **consent;
    if (rows.empty()) return std::nullopt;
    const auto merged_into = rows.optional_int64(0, 2);
    if (!merged_into) return rows.boolean(0, 1) ? std::optional(rows.int64(0, 0)) : std::nullopt;
    customer = *merged_into;
  }
}

std::optional<std::int64_t> number_in(std::string_view digits) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (fault != std::errc{} || end != digits.data() + digits.size() || number <= 0)
    return std::nullopt;
  return number;
}

}  // namespace

std::string sign_unsubscribe(const Secret& key, const UnsubscribeLink& link) {
  const std::string what =
      std::to_string(link.counterparty_id) + "-" + std::to_string(link.message_id);
  return what + "-" + proof_of(key, what);
}

std::optional<UnsubscribeLink> read_unsubscribe(const Secret& key, std::string_view token) {
  if (token.size() > kLongestToken) return std::nullopt;
  const std::size_t dash = token.rfind('-');
  const std::string_view what = token.substr(0, dash == std::string_view::npos ? 0 : dash);
  const std::string_view proof =
      dash == std::string_view::npos ? std::string_view() : token.substr(dash + 1);
  if (key.empty() || !equal_constant_time(proof_of(key, what), proof)) return std::nullopt;
  const auto parts = split(what, '-');
  if (parts.size() != 2) return std::nullopt;
  const auto counterparty = number_in(parts[0]);
  const auto message = number_in(parts[1]);
  if (!counterparty || !message) return std::nullopt;
  return UnsubscribeLink{.counterparty_id = *counterparty, .message_id = *message};
}

Result<void> withdraw_consent(Database& database, Records& records, const UnsubscribeLink& link,
                              std::string_view request_id) {
  const Resource& customers = records.registry().get("counterparty");
  const Actor actor = Actor::system("portal", std::string(request_id));
  return in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    const auto customer = consenting(tx, link.counterparty_id);
    if (!customer) return std::unexpected(customer.error());
    if (!*customer) return {};
    Json change = Json::Object{};
    change.set("promo_emails_allowed", Json(false));
    change.set("promo_emails_basis",
               Json("Отказ по ссылке из сообщения № " + std::to_string(link.message_id)));
    WriteOptions write;
    write.finish = Finish::run;
    auto changed = records.update(tx, customers, std::to_string(**customer), change, actor, write);
    if (!changed) return std::unexpected(std::move(changed).error());
    return {};
  });
}

}  // namespace c360::store
