// What the registers say of a counterparty, the same from every source (adapters.md, 3; domain.md,
// 5.10). An empty field says nothing: it never clears what is known.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace c360::adapters {

enum class PartyType : std::uint8_t { legal, individual };
enum class BranchType : std::uint8_t { main, branch };
enum class RegistryStatus : std::uint8_t {
  active,
  liquidating,
  liquidated,
  bankrupt,
  reorganizing,
  unknown,  // a word this program does not know
};
// As counterparties.kind.
enum class PartyKind : std::uint8_t { legal_entity, individual_entrepreneur, branch };

std::string_view to_string(PartyType type);
std::string_view to_string(BranchType type);
std::string_view to_string(RegistryStatus status);
std::string_view to_string(PartyKind kind);

struct Requisites {
  std::string inn;  // checked, and the one asked for where one was
  std::optional<std::string> kpp;
  std::optional<std::string> ogrn;
  std::optional<std::chrono::year_month_day> ogrn_on;
  std::optional<std::string> full_name;
  std::optional<std::string> short_name;
  std::optional<std::string> okpo;
  std::optional<std::string> okved;
  std::optional<std::string> legal_form;  // DaData: "ООО"; Kontur: in the plural
  PartyType type = PartyType::legal;
  std::optional<BranchType> branch_type;
  RegistryStatus status = RegistryStatus::unknown;
  std::optional<std::chrono::year_month_day> registered_on;
  std::optional<std::chrono::year_month_day> liquidated_on;
  std::optional<std::string> juridical_address;
  std::optional<std::string> ceo_name;  // a person, or a managing company
  std::optional<std::string> ceo_position;
  std::optional<std::chrono::year_month_day> ceo_since;
  bool unreliable = false;  // the register says that something of it is not true
  std::vector<std::string> phones;
  std::vector<std::string> emails;    // lower case, each exactly one address
  std::vector<std::string> warnings;  // fields that were dropped, and why

  PartyKind kind() const;
};

}  // namespace c360::adapters
