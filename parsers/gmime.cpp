#include "parsers/gmime.h"

#include <mutex>

namespace c360::parsers {

void initialise_gmime() {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
}

}  // namespace c360::parsers
