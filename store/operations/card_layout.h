// What the Client 360 card shows: its tabs, the lists of each, the groups of the first one
// (domain.md 21).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
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

// `past` reads the rows of the moment that queue_past_moment() set (store/operations/past.h).
enum class CardTime : std::uint8_t { present, past };

// Immutable; any thread. The registry must outlive it.
class CardLayout {
 public:
  explicit CardLayout(const Registry& registry, CardTime time = CardTime::present);
  const std::vector<CardTab>& tabs() const { return tabs_; }
  const CardTab* find(std::string_view tab) const;  // or nullptr
  // The counterparty itself as this card reads it.
  const Resource& self() const { return *self_; }
  // Of the past: what is shown as it is now, by the list it is shown in; the counterparty's own
  // under "counterparty". A list named with "*" has no history at all.
  const std::map<std::string_view, std::vector<std::string_view>>& untracked() const {
    return untracked_;
  }

 private:
  class Maker;

  std::vector<std::unique_ptr<const Resource>> views_;
  std::deque<std::string> texts_;  // of the views of the past
  std::vector<CardTab> tabs_;
  const Resource* self_ = nullptr;
  std::map<std::string_view, std::vector<std::string_view>> untracked_;
};

}  // namespace c360::store
