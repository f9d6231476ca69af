// What the Client 360 card shows: its tabs, the lists of each, the groups of the first one
// (domain.md 21).
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "store/model/registry.h"
#include "store/operations/list_batch.h"

namespace c360::store {

struct CardTab {
  std::string_view name;  // "crm"
  Label label;
  std::vector<ShownList> lists;

  const ShownList* find(std::string_view list) const;  // or nullptr
};

// Fields of the counterparty shown together on the first tab.
struct CardGroup {
  std::string_view code;
  Label label;
  std::vector<std::string_view> fields;
};
std::span<const CardGroup> card_groups();

// Immutable; any thread. The registry must outlive it.
class CardLayout {
 public:
  explicit CardLayout(const Registry& registry);
  const std::vector<CardTab>& tabs() const { return tabs_; }
  const CardTab* find(std::string_view tab) const;  // or nullptr

 private:
  const Resource* seen_through(const Resource& kind, std::string_view view,
                               std::vector<Field> more = {});

  std::vector<std::unique_ptr<const Resource>> views_;
  std::vector<CardTab> tabs_;
};

}  // namespace c360::store
