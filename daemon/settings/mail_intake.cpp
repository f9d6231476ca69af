#include <array>

#include "daemon/settings/rows.h"

namespace c360::daemon {

namespace {

constexpr auto kMailboxStringSentence =
    "`disabled`, or a mailbox as one string: imaps://HOST[:PORT]?username=U&password=P"
    "&delete=false&unseen=true&delay=60000. Better is a [mailbox.NAME] table with password_file.";

constexpr std::array kRows = {
    Row{.key = "mail-inbox-crm",
        .type = Type::mailbox_uri,
        .default_value = "'disabled'",
        .sentence = kMailboxStringSentence,
        .store = [](Config&, SettingValue&&) {},  // config.cpp makes mailbox `crm` of it
        .secret = true,
        .environment = true},
    Row{.key = "mail-inbox-activity",
        .type = Type::mailbox_uri,
        .default_value = "'disabled'",
        .sentence = "The same for mail that becomes activities by the suffix of its subject.",
        .store = [](Config&, SettingValue&&) {},
        .secret = true,
        .environment = true},
    Row{.key = "mail-inbox-sd",
        .type = Type::mailbox_uri,
        .default_value = "'disabled'",
        .sentence = "The same for mail that becomes support requests.",
        .store = [](Config&, SettingValue&&) {},
        .secret = true,
        .environment = true},

    Row{.key = "rules.folder",
        .type = Type::folder,
        .default_value = "''",
        .sentence = "Folder with crm.toml, activity.toml, support.toml and their example mails; "
                    "empty: the rules built into the program.",
        .store = [](Config& c, SettingValue&& v) { c.rules_folder = std::move(v.text); }},

    Row{.key = "mail.max_message_bytes",
        .type = Type::integer,
        .default_value = "104857600",
        .sentence = "A longer mail goes to quarantine unread.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.mailbox_defaults.imap.limits.message_bytes = static_cast<std::uint64_t>(v.integer);
            },
        .min = 4'096,
        .max = 1LL << 31,
        .unit = "bytes"},
    Row{.key = "mail.batch_messages",
        .type = Type::integer,
        .default_value = "100",
        .sentence = "Mails fetched and committed together.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.batch_messages = size_of(v); },
        .min = 1,
        .max = 10'000},
    Row{.key = "mail.batch_bytes",
        .type = Type::integer,
        .default_value = "8388608",
        .sentence = "A batch ends when it holds this much.",
        .store = [](Config& c, SettingValue&& v) { c.mailbox_defaults.batch_bytes = size_of(v); },
        .min = 65'536,
        .max = 1 << 30,
        .unit = "bytes"},
    Row{.key = "mail.own_addresses",
        .type = Type::text_list,
        .default_value = "[]",
        .sentence = "Our own sender addresses: mail from them is ignored in every mailbox.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.own_addresses = std::move(v.list); }},
    Row{.key = "mail.max_attachment_bytes",
        .type = Type::integer,
        .default_value = "0",
        .sentence =
            "A mail with a larger attachment is held as attachment_blocked; 0: the limit of "
            "the mail alone counts.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.intake.attachment_bytes = static_cast<std::uint64_t>(v.integer);
            },
        .min = 0,
        .max = 1 << 30,
        .unit = "bytes"},
    Row{.key = "mail.clamd",
        .type = Type::text,
        .default_value = "''",
        .sentence =
            "clamd that looks at every attachment: HOST:PORT or the path of its socket. While "
            "it is away mail with attachments waits. Empty: nobody looks.",
        .store = [](Config& c, SettingValue&& v) { c.clamd = std::move(v.text); }},
    Row{.key = "mail.clamd_timeout_ms",
        .type = Type::integer,
        .default_value = "30000",
        .sentence = "Limit of one attachment at clamd.",
        .store = [](Config& c, SettingValue&& v) { c.clamd_timeout = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "mail.loop_limit",
        .type = Type::integer,
        .default_value = "200",
        .sentence =
            "More answers of one sender within mail.loop_window_minutes are held as a loop, "
            "unless a sender rule allows him. 0: they are not counted.",
        .store = [](Config& c, SettingValue&& v) { c.mailbox_defaults.loop_limit = v.integer; },
        .min = 0,
        .max = 1'000'000},
    Row{.key = "mail.loop_window_minutes",
        .type = Type::integer,
        .default_value = "60",
        .sentence = "The window of mail.loop_limit.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.mailbox_defaults.loop_window = std::chrono::minutes{v.integer};
            },
        .min = 1,
        .max = 10'080,
        .unit = "minutes"},
    Row{.key = "mail.attempt_limit",
        .type = Type::integer,
        .default_value = "5",
        .sentence = "Failed tries of one mail before it goes to quarantine.",
        .store = [](Config& c,
                    SettingValue&& v) { c.intake.attempt_limit = static_cast<int>(v.integer); },
        .min = 1,
        .max = 1'000},
    Row{.key = "mail.compare_interval_s",
        .type = Type::integer,
        .default_value = "900",
        .sentence = "How often the ledger is compared with everything the server lists.",
        .store = [](Config& c, SettingValue&& v) { c.intake.compare_interval = seconds_of(v); },
        .min = 5,
        .max = 86'400,
        .unit = "s"},
    Row{.key = "mail.pass_limit_s",
        .type = Type::integer,
        .default_value = "300",
        .sentence = "A pass over a mailbox without progress for longer is an alarm.",
        .store = [](Config& c, SettingValue&& v) { c.intake.pass_limit = seconds_of(v); },
        .min = 5,
        .max = 86'400,
        .unit = "s"},
    Row{.key = "mail.connect_timeout_ms",
        .type = Type::integer,
        .default_value = "30000",
        .sentence = "Name lookup, TCP, TLS and greeting together.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.imap.connect_timeout = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "mail.command_timeout_ms",
        .type = Type::integer,
        .default_value = "60000",
        .sentence = "From an IMAP command to the end of its answer; a fetch has it per mail.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.imap.command_timeout = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "mail.idle_renewal_s",
        .type = Type::integer,
        .default_value = "1680",
        .sentence = "IDLE is renewed this often; servers drop it after 30 minutes (RFC 2177).",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.imap.idle_renewal = seconds_of(v); },
        .min = 1,
        .max = 1'740,
        .unit = "s"},
    Row{.key = "mail.prepare_threads",
        .type = Type::integer,
        .default_value = "4",
        .sentence = "Threads that read and apply mail: a mailbox keeps two of them busy while much "
                    "comes in.",
        .store = [](Config& c, SettingValue&& v) { c.intake.prepare_threads = size_of(v); },
        .min = 1,
        .max = 64},
    Row{.key = "mail.spool_folder",
        .type = Type::folder,
        .default_value = "'/tmp'",
        .sentence = "Where a mail over spool_bytes lies while it is worked on (unlinked files).",
        .store = [](Config& c, SettingValue&& v) { c.intake.spool_folder = std::move(v.text); }},
    Row{.key = "mail.spool_bytes",
        .type = Type::integer,
        .default_value = "1048576",
        .sentence = "A longer mail is not held in memory.",
        .store = [](Config& c, SettingValue&& v) { c.intake.spool_bytes = size_of(v); },
        .min = 4'096,
        .max = 1 << 30,
        .unit = "bytes"},
};

}  // namespace

std::span<const Setting<Config>> mail_intake_settings() { return kRows; }

}  // namespace c360::daemon
