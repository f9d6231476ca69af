#include "store/operations/match_counterparty.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "daemon/base/company_name.h"
#include "daemon/base/identifiers.h"
#include "daemon/base/json.h"

namespace c360::store {

namespace {

constexpr double kLikeness = 0.85;      // step 6
constexpr double kLikenessLead = 0.10;  // above the second
constexpr double kContradiction = 0.4;  // step 5: names less alike contradict

constexpr Sql kByInn{"match_counterparty_inn", R"sql(
  SELECT u.i, c.id, c.kpp FROM unnest($1::text[]) WITH ORDINALITY AS u (inn, i)
  JOIN crm.counterparty c ON c.inn = u.inn AND c.deleted_at IS NULL
  WHERE u.inn <> '')sql"};
// At most a few rows per key: more than one is ambiguous already.
constexpr Sql kByName{"match_counterparty_name", R"sql(
  SELECT u.i, c.id, c.name FROM unnest($1::text[]) WITH ORDINALITY AS u (key, i),
  LATERAL (SELECT id, name FROM crm.counterparty c
           WHERE c.name_key = u.key AND c.deleted_at IS NULL ORDER BY id LIMIT 10) c
  WHERE u.key <> '')sql"};
// One scan for all addresses, whatever the plan is.
constexpr Sql kByEmail{"match_counterparty_email", R"sql(
  SELECT DISTINCT u.i, k.counterparty_id FROM unnest($1::bigint[], $2::text[]) AS u (i, email)
  JOIN (SELECT email, counterparty_id FROM crm.contact
        WHERE email = ANY ($2::citext[]) AND deleted_at IS NULL AND counterparty_id IS NOT NULL
        OFFSET 0) k ON k.email = u.email::citext
  WHERE (SELECT c.deleted_at IS NULL FROM crm.counterparty c WHERE c.id = k.counterparty_id))sql"};
constexpr Sql kByDomain{"match_counterparty_domain", R"sql(
  SELECT u.i, c.id, similarity(c.name_key, u.key)
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u (domain, key, i),
  LATERAL (SELECT id, name_key FROM crm.counterparty c
           WHERE c.email_domains @> ARRAY[u.domain] AND c.deleted_at IS NULL ORDER BY id LIMIT 10) c
  WHERE u.domain <> '' AND NOT EXISTS (SELECT 1 FROM crm.public_mail_domain p WHERE p.domain = u.domain))sql"};
// The index answers `%` with the session's threshold; the exact figure is compared afterwards. A
// key that exists exactly needs no likeness.
constexpr Sql kSetThreshold{"match_counterparty_threshold",
                            "SELECT set_config('pg_trgm.similarity_threshold', '0.75', true)"};
constexpr Sql kByLikeness{"match_counterparty_likeness", R"sql(
  SELECT u.i, c.id, c.score FROM unnest($1::text[]) WITH ORDINALITY AS u (key, i),
  LATERAL (SELECT id, similarity(c.name_key, u.key) AS score FROM crm.counterparty c
           WHERE c.name_key % u.key AND c.deleted_at IS NULL ORDER BY 2 DESC, id LIMIT 3) c
  WHERE length(u.key) >= 3
    AND NOT EXISTS (SELECT 1 FROM crm.counterparty e WHERE e.name_key = u.key AND e.deleted_at IS NULL))sql"};

}  // namespace

std::string CounterpartyMatch::candidates_json() const {
  JsonWriter json;
  json.begin_array();
  for (const CounterpartyCandidate& candidate : candidates) {
    json.begin_object().member("counterparty_id", candidate.counterparty_id);
    const std::int64_t hundredths = std::llround(candidate.score * 100);
    json.key("score").number(std::to_string(hundredths / 100) + "." +
                             (hundredths % 100 < 10 ? "0" : "") + std::to_string(hundredths % 100));
    json.member("reason", candidate.reason).end_object();
  }
  json.end_array();
  return json.take();
}

struct CounterpartyMatcher::Hit {
  std::int64_t id = 0;
  std::string text;
};

CounterpartyMatcher::CounterpartyMatcher(Transaction& tx, std::span<const CounterpartyClue> clues)
    : tx_(tx), clues_(clues) {
  std::vector<std::string> inns;
  std::vector<std::string> keys;
  std::vector<std::string> domains;
  std::vector<std::int64_t> email_owner;
  std::vector<std::string> emails;
  for (std::size_t i = 0; i < clues.size(); ++i) {
    const CounterpartyClue& clue = clues[i];
    inns.push_back(check_inn(clue.inn) ? std::string{} : clue.inn);
    CompanyName name = company_name(clue.company_text);
    keys.push_back(std::move(name.key));
    forms_.push_back(std::move(name.legal_form));
    domains.push_back(clue.sender_domain);
    for (const std::string& email : clue.emails) {
      email_owner.push_back(static_cast<std::int64_t>(i) + 1);
      emails.push_back(email);
    }
  }
  using Texts = std::span<const std::string>;
  by_inn_ = tx.queue(kByInn, std::move(Params{}.add_array(Texts(inns))));
  by_name_ = tx.queue(kByName, std::move(Params{}.add_array(Texts(keys))));
  by_email_ = tx.queue(
      kByEmail,
      std::move(
          Params{}.add_array(std::span<const std::int64_t>(email_owner)).add_array(Texts(emails))));
  by_domain_ =
      tx.queue(kByDomain, std::move(Params{}.add_array(Texts(domains)).add_array(Texts(keys))));
  tx.queue(kSetThreshold);
  by_likeness_ = tx.queue(kByLikeness, std::move(Params{}.add_array(Texts(keys))));
}

std::vector<CounterpartyMatch> CounterpartyMatcher::results() const {
  // The hits of one statement, by clue.
  const auto hits_of = [&](Ticket ticket) {
    std::vector<std::vector<Hit>> hits(clues_.size());
    const Rows& rows = tx_.rows(ticket);
    for (int row = 0; row < rows.size(); ++row) {
      const auto clue = static_cast<std::size_t>(rows.int64(row, 0) - 1);
      hits[clue].push_back(
          {rows.int64(row, 1), rows.columns() > 2 ? std::string(rows.text(row, 2)) : ""});
    }
    return hits;
  };
  const auto inn = hits_of(by_inn_);
  const auto name = hits_of(by_name_);
  const auto email = hits_of(by_email_);
  const auto domain = hits_of(by_domain_);
  const auto likeness = hits_of(by_likeness_);

  std::vector<CounterpartyMatch> matches(clues_.size());
  for (std::size_t i = 0; i < clues_.size(); ++i) {
    CounterpartyMatch& match = matches[i];
    // Takes the hits of a step: one is the answer, several are candidates.
    const auto settle = [&](const std::vector<Hit>& hits, std::string_view reason) {
      if (match.counterparty_id) return;
      if (hits.size() == 1) {
        match.counterparty_id = hits.front().id;
        match.reason = reason;
        match.candidates.clear();
        return;
      }
      for (const Hit& hit : hits) match.candidates.push_back({hit.id, 1.0, std::string(reason)});
    };

    std::vector<Hit> same_inn = inn[i];
    if (same_inn.size() > 1 && !clues_[i].kpp.empty())
      std::erase_if(same_inn, [&](const Hit& hit) { return hit.text != clues_[i].kpp; });
    settle(same_inn.empty() ? inn[i] : same_inn, "inn");
    if (!inn[i].empty()) continue;  // an INN decides, or leaves the choice to a person

    std::vector<Hit> same_form = name[i];
    std::erase_if(same_form,
                  [&](const Hit& hit) { return company_name(hit.text).legal_form != forms_[i]; });
    settle(same_form.size() == 1 ? same_form : name[i], "name");
    settle(email[i], "email");
    std::vector<Hit> plausible = domain[i];
    std::erase_if(plausible, [&](const Hit& hit) {
      const bool named = !company_name(clues_[i].company_text).key.empty();
      return named && std::strtod(hit.text.c_str(), nullptr) < kContradiction;
    });
    settle(plausible, "domain");

    if (match.counterparty_id || likeness[i].empty()) continue;
    const double best = std::strtod(likeness[i].front().text.c_str(), nullptr);
    const double second =
        likeness[i].size() > 1 ? std::strtod(likeness[i][1].text.c_str(), nullptr) : 0;
    if (best >= kLikeness && best - second >= kLikenessLead)
      match.candidates.push_back({likeness[i].front().id, best, "similar_name"});
  }
  return matches;
}

}  // namespace c360::store
