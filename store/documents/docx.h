// Templates a user edits in Word: a DOCX file (ISO/IEC 29500) with the tags of template.h in its
// text, body, headers, footers and notes alike, filled from the same value tree (content.h).
//
//   {{seller.name}}                       keeps the formatting of its first letter's run, over
//                                         however many runs Word has split it
//   {{#lines}}…{{/lines}}                 inside one paragraph: what stands between, repeated
//                                         in cells of one table row: the row
//                                         in several rows: these rows; one that holds nothing else
//                                         but the tag goes
//                                         in paragraphs of one cell or of the page: these
//                                         paragraphs and tables; one that holds nothing else goes
//   {{^contract}}…{{/contract}}           likewise, where there is none
//
// A template is somebody's file: it is bounded in every direction, a document type declaration is
// refused, nothing of it but word/*.xml is read or changed, and no entity is ever resolved.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/json.h"

namespace c360::store {

inline constexpr std::string_view kDocxType =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

struct DocxLimits {
  std::size_t package_bytes = std::size_t{10} * 1024 * 1024;   // of the file
  std::size_t entries = 1'000;                                 // files in it
  std::size_t unpacked_bytes = std::size_t{64} * 1024 * 1024;  // all of them, unpacked
  std::size_t depth = 64;                                      // of elements in each other
  std::size_t part_nodes = 500'000;  // '<' and '=' of a part: a node in memory is far larger
  std::size_t copies = 20'000;       // rows, paragraphs and runs a filling repeats
  std::size_t nodes = 2'000'000;     // of XML that it makes by that
  std::size_t filled_bytes = std::size_t{48} * 1024 * 1024;  // of the filled parts, unpacked
};

// A file that begins as a ZIP file does: whether it is a DOCX, the check says.
bool looks_like_docx(std::string_view bytes);

// validation_failed with every fault at "/docx", its detail naming the part, the paragraph (from 1,
// in the order of the part) and the tag: what check_template says, and section_across. Of the file
// as a whole: not_docx, docx_damaged, docx_encrypted, docx_macros, docx_doctype, docx_xml,
// docx_too_large, docx_too_many_entries, docx_unpacks_too_large, docx_too_many_nodes,
// docx_too_deep. With a `sample`
// unknown_field too.
Result<void> check_docx(std::string_view docx, const Json* sample = nullptr,
                        const DocxLimits& limits = {});

// The filled file. What check_docx says; validation_failed, reasons docx_too_many_copies and
// document_too_large.
Result<std::string> fill_docx(std::string_view docx, const Json& data,
                              const DocxLimits& limits = {});

}  // namespace c360::store
