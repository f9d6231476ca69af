// The ZIP file around the parts of a DOCX (ISO/IEC 29500-2), taken from memory and put back there.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/documents/docx.h"

namespace c360::store {

struct DocxPart {
  std::string name;  // "word/document.xml"
  std::string xml;
};

// validation_failed at "/docx" with one fault.
std::unexpected<Error> docx_refused(std::string_view code, std::string detail);

// The parts word/*.xml, unpacked; everything else stays packed as it came.
class DocxPackage {
 public:
  // `bytes` must outlive it. The reasons of check_docx that concern the file as a whole.
  static Result<DocxPackage> open(std::string_view bytes, const DocxLimits& limits);

  const std::vector<DocxPart>& parts() const { return parts_; }
  // The file with these parts, each one of it, in the place of those it has.
  Result<std::string> with(std::span<const DocxPart> changed) const;

 private:
  explicit DocxPackage(std::string_view bytes) : bytes_(bytes) {}

  std::string_view bytes_;
  std::vector<DocxPart> parts_;
};

// A file of these parts, in their order; the same bytes each time.
Result<std::string> make_docx(std::span<const DocxPart> parts);

}  // namespace c360::store
