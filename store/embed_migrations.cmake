# cmake -DFILES="a.sql;b.sql" -DOUTPUT=x.cpp -P embed_migrations.cmake
# Writes the table behind c360::store::embedded_migrations(): file stem and text, by name.
list(SORT FILES)
set(ROWS "")
foreach(FILE ${FILES})
  get_filename_component(STEM ${FILE} NAME_WE)
  file(READ ${FILE} TEXT)
  string(APPEND ROWS "    {\"${STEM}\", R\"c360sql(${TEXT})c360sql\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from store/migrations by embed_migrations.cmake.
#include \"store/migrator.h\"

namespace c360::store {
namespace {
constexpr MigrationFile kFiles[] = {
${ROWS}};
}  // namespace

std::span<const MigrationFile> embedded_migrations() { return kFiles; }
}  // namespace c360::store
")
