#include "store/job_bell.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace c360::store {

namespace {

using std::chrono::milliseconds;

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Line = std::unique_ptr<PGconn, CloseConnection>;

Line connect(const ConnectionOptions& options) {
  const auto keywords = connection_keywords(options);
  if (!keywords) return nullptr;  // Database tells of it
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : *keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  Line line(PQconnectdbParams(names.data(), values.data(), 0));
  if (PQstatus(line.get()) != CONNECTION_OK) return nullptr;
  PGresult* const listening = PQexec(line.get(), "LISTEN c360_job");
  const bool heard = PQresultStatus(listening) == PGRES_COMMAND_OK;
  PQclear(listening);
  return heard ? std::move(line) : nullptr;
}

}  // namespace

struct JobBell::State {
  ConnectionOptions options;
  int rung = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  Line line;
  std::atomic<bool> listens{false};

  // What has come is one ring, however much it is.
  void drain() {
    if (!line) return;
    bool alive = PQconsumeInput(line.get()) == 1;
    while (PGnotify* const note = PQnotifies(line.get())) PQfreemem(note);
    alive = alive && PQstatus(line.get()) == CONNECTION_OK;
    if (!alive) line.reset();
  }
};

JobBell::JobBell(const DatabaseOptions& options) : state_(std::make_unique<State>()) {
  if (state_->rung < 0) throw std::runtime_error("eventfd: no descriptor is left");
  state_->options.url = options.url;
  state_->options.password = options.password;
  state_->options.application_name = options.application_name + " jobs";
  state_->options.pooled = options.pooled;
}

JobBell::~JobBell() { close(state_->rung); }

void JobBell::wait(milliseconds limit) {
  State& state = *state_;
  if (!state.line && !state.options.pooled) {
    state.line = connect(state.options);
    state.listens = state.line != nullptr;
    if (state.line) return;
  }
  if (!state.line) limit = std::min(limit, kBellFallback);
  std::array<pollfd, 2> heard = {pollfd{state.rung, POLLIN, 0}, pollfd{-1, POLLIN, 0}};
  if (state.line) heard[1].fd = PQsocket(state.line.get());
  poll(heard.data(), heard.size(), static_cast<int>(std::max(limit, milliseconds{0}).count()));
  std::uint64_t rings = 0;
  while (read(state.rung, &rings, sizeof rings) > 0) {
  }
  if (heard[1].revents != 0) state.drain();
  state.listens = state.line != nullptr;
}

void JobBell::ring() {
  const std::uint64_t once = 1;
  // Full means that it rings already.
  [[maybe_unused]] const auto written = write(state_->rung, &once, sizeof once);
}

bool JobBell::listens() const { return state_->listens; }

}  // namespace c360::store
