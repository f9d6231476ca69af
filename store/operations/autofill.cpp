#include "store/operations/autofill.h"

#include <algorithm>
#include <array>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/draft.h"
#include "store/operations/action.h"
#include "store/operations/pedigree.h"
#include "store/operations/queue_autofill.h"

namespace c360::store {
namespace {

constexpr Sql kLegalForm{"c360_autofill_form", R"sql(
SELECT code FROM crm.legal_form WHERE name_ru = $1::text OR full_name_ru = $1::text
ORDER BY name_ru = $1::text DESC LIMIT 1
)sql"};
constexpr Sql kNote{"c360_autofill_note", R"sql(
INSERT INTO crm.requisite_write (counterparty_id, field, source, obtained_at, is_decided)
SELECT $1::bigint, w.field, w.source,
       CASE WHEN w.source = $4::text THEN $5::timestamptz END, $6::boolean
FROM unnest($2::text[], $3::text[]) AS w(field, source)
ON CONFLICT (counterparty_id, field, written_at) DO UPDATE
   SET source = excluded.source, obtained_at = excluded.obtained_at,
       is_decided = excluded.is_decided
)sql"};
// An unchanged refresh writes only its time.
constexpr Sql kKeepFacts{"c360_autofill_facts", R"sql(
INSERT INTO crm.counterparty_fact (counterparty_id, source, facts, obtained_at)
VALUES ($1::bigint, $2::text, $3::jsonb, $4::timestamptz)
ON CONFLICT (counterparty_id, source) DO UPDATE
   SET facts = excluded.facts, obtained_at = excluded.obtained_at
 WHERE counterparty_fact.obtained_at <= excluded.obtained_at
)sql"};
// Of a refresh that found nothing new; the version of the card stays.
constexpr Sql kRefreshed{"c360_autofill_refreshed", R"sql(
WITH kept AS (
  INSERT INTO crm.counterparty_fact (counterparty_id, source, facts, obtained_at)
  VALUES ($1::bigint, $2::text, $3::jsonb, $4::timestamptz)
  ON CONFLICT (counterparty_id, source) DO UPDATE
     SET facts = excluded.facts, obtained_at = excluded.obtained_at
   WHERE counterparty_fact.obtained_at < excluded.obtained_at
  RETURNING counterparty_id)
UPDATE crm.counterparty SET autofilled_at = $4::timestamptz, autofill_source = $2::text
 WHERE id IN (SELECT counterparty_id FROM kept)
)sql"};
// Of that INN and KPP there is one card (counterparty_inn_key).
constexpr Sql kSameParty{"c360_autofill_same_party", R"sql(
SELECT id FROM crm.counterparty
WHERE inn = $1::text AND coalesce(kpp, '') = $2::text AND id <> $3::bigint AND deleted_at IS NULL
)sql"};
constexpr Sql kForgetJob{"c360_autofill_forget_job", R"sql(
DELETE FROM ops.job WHERE record_id = $1::bigint AND kind = $2::text AND status = 'queued'
)sql"};
constexpr Sql kStoredFacts{"c360_autofill_stored", R"sql(
SELECT facts::text, obtained_at FROM crm.counterparty_fact
WHERE counterparty_id = $1::bigint AND source = $2::text
)sql"};
// The primary one; where none is, the one of the same INN, which is then made it.
constexpr Sql kPrimaryEntity{"c360_autofill_entity", R"sql(
SELECT id, full_name, short_name, legal_form_code, inn, kpp, ogrn, okpo, juridical_address,
       post_address, ceo_name, is_primary
FROM crm.legal_entity
WHERE counterparty_id = $1::bigint AND (is_primary OR inn = $2::text) AND deleted_at IS NULL
ORDER BY is_primary DESC, id LIMIT 1 FOR NO KEY UPDATE
)sql"};
// What somebody deleted is not made anew behind his back.
constexpr Sql kDeletedEntity{"c360_autofill_deleted_entity", R"sql(
SELECT EXISTS (SELECT FROM crm.legal_entity
                WHERE counterparty_id = $1::bigint AND inn = $2::text AND deleted_at IS NOT NULL)
)sql"};
constexpr std::array<std::string_view, 10> kEntityFields = {
    "full_name", "short_name", "legal_form_code",   "inn",          "kpp",
    "ogrn",      "okpo",       "juridical_address", "post_address", "ceo_name"};

constexpr int kEntityInn = 4;  // columns of kPrimaryEntity
constexpr int kEntityIsPrimary = 11;

// Never a matter of opinion: the register alone knows.
constexpr std::array<std::string_view, 3> kAlwaysWritten = {"registry_status", "liquidated_on",
                                                            "unreliable"};
// Ways to reach somebody, not identity: taken only where there is none.
constexpr std::array<std::string_view, 3> kOnlyIfEmpty = {"post_address", "phone", "email"};

bool is_one_of(std::string_view field, std::span<const std::string_view> fields) {
  return std::ranges::find(fields, field) != fields.end();
}

bool is_register(std::string_view source) { return source == "dadata" || source == "kontur"; }

struct Decision {
  std::string field;
  std::optional<std::string> before;
  std::string value;
  std::string source;
};
struct Conflict {
  std::string field;
  std::string ours;
  std::string ours_source;
  std::string theirs;
};
struct Decisions {
  std::vector<Decision> written;
  std::vector<Conflict> conflicts;
};

class Judge {
 public:
  Judge(const Pedigree& pedigree, const RegisterFacts& facts, const AutofillRequest& request)
      : pedigree_(pedigree), facts_(facts), request_(request) {}

  Decisions decide() {
    for (const auto& [field, theirs] : facts_.values) consider(field, theirs);
    return std::move(decisions_);
  }

 private:
  std::size_t rank(std::string_view source) const {
    const auto found = std::ranges::find(request_.policy, source);
    // What the policy does not name, such as the program itself, is believed like a person.
    return found == request_.policy.end()
               ? 0
               : static_cast<std::size_t>(found - request_.policy.begin()) + 1;
  }

  // The latest word of anybody but this register, since a person last had it overwritten.
  const RequisiteEntry* ours(std::string_view field) const {
    const auto& entries = pedigree_.entries.find(field)->second;
    for (std::size_t i = entries.size(); i-- > 0;) {
      if (entries[i].is_decided) return nullptr;
      if (entries[i].source != facts_.source) return &entries[i];
    }
    return nullptr;
  }

  // A kind nobody chose is the default of the column.
  bool counts_as_empty(std::string_view field, const RequisiteEntry& current) const {
    if (!current.value || current.value->empty()) return true;
    if (field == "name") return pedigree_.name_is_auto;
    return field == "kind" && pedigree_.entries.find(field)->second.size() == 1 &&
           *current.value == "legal_entity";
  }

  void write(const std::string& field, std::optional<std::string> before, std::string value,
             std::string source) {
    if (before == value) return;
    decisions_.written.push_back({field, std::move(before), std::move(value), std::move(source)});
  }

  void consider(const std::string& field, const std::string& theirs) {
    const RequisiteEntry& current = pedigree_.current(field);
    if (counts_as_empty(field, current) || is_one_of(field, kAlwaysWritten))
      return write(field, current.value, theirs, facts_.source);
    if (is_one_of(field, kOnlyIfEmpty) || field == "name")
      return differ(field, *current.value, current.source, theirs);
    if (request_.mode == AutofillMode::overwrite)
      return write(field, current.value, theirs, facts_.source);
    const RequisiteEntry* other = ours(field);
    const bool theirs_wins =
        other == nullptr || !other->value || rank(facts_.source) < rank(other->source);
    if (theirs_wins) return write(field, current.value, theirs, facts_.source);
    write(field, current.value, *other->value, other->source);
    differ(field, *other->value, other->source, theirs);
  }

  // As pedigree_json() will tell it of the card.
  void differ(const std::string& field, const std::string& ours, const std::string& source,
              const std::string& theirs) {
    if (ours != theirs) decisions_.conflicts.push_back({field, ours, source, theirs});
  }

  const Pedigree& pedigree_;
  const RegisterFacts& facts_;
  const AutofillRequest& request_;
  Decisions decisions_;
};

// NN, NN.N, NN.NN, NN.NN.N, NN.NN.NN.
bool is_okved(std::string_view text) {
  const auto parts = split(text, '.');
  const auto is_digits = [](std::string_view part) {
    return !part.empty() && part.size() <= 2 &&
           std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  return parts.size() <= 3 && parts.front().size() == 2 && std::ranges::all_of(parts, is_digits);
}

// Takes out what the card cannot hold: the rest is still worth having.
void drop_unfit(const Resource& resource, const Pedigree& pedigree, RegisterFacts& facts) {
  const auto kind = facts.value("kind");
  const bool person = kind == "individual_entrepreneur";
  const bool has_kpp = pedigree.current("kpp").value.has_value();
  // The day that will stand on the card; copied, for what follows moves the facts.
  const auto& typed = pedigree.current("registered_on").value;
  const std::string registered(typed ? std::string_view(*typed)
                                     : facts.value("registered_on").value_or(std::string_view()));
  std::erase_if(facts.values, [&](const auto& fact) {
    const auto& [field, value] = fact;
    const Field& column = resource.field(field);
    std::string why;
    if (column.length_limit > 0 && utf8_length(value) > column.length_limit) why = "too long";
    if (field == "okved" && !is_okved(value)) why = "no code of the form NN.NN.NN";
    if (field == "kind" && person && has_kpp) why = "an entrepreneur has no KPP, the card has one";
    if (field == "kpp" && person) why = "an entrepreneur has no KPP";
    if (field == "liquidated_on" && value < registered) why = "before registered_on";
    if (!why.empty()) facts.warnings.push_back(field + ": " + why);
    return !why.empty();
  });
}

// The rest is still worth having where another card is the one of that KPP.
Result<void> drop_taken_kpp(Transaction& tx, std::int64_t id, const Pedigree& pedigree,
                            RegisterFacts& facts) {
  const auto kpp = facts.value("kpp");
  const auto inn = facts.value("inn");
  if (!kpp || !inn || pedigree.current("kpp").value == *kpp) return {};
  const auto rows = tx.query(kSameParty, Params{}.add(*inn).add(*kpp).add(id));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return {};
  facts.warnings.push_back("kpp: counterparty " + std::string((*rows)->text(0, 0)) +
                           " is the one of this INN and KPP");
  std::erase_if(facts.values, [](const auto& fact) { return fact.first == "kpp"; });
  return {};
}

Result<void> resolve_legal_form(Transaction& tx, RegisterFacts& facts) {
  if (facts.legal_form.empty()) return {};
  const auto rows = tx.query(kLegalForm, Params{}.add(facts.legal_form));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) {
    facts.warnings.push_back("legal_form: the directory has no «" + facts.legal_form + "»");
  } else {
    facts.values.emplace_back("legal_form_code", std::string((*rows)->text(0, 0)));
  }
  return {};
}

Result<void> check_target(const Pedigree& pedigree, const AutofillRequest& request,
                          const RegisterFacts& facts) {
  if (request.version && *request.version != pedigree.version)
    return fail(ErrorCode::precondition_failed,
                "The counterparty is at version " + std::to_string(pedigree.version) + ", not " +
                    std::to_string(*request.version) + ": read it again.",
                "stale_version");
  const auto& inn = pedigree.current("inn").value;
  if (inn && *inn != facts.value("inn"))
    return fail(ErrorCode::conflict,
                "The card has another INN than the register was asked about: ask again.",
                "inn_changed");
  const auto& ogrn = pedigree.current("ogrn").value;
  const auto answered = facts.value("ogrn");
  if (!inn && ogrn && answered && *ogrn != *answered)
    return fail(ErrorCode::conflict,
                "The card has another OGRN than the register was asked about: ask again.",
                "inn_changed");
  return {};
}

std::string facts_json(const RegisterFacts& facts) {
  JsonWriter json;
  json.begin_object();
  for (const auto& [field, value] : facts.values) json.member(field, value);
  return json.end_object().take();
}

Result<RegisterFacts> facts_of(const Rows& rows, std::string_view source) {
  const auto json = Json::parse(rows.text(0, 0));
  if (!json) return std::unexpected(json.error());
  RegisterFacts facts{.source = std::string(source),
                      .obtained_at = *rows.instant(0, 1),
                      .values = {},
                      .legal_form = {},
                      .warnings = {}};
  for (const auto& [field, value] : json->as_object())
    facts.values.emplace_back(field, value.as_string());
  return facts;
}

// Of two that asked at about the same time the later answer counts, whoever comes last to the card
// (which is locked).
Result<RegisterFacts> newest_of(Transaction& tx, std::int64_t id, const RegisterFacts& given) {
  const auto rows = tx.query(kStoredFacts, Params{}.add(id).add(given.source));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty() || *(*rows)->instant(0, 1) <= given.obtained_at) return given;
  return facts_of(**rows, given.source);
}

// In JSON's spelling to what a column takes; the same for all but booleans.
std::string column_text(const Field& field, const std::string& value) {
  if (field.type != FieldType::boolean) return value;
  return value == "true" ? "t" : "f";
}

Result<RecordView> write_card(Records& records, Transaction& tx, const AutofillRequest& request,
                              const Decisions& decisions, const RegisterFacts& facts,
                              const Actor& actor) {
  const Resource& resource = records.registry().get("counterparty");
  WriteOptions write{.finish = Finish::run, .events = {"autofilled"}};
  write.also = [&](Draft& draft) {
    for (const Decision& each : decisions.written) {
      draft.set(each.field, column_text(resource.field(each.field), each.value));
      if (each.field == "name") draft.set("name_is_auto", "f");
    }
    draft.set("autofilled_at", timestamp_text(facts.obtained_at));
    draft.set("autofill_source", facts.source);
  };
  return records.update(tx, resource, std::to_string(request.id), Json(Json::Object{}), actor,
                        write);
}

// The card's own registration data as its first legal entity (domain.md 5.3). Of the service
// itself, whoever asked: nobody chose yet which of our organisations bills it.
Result<void> create_entity(Records& records, Transaction& tx, const AutofillRequest& request,
                           const Pedigree& pedigree, const Decisions& decisions,
                           const Actor& actor) {
  const auto on_card = [&](std::string_view field) {
    const auto found = std::ranges::find(decisions.written, field, &Decision::field);
    return found == decisions.written.end() ? pedigree.current(field).value
                                            : std::optional(found->value);
  };
  const auto deleted =
      tx.query(kDeletedEntity, std::move(Params{}.add(request.id).add(on_card("inn"))));
  if (!deleted) return std::unexpected(deleted.error());
  if ((*deleted)->boolean(0, 0)) return {};
  // What stands on the card was taken there, by a lenient import perhaps.
  WriteOptions write{.profile = Profile::draft, .lenient = true, .finish = Finish::run};
  write.also = [&](Draft& draft) {
    draft.set("counterparty_id", std::to_string(request.id));
    draft.set("is_primary", "t");
    for (const std::string_view field : kEntityFields) draft.set(field, on_card(field));
    if (!draft.has("full_name")) draft.set("full_name", on_card("name"));
  };
  auto made = records.create(tx, records.registry().get("legal_entity"), Json(Json::Object{}),
                             Actor::system("system", actor.request_id), write);
  if (!made) return std::unexpected(std::move(made).error());
  return {};
}

// What of the primary legal entity is empty, or was the same as on the card, follows the card.
Result<void> write_entity(Records& records, Transaction& tx, const AutofillRequest& request,
                          const Pedigree& pedigree, const Decisions& decisions,
                          const RegisterFacts& facts, const Actor& actor) {
  const auto asked = facts.value("inn");
  const auto rows = tx.query(kPrimaryEntity, Params{}.add(request.id).add(asked));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return create_entity(records, tx, request, pedigree, decisions, actor);
  // An entity of another company: what the register says of this one is not about it.
  const auto inn = (*rows)->optional_text(0, kEntityInn);
  if (inn && inn != asked) return {};
  std::vector<const Decision*> follow;
  for (const Decision& each : decisions.written) {
    const auto found = std::ranges::find(kEntityFields, each.field);
    if (found == kEntityFields.end()) continue;
    const auto value =
        (*rows)->optional_text(0, 1 + static_cast<int>(found - kEntityFields.begin()));
    if (!value || request.mode == AutofillMode::overwrite || value == each.before)
      follow.push_back(&each);
  }
  const bool becomes_primary = !(*rows)->boolean(0, kEntityIsPrimary);
  if (follow.empty() && !becomes_primary) return {};
  WriteOptions write{.finish = Finish::run};
  write.also = [&](Draft& draft) {
    for (const Decision* each : follow) draft.set(each->field, each->value);
    if (becomes_primary) draft.set("is_primary", "t");
  };
  const std::string key = std::to_string((*rows)->int64(0, 0));
  auto done = records.update(tx, records.registry().get("legal_entity"), key, Json(Json::Object{}),
                             actor, write);
  if (!done) return std::unexpected(std::move(done).error());
  return {};
}

void queue_notes(Transaction& tx, const AutofillRequest& request, const Decisions& decisions,
                 const RegisterFacts& facts) {
  std::vector<std::string_view> fields;
  std::vector<std::string_view> sources;
  for (const Decision& each : decisions.written) {
    fields.push_back(each.field);
    sources.push_back(each.source);
  }
  Params notes;
  notes.add(request.id).add_array(std::span<const std::string_view>(fields));
  notes.add_array(std::span<const std::string_view>(sources)).add(facts.source);
  notes.add(facts.obtained_at).add(request.mode == AutofillMode::overwrite);
  if (!fields.empty()) tx.queue(kNote, std::move(notes));
  tx.queue(
      kKeepFacts,
      Params{}.add(request.id).add(facts.source).add(facts_json(facts)).add(facts.obtained_at));
}

std::string result_json(const AutofillRequest& request, const Decisions& decisions,
                        const RegisterFacts& facts, std::string_view record) {
  constexpr std::array<std::string_view, 3> kModes{"fill_empty", "overwrite", "preview"};
  JsonWriter json;
  json.begin_object()
      .member("mode", kModes[static_cast<std::size_t>(request.mode)])
      .member("source", facts.source)
      .member("obtained_at", to_rfc3339(facts.obtained_at));
  json.key("written").begin_array();
  for (const Decision& each : decisions.written) {
    json.begin_object().member("field", each.field).key("old");
    each.before ? json.string(*each.before) : json.null();
    json.member("new", each.value).member("source", each.source).end_object();
  }
  json.end_array().key("conflicts").begin_array();
  for (const Conflict& each : decisions.conflicts)
    json.begin_object()
        .member("field", each.field)
        .member("ours", each.ours)
        .member("ours_source", each.ours_source)
        .member("theirs", each.theirs)
        .member("source", facts.source)
        .member("obtained_at", to_rfc3339(facts.obtained_at))
        .end_object();
  json.end_array().key("warnings").begin_array();
  for (const std::string& warning : facts.warnings) json.string(warning);
  json.end_array().key("record");
  record.empty() ? json.null() : json.raw(record);
  return json.end_object().take();
}

}  // namespace

std::optional<std::string_view> RegisterFacts::value(std::string_view field) const {
  const auto found = std::ranges::find(values, field, &std::pair<std::string, std::string>::first);
  return found == values.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

std::optional<AutofillMode> autofill_mode(std::string_view name) {
  if (name == "fill_empty") return AutofillMode::fill_empty;
  if (name == "overwrite") return AutofillMode::overwrite;
  return name == "preview" ? std::optional(AutofillMode::preview) : std::nullopt;
}

Result<AutofillTarget> autofill_target(Database& database, const Records& records, std::int64_t id,
                                       const Actor& actor) {
  auto tx = database.begin(Pool::api, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  const auto pedigree = read_pedigree(records, *tx, id, actor, /*lock=*/true);
  if (!pedigree) return std::unexpected(pedigree.error());
  const auto value = [&](std::string_view field) {
    return pedigree->current(field).value.value_or("");
  };
  AutofillTarget target{
      .id = value("inn"), .kpp = {}, .typed_kpp = {}, .version = pedigree->version};
  if (target.id.empty()) target.id = value("ogrn");
  // A KPP of the head office finds it too, but a quarter of all divisions have none at DaData. What
  // a register wrote itself names nobody else.
  const bool is_registers = is_register(pedigree->current("kpp").source);
  if (value("kind") == "branch") {
    target.kpp = value("kpp");
  } else if (!is_registers) {
    target.typed_kpp = value("kpp");
  }
  return target;
}

Result<AutofillResult> autofill_counterparty(Records& records, Transaction& tx,
                                             const AutofillRequest& request,
                                             const RegisterFacts& given, const Actor& actor) {
  const auto pedigree = read_pedigree(records, tx, request.id, actor, /*lock=*/true);
  if (!pedigree) return std::unexpected(pedigree.error());
  if (auto fits = check_target(*pedigree, request, given); !fits)
    return std::unexpected(fits.error());
  auto newest = newest_of(tx, request.id, given);
  if (!newest) return std::unexpected(newest.error());
  RegisterFacts facts = std::move(*newest);
  if (auto resolved = resolve_legal_form(tx, facts); !resolved)
    return std::unexpected(resolved.error());
  if (auto dropped = drop_taken_kpp(tx, request.id, *pedigree, facts); !dropped)
    return std::unexpected(dropped.error());
  drop_unfit(records.registry().get("counterparty"), *pedigree, facts);
  const Decisions decisions = Judge(*pedigree, facts, request).decide();
  const bool is_settled = request.only_changes && decisions.written.empty();
  if (is_settled) {
    auto noted = tx.query(
        kRefreshed,
        Params{}.add(request.id).add(facts.source).add(facts_json(facts)).add(facts.obtained_at));
    if (!noted) return std::unexpected(noted.error());
  }
  if (request.mode == AutofillMode::preview || is_settled)
    return AutofillResult{.json = result_json(request, decisions, facts, {}),
                          .record = {},
                          .version = pedigree->version};

  auto card = write_card(records, tx, request, decisions, facts, actor);
  if (!card) return std::unexpected(std::move(card).error());
  if (auto done = write_entity(records, tx, request, *pedigree, decisions, facts, actor); !done)
    return std::unexpected(done.error());
  queue_notes(tx, request, decisions, facts);
  if (request.is_new) tx.queue(kForgetJob, Params{}.add(request.id).add(kAutofillJob));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  return AutofillResult{.json = result_json(request, decisions, facts, card->json),
                        .record = std::move(card->json),
                        .version = card->version,
                        .written = static_cast<int>(decisions.written.size())};
}

Result<AutofillResult> autofill_counterparty(Database& database, Records& records,
                                             const AutofillRequest& request,
                                             const RegisterFacts& facts, const Actor& actor) {
  for (int attempt = 1;; ++attempt) {
    auto tx = database.begin(Pool::api, TxMode::read_write);
    if (!tx) return std::unexpected(tx.error());
    auto done = autofill_counterparty(records, *tx, request, facts, actor);
    if (done) {
      if (auto committed = tx->commit(); !committed) done = std::unexpected(committed.error());
    }
    if (done || !worth_another_try(done.error()) || attempt == kActionAttempts) return done;
    wait_before_attempt(attempt);
  }
}

Result<std::optional<RegisterFacts>> stored_facts(Database& database, std::int64_t id,
                                                  std::string_view source) {
  auto rows = database.execute(Pool::work, kStoredFacts, Params{}.add(id).add(source));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  auto facts = facts_of(*rows, source);
  if (!facts) return std::unexpected(facts.error());
  return std::move(*facts);
}

}  // namespace c360::store
