// Any bytes as a DOCX template, or as the text of one: what is taken is filled, what was filled is
// taken again, has no tag that was not a value's, and stays inside its limits.
#include <string>
#include <vector>

#include "store/documents/docx.h"
#include "store/documents/docx_package.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;         // NOLINT: one file, one purpose
using namespace c360::store;  // NOLINT
using c360::testing::require;

DocxLimits tight() {
  return {.package_bytes = 1U << 18U,
          .entries = 20,
          .unpacked_bytes = 1U << 18U,
          .depth = 40,
          .copies = 500,
          .nodes = 20'000,
          .filled_bytes = 1U << 20U};
}

// A file as it is, or the inside of a body.
std::string package_of(std::string_view input) {
  if (looks_like_docx(input)) return std::string(input);
  const std::vector<DocxPart> parts{
      {"[Content_Types].xml",
       "<Types>application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
       "</Types>"},
      {"_rels/.rels", "<Relationships/>"},
      {"word/document.xml",
       "<w:document "
       "xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body>" +
           std::string(input) + "</w:body></w:document>"}};
  const auto made = make_docx(parts);
  require(made.has_value());
  return *made;
}

const Json& data() {
  static const Json kData = *Json::parse(
      R"({"a":"A & <b>\nsecond","n":"","t":true,"o":{"a":"inner"},"r":[{"a":"1"},{"a":"2","r":[]}]})");
  return kData;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string docx = package_of(c360::testing::as_text(bytes, size));
  const auto fine = check_docx(docx, nullptr, tight());
  const auto filled = fill_docx(docx, data(), tight());
  if (!fine) {
    require(!fine.error().fields.empty());
    return 0;
  }
  if (!filled) {
    const std::string& reason = filled.error().reason;
    require(reason == "docx_too_many_copies" || reason == "document_too_large");
    return 0;
  }
  // None of the values holds a tag.
  DocxLimits wide = tight();
  wide.package_bytes = wide.unpacked_bytes = wide.filled_bytes * 2;
  wide.depth = 64;
  const auto again = fill_docx(*filled, data(), wide);
  require(again.has_value());
  return 0;
}
