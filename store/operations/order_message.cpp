#include "store/operations/order_message.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/base/text.h"
#include "store/documents/record_fields.h"
#include "store/operations/message_template.h"
#include "store/operations/rendered_pages.h"
#include "store/portal.h"
#include "store/record_json.h"
#include "store/service_switches.h"

namespace c360::store {
namespace {

// $1 channel, $2 contact, $3 customer, $4 record, $5 who sends. A customer the sender did not name
// himself counts where he may read him.
constexpr std::string_view kRecipient = R"sql(
SELECT coalesce(c.full_name, ''), coalesce(k.name, ''),
       coalesce(concat_ws(' ', u.first_name, u.last_name), ''),
       CASE $1
           WHEN 'email' THEN CASE WHEN c.id IS NULL THEN k.email ELSE c.email END::text
           WHEN 'telegram' THEN c.telegram
           ELSE (SELECT p.e164 FROM crm.record_phone AS p
                  WHERE p.record_id = coalesce(c.id, k.id)
                  ORDER BY p.source_field <> 'mobile_phone', p.source_field LIMIT 1) END,
       c.custom::text, k.custom::text
  FROM (SELECT coalesce($3::bigint,
                        (SELECT counterparty_id FROM crm.contact WHERE id = $2::bigint),
                        crm.counterparty_of($4::bigint)) AS id) AS w
  LEFT JOIN crm.contact AS c ON c.id = $2::bigint
  LEFT JOIN crm.user AS u ON u.id = $5::bigint
  LEFT JOIN crm.counterparty AS k
    ON k.id = w.id AND ($3::bigint IS NOT NULL
                        OR EXISTS (SELECT FROM crm.record AS r WHERE r.id = w.id AND )sql";

// $1 the number, $2 contact, $3 customer, $4 record, $5 who sends: whether the card of one of them,
// or of a contact of theirs, has it. Whose the contact or the record is counts where he may read
// it.
constexpr std::string_view kIsTheirs = R"sql(
SELECT EXISTS (
  SELECT FROM crm.record_phone AS p
    LEFT JOIN crm.record AS r
      ON r.id = coalesce((SELECT counterparty_id FROM crm.contact WHERE id = $2::bigint),
                         crm.counterparty_of($4::bigint))
   WHERE p.e164 = $1
     AND (p.record_id IN ($2::bigint, $3::bigint, $4::bigint)
          OR EXISTS (SELECT FROM crm.record_contact AS l
                      WHERE l.contact_id = p.record_id AND l.record_id = $4::bigint)
          OR EXISTS (SELECT FROM crm.contact AS c
                      WHERE c.id = p.record_id AND c.deleted_at IS NULL
                        AND c.counterparty_id = $3::bigint)
          OR ((p.record_id = r.id
               OR EXISTS (SELECT FROM crm.contact AS c
                           WHERE c.id = p.record_id AND c.deleted_at IS NULL
                             AND c.counterparty_id = r.id)) AND )sql";

constexpr std::array<std::string_view, 3> kChannels = {"email", "telegram", "sms"};
constexpr std::array<std::string_view, 4> kPurposes = {"service", "reminder", "promo",
                                                       "support_reply"};
constexpr std::size_t kMaxMessageIdBytes = 300;

// A signed 64-bit number, or @name (adapters.md, 5.1).
bool is_chat(std::string_view text) {
  if (text.size() < 2 || text.size() > 64) return false;
  const bool named = text.front() == '@';
  const std::string_view rest = named || text.front() == '-' ? text.substr(1) : text;
  return std::ranges::all_of(rest, [&](char c) {
    const bool digit = c >= '0' && c <= '9';
    return digit || (named && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'));
  });
}

// As a card may have it: a link, a name with or without its @, a number.
std::string chat_of(std::string_view text) {
  text = trimmed(text);
  for (const std::string_view link : {"https://t.me/", "http://t.me/", "t.me/"}) {
    if (to_lower(text.substr(0, link.size())) != link) continue;
    text.remove_prefix(link.size());
    break;
  }
  const bool begins_a_word = !text.empty() && text.front() != '@' && text.front() != '-' &&
                             (text.front() < '0' || text.front() > '9');
  return (begins_a_word ? "@" : "") + std::string(text);
}

bool is_message_id(std::string_view text) {
  if (text.size() < 5 || text.size() > kMaxMessageIdBytes) return false;
  if (!text.starts_with('<') || !text.ends_with('>')) return false;
  const std::string_view inside = text.substr(1, text.size() - 2);
  return inside.find('@') != std::string_view::npos && std::ranges::all_of(inside, [](char c) {
           return c > ' ' && c < '\x7f' && c != '<' && c != '>';
         });
}

class Ordering {
 public:
  Ordering(Records& records, Transaction& tx, MessageOrder order, const Actor& actor)
      : records_(records), tx_(tx), order_(std::move(order)), actor_(actor) {}

  Result<OrderedMessage> run() {
    if (is_portal(actor_))
      return fail(ErrorCode::forbidden, "Portal users do not send messages.", "may_not_send");
    check_words();
    if (auto known = check_targets(); !known) return std::unexpected(std::move(known).error());
    if (auto known = check_attachments(); !known) return std::unexpected(std::move(known).error());
    if (!faults_.empty()) return refused();
    if (auto filled = fill(); !filled) return std::unexpected(std::move(filled).error());
    check_content();
    if (auto known = check_whose(); !known) return std::unexpected(std::move(known).error());
    if (!faults_.empty()) return refused();
    const auto on = is_service_on(tx_, order_.channel);
    if (!on) return std::unexpected(on.error());
    if (!*on)
      return fail(ErrorCode::conflict, "The channel " + order_.channel + " is not set up.",
                  "channel_off");
    return queue();
  }

 private:
  void wrong(std::string pointer, std::string code, std::string detail) {
    faults_.push_back({std::move(pointer), std::move(code), std::move(detail)});
  }
  std::unexpected<Error> refused() {
    Error error{.code = ErrorCode::validation_failed,
                .detail = "The message cannot be sent as asked.",
                .reason = faults_.front().code};
    error.fields = std::move(faults_);
    return std::unexpected(std::move(error));
  }

  void check_words() {
    if (order_.channel.empty() && order_.template_code.empty()) {
      wrong("/channel", "channel_required", "One of email, telegram, sms.");
    } else if (!order_.channel.empty() &&
               std::ranges::find(kChannels, order_.channel) == kChannels.end()) {
      wrong("/channel", "unknown_code", "One of email, telegram, sms.");
    }
    if (std::ranges::find(kPurposes, order_.purpose) == kPurposes.end())
      wrong("/purpose", "unknown_code", "One of service, reminder, promo, support_reply.");
    if (order_.language != "ru" && order_.language != "en")
      wrong("/lang", "unknown_code", "ru or en.");
    if (!order_.template_code.empty() && (!order_.text.empty() || !order_.subject.empty()))
      wrong("/template_code", "template_or_text", "Either a template, or subject and text.");
    if (order_.template_code.empty() && order_.text.empty())
      wrong("/text", "text_required", "Either a template, or a text.");
    if (!order_.in_reply_to.empty() && !is_message_id(order_.in_reply_to))
      wrong("/in_reply_to", "invalid_value", "A Message-ID such as <id@host.example>.");
    if (order_.dedupe_key.size() > kMaxMessageDedupeKeyBytes - 4)
      wrong("/dedupe_key", "too_long", "At most 251 bytes.");
    if (!order_.record_id && !order_.counterparty_id && !order_.contact_id)
      wrong("/counterparty_id", "recipient_required",
            "Say whom it is for or what it is about: counterparty_id, contact_id or record_id.");
  }

  // Each of them is seen and may be changed.
  Result<void> check_targets() {
    const std::array<std::tuple<std::string_view, std::optional<std::int64_t>, std::string_view>, 3>
        named = {{{"/record_id", order_.record_id, ""},
                  {"/counterparty_id", order_.counterparty_id, "counterparty"},
                  {"/contact_id", order_.contact_id, "contact"}}};
    const AccessRules& access = records_.access();
    const Predicate reads = access.record_predicate(actor_, Right::read, "r.id", "$2::bigint");
    const Predicate writes = access.record_predicate(actor_, Right::write, "r.id", "$2::bigint");
    const std::string sql = "SELECT " + writes.sql +
                            ", r.kind FROM crm.record r WHERE r.id = $1::bigint AND "
                            "($2::bigint IS NULL OR true) AND crm.record_is_live(r.id) AND " +
                            reads.sql;
    for (const auto& [pointer, id, kind] : named) {
      if (!id) continue;
      auto rows = tx_.query({"", sql}, std::move(Params{}.add(*id).add(actor_.user_id)));
      if (!rows) return std::unexpected(rows.error());
      if ((*rows)->empty() || (!kind.empty() && (*rows)->text(0, 1) != kind)) {
        wrong(std::string(pointer), "not_found", "There is no such record.");
      } else if (!(*rows)->boolean(0, 0)) {
        return fail(ErrorCode::forbidden, "You may read this record, but not write to its people.",
                    "read_only");
      }
    }
    return {};
  }

  Result<void> check_attachments() {
    const auto& wanted = order_.document_version_ids;
    if (wanted.empty()) return {};
    if (wanted.size() > kMaxMessageAttachments) {
      wrong("/document_version_ids", "too_many",
            "At most " + std::to_string(kMaxMessageAttachments) + " attachments.");
      return {};
    }
    const Predicate reads = records_.access().predicate(
        actor_, records_.registry().get("document_version"), Right::read, "t", "$2::bigint");
    const std::string sql =
        "SELECT t.id, t.is_generated AND t.mime_type = '" + std::string(kPageType) +
        "' FROM crm.document_version t JOIN crm.document d ON d.id = t.document_id AND "
        "d.deleted_at IS NULL WHERE t.id = ANY ($1::bigint[]) AND ($2::bigint IS NULL OR true) "
        "AND " +
        reads.sql;
    Params params;
    params.add_array(std::span<const std::int64_t>(wanted)).add(actor_.user_id);
    auto rows = tx_.query({"", sql}, std::move(params));
    if (!rows) return std::unexpected(rows.error());
    for (std::size_t i = 0; i < wanted.size(); ++i) check_attachment(**rows, i);
    return {};
  }

  // The page that a PDF is printed from is for nobody outside.
  void check_attachment(const Rows& rows, std::size_t i) {
    const std::string pointer = "/document_version_ids/" + std::to_string(i);
    for (int row = 0; row < rows.size(); ++row) {
      if (rows.int64(row, 0) != order_.document_version_ids[i]) continue;
      if (rows.boolean(row, 1))
        wrong(pointer, "not_printed",
              "This is the page a PDF is printed from; send the version with the PDF or the DOCX.");
      return;
    }
    wrong(pointer, "not_found", "There is no such version of a document.");
  }

  Result<const Rows*> recipient() {
    const std::string sql =
        std::string(kRecipient) +
        records_.access().record_predicate(actor_, Right::read, "r.id", "$5::bigint").sql + "))";
    Params params;
    params.add(order_.channel)
        .add(order_.contact_id)
        .add(order_.counterparty_id)
        .add(order_.record_id)
        .add(actor_.user_id);
    return tx_.query({"", sql}, std::move(params));
  }

  // What a template may say of whom is written to.
  Result<MessageNames> names_of(const Rows& rows) {
    const auto definitions = read_custom_fields(tx_);
    if (!definitions) return std::unexpected(definitions.error());
    const auto zone = TimeZone::named(records_.options().limits.time_zone);
    if (!zone) return std::unexpected(zone.error());
    const auto custom = [&](std::string_view kind, int column) {
      const auto values = Json::parse(rows.text(0, column));
      return printed_custom(records_.registry().get(kind), **definitions,
                            values ? &*values : nullptr, *zone);
    };
    return MessageNames{.contact = std::string(rows.text(0, 0)),
                        .counterparty = std::string(rows.text(0, 1)),
                        .sender = std::string(rows.text(0, 2)),
                        .contact_custom = custom("contact", 4),
                        .counterparty_custom = custom("counterparty", 5)};
  }

  Result<void> fill() {
    auto rows = recipient();
    if (!rows) return std::unexpected(rows.error());
    if (order_.template_code.empty()) {
      take_address((*rows)->text(0, 3));
      return {};
    }
    const auto names = names_of(**rows);
    if (!names) return std::unexpected(names.error());
    std::string address((*rows)->text(0, 3));
    auto texts =
        fill_message(tx_, order_.template_code, order_.language, order_.parameters, *names);
    if (!texts) return std::unexpected(std::move(texts).error());
    if (order_.channel.empty()) {
      // Now that the channel is known, so is which address is wanted.
      order_.channel = texts->channel;
      rows = recipient();
      if (!rows) return std::unexpected(rows.error());
      address = (*rows)->text(0, 3);
    } else if (order_.channel != texts->channel) {
      wrong("/channel", "other_channel", "The template is for " + texts->channel + ".");
    }
    take_address(address);
    order_.subject = std::move(texts->subject);
    order_.text = std::move(texts->text);
    return {};
  }

  void take_address(std::string_view known) {
    is_from_card_ = order_.address.empty();
    if (is_from_card_) order_.address = known;
  }

  // Each SMS is paid, so it goes to a number on the card of somebody whom the sender may write to;
  // administrators write to any.
  Result<void> check_whose() {
    if (!faults_.empty() || order_.channel != "sms" || is_from_card_ || actor_.is_administrator())
      return {};
    const std::string sql =
        std::string(kIsTheirs) +
        records_.access().record_predicate(actor_, Right::read, "r.id", "$5::bigint").sql + ")))";
    const auto rows = tx_.query({"", sql}, std::move(Params{}
                                                         .add(order_.address)
                                                         .add(order_.contact_id)
                                                         .add(order_.counterparty_id)
                                                         .add(order_.record_id)
                                                         .add(actor_.user_id)));
    if (!rows) return std::unexpected(rows.error());
    if (!(*rows)->boolean(0, 0))
      wrong("/address", "not_their_number",
            "Neither the contact nor the customer nor a contact of the record has this number: add "
            "it to a card first.");
    return {};
  }

  void check_content() {
    if (order_.channel == "telegram") order_.address = chat_of(order_.address);
    if (order_.address.empty()) {
      wrong("/address", "address_required",
            "Neither the contact nor the customer has an address of this channel.");
    } else if (order_.channel == "sms") {
      check_number();
    } else if (!is_address()) {
      wrong("/address", "invalid_address",
            order_.channel == "email" ? "This is no mail address."
                                      : "The number of a chat, or @name.");
    }
    if (order_.channel == "sms" && !order_.document_version_ids.empty())
      wrong("/document_version_ids", "no_attachments", "An SMS carries text alone.");
    if (order_.channel == "email" && trimmed(order_.subject).empty())
      wrong("/subject", "subject_required", "A mail has a subject.");
    if (utf8_length(order_.subject) > kMaxMessageSubjectCharacters)
      wrong("/subject", "too_long", "At most 500 characters.");
    if (trimmed(order_.text).empty())
      wrong("/text", "text_required", "There is nothing in the text.");
    if (utf8_length(order_.text) > kMaxOrderedTextCharacters)
      wrong("/text", "too_long", "At most 65536 characters.");
  }

  // As numbers are kept, so that its owners are known by it.
  void check_number() {
    const auto& normalise = records_.options().normalise_phone;
    const auto phone = normalise ? normalise(order_.address) : std::nullopt;
    if (phone && !phone->e164.empty()) {
      order_.address = phone->e164;
    } else {
      wrong("/address", "invalid_phone", "A number as in E.164: +79990000001.");
    }
  }

  bool is_address() const {
    if (order_.channel == "telegram") return is_chat(order_.address);
    return order_.address.size() <= kMaxMessageAddressBytes &&
           !parse_value(store::email("address"), Json(order_.address)).fault;
  }

  Result<OrderedMessage> queue() {
    const Ticket ticket = queue_message(
        tx_, {.channel = order_.channel,
              .purpose = order_.purpose,
              .address = order_.address,
              .subject = order_.subject,
              .text = order_.text,
              .html = std::nullopt,
              .contact_id = order_.contact_id,
              .counterparty_id = order_.counterparty_id,
              .record_id = order_.record_id,
              .template_code =
                  order_.template_code.empty() ? std::nullopt : std::optional(order_.template_code),
              .parameters = order_.parameters.dump(),
              // What the service itself sends has keys of its own.
              .dedupe_key = order_.dedupe_key.empty() ? "" : "api:" + order_.dedupe_key,
              .in_reply_to =
                  order_.in_reply_to.empty() ? std::nullopt : std::optional(order_.in_reply_to),
              .document_version_ids = order_.document_version_ids,
              .not_before = order_.not_before,
              .created_by = actor_.user_id});
    if (auto ran = tx_.run(); !ran) return std::unexpected(ran.error());
    OrderedMessage made{.queued = queued_message(tx_.rows(ticket))};
    if (!made.queued.fresh)
      return fail(ErrorCode::conflict,
                  "Message " + std::to_string(made.queued.id) + " was queued with this key before.",
                  "duplicate_message");
    made.channel = std::move(order_.channel);
    made.address = std::move(order_.address);
    made.subject = std::move(order_.subject);
    made.text = std::move(order_.text);
    return made;
  }

  Records& records_;
  Transaction& tx_;
  MessageOrder order_;
  const Actor& actor_;
  bool is_from_card_ = false;  // the address
  std::vector<FieldError> faults_;
};

}  // namespace

Result<OrderedMessage> order_message(Records& records, Transaction& tx, const MessageOrder& order,
                                     const Actor& actor) {
  return Ordering(records, tx, order, actor).run();
}

Result<void> may_change_message(Records& records, Transaction& tx, std::int64_t id,
                                const Actor& actor) {
  const Resource& message = records.registry().get("outbound_message");
  const AccessRules& access = records.access();
  const std::string sql =
      "SELECT " + access.predicate(actor, message, Right::write, "t", "$2::bigint").sql +
      " FROM crm.outbound_message t WHERE t.id = $1::bigint AND ($2::bigint IS NULL OR true) AND " +
      access.predicate(actor, message, Right::read, "t", "$2::bigint").sql;
  auto rows = tx.query({"", sql}, std::move(Params{}.add(id).add(actor.user_id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty())
    return fail(ErrorCode::not_found, "There is no message " + std::to_string(id) + ".");
  if (!(*rows)->boolean(0, 0))
    return fail(ErrorCode::forbidden, "You may read this message, but not change it.", "read_only");
  return {};
}

}  // namespace c360::store
