#include "store/operations/card_layout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "store/operations/past.h"

namespace c360::store {
namespace {

// The customer of a row that has no column for it. Equal to the id asked for, PostgreSQL takes the
// view apart and comes to the rows by an index.
constexpr std::string_view kCustomer = "card_of";

constexpr std::string_view kBankAccounts =
    "(SELECT b.*, o.card_of FROM crm.bank_account b JOIN (SELECT c.id, c.id AS card_of FROM "
    "crm.counterparty c UNION ALL SELECT e.id, e.counterparty_id FROM crm.legal_entity e WHERE "
    "e.deleted_at IS NULL) o ON o.id = b.owner_record_id)";

// Of the customer himself and of what was sold to him.
constexpr std::string_view kDocuments =
    "(SELECT d.*, o.card_of, 1 + (v.version_no - 1) / 10 || '.' || (v.version_no - 1) % 10 AS "
    "card_version, v.size_bytes AS card_size, v.created_by AS card_uploader FROM crm.document d "
    "JOIN (SELECT c.id, c.id AS card_of FROM crm.counterparty c"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.lead x WHERE x.deleted_at IS NULL"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.deal x WHERE x.deleted_at IS NULL"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.order x WHERE x.deleted_at IS NULL"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.payment x WHERE x.deleted_at IS NULL"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.contract x WHERE x.deleted_at IS NULL"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.agreement x WHERE x.deleted_at IS NULL"
    ") o ON o.id = d.parent_record_id JOIN crm.document_version v ON v.id = d.current_version_id)";

constexpr std::string_view kVersions =
    "(SELECT v.*, d.parent_record_id AS card_of FROM crm.document_version v JOIN crm.document d ON "
    "d.id = v.document_id WHERE d.deleted_at IS NULL)";

// That made a record of his, and that became an activity on one.
constexpr std::string_view kMails =
    "(SELECT m.*, o.card_of FROM ops.mail m JOIN (SELECT c.id, c.id AS card_of FROM "
    "crm.counterparty c UNION ALL SELECT x.id, x.counterparty_id FROM crm.lead x UNION ALL SELECT "
    "x.id, x.counterparty_id FROM crm.deal x UNION ALL SELECT x.id, x.counterparty_id FROM "
    "crm.support_request x UNION ALL SELECT a.id, p.card_of FROM crm.activity a JOIN (SELECT c.id, "
    "c.id AS card_of FROM crm.counterparty c"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.lead x"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.deal x"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.order x"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.payment x"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.contract x"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.agreement x WHERE x.deleted_at IS NULL"
    " UNION ALL SELECT x.id, x.counterparty_id FROM crm.support_request x WHERE x.deleted_at IS "
    "NULL"
    ") p ON p.id = a.parent_record_id WHERE a.mail_message_id IS NOT NULL"
    ") o ON o.id = m.outcome_record_id)";

constexpr std::string_view kReleases =
    "(SELECT r.*, l.counterparty_id AS card_of FROM crm.release r JOIN crm.release_counterparty l "
    "ON l.release_id = r.id)";
constexpr std::string_view kProjects =
    "(SELECT p.*, l.counterparty_id AS card_of FROM crm.project p JOIN crm.project_counterparty l "
    "ON l.project_id = p.id)";

Field customer_field() {
  Field field = made_by(kCustomer, FieldType::integer, "t.card_of");
  field.is_filterable = true;
  field.is_secret = true;  // a filter of the card's own, not something to show
  return field;
}

std::vector<Field> document_columns() {
  Field uploader = made_by("uploaded_by", FieldType::reference, "t.card_uploader");
  uploader.target = "user";
  return {made_by("version", FieldType::text, "t.card_version")
              .labels("Версия", "Version")
              .described("Of the current content: 1.0, 1.1, …"),
          made_by("size_bytes", FieldType::integer, "t.card_size").labels("Размер", "Size"),
          uploader.labels("Кем загружен", "Uploaded by")};
}

std::vector<Field> support_columns() {
  return {made_by("sla2_remaining_s", FieldType::integer,
                  "CASE WHEN t.sla2_state IN ('running', 'overdue') THEN "
                  "extract(epoch FROM t.sla2_due_at - now())::bigint END")
              .labels("Осталось по SLA 2, с", "SLA 2 remaining, s")
              .described("Negative: overdue; null while the clock stands.")};
}

}  // namespace

std::span<const CardGroup> card_groups() {
  static const std::array<CardGroup, 9> kGroups = {{
      {"classification",
       {"Классификация", "Classification"},
       {"number", "types", "kind", "legal_form_code", "country_code", "merged_into_id"}},
      {"naming",
       {"Название", "Name"},
       {"name", "name_is_auto", "full_name", "short_name", "name_key"}},
      {"addresses",
       {"Адреса", "Addresses"},
       {"juridical_address", "post_address", "actual_address"}},
      {"requisites",
       {"Реквизиты", "Requisites"},
       {"inn", "kpp", "ogrn", "okpo", "okved", "gln", "foreign_tax_id", "ogrn_on", "registered_on",
        "liquidated_on", "unreliable", "registry_status", "unverified_fields", "ceo_name",
        "ceo_position", "ceo_since", "ceo_name_genitive", "autofilled_at", "autofill_source"}},
      {"contact_data",
       {"Контактные данные", "Contact data"},
       {"phone", "mobile_phone", "email", "email_fault", "email_domains", "website",
        "last_contact_at", "next_reminder_at"}},
      {"responsible",
       {"Ответственные со стороны компании", "Responsible persons of the company"},
       {"responsible_id", "service_manager_id", "initiator_id", "responsible_person_ids"}},
      {"configuration",
       {"Конфигурация", "Configuration"},
       {"no_edi_contracts", "edi_settings", "comment", "portal_default"}},
      {"marketing",
       {"Маркетинг", "Marketing"},
       {"segment_code", "status_code", "acquisition_channel_code", "promo_emails_allowed",
        "promo_emails_changed_at", "promo_emails_basis"}},
      {"verification",
       {"Проверка", "Verification"},
       {"check_status", "check_status_at", "risk_level", "express_report_document_id"}},
  }};
  return kGroups;
}

const ShownList* CardTab::find(std::string_view list) const {
  const auto found = std::ranges::find(lists, list, &ShownList::name);
  return found == lists.end() ? nullptr : &*found;
}

const CardTab* CardLayout::find(std::string_view tab) const {
  const auto found = std::ranges::find(tabs_, tab, &CardTab::name);
  return found == tabs_.end() ? nullptr : &*found;
}

// Makes the lists of one layout, of now or of the past.
class CardLayout::Maker {
 public:
  Maker(CardLayout& layout, const Registry& registry, CardTime time)
      : layout_(layout), registry_(registry), past_(time == CardTime::past) {
    const Resource& counterparty = registry.get("counterparty");
    layout_.self_ = &counterparty;
    if (past_) {
      layout_.self_ = keep(as_it_was(
          counterparty, text(past_rows(counterparty, "n.id = " + std::string(kPastCard)))));
      layout_.untracked_.emplace("counterparty", fields_without_history(counterparty));
    }
  }

  // Rows that name the customer in a column of theirs.
  ShownList own(std::string_view name, std::string_view kind, Parameters parameters = {},
                std::string_view customer = "counterparty_id") {
    ShownList list = list_of(name, kind, customer, std::move(parameters));
    if (past_) {
      list.shown = rolled(list, past_rows(*list.kind, once_owned(*list.kind, customer, kPastCard)));
    }
    return list;
  }

  // Rows that come to the customer by way of others; `then` has a column `past` besides.
  ShownList through(std::string_view name, std::string_view kind, std::string_view now,
                    std::string then, Parameters parameters = {}, std::vector<Field> more = {}) {
    ShownList list = list_of(name, kind, kCustomer, std::move(parameters));
    more.insert(more.begin(), customer_field());
    if (past_) {
      list.shown = rolled(list, std::move(then), std::move(more));
    } else {
      list.shown = keep(seen(*list.kind, now, std::move(more)));
    }
    return list;
  }

  // Rows that never change once they are there, or of which no history is kept.
  ShownList fixed(std::string_view name, std::string_view kind, std::string_view now,
                  std::string then, Parameters parameters = {}) {
    ShownList list = list_of(name, kind, kCustomer, std::move(parameters));
    list.shown = keep(seen(*list.kind, past_ ? text(std::move(then)) : now, {customer_field()}));
    return list;
  }

  // The list with columns more, which are SQL over t.
  void widen(ShownList& list, std::vector<Field> more) {
    Resource wide = *list.shown;
    for (Field& field : more) {
      if (past_) field.expression = expression_of_then(field.expression);
      wide.fields.push_back(std::move(field));
    }
    list.shown = keep(std::move(wide));
  }

  void untracked(std::string_view list, std::string_view what) {
    if (past_) layout_.untracked_[list].push_back(what);
  }

  std::string past_bank_accounts() const {
    const std::string customer(kPastCard);
    const Resource& entity = registry_.get("legal_entity");
    const std::string owners = "n.owner_record_id = ANY (ARRAY(SELECT " + customer +
                               " UNION ALL SELECT e.id FROM " +
                               past_rows(entity, once_owned(entity, "counterparty_id", customer)) +
                               " e WHERE (e.past).counterparty_id = " + customer + "))";
    return "(SELECT b.*, " + customer + " AS card_of FROM " +
           past_rows(registry_.get("bank_account"), owners) + " b)";
  }

  // Of the customer and of what was sold to him then, with the versions there were.
  std::string past_documents() const {
    const std::string customer(kPastCard);
    const Resource& document = registry_.get("document");
    std::string owners = "SELECT " + customer + " AS id";
    for (const std::string_view kind :
         {"lead", "deal", "order", "payment", "contract", "agreement"}) {
      const Resource& resource = registry_.get(kind);
      owners += " UNION ALL SELECT x.id FROM " +
                past_rows(resource, once_owned(resource, "counterparty_id", customer)) +
                " x WHERE (x.past).counterparty_id = " + customer;
    }
    return "(WITH p AS MATERIALIZED (" + owners + ") SELECT d.*, " + customer +
           " AS card_of, 1 + (v.version_no - 1) / 10 || '.' || (v.version_no - 1) % 10 AS "
           "card_version, v.size_bytes AS card_size, v.created_by AS card_uploader FROM " +
           past_rows(document,
                     "n.id IN (SELECT x.id FROM p JOIN crm.document x ON x.parent_record_id = p.id "
                     "UNION SELECT w.id FROM p CROSS JOIN LATERAL (" +
                         taken_away(document, "parent_record_id", "p.id") + ") w(id))") +
           " d JOIN LATERAL (SELECT * FROM crm.document_version s WHERE s.document_id = d.id AND "
           "s.created_at <= " +
           std::string(kPastMoment) +
           " ORDER BY s.version_no DESC LIMIT 1) v ON true WHERE (d.past).parent_record_id IN "
           "(SELECT id FROM p))";
  }

  std::string past_versions() const {
    const std::string customer(kPastCard);
    const Resource& document = registry_.get("document");
    return "(SELECT v.*, " + customer + " AS card_of FROM crm.document_version v JOIN " +
           past_rows(document, once_owned(document, "parent_record_id", customer)) +
           " d ON d.id = v.document_id WHERE (d.past).parent_record_id = " + customer +
           " AND v.created_at <= " + std::string(kPastMoment) + ")";
  }

  static std::string past_mails() {
    return "(SELECT m.* FROM " + std::string(kMails) +
           " m WHERE m.listed_at <= " + std::string(kPastMoment) + ")";
  }

  // By the links of now: they have no history.
  std::string past_linked(std::string_view kind, std::string_view link, std::string_view id) const {
    const std::string of_customer = "(SELECT l." + std::string(id) + " FROM " + std::string(link) +
                                    " l WHERE l.counterparty_id = " + std::string(kPastCard) + ")";
    return "(SELECT r.*, " + std::string(kPastCard) + " AS card_of FROM " +
           past_rows(registry_.get(kind), "n.id IN " + of_customer) + " r)";
  }

 private:
  ShownList list_of(std::string_view name, std::string_view kind, std::string_view customer,
                    Parameters parameters) const {
    const Resource& resource = registry_.get(kind);
    return {.name = name,
            .label = resource.label_plural,
            .kind = &resource,
            .shown = &resource,
            .owner = customer,
            .parameters = std::move(parameters)};
  }

  std::string_view text(std::string sql) { return layout_.texts_.emplace_back(std::move(sql)); }
  const Resource* keep(Resource resource) {
    layout_.views_.push_back(std::make_unique<const Resource>(std::move(resource)));
    return layout_.views_.back().get();
  }
  static Resource seen(const Resource& kind, std::string_view view, std::vector<Field> more) {
    Resource shown = kind;
    shown.view = view;
    for (Field& field : more) shown.fields.push_back(std::move(field));
    return shown;
  }
  const Resource* rolled(ShownList& list, std::string rows, std::vector<Field> more = {}) {
    Resource shown = as_it_was(*list.kind, text(std::move(rows)));
    for (Field& field : more) shown.fields.push_back(std::move(field));
    auto fields = fields_without_history(*list.kind);
    // Who observes is not among the values of a row.
    for (auto& [name, value] : list.parameters) {
      const std::size_t at = name == "include" ? value.find(",observers") : std::string::npos;
      if (at == std::string::npos) continue;
      value.erase(at, std::string_view(",observers").size());
      fields.emplace_back("observers");
    }
    layout_.untracked_.emplace(list.name, std::move(fields));
    return keep(std::move(shown));
  }

  CardLayout& layout_;
  const Registry& registry_;
  const bool past_;
};

CardLayout::CardLayout(const Registry& registry, CardTime time) {
  Maker make(*this, registry, time);

  CardTab main{"main", {"Основное", "Main"}, {}};
  main.lists.push_back(make.own("legal_entities", "legal_entity"));
  main.lists.push_back(
      make.through("bank_accounts", "bank_account", kBankAccounts, make.past_bank_accounts()));
  main.lists.push_back(make.own("contacts", "contact"));
  main.lists.push_back(make.own("comments", "comment", {{"sort", "-id"}}, "record_id"));
  ShownList reminders = make.own(
      "reminders", "activity", {{"type", "reminder"}, {"status", "planned"}, {"sort", "remind_at"}},
      "parent_record_id");
  reminders.label = {"Напоминания", "Reminders"};
  main.lists.push_back(std::move(reminders));

  CardTab history{"history", {"История", "History"}, {}};
  history.lists.push_back(make.fixed("versions", "document_version", kVersions,
                                     make.past_versions(), {{"sort", "-id"}}));

  CardTab documents{"documents", {"Документы", "Documents"}, {}};
  documents.lists.push_back(make.through("documents", "document", kDocuments, make.past_documents(),
                                         {{"sort", "-id"}}, document_columns()));

  CardTab crm{"crm", {"CRM", "CRM"}, {}};
  crm.lists.push_back(make.own("deals", "deal", {{"include", "responsible,observers"}}));
  crm.lists.push_back(make.own("orders", "order", {{"include", "responsible"}}));
  crm.lists.push_back(make.own("payments", "payment", {{"include", "responsible"}}));
  crm.lists.push_back(make.own("leads", "lead", {{"include", "responsible,observers"}}));

  CardTab contracts{"contracts", {"Договоры", "Contracts"}, {}};
  contracts.lists.push_back(make.own("contracts", "contract", {{"include", "own_organisation"}}));
  contracts.lists.push_back(
      make.own("agreements", "agreement", {{"include", "own_organisation,contract"}}));

  CardTab support{"support", {"Поддержка клиента", "Customer Support"}, {}};
  ShownList requests = make.own("requests", "support_request");
  make.widen(requests, support_columns());
  support.lists.push_back(std::move(requests));

  CardTab correspondence{"correspondence", {"Корреспонденция", "Correspondence"}, {}};
  correspondence.lists.push_back(make.own("incoming", "correspondence_in"));
  correspondence.lists.push_back(make.own("outgoing", "correspondence_out"));
  correspondence.lists.push_back(
      make.fixed("mails", "mail_message", kMails, make.past_mails(), {{"sort", "-id"}}));
  make.untracked("mails", "*");

  CardTab projects{"projects", {"Проекты", "Projects"}, {}};
  projects.lists.push_back(
      make.through("releases", "release", kReleases,
                   make.past_linked("release", "crm.release_counterparty", "release_id"),
                   {{"include", "performer"}}));
  projects.lists.push_back(
      make.through("projects", "project", kProjects,
                   make.past_linked("project", "crm.project_counterparty", "project_id"),
                   {{"include", "manager"}}));
  make.untracked("releases", "counterparties");
  make.untracked("projects", "counterparties");

  for (CardTab* tab :
       {&main, &history, &documents, &crm, &contracts, &support, &correspondence, &projects}) {
    for (ShownList& list : tab->lists) {
      // Everything there is: no default filter of the list hides a row.
      for (const auto& filter : list.shown->default_filters) {
        list.parameters.emplace_back(std::string(filter.field) + ".null", "false");
      }
    }
    tabs_.push_back(std::move(*tab));
  }
  std::erase_if(untracked_, [](const auto& each) { return each.second.empty(); });
}

}  // namespace c360::store
