#include "store/search.h"

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/base/text.h"
#include "store/query_parts.h"

namespace c360::store {
namespace {

// Private use code points around what matches: no text of a record has them.
constexpr std::string_view kMarkBegin = "\xEE\x80\x80";
constexpr std::string_view kMarkEnd = "\xEE\x80\x81";

constexpr std::size_t kMaxWords = 8;
constexpr std::size_t kPhoneDigits = 5;  // fewer are no phone

// How alike a name must be to a word of the text. 0.45 takes one wrong letter of six.
constexpr Sql kThreshold{"c360_search_threshold",
                         "SELECT set_config('pg_trgm.word_similarity_threshold', '0.45', true)"};

constexpr Sql kReached{"c360_search_reached",
                       "SELECT transaction::text, event FROM ops.search_progress"};
constexpr Sql kProgress{"c360_search_progress", R"sql(
SELECT transaction::text, event FROM ops.search_progress FOR UPDATE SKIP LOCKED
)sql"};
constexpr Sql kChanged{"c360_search_changed", R"sql(
SELECT h.xid::text, h.id, h.record_id, h.record_kind FROM crm.history_event h
WHERE (h.xid, h.id) > ($1::xid8, $2::bigint) AND h.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY h.xid, h.id LIMIT $3::bigint
)sql"};
constexpr Sql kAdvance{"c360_search_advance", R"sql(
UPDATE ops.search_progress SET transaction = $1::xid8, event = $2::bigint
)sql"};

bool is_text(const Field& field) {
  switch (field.type) {
    case FieldType::text:
    case FieldType::html:
    case FieldType::citext:
    case FieldType::email:
    case FieldType::phone:
      return !field.is_secret && field.has_column();
    default:
      return false;
  }
}

// As it is compared: without mark-up, ё as е.
std::string plain_sql(const Field& field) {
  std::string text = "left(t." + std::string(field.name) + "::text, 200000)";
  if (field.type == FieldType::html) text = "regexp_replace(" + text + ", '<[^>]*>', ' ', 'g')";
  return "translate(" + text + ", 'ёЁ', 'еЕ')";
}

// The texts of one weight, joined; empty of a kind that has none of it.
std::string joined_sql(const Resource& resource, bool of_title) {
  std::string sql = "concat_ws(' ', NULL";
  if (of_title && resource.has_field("number")) sql += ", t.number::text";
  for (const Field& field : resource.fields) {
    const bool in_title = field.is_searchable || field.name == resource.name_field;
    if (field.name == "number" || field.name == resource.key || !field.has_column()) continue;
    if (of_title ? in_title && !field.is_secret : is_text(field) && !in_title) {
      sql += ", " + plain_sql(field);
    }
  }
  return sql + ")";
}

// Deleted ones lose their row, others get it anew.
std::string index_sql(const Resource& resource) {
  const std::string kind(resource.kind);
  const std::string alive = resource.soft_delete ? " AND t.deleted_at IS NULL" : "";
  const std::string number =
      resource.has_field("number") && resource.field("number").type == FieldType::integer
          ? "t.number"
          : "NULL::bigint";
  return "INSERT INTO crm.search_document AS d (record_id, kind, number, title, words)"
         " SELECT t.id, '" +
         kind + "', " + number +
         ", left(x.title, 1000), setweight(to_tsvector('russian', x.title),"
         " 'A') || setweight(to_tsvector('russian', x.body), 'C') FROM " +
         std::string(resource.table) + " t CROSS JOIN LATERAL (SELECT " +
         joined_sql(resource, true) + " AS title, left(" + joined_sql(resource, false) +
         ", 300000) AS body) x WHERE t.id = ANY ($1::bigint[])" + alive +
         " ON CONFLICT (record_id) DO UPDATE SET number = excluded.number, title = excluded.title,"
         " words = excluded.words";
}

constexpr Sql kForget{"c360_search_forget",
                      "DELETE FROM crm.search_document WHERE record_id = ANY ($1::bigint[])"};

bool is_word_byte(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z');
}

// The words of what was typed; punctuation ends one, so that nothing of it is an operator.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (is_word_byte(c)) {
      word.push_back(c);
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  if (words.size() > kMaxWords) words.resize(kMaxWords);
  return words;
}

// to_tsquery text: every word, each may go on.
std::string query_of(const std::vector<std::string>& words, std::string_view joined_by) {
  std::string query;
  for (const std::string& word : words) {
    query += (query.empty() ? "'" : std::string(joined_by) + "'") + word + "':*";
  }
  return query;
}

// The digits of a phone from the end, for LIKE over reversed numbers; empty: it is no phone.
std::string phone_of(std::string_view text) {
  std::string reversed;
  for (auto c = text.rbegin(); c != text.rend(); ++c) {
    if (*c >= '0' && *c <= '9') {
      if (reversed.size() < 10) reversed += *c;
    } else if (std::string_view(" +()-.\t").find(*c) == std::string_view::npos) {
      return {};
    }
  }
  return reversed.size() < kPhoneDigits ? std::string() : reversed + "%";
}

std::string rights_of(const Records& records, const SearchQuery& query, const Actor& actor) {
  std::string sql = "CASE s.kind";
  for (const Resource* resource : query.kinds) {
    const Predicate rights =
        records.access().predicate(actor, *resource, Right::read, "t", "$6::bigint");
    sql += " WHEN '" + std::string(resource->kind) + "' THEN EXISTS (SELECT FROM " +
           std::string(resource->table) + " t WHERE t.id = s.record_id";
    if (resource->soft_delete) sql += " AND t.deleted_at IS NULL";
    // The offset keeps the planner from hashing the whole table for the few that are asked of.
    sql += " AND " + rights.sql + " OFFSET 0)";
  }
  return query.kinds.empty() ? "false" : sql + " ELSE false END";
}

std::vector<SearchPiece> pieces_of(std::string_view marked) {
  std::vector<SearchPiece> pieces;
  while (!marked.empty()) {
    const bool matches = marked.starts_with(kMarkBegin);
    if (matches) marked.remove_prefix(kMarkBegin.size());
    const std::size_t end = marked.find(matches ? kMarkEnd : kMarkBegin);
    if (end != 0) pieces.push_back({std::string(marked.substr(0, end)), matches});
    if (end == std::string_view::npos) break;
    marked.remove_prefix(end + (matches ? kMarkEnd.size() : 0));
  }
  return pieces;
}

// A stretch of a value around the word most like what was typed, which is marked.
constexpr std::string_view kSimilarWord =
    "(SELECT substr(f.value, greatest(w.place - 80, 1), least(w.place - 1, 80)) || $5::text || "
    "w.word || $6::text || substr(f.value, w.place + length(w.word), 80) FROM (SELECT word,"
    " position(word IN f.value) AS place FROM regexp_split_to_table(f.value, '[^[:alnum:]]+') word"
    " WHERE word <> '' ORDER BY similarity(word, $4::text) DESC LIMIT 1) w)";

// Of each record the first field with one of the words, cut to where it is; where there is none,
// the field of the title most like them.
std::string place_sql(const Resource& resource) {
  std::string all;
  std::string titles;
  const auto add = [](std::string& values, std::string_view name, const std::string& value) {
    values.append(values.empty() ? "('" : ", ('").append(name).append("', ").append(value) += ')';
  };
  if (resource.has_field("number")) add(all, "number", "t.number::text");
  for (const Field& field : resource.fields) {
    if (!is_text(field) || field.name == "number") continue;
    add(all, field.name, plain_sql(field));
    if (field.is_searchable || field.name == resource.name_field)
      add(titles, field.name, "left(" + plain_sql(field) + ", 1000)");
  }
  std::string similar = "(SELECT $4::text AS field, $5::text AS snippet WHERE $6::text IS NULL)";
  if (!titles.empty()) {
    similar = "(SELECT f.field, " + std::string(kSimilarWord) + " AS snippet FROM (VALUES " +
              titles +
              ") f(field, value) WHERE a.field IS NULL AND $4::text <% f.value"
              " ORDER BY word_similarity($4::text, f.value) DESC LIMIT 1)";
  }
  return "SELECT t.id, coalesce(a.field, b.field), coalesce(a.snippet, b.snippet) FROM " +
         std::string(resource.table) +
         " t LEFT JOIN LATERAL (SELECT f.field, ts_headline('russian', f.value,"
         " to_tsquery('russian', $2::text), $3::text) AS snippet FROM (VALUES " +
         all +
         ") f(field, value) WHERE f.value IS NOT NULL AND to_tsvector('russian', f.value) @@"
         " to_tsquery('russian', $2::text) LIMIT 1) a ON true LEFT JOIN LATERAL " +
         similar +
         " b ON true WHERE t.id = ANY ($1::bigint[]) AND coalesce(a.field, b.field) IS NOT NULL";
}

}  // namespace

bool is_searched(const Resource& resource) {
  return resource.is_record && std::ranges::any_of(resource.fields, is_text);
}

// -- Searching ------------------------------------------------------------------------------------

namespace {

// What matches at all is bounded before it is ranked: a word of every record cannot make one search
// read the whole table.
constexpr std::int64_t kMaxExact = 5000;

// The keys of what a person may read of the kinds of which he may not read all; empty: none.
std::string own_keys(const Records& records, const SearchQuery& query, const Actor& actor) {
  std::string sql;
  for (const Resource* resource : query.kinds) {
    const std::string keys = records.access().readable_keys(actor, *resource, "$6::bigint");
    if (!keys.empty()) sql += (sql.empty() ? "" : " UNION ALL ") + keys;
  }
  return sql;
}

// `from`: the documents that are looked at, d. The first column is how many of them match.
std::string hits_sql(const Records& records, const SearchQuery& query, const Actor& actor,
                     const std::string& from) {
  return "WITH q AS (SELECT to_tsquery('russian', $1::text) AS words, $2::text AS plain),"
         " exact AS MATERIALIZED (SELECT d.record_id, d.kind, 1 + ts_rank_cd(d.words, q.words) AS"
         " score FROM " +
         from + ", q WHERE d.words @@ q.words LIMIT " + std::to_string(kMaxExact) +
         "), hits AS (SELECT * FROM exact UNION ALL"
         " SELECT d.record_id, d.kind, 6 FROM crm.search_document d WHERE d.number = $5::bigint"
         // Who found a page of what he wrote has not mistyped it; of digits all are alike.
         " UNION ALL (SELECT d.record_id, d.kind, word_similarity(q.plain, d.title)"
         " FROM crm.search_document d, q WHERE q.plain <% d.title"
         " AND $5::bigint IS NULL AND (SELECT count(*) FROM exact) < $4::bigint LIMIT 500) UNION "
         "ALL "
         "(SELECT p.record_id, r.kind, 3 FROM crm.record_phone p JOIN crm.record r ON r.id ="
         " p.record_id WHERE $3::text <> '' AND reverse(p.e164) LIKE $3::text LIMIT 2000)),"
         " best AS (SELECT record_id, kind, max(score) AS score FROM hits GROUP BY record_id, kind"
         " ORDER BY score DESC, record_id DESC),"
         // Rights are asked of the best ones, until there are enough.
         " shown AS (SELECT s.* FROM best s WHERE " +
         rights_of(records, query, actor) +
         " ORDER BY s.score DESC, s.record_id DESC LIMIT $4::bigint)"
         " SELECT (SELECT count(*) FROM exact), s.kind, s.record_id, s.score,"
         " coalesce(d.title, ''), $6::bigint IS NULL FROM (SELECT) one LEFT JOIN shown s ON true"
         " LEFT JOIN crm.search_document d ON d.record_id = s.record_id"
         " ORDER BY s.score DESC, s.record_id DESC";
}

Params params_of(const SearchQuery& query, const Actor& actor) {
  const auto words = words_of(query.text);
  const bool number = !query.text.empty() && query.text.size() <= 15 &&
                      std::ranges::all_of(query.text, [](char c) { return c >= '0' && c <= '9'; });
  Params params;
  params.add(query_of(words, " & ")).add(join(words, " ")).add(phone_of(query.text));
  params.add(query.limit);
  params.add(number ? std::optional<std::int64_t>(std::stoll(query.text)) : std::nullopt);
  params.add(actor.user_id);
  return params;
}

std::vector<SearchHit> hits_of(const SearchQuery& query, const Rows& rows) {
  std::vector<SearchHit> hits;
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.is_null(row, 1)) continue;
    SearchHit hit;
    const auto resource = std::ranges::find(query.kinds, rows.text(row, 1), &Resource::kind);
    hit.resource = *resource;
    hit.id = rows.int64(row, 2);
    hit.score = std::stod(std::string(rows.text(row, 3)));
    hit.title = rows.text(row, 4);
    hits.push_back(std::move(hit));
  }
  return hits;
}

}  // namespace

Result<std::vector<SearchHit>> Search::candidates(const SearchQuery& query,
                                                  const Actor& actor) const {
  auto tx = database_.begin(Pool::api, TxMode::read_only);
  if (!tx) return std::unexpected(std::move(tx).error());
  tx->queue(kThreshold);
  const Plan plan =
      records_.queries().keep({}, hits_sql(records_, query, actor, "crm.search_document d"));
  auto found = tx->query(plan.sql, params_of(query, actor));
  if (!found) return std::unexpected(std::move(found).error());
  std::vector<SearchHit> hits = hits_of(query, **found);

  // Among so many his own may have been left out: then the search begins with what he may read.
  const std::string keys = own_keys(records_, query, actor);
  if (!keys.empty() && (*found)->int64(0, 0) >= kMaxExact &&
      std::cmp_less(hits.size(), query.limit)) {
    const Plan own = records_.queries().keep(
        {}, hits_sql(records_, query, actor,
                     "(SELECT DISTINCT k.id FROM (" + keys +
                         ") k(id)) k JOIN crm.search_document d ON d.record_id = k.id"));
    auto more = tx->query(own.sql, params_of(query, actor));
    if (!more) return std::unexpected(std::move(more).error());
    for (SearchHit& hit : hits_of(query, **more)) {
      const bool known = std::ranges::find(hits, hit.id, &SearchHit::id) != hits.end();
      if (!known && std::cmp_less(hits.size(), query.limit)) hits.push_back(std::move(hit));
    }
    std::ranges::stable_sort(hits, std::ranges::greater{}, &SearchHit::score);
  }
  if (auto done = tx->commit(); !done) return std::unexpected(std::move(done).error());
  return hits;
}

Result<void> Search::add_places(const SearchQuery& query, std::vector<SearchHit>& hits) const {
  static const std::string kOptions = "StartSel=" + std::string(kMarkBegin) +
                                      ", StopSel=" + std::string(kMarkEnd) +
                                      ", MaxFragments=1, MaxWords=20, MinWords=5";
  constexpr Sql kPhones{"c360_search_phones", R"sql(
SELECT p.record_id, p.source_field, p.raw FROM crm.record_phone p
WHERE p.record_id = ANY ($1::bigint[]) AND $2::text <> '' AND reverse(p.e164) LIKE $2::text
)sql"};
  std::map<const Resource*, std::vector<std::int64_t>> ids;
  std::vector<std::int64_t> all;
  std::map<std::int64_t, SearchHit*> by_id;
  for (SearchHit& hit : hits) {
    ids[hit.resource].push_back(hit.id);
    all.push_back(hit.id);
    by_id[hit.id] = &hit;
  }
  auto tx = database_.begin(Pool::api, TxMode::read_only);
  if (!tx) return std::unexpected(std::move(tx).error());
  const std::string any = query_of(words_of(query.text), " | ");
  const std::string plain = join(words_of(query.text), " ");
  tx->queue(kThreshold);
  std::vector<Ticket> places;
  std::vector<Plan> plans;
  for (const auto& [resource, of_kind] : ids) {
    plans.push_back(records_.queries().keep_always(place_sql(*resource)));
    Params params;
    params.add_array(std::span<const std::int64_t>(of_kind)).add(any).add(kOptions);
    params.add(plain).add(kMarkBegin).add(kMarkEnd);
    places.push_back(tx->queue(plans.back().sql, std::move(params)));
  }
  Params of_phones;
  of_phones.add_array(std::span<const std::int64_t>(all)).add(phone_of(query.text));
  const Ticket phones = tx->queue(kPhones, std::move(of_phones));
  if (auto done = tx->commit(); !done) return done;
  for (const Ticket place : places) {
    const Rows& rows = tx->rows(place);
    for (int row = 0; row < rows.size(); ++row) {
      SearchHit& hit = *by_id[rows.int64(row, 0)];
      hit.field = rows.text(row, 1);
      hit.snippet = pieces_of(rows.text(row, 2));
    }
  }
  const Rows& found = tx->rows(phones);
  for (int row = 0; row < found.size(); ++row) {
    SearchHit& hit = *by_id[found.int64(row, 0)];
    hit.field = found.text(row, 1);
    hit.snippet = {{std::string(found.text(row, 2)), true}};
  }
  for (SearchHit& hit : hits) {
    if (hit.snippet.empty()) hit.snippet = {{hit.title, false}};
  }
  return {};
}

Result<std::vector<SearchHit>> Search::find(const SearchQuery& query, const Actor& actor) const {
  if (query.text.size() > kMaxSearchBytes || !is_valid_utf8(query.text) ||
      words_of(query.text).empty()) {
    return fail(
        ErrorCode::invalid_request,
        "q has letters or digits, at most " + std::to_string(kMaxSearchBytes) + " bytes of UTF-8",
        "invalid_value");
  }
  SearchQuery compared = query;
  // ё is е, as in the index.
  for (const auto& [from, to] : {std::pair{"ё", "е"}, std::pair{"Ё", "Е"}}) {
    for (std::size_t at = 0; (at = compared.text.find(from, at)) != std::string::npos;) {
      compared.text.replace(at, 2, to);
    }
  }
  auto hits = candidates(compared, actor);
  if (!hits || hits->empty()) return hits;
  if (auto placed = add_places(compared, *hits); !placed) return std::unexpected(placed.error());
  return hits;
}

// -- The index ------------------------------------------------------------------------------------

namespace {

// Without a lock: where nothing happens nothing is written.
Result<bool> has_changes(Database& database) {
  auto reached = database.execute(Pool::work, kReached);
  if (!reached) return std::unexpected(std::move(reached).error());
  Params since;
  since.add(reached->text(0, 0)).add(reached->int64(0, 1)).add(std::int64_t{1});
  auto next = database.execute(Pool::work, kChanged, std::move(since));
  if (!next) return std::unexpected(std::move(next).error());
  return !next->empty();
}

}  // namespace

Result<std::int64_t> index_changes(Database& database, const Registry& registry,
                                   std::int64_t max_events) {
  auto worth = has_changes(database);
  if (!worth) return std::unexpected(std::move(worth).error());
  if (!*worth) return 0;
  auto tx = database.begin(Pool::work, TxMode::read_write);
  if (!tx) return std::unexpected(std::move(tx).error());
  auto progress = tx->query(kProgress);
  if (!progress) return std::unexpected(std::move(progress).error());
  if ((*progress)->empty()) return 0;
  Params since;
  since.add((*progress)->text(0, 0)).add((*progress)->int64(0, 1)).add(max_events);
  auto changed = tx->query(kChanged, std::move(since));
  if (!changed) return std::unexpected(std::move(changed).error());
  const Rows& events = **changed;
  if (events.empty()) return 0;
  std::map<std::string, std::vector<std::int64_t>, std::less<>> ids;
  std::vector<std::int64_t> all;
  for (int row = 0; row < events.size(); ++row) {
    if (events.is_null(row, 2)) continue;
    auto& of_kind = ids[std::string(events.text(row, 3))];
    const std::int64_t id = events.int64(row, 2);
    if (std::ranges::find(of_kind, id) != of_kind.end()) continue;
    of_kind.push_back(id);
    all.push_back(id);
  }
  tx->queue(kForget, Params{}.add_array(std::span<const std::int64_t>(all)));
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const auto& [kind, of_kind] : ids) {
    const Resource* resource = registry.find(kind);
    if (resource == nullptr || !is_searched(*resource)) continue;
    texts.push_back(index_sql(*resource));
    tx->queue({{}, texts.back()}, Params{}.add_array(std::span<const std::int64_t>(of_kind)));
  }
  const int last = events.size() - 1;
  tx->queue(kAdvance, Params{}.add(events.text(last, 0)).add(events.int64(last, 1)));
  const std::int64_t count = events.size();
  if (auto done = tx->commit(); !done) return std::unexpected(std::move(done).error());
  return count;
}

}  // namespace c360::store
