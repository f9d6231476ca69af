#include "adapters/http_proxy.h"

#include <curl/curl.h>

#include <string_view>

namespace c360::adapters {

void apply_proxy(void* curl, const HttpProxy& proxy) {
  if (proxy.url.empty()) return;
  CURL* handle = curl;
  curl_easy_setopt(handle, CURLOPT_PROXY, proxy.url.c_str());
  curl_easy_setopt(handle, CURLOPT_NOPROXY, "");
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // they are no part of an answer
  if (proxy.credentials.empty()) return;
  const std::string_view both = proxy.credentials.reveal();
  const std::size_t colon = both.find(':');
  const std::string name(both.substr(0, colon));
  const std::string password(colon == std::string_view::npos ? "" : both.substr(colon + 1));
  curl_easy_setopt(handle, CURLOPT_PROXYUSERNAME, name.c_str());
  curl_easy_setopt(handle, CURLOPT_PROXYPASSWORD, password.c_str());
}

std::string by_the_proxy(const HttpProxy& proxy) {
  return proxy.url.empty() ? std::string() : " by the proxy " + proxy.url;
}

}  // namespace c360::adapters
