// International host names as DNS has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace c360::parsers {

// "почта.рф" as "xn--80a1acny.xn--p1ai": lower case, each label by RFC 3492. None where a label is
// empty or too long (63 bytes) or the name has a character no host name can have.
std::optional<std::string> ascii_host_name(std::string_view host);

}  // namespace c360::parsers
