// What `include=` of one record shows besides its fields and rows: `links`, and `actions` the
// caller may do to it now. Both are asked for after the record itself; what the caller's
// token has no scope for is not there.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "api/request.h"
#include "store/operations/action.h"

namespace c360::api {

class ShownBeside {
 public:
  // `services` must outlive it.
  explicit ShownBeside(const ApiServices& services);

  // Takes the names it shows out of `include`: "links", "actions", in the order asked for.
  std::vector<std::string_view> take(const store::Resource& resource,
                                     store::Parameters& parameters) const;
  // Puts them into `json`, which is the record `id` as the caller sees it.
  Result<void> show(const std::vector<std::string_view>& names, const store::Resource& resource,
                    std::int64_t id, const Request& request, std::string& json) const;

 private:
  Result<std::string> links(const store::Resource& resource, std::int64_t id,
                            const Request& request) const;
  Result<std::string> actions(const store::Resource& resource, std::int64_t id,
                              const Request& request) const;

  const ApiServices services_;
  const store::Actions actions_;
};

// Kinds of records that the token may read.
std::vector<std::string_view> readable_kinds(const store::Registry& registry,
                                             const Request& request);

}  // namespace c360::api
