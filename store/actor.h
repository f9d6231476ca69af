// Who asks: the caller of every operation of the store, resolved once per request or mail.
//
// A value; cheap to copy for tests, passed by reference otherwise.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace c360::store {

// Groups of domain.md 3.2 that the program itself asks about.
inline constexpr std::string_view kCrmManagerGroup = "crm-manager";
inline constexpr std::string_view kCrmCcoGroup = "crm-cco";
inline constexpr std::string_view kCrmAdministratorsGroup = "crm-administrators";
inline constexpr std::array<std::string_view, 3> kSupportLineGroups = {
    "support-line-1", "support-line-2", "support-line-3"};
inline constexpr std::array<std::string_view, 2> kSupportLeadGroups = {"support-lead",
                                                                       "support-technologists"};

struct Actor {
  std::optional<std::int64_t> user_id;  // none: the service itself, which may do everything
  std::string login;
  std::vector<std::string> groups;  // nested ones resolved
  bool is_service = false;          // a user of kind `service`: an API client, not a person
  std::vector<std::string> scopes;  // of the token: `<resource>:read`, `<resource>:write`, `admin`
  std::string origin = "api";       // api, mail, job, import, portal, system (domain.md 1.2)
  std::string request_id;           // stored with history; empty when there is none

  // The daemon itself: mail, jobs, import. `origin` is one of the codes above.
  static Actor system(std::string origin, std::string request_id = {}) {
    Actor actor;
    actor.origin = std::move(origin);
    actor.request_id = std::move(request_id);
    return actor;
  }

  bool in_group(std::string_view group) const {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
  }
  bool is_system() const { return !user_id; }
  bool is_administrator() const { return is_system() || in_group(kCrmAdministratorsGroup); }
  bool is_support_lead() const {
    return std::ranges::any_of(kSupportLeadGroups, [&](auto group) { return in_group(group); });
  }
  bool is_support_staff() const {
    return is_support_lead() ||
           std::ranges::any_of(kSupportLineGroups, [&](auto group) { return in_group(group); });
  }
  // A person, who becomes responsible for what he creates (design.md 11).
  bool is_person() const { return user_id && !is_service; }
};

}  // namespace c360::store
