# cmake -DFOLDER=parsers/rules -DOUTPUT=x.cpp -P embed_rules.cmake
# Writes the table behind c360::daemon::built_in_rules(). Bytes as escapes: examples are mails in
# any charset, with CRLF.
file(GLOB FILES RELATIVE ${FOLDER} ${FOLDER}/*.toml ${FOLDER}/examples/*.eml)
list(SORT FILES)
set(ROWS "")
list(LENGTH FILES COUNT)
foreach(NAME ${FILES})
  file(READ ${FOLDER}/${NAME} BYTES HEX)
  string(LENGTH "${BYTES}" DIGITS)
  math(EXPR SIZE "${DIGITS} / 2")
  string(REGEX REPLACE "(..)" "\\\\x\\1" TEXT "${BYTES}")
  string(APPEND ROWS "    {\"${NAME}\", std::string_view(\"${TEXT}\", ${SIZE})},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from parsers/rules by embed_rules.cmake.
#include \"daemon/built_in_rules.h\"

namespace c360::daemon {
namespace {
constexpr BuiltInFile kFiles[] = {
${ROWS}    {},  // a table is never empty
};
}  // namespace

std::span<const BuiltInFile> built_in_rules() { return {kFiles, ${COUNT}}; }
}  // namespace c360::daemon
")
