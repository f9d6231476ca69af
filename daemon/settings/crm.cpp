#include <array>

#include "daemon/settings/rows.h"

namespace c360::daemon {

namespace {

constexpr std::array kRows = {
    Row{.key = "support.reopen_days",
        .type = Type::integer,
        .default_value = "7",
        .sentence = "An answer to a request closed for longer makes a new request; before that it "
                    "opens the old one again.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.mailbox_defaults.reopen_within = std::chrono::days{v.integer};
            },
        .min = 0,
        .max = 3'650,
        .unit = "days"},

    Row{.key = "business.timezone",
        .type = Type::text,
        .default_value = "'Europe/Moscow'",
        .sentence = "The zone in which days begin and end.",
        .store = [](Config& c, SettingValue&& v) { c.timezone = std::move(v.text); }},
    Row{.key = "business.phone_region",
        .type = Type::text,
        .default_value = "'RU'",
        .sentence = "Country of a phone number without a country code, ISO 3166-1 alpha-2.",
        .store = [](Config& c,
                    SettingValue&& v) { c.intake.default_phone_region = std::move(v.text); }},

    Row{.key = "crm.groups.swap_manager_cco",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "Exchange the meaning of the groups crm-manager and crm-cco, for installations "
                    "that filled them the other way round.",
        .store = [](Config& c, SettingValue&& v) { c.swap_manager_cco = v.boolean; }},

    Row{.key = "requisites.believe",
        .type = Type::text_list,
        .default_value = "['person', 'import', 'mail', 'dadata', 'kontur']",
        .sentence = "Whose word about a requisite of a counterparty counts, the first most. A "
                    "register replaces the words of those after it; what differs otherwise is told "
                    "as a conflict. Empty fields are always filled.",
        .store = [](Config& c, SettingValue&& v) { c.believed_sources = std::move(v.list); }},

    Row{.key = "documents.renderer",
        .type = Type::text,
        .default_value = "'/run/client360/render.sock'",
        .sentence =
            "Who makes the PDF of a generated document: the socket of client360-render.socket, or "
            "the program client360-render itself, which then runs as a child. Empty: nobody.",
        .store = [](Config& c, SettingValue&& v) { c.renderer.path = std::move(v.text); }},
    Row{.key = "documents.at_once",
        .type = Type::integer,
        .default_value = "2",
        .sentence = "Documents rendered at the same time.",
        .store = [](Config& c,
                    SettingValue&& v) { c.renderer.at_once = static_cast<int>(v.integer); },
        .min = 1,
        .max = 64},
    Row{.key = "documents.timeout_ms",
        .type = Type::integer,
        .default_value = "90000",
        .sentence = "Limit of one document at the renderer.",
        .store = [](Config& c, SettingValue&& v) { c.renderer.timeout = ms_of(v); },
        .min = 1'000,
        .max = 600'000,
        .unit = "ms"},
};

}  // namespace

std::span<const Setting<Config>> crm_settings() { return kRows; }

}  // namespace c360::daemon
