#include <algorithm>
#include <map>
#include <string>

#include "store/documents/docx_package.h"
#include "store/documents/shipped_templates.h"

namespace c360::store {
namespace {

constexpr std::string_view kCommon = "common/";

constexpr std::string_view kContentTypes = "[Content_Types].xml";

std::map<std::string, std::string, std::less<>> pack_all() {
  std::map<std::string, std::vector<DocxPart>, std::less<>> files;
  for (const ShippedPart& part : shipped_docx_parts()) {
    if (!part.path.starts_with(kCommon))
      files[std::string(part.path.substr(0, part.path.find('/')))];
  }
  for (auto& [code, parts] : files) {
    const std::string own = code + "/";
    for (const ShippedPart& part : shipped_docx_parts()) {
      for (const std::string_view folder : {kCommon, std::string_view(own)}) {
        if (!part.path.starts_with(folder)) continue;
        parts.push_back({std::string(part.path.substr(folder.size())), std::string(part.xml)});
      }
    }
  }
  std::map<std::string, std::string, std::less<>> packed;
  for (auto& [code, parts] : files) {
    // The first of a package by custom: programs that guess the type look there.
    std::ranges::stable_partition(parts,
                                  [](const DocxPart& part) { return part.name == kContentTypes; });
    if (auto made = make_docx(parts)) packed.emplace(code, std::move(*made));
  }
  return packed;
}

}  // namespace

std::string_view shipped_docx(std::string_view code) {
  static const std::map<std::string, std::string, std::less<>> kFiles = pack_all();
  const auto found = kFiles.find(code);
  return found == kFiles.end() ? std::string_view() : found->second;
}

}  // namespace c360::store
