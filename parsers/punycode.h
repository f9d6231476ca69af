// International host names as DNS has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace c360::parsers {

// "почта.рф" as "xn--80a1acny.xn--p1ai": lower case, each label by RFC 3492. None where a label is
// empty or too long (63 bytes) or the name has a character no host name can have.
std::optional<std::string> ascii_host_name(std::string_view host);

// "xn--80a1acny.xn--p1ai" as "почта.рф". None where a label does not decode, decodes to what no
// host name can have or hides something, or is not what ascii_host_name() would make of it: such a
// name is better shown as it is.
std::optional<std::string> readable_host_name(std::string_view host);

}  // namespace c360::parsers
