// The templates that come with the program: store/documents/templates/*.html.
#pragma once

#include <span>
#include <string_view>

namespace c360::store {

struct ShippedTemplate {
  std::string_view code;  // proposal, invoice, act
  std::string_view text;
};
std::span<const ShippedTemplate> shipped_templates();

}  // namespace c360::store
