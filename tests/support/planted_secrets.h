// Secrets that a test plants, and the search for them: as they are, and as addresses, forms, JSON,
// base64 and hexadecimal dumps spell them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace c360::testing {

class PlantedSecrets {
 public:
  // Gives `value` back. Of at least 8 bytes, or it would be found where it is not.
  std::string plant(std::string name, std::string value);

  // Which of them stand in the text, each as "NAME (SPELLING)".
  std::vector<std::string> in(std::string_view text) const;
  // The same without the spelling, each once.
  std::vector<std::string> names_in(std::string_view text) const;
  std::vector<std::string> names() const;

 private:
  struct Spelling {
    std::string what;
    std::string bytes;
  };
  struct Secret {
    std::string name;
    std::vector<Spelling> spellings;
  };
  std::vector<Secret> secrets_;
};

}  // namespace c360::testing
