// What reading and writing by GMime have in common; for parsers/*.cpp only.
#pragma once

#include <gmime/gmime.h>

#include <memory>

namespace c360::parsers {

struct Unref {
  template <typename T>
  void operator()(T* object) const {
    g_object_unref(object);
  }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

// Once, from any thread, before anything of GMime.
void initialise_gmime();

}  // namespace c360::parsers
