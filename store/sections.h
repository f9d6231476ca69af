// What this installation calls its sections, which it hides and how it filters their lists where
// nobody asks for anything else: crm.section_label (domain.md 16; ).
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/model/resource.h"
#include "store/query.h"
#include "store/recently_read.h"

namespace c360::store {

inline constexpr std::size_t kMaxDefaultFilters = 10;  // of one section
inline constexpr std::size_t kMaxSectionCodeBytes = 50;

struct Section {
  std::string name_ru;
  std::string name_en;
  std::string plural_ru;
  std::string plural_en;
  bool is_hidden = false;
  Parameters default_filters;  // as a list takes them: {"types", "partner"}
};

// One that the installation added (crm.section): its records are of kind `custom`.
struct AddedSection {
  std::string code;
  std::string plural_ru;
  std::string plural_en;
};

// Those of one moment. Immutable.
class Sections {
 public:
  void add(std::string_view record_kind, Section section);
  void add(AddedSection section);
  // The active ones, in their order.
  const std::vector<AddedSection>& added() const { return added_; }

  // As declared where the installation says nothing. The texts live as long as this.
  Label label(const Resource& resource) const;
  Label label_plural(const Resource& resource) const;
  bool is_hidden(const Resource& resource) const;
  // What its list is filtered by where nothing is asked for: that of the installation, and what is
  // declared of other fields.
  Parameters default_filters(const Resource& resource) const;
  // Adds to the parameters of a list those of the installation whose field they do not name, and
  // gives what it added. `but_for`: a field that is not filtered by here.
  Parameters filter_by_default(const Resource& resource, Parameters& parameters,
                               std::string_view but_for = {}) const;

 private:
  const Section* find(const Resource& resource) const;

  std::map<std::string, Section, std::less<>> sections_;
  std::vector<AddedSection> added_;
};

class SectionReader : public RecentlyRead<Sections> {
 public:
  explicit SectionReader(Database& database, std::chrono::milliseconds max_age = kShapingMaxAge);
};

}  // namespace c360::store
