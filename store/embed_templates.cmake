# cmake -DFILES="a.html;b.html" -DPARTS="docx/act/word/document.xml;…" -DFOLDER=docx -DOUTPUT=x.cpp
#       -P embed_templates.cmake
# Writes the tables behind c360::store::shipped_templates(), file stem and text by name, and
# shipped_docx_parts(), path below FOLDER and text.
list(SORT FILES)
set(ROWS "")
foreach(FILE ${FILES})
  get_filename_component(STEM ${FILE} NAME_WE)
  file(READ ${FILE} TEXT)
  string(APPEND ROWS "    {\"${STEM}\", R\"c360page(${TEXT})c360page\"},\n")
endforeach()
list(SORT PARTS)
set(PART_ROWS "")
foreach(FILE ${PARTS})
  file(RELATIVE_PATH PATH ${FOLDER} ${FILE})
  file(READ ${FILE} TEXT)
  # Its name in the tree is one that neither shells nor globs trip over.
  string(REPLACE "/content_types.xml" "/[Content_Types].xml" PATH "${PATH}")
  string(REPLACE "/root.rels" "/.rels" PATH "${PATH}")
  string(APPEND PART_ROWS "    {\"${PATH}\", R\"c360part(${TEXT})c360part\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from store/documents/templates by embed_templates.cmake.
#include \"store/documents/shipped_templates.h\"

namespace c360::store {
namespace {
constexpr ShippedTemplate kTemplates[] = {
${ROWS}};
constexpr ShippedPart kParts[] = {
${PART_ROWS}};
}  // namespace

std::span<const ShippedTemplate> shipped_templates() { return kTemplates; }
std::span<const ShippedPart> shipped_docx_parts() { return kParts; }
}  // namespace c360::store
")
