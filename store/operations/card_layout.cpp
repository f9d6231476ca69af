#include "store/operations/card_layout.h"

#include <algorithm>
#include <array>
#include <utility>

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

constexpr std::string_view kMails =
    "(SELECT m.*, o.card_of FROM ops.mail m JOIN (SELECT c.id, c.id AS card_of FROM "
    "crm.counterparty c UNION ALL SELECT x.id, x.counterparty_id FROM crm.lead x UNION ALL SELECT "
    "x.id, x.counterparty_id FROM crm.deal x UNION ALL SELECT x.id, x.counterparty_id FROM "
    "crm.support_request x) o ON o.id = m.outcome_record_id)";

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
       {"phone", "mobile_phone", "email", "email_domains", "website", "last_contact_at",
        "next_reminder_at"}},
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

const Resource* CardLayout::seen_through(const Resource& kind, std::string_view view,
                                         std::vector<Field> more) {
  auto seen = std::make_unique<Resource>(kind);
  if (!view.empty()) {
    seen->view = view;
    seen->fields.push_back(customer_field());
  }
  for (Field& field : more) seen->fields.push_back(std::move(field));
  views_.push_back(std::move(seen));
  return views_.back().get();
}

CardLayout::CardLayout(const Registry& registry) {
  const auto own = [&](std::string_view name, std::string_view kind, Parameters parameters = {},
                       std::string_view customer = "counterparty_id") {
    const Resource& resource = registry.get(kind);
    return ShownList{.name = name,
                     .label = resource.label_plural,
                     .kind = &resource,
                     .shown = &resource,
                     .owner = customer,
                     .parameters = std::move(parameters)};
  };
  const auto through = [&](std::string_view name, std::string_view kind, std::string_view view,
                           Parameters parameters = {}, std::vector<Field> more = {}) {
    ShownList list = own(name, kind, std::move(parameters), kCustomer);
    list.shown = seen_through(*list.kind, view, std::move(more));
    return list;
  };

  CardTab main{"main", {"Основное", "Main"}, {}};
  main.lists.push_back(own("legal_entities", "legal_entity"));
  main.lists.push_back(through("bank_accounts", "bank_account", kBankAccounts));
  main.lists.push_back(own("contacts", "contact"));
  main.lists.push_back(own("comments", "comment", {{"sort", "-id"}}, "record_id"));
  ShownList reminders =
      own("reminders", "activity",
          {{"type", "reminder"}, {"status", "planned"}, {"sort", "remind_at"}}, "parent_record_id");
  reminders.label = {"Напоминания", "Reminders"};
  main.lists.push_back(std::move(reminders));

  CardTab history{"history", {"История", "History"}, {}};
  history.lists.push_back(through("versions", "document_version", kVersions, {{"sort", "-id"}}));

  CardTab documents{"documents", {"Документы", "Documents"}, {}};
  documents.lists.push_back(
      through("documents", "document", kDocuments, {{"sort", "-id"}}, document_columns()));

  CardTab crm{"crm", {"CRM", "CRM"}, {}};
  crm.lists.push_back(own("deals", "deal", {{"include", "responsible,observers"}}));
  crm.lists.push_back(own("orders", "order", {{"include", "responsible"}}));
  crm.lists.push_back(own("payments", "payment", {{"include", "responsible"}}));
  crm.lists.push_back(own("leads", "lead", {{"include", "responsible,observers"}}));

  CardTab contracts{"contracts", {"Договоры", "Contracts"}, {}};
  contracts.lists.push_back(own("contracts", "contract", {{"include", "own_organisation"}}));
  contracts.lists.push_back(
      own("agreements", "agreement", {{"include", "own_organisation,contract"}}));

  CardTab support{"support", {"Поддержка клиента", "Customer Support"}, {}};
  ShownList requests = own("requests", "support_request");
  requests.shown = seen_through(*requests.kind, {}, support_columns());
  support.lists.push_back(std::move(requests));

  CardTab correspondence{"correspondence", {"Корреспонденция", "Correspondence"}, {}};
  correspondence.lists.push_back(own("incoming", "correspondence_in"));
  correspondence.lists.push_back(own("outgoing", "correspondence_out"));
  correspondence.lists.push_back(through("mails", "mail_message", kMails, {{"sort", "-id"}}));

  CardTab projects{"projects", {"Проекты", "Projects"}, {}};
  projects.lists.push_back(through("releases", "release", kReleases, {{"include", "performer"}}));
  projects.lists.push_back(through("projects", "project", kProjects, {{"include", "manager"}}));

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
}

}  // namespace c360::store
