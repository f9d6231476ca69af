// Small text work of the configuration: what is shown, what is hidden, what was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace c360::daemon {

// A TOML string: literal quotes where they can hold it, else a basic string.
std::string toml_string(std::string_view text);
// "a" or "an", by the word that follows.
std::string_view article(std::string_view word);
// "; did you mean 'x'?" for the nearest name that is near enough, otherwise nothing.
std::string suggestion(std::string_view key, std::span<const std::string_view> names);
// The name of a mailbox: metric label, ledger key and part of file names.
bool is_mailbox_code(std::string_view text);

// A libpq URI or keyword string with its password as ***.
std::string masked_database_url(std::string_view url);
// A password that is written out, not taken from ${NAME}.
bool has_literal_password(std::string_view url);

}  // namespace c360::daemon
