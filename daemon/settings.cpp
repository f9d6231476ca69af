#include "daemon/settings.h"

#include <array>

#include "daemon/settings/rows.h"

namespace c360::daemon {

namespace {

constexpr std::array kPlainKeys = {
    PlainMailboxKey{"mail-inbox-crm", ingest::MailboxKind::crm},
    PlainMailboxKey{"mail-inbox-activity", ingest::MailboxKind::activity},
    PlainMailboxKey{"mail-inbox-sd", ingest::MailboxKind::support},
};

struct TableSentence {
  std::string_view table;
  std::string_view sentence;
};
constexpr std::array kTables = {
    TableSentence{"database", "PostgreSQL 15 or newer."},
    TableSentence{"api", "The REST interface, /api/v1."},
    TableSentence{"admin", "Metrics, health and reload, for Prometheus and the operator."},
    TableSentence{"rules", "How mail is read."},
    TableSentence{"mail", "Limits common to all mailboxes."},
    TableSentence{"support", "The service desk."},
    TableSentence{"adapters", "What is common to the outside services."},
    TableSentence{"requisites", "Where the requisites of counterparties come from."},
    TableSentence{"dadata", "The register of companies: https://dadata.ru."},
    TableSentence{"kontur_focus", "Express reports on risks: https://focus.kontur.ru."},
    TableSentence{"metrika", "Where a lead came from: https://metrika.yandex.ru."},
    TableSentence{"telegram", "A Telegram bot that writes to customers and users."},
    TableSentence{"sms", "Short messages to customers and users."},
    TableSentence{"webhooks", "Telling other applications what happens; see docs/webhooks.md."},
    TableSentence{"smtp", "Mails to people outside go out by this server."},
    TableSentence{"messages", "When and how often people outside are written to."},
    TableSentence{"service", "The process itself."},
};

}  // namespace

std::span<const Setting<Config>> settings() {
  static const std::vector<Setting<Config>> kAll = [] {
    std::vector<Setting<Config>> all;
    // The keys outside every table stand first, as TOML wants it.
    for (const auto rows :
         {mail_intake_settings(), process_settings(), crm_settings(), register_settings(),
          focus_settings(), message_settings(), phone_settings()})
      all.insert(all.end(), rows.begin(), rows.end());
    return all;
  }();
  return kAll;
}

std::span<const PlainMailboxKey> plain_mailbox_keys() { return kPlainKeys; }

std::string_view table_sentence(std::string_view table) {
  for (const TableSentence& row : kTables)
    if (row.table == table) return row.sentence;
  return {};
}

}  // namespace c360::daemon
