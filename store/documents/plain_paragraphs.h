// HTML as the paragraphs a document prints: what our fields of that kind hold (domain.md 1.9), not
// any page of the web.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace c360::store {

// The text without its tags, a paragraph for each block and line break; empty ones are left out.
std::vector<std::string> plain_paragraphs(std::string_view html);

}  // namespace c360::store
