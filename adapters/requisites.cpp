#include "adapters/requisites.h"

#include <array>

namespace c360::adapters {

std::string_view to_string(PartyType type) {
  return type == PartyType::legal ? "legal" : "individual";
}

std::string_view to_string(BranchType type) { return type == BranchType::main ? "main" : "branch"; }

std::string_view to_string(RegistryStatus status) {
  constexpr std::array<std::string_view, 6> kNames{"active",   "liquidating",  "liquidated",
                                                   "bankrupt", "reorganizing", "unknown"};
  return kNames[static_cast<std::size_t>(status)];
}

std::string_view to_string(PartyKind kind) {
  constexpr std::array<std::string_view, 3> kNames{"legal_entity", "individual_entrepreneur",
                                                   "branch"};
  return kNames[static_cast<std::size_t>(kind)];
}

PartyKind Requisites::kind() const {
  if (type == PartyType::individual) return PartyKind::individual_entrepreneur;
  return branch_type == BranchType::branch ? PartyKind::branch : PartyKind::legal_entity;
}

}  // namespace c360::adapters
