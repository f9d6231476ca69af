# cmake -DFILES="a.html;b.html" -DOUTPUT=x.cpp -P embed_templates.cmake
# Writes the table behind c360::store::shipped_templates(): file stem and text, by name.
list(SORT FILES)
set(ROWS "")
foreach(FILE ${FILES})
  get_filename_component(STEM ${FILE} NAME_WE)
  file(READ ${FILE} TEXT)
  string(APPEND ROWS "    {\"${STEM}\", R\"c360page(${TEXT})c360page\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from store/documents/templates by embed_templates.cmake.
#include \"store/documents/shipped_templates.h\"

namespace c360::store {
namespace {
constexpr ShippedTemplate kTemplates[] = {
${ROWS}};
}  // namespace

std::span<const ShippedTemplate> shipped_templates() { return kTemplates; }
}  // namespace c360::store
")
