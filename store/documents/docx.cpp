#include "store/documents/docx.h"

#include <algorithm>
#include <vector>

#include "store/documents/docx_filling.h"
#include "store/documents/docx_package.h"
#include "store/documents/docx_story.h"

namespace c360::store {
namespace {

std::unexpected<Error> refused_for(std::vector<FieldError> faults) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The template cannot be used.",
              .reason = faults.front().code};
  error.fields = std::move(faults);
  return std::unexpected(std::move(error));
}

// Without a brace there is no tag, however it is spelled and split.
bool may_have_tags(const DocxPart& part) { return part.xml.find('{') != std::string::npos; }

}  // namespace

bool looks_like_docx(std::string_view bytes) {
  using namespace std::string_view_literals;
  return bytes.starts_with("PK\3\4"sv);
}

Result<void> check_docx(std::string_view docx, const Json* sample, const DocxLimits& limits) {
  const auto package = DocxPackage::open(docx, limits);
  if (!package) return std::unexpected(package.error());
  std::vector<FieldError> faults;
  bool has_story = false;
  for (const DocxPart& part : package->parts()) {
    const auto story = read_story(part, limits);
    if (!story) return std::unexpected(story.error());
    if (!*story) continue;
    has_story = true;
    const auto found = story_faults(**story, sample);
    faults.insert(faults.end(), found.begin(), found.end());
  }
  if (!has_story) return docx_refused("not_docx", "No part word/*.xml holds a document.");
  if (faults.empty()) return {};
  return refused_for(std::move(faults));
}

Result<std::string> fill_docx(std::string_view docx, const Json& data, const DocxLimits& limits) {
  const auto package = DocxPackage::open(docx, limits);
  if (!package) return std::unexpected(package.error());
  DocxBudget budget{.copies = limits.copies, .nodes = limits.nodes};
  std::vector<DocxPart> filled;
  std::size_t bytes = 0;
  for (const DocxPart& part : package->parts()) {
    if (!may_have_tags(part)) continue;
    auto story = read_story(part, limits);
    if (!story) return std::unexpected(std::move(story).error());
    if (!*story) continue;
    if (auto faults = story_faults(**story, nullptr); !faults.empty())
      return refused_for(std::move(faults));
    if (auto done = fill_story(**story, data, budget); !done) return std::unexpected(done.error());
    filled.push_back({part.name, (*story)->xml()});
    bytes += filled.back().xml.size();
    if (bytes > limits.filled_bytes) {
      return docx_refused(
          "document_too_large",
          "The document would be larger than " + std::to_string(limits.filled_bytes) + " bytes.");
    }
  }
  return package->with(filled);
}

}  // namespace c360::store
