// Set-wise creation: one statement per table however many records there are, queued in the caller's
// transaction. Validation, defaults and rules are those of a single create.
#include <algorithm>
#include <stdexcept>

#include "store/array.h"
#include "store/query_parts.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

using Texts = std::vector<std::optional<std::string>>;

constexpr Sql kInsertRecords{"c360_records_insert", R"sql(
INSERT INTO crm.record (id, kind) SELECT r.id, $2::text FROM unnest($1::bigint[]) AS r(id)
)sql"};
constexpr Sql kInsertCreated{"c360_records_created", R"sql(
INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, version, request_id,
                               origin, mail_message_id)
SELECT e.id, $2::text, 'created', $4::bigint, 1, nullif($5::text, ''), $6::text, e.mail::bigint
FROM unnest($1::bigint[], $3::text[]) AS e(id, mail)
)sql"};
constexpr Sql kInsertPhones{"c360_records_phones", R"sql(
INSERT INTO crm.record_phone (record_id, source_field, raw, e164, extension)
SELECT p.id, p.field, p.raw, p.e164, p.extension
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS p(id, field, raw, e164, extension)
ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kOpenTasks{"c360_records_tasks", R"sql(
INSERT INTO crm.task (kind, record_id, title_ru, title_en, assignee_group_id, outcomes)
SELECT 'take_to_work', t.id, $2::text, $3::text, $4::text, $5::jsonb
FROM unnest($1::bigint[]) AS t(id)
)sql"};
constexpr Sql kDocumentAdded{"c360_records_document_added", R"sql(
INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, changes, request_id,
                               origin)
SELECT r.id, r.kind, 'document_added', $3::bigint,
       jsonb_build_array(jsonb_build_object('field', 'document', 'old', null, 'new', d.id)),
       nullif($4::text, ''), $5::text
FROM unnest($1::bigint[], $2::bigint[]) AS d(id, parent) JOIN crm.record r ON r.id = d.parent
)sql"};
constexpr Sql kAddContacts{"c360_record_contacts", R"sql(
INSERT INTO crm.record_contact (record_id, contact_id, is_main, position)
SELECT v.record_id, v.contact_id,
       v.is_main::boolean AND NOT EXISTS (SELECT FROM crm.record_contact m
                                          WHERE m.record_id = v.record_id AND m.is_main),
       v.position
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])
    AS v(record_id, contact_id, is_main, position)
ON CONFLICT (record_id, contact_id) DO NOTHING
)sql"};
template <typename T>
std::span<const T> span_of(const std::vector<T>& values) {
  return std::span<const T>(values);
}

std::int64_t number_of(std::string_view text) { return std::stoll(std::string(text)); }

std::string automatic_name(const Resource& resource, std::int64_t number) {
  std::string name(resource.auto_name);
  const std::size_t mark = name.find('%');
  return mark == std::string::npos ? name : name.replace(mark, 1, std::to_string(number));
}

void add_problems(Error& all, const Error& error, std::size_t index) {
  all.code = error.code;
  all.reason = error.reason;
  if (all.detail.empty()) all.detail = "Record " + std::to_string(index) + ": " + error.detail;
  for (FieldError field : error.fields) {
    field.pointer = "/" + std::to_string(index) + field.pointer;
    all.fields.push_back(std::move(field));
  }
}

// The columns any of the records sets, as one array each.
struct Columns {
  std::string names;
  std::string values;
  std::string aliases;
  std::string arrays;
  Params params;
};

Columns columns_of(const Resource& resource, std::span<const Draft> drafts,
                   std::span<const NewRecord> records, Instant now) {
  Columns out;
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> numbers;
  for (const NewRecord& record : records) {
    ids.push_back(record.id);
    numbers.push_back(record.number);
  }
  const auto add = [&](std::string_view name, std::string_view alias, std::string_view type,
                       std::string_view array_type) {
    out.names += (out.names.empty() ? "" : ", ") + std::string(name);
    out.values += (out.values.empty() ? "v." : ", v.") + std::string(alias) +
                  (type.empty() ? "" : "::" + std::string(type));
    out.aliases += (out.aliases.empty() ? "" : ", ") + std::string(alias);
    out.arrays += (out.arrays.empty() ? "$" : ", $") + std::to_string(out.params.size()) +
                  "::" + std::string(array_type);
  };
  out.params.add_array(span_of(ids));
  add("id", "id", "", "bigint[]");
  if (!resource.sequence.empty()) {
    out.params.add_array(span_of(numbers));
    add("number", "number", "", "bigint[]");
  }
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    const bool numbered = field.name == "number" && !resource.sequence.empty();
    if (!field.has_column() || field.name == "id" || numbered) continue;
    const bool used = std::any_of(drafts.begin(), drafts.end(),
                                  [&](const Draft& draft) { return draft.get(i).has_value(); });
    if (!used) continue;
    Texts texts;
    texts.reserve(drafts.size());
    for (const Draft& draft : drafts) {
      const auto value = draft.get(i);
      if (value) {
        texts.emplace_back(std::string(*value));
      } else if (field.default_value == "now") {
        texts.emplace_back(timestamp_text(now));
      } else {
        texts.emplace_back(std::nullopt);
      }
    }
    out.params.add_array(std::span<const std::optional<std::string>>(texts));
    add(field.name, "c" + std::to_string(i), field.sql_type(), "text[]");
  }
  return out;
}

void queue_phones(Transaction& tx, const Resource& resource, std::span<const Draft> drafts,
                  std::span<const NewRecord> records, const PhoneNormaliser& normalise) {
  if (!normalise) return;
  std::vector<std::int64_t> ids;
  std::vector<std::string> fields;
  std::vector<std::string> raw;
  std::vector<std::string> e164;
  std::vector<std::string> extensions;
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    if (resource.fields[i].type != FieldType::phone) continue;
    for (std::size_t row = 0; row < drafts.size(); ++row) {
      const auto value = drafts[row].get(i);
      const auto phone = value ? normalise(*value) : std::nullopt;
      if (!phone) continue;
      ids.push_back(records[row].id);
      fields.emplace_back(resource.fields[i].name);
      raw.emplace_back(*value);
      e164.push_back(phone->e164);
      extensions.push_back(phone->extension);
    }
  }
  if (ids.empty()) return;
  Params params;
  params.add_array(span_of(ids)).add_array(span_of(fields)).add_array(span_of(raw));
  params.add_array(span_of(e164)).add_array(span_of(extensions));
  tx.queue(kInsertPhones, std::move(params));
}

void queue_tasks(Transaction& tx, const Resource& resource, std::span<const Draft> drafts,
                 std::span<const NewRecord> records, const AccessRules& access) {
  if (resource.refusal_outcome.empty()) return;
  std::vector<std::int64_t> ids;
  for (std::size_t row = 0; row < drafts.size(); ++row) {
    if (drafts[row].has("responsible_id")) continue;
    if (drafts[row].get("status") == resource.refusal_status) continue;
    ids.push_back(records[row].id);
  }
  if (ids.empty()) return;
  Params params;
  params.add_array(span_of(ids)).add(kTakeToWorkRu).add(kTakeToWorkEn);
  params.add(access.manager_group()).add(take_to_work_outcomes(resource));
  tx.queue(kOpenTasks, std::move(params));
}

void queue_created(Transaction& tx, const Resource& resource, std::span<const Draft> drafts,
                   std::span<const NewRecord> records, const Actor& actor) {
  std::vector<std::int64_t> ids;
  Texts mails;
  const bool from_mail = resource.has_field("mail_message_id");
  for (std::size_t row = 0; row < drafts.size(); ++row) {
    ids.push_back(records[row].id);
    const auto mail = from_mail ? drafts[row].get("mail_message_id") : std::nullopt;
    mails.push_back(mail ? std::optional(std::string(*mail)) : std::nullopt);
  }
  Params params;
  params.add_array(span_of(ids)).add(resource.kind);
  params.add_array(std::span<const std::optional<std::string>>(mails));
  params.add(actor.user_id).add(std::string_view(actor.request_id));
  params.add(std::string_view(actor.origin));
  tx.queue(kInsertCreated, std::move(params));
}

void queue_document_events(Transaction& tx, std::span<const Draft> drafts,
                           std::span<const NewRecord> records, const Actor& actor) {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> parents;
  for (std::size_t row = 0; row < drafts.size(); ++row) {
    const auto parent = drafts[row].get("parent_record_id");
    if (!parent) continue;
    ids.push_back(records[row].id);
    parents.push_back(number_of(*parent));
  }
  if (ids.empty()) return;
  Params params;
  params.add_array(span_of(ids)).add_array(span_of(parents)).add(actor.user_id);
  params.add(std::string_view(actor.request_id)).add(std::string_view(actor.origin));
  tx.queue(kDocumentAdded, std::move(params));
}

void queue_main_contacts(Transaction& tx, std::span<const Draft> drafts, const Actor& actor) {
  std::vector<std::int64_t> counterparties;
  for (const Draft& draft : drafts) {
    if (const auto id = draft.get("counterparty_id")) counterparties.push_back(number_of(*id));
  }
  std::sort(counterparties.begin(), counterparties.end());
  counterparties.erase(std::unique(counterparties.begin(), counterparties.end()),
                       counterparties.end());
  queue_promote_main(tx, counterparties, actor);
}

}  // namespace

Allocation Records::allocate(Transaction& tx, const Resource& resource, std::size_t count) const {
  if (!resource.is_record) throw std::logic_error("only records have allocated ids");
  const std::string number =
      resource.sequence.empty() ? "0" : "nextval('" + std::string(resource.sequence) + "')";
  const Plan plan = state_->queries.keep({}, "SELECT nextval('crm.record_id_seq'), " + number +
                                                 " FROM generate_series(1, $1::bigint)");
  const Ticket ticket = tx.queue(plan.sql, Params{}.add(static_cast<std::int64_t>(count)));
  return {ticket, count, plan.keep};
}

std::vector<AllocatedId> Records::allocated(const Transaction& tx, const Allocation& allocation) {
  const Rows& rows = tx.rows(allocation.ticket);
  std::vector<AllocatedId> ids;
  ids.reserve(allocation.count);
  for (int row = 0; row < rows.size(); ++row)
    ids.push_back({rows.int64(row, 0), rows.int64(row, 1)});
  return ids;
}

Result<void> Records::create_many(Transaction& tx, const Resource& resource,
                                  std::span<const NewRecord> records, const Actor& actor) const {
  if (records.empty()) return {};
  WriteOptions options;
  options.profile = Profile::draft;
  const WriteContext context = state_->context(actor, options);
  std::vector<Draft> drafts;
  drafts.reserve(records.size());
  Error wrong{ErrorCode::validation_failed, {}, {}, {}, {}};
  bool refused = false;
  const auto custom = state_->custom_fields.current(tx);
  if (!custom) return std::unexpected(custom.error());
  const auto required = state_->required_of(tx, resource, true, options.profile);
  if (!required) return std::unexpected(required.error());
  for (std::size_t row = 0; row < records.size(); ++row) {
    const NewRecord& record = records[row];
    Draft& draft = drafts.emplace_back(resource, actor, context);
    for (const NewRecord::Value& value : record.values) draft.set(value.field, value.text);
    if (resource.kind == "document" && !draft.has("current_version_id")) {
      draft.set("current_version_id", std::to_string(record.id));
    }
    complete_draft(draft, state_->options.sanitise_html, **required);
    check_custom(draft, **custom);  // defaults; mail sets none itself
    if (!resource.auto_name.empty() && !draft.has("name")) {
      draft.set("name", automatic_name(resource, record.number));
    }
    draft.set("origin", actor.origin);
    if (actor.user_id) {
      draft.set("created_by", std::to_string(*actor.user_id));
      draft.set("updated_by", std::to_string(*actor.user_id));
    }
    if (const auto error = error_of(draft)) {
      add_problems(wrong, *error, row);
      refused = true;
    }
  }
  if (refused) return std::unexpected(std::move(wrong));

  std::vector<std::int64_t> ids;
  for (const NewRecord& record : records) ids.push_back(record.id);
  tx.queue(kInsertRecords, Params{}.add_array(span_of(ids)).add(resource.kind));
  Columns columns = columns_of(resource, drafts, records, context.now);
  const std::string text = "INSERT INTO " + std::string(resource.table) + " (" + columns.names +
                           ") SELECT " + columns.values + " FROM unnest(" + columns.arrays +
                           ") AS v(" + columns.aliases + ")";
  // Kept by its shape: what intake writes has a few.
  const Plan plan = state_->queries.keep_always(text);
  tx.queue(plan.sql, std::move(columns.params));
  queue_created(tx, resource, drafts, records, actor);
  queue_phones(tx, resource, drafts, records, state_->options.normalise_phone);
  queue_tasks(tx, resource, drafts, records, state_->access);
  if (resource.kind == "contact") queue_main_contacts(tx, drafts, actor);
  if (resource.kind == "document") queue_document_events(tx, drafts, records, actor);
  return {};
}

void Records::add_record_contacts(Transaction& tx, std::span<const RecordContact> pairs) const {
  if (pairs.empty()) return;
  std::vector<std::int64_t> records;
  std::vector<std::int64_t> contacts;
  std::vector<std::string> mains;
  std::vector<std::int64_t> positions;
  for (const RecordContact& pair : pairs) {
    records.push_back(pair.record_id);
    contacts.push_back(pair.contact_id);
    mains.emplace_back(pair.is_main ? "t" : "f");
    positions.push_back(pair.position);
  }
  Params params;
  params.add_array(span_of(records)).add_array(span_of(contacts));
  params.add_array(span_of(mains)).add_array(span_of(positions));
  tx.queue(kAddContacts, std::move(params));
}

}  // namespace c360::store
