#include "store/documents/plain_paragraphs.h"

#include <array>
#include <utility>

#include "daemon/base/text.h"

namespace c360::store {

std::vector<std::string> plain_paragraphs(std::string_view html) {
  std::vector<std::string> paragraphs;
  std::string text;
  const auto end_paragraph = [&] {
    const std::string_view line = trimmed(text);
    if (!line.empty()) paragraphs.emplace_back(line);
    text.clear();
  };
  const auto read_tag = [&](std::size_t at) {
    const auto end = html.find('>', at);
    const std::string_view tag =
        html.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    static constexpr std::array<std::string_view, 10> kBlocks = {"p",  "/p",  "br", "/li", "li",
                                                                 "tr", "/tr", "ul", "ol",  "pre"};
    const std::string name = to_lower(tag.substr(0, tag.find_first_of(" />", 1)));
    for (const auto block : kBlocks) {
      if (name == block) end_paragraph();
    }
    return end == std::string_view::npos ? html.size() : end + 1;
  };
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kEntities = {
      {{"&lt;", "<"},
       {"&gt;", ">"},
       {"&quot;", "\""},
       {"&#39;", "'"},
       {"&nbsp;", "\u00a0"},
       {"&amp;", "&"}}};
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] == '<') {
      at = read_tag(at);
      continue;
    }
    std::size_t taken = 1;
    std::string_view piece = html.substr(at, 1);
    if (html[at] == '\n') piece = " ";
    for (const auto& [entity, character] : kEntities) {
      if (!html.substr(at).starts_with(entity)) continue;
      piece = character;
      taken = entity.size();
      break;
    }
    text += piece;
    at += taken;
  }
  end_paragraph();
  return paragraphs;
}

}  // namespace c360::store
