#include "adapters/channel_http.h"

#include "daemon/base/pause.h"

namespace c360::adapters {

Result<HttpAnswer> ChannelHttp::send(const HttpRequest& request) {
  written_ = false;
  if (!client_) client_ = channel_.connect();
  auto answer = [&] {
    const std::stop_callback on_stop(stop_, [this] { client_->cancel(); });
    return client_->send(request);
  }();
  written_ = client_->was_written();
  if (stop_.stop_requested()) client_.reset();  // cancelled once, it refuses every later call
  return answer;
}

bool ChannelHttp::pause(std::chrono::milliseconds wait) const {
  if (channel_.pause) return channel_.pause(wait, stop_);
  return c360::pause(wait, stop_);
}

}  // namespace c360::adapters
