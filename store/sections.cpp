#include "store/sections.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "store/saved_views.h"

namespace c360::store {
namespace {

constexpr Sql kRead{"c360_sections", R"sql(
SELECT s.record_kind, s.name_ru, s.name_en, s.plural_ru, s.plural_en, s.is_hidden,
       s.default_filters, false AS is_added, 0 AS sort_order
FROM crm.section_label s
UNION ALL
SELECT a.code, a.name_ru, a.name_en, a.plural_ru, a.plural_en, false, '{}', true, a.sort_order
FROM crm.section a WHERE a.is_active
ORDER BY is_added, sort_order, 1
)sql"};

std::shared_ptr<const Sections> sections_of(const Rows& rows) {
  auto sections = std::make_shared<Sections>();
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.boolean(row, 7)) {
      sections->add({.code = std::string(rows.text(row, 0)),
                     .plural_ru = std::string(rows.text(row, 3)),
                     .plural_en = std::string(rows.text(row, 4))});
      continue;
    }
    sections->add(rows.text(row, 0), {.name_ru = std::string(rows.text(row, 1)),
                                      .name_en = std::string(rows.text(row, 2)),
                                      .plural_ru = std::string(rows.text(row, 3)),
                                      .plural_en = std::string(rows.text(row, 4)),
                                      .is_hidden = rows.boolean(row, 5),
                                      .default_filters = view_filters(rows.text(row, 6))});
  }
  return sections;
}

// A field that a later version has no more takes nobody the list.
Parameters usable_filters(const Section* section, const Resource& resource) {
  Parameters filters = section != nullptr ? section->default_filters : Parameters{};
  std::erase_if(filters, [&](const auto& filter) {
    const Field* field = resource.find(filter_field(filter.first));
    return field == nullptr || !field->is_filterable;
  });
  return filters;
}

std::string shown_statuses(const Resource& resource) {
  std::string codes;
  for (const Status& status : resource.statuses) {
    if (!status.hidden) codes += (codes.empty() ? "" : ",") + std::string(status.code);
  }
  return codes;
}

}  // namespace

void Sections::add(std::string_view record_kind, Section section) {
  sections_.insert_or_assign(std::string(record_kind), std::move(section));
}

void Sections::add(AddedSection section) { added_.push_back(std::move(section)); }

const Section* Sections::find(const Resource& resource) const {
  const auto found = sections_.find(resource.kind);
  return found == sections_.end() ? nullptr : &found->second;
}

Label Sections::label(const Resource& resource) const {
  const Section* section = find(resource);
  return section != nullptr ? Label{section->name_ru, section->name_en} : resource.label;
}

Label Sections::label_plural(const Resource& resource) const {
  const Section* section = find(resource);
  return section != nullptr ? Label{section->plural_ru, section->plural_en} : resource.label_plural;
}

bool Sections::is_hidden(const Resource& resource) const {
  const Section* section = find(resource);
  return section != nullptr && section->is_hidden;
}

Parameters Sections::default_filters(const Resource& resource) const {
  const Parameters of_installation = usable_filters(find(resource), resource);
  Parameters filters = of_installation;
  for (const auto& declared : resource.default_filters) {
    if (names_field(of_installation, declared.field)) continue;
    filters.emplace_back(declared.field, declared.operation == "visible"
                                             ? shown_statuses(resource)
                                             : std::string(declared.value));
  }
  return filters;
}

Parameters Sections::filter_by_default(const Resource& resource, Parameters& parameters,
                                       std::string_view but_for) const {
  Parameters added;
  for (const auto& filter : usable_filters(find(resource), resource)) {
    const std::string_view field = filter_field(filter.first);
    if (field != but_for && !names_field(parameters, field)) added.push_back(filter);
  }
  parameters.insert(parameters.end(), added.begin(), added.end());
  return added;
}

SectionReader::SectionReader(Database& database, std::chrono::milliseconds max_age)
    : RecentlyRead(database, kRead, sections_of, max_age) {}

}  // namespace c360::store
