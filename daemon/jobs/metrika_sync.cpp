#include "daemon/jobs/metrika_sync.h"

#include "daemon/base/json_lookup.h"
#include "store/job_payload.h"
#include "store/operations/request_sources.h"

namespace c360::daemon {

namespace {

using adapters::NoAnswer;
using adapters::Outcome;
using std::chrono::steady_clock;
using store::Actor;
using store::Sourceless;

constexpr int kPage = 100;
constexpr int kBadRequest = 400;

// Metrika has nothing to say of this visitor; it says nothing of the others.
bool is_no_data(const NoAnswer& none) {
  return none.outcome == Outcome::not_found ||
         (none.outcome == Outcome::permanent &&
          (none.http_status == kBadRequest || none.reason == "bad_id"));
}

bool is_malformed(const adapters::CallResult<adapters::TrafficSource>& found) {
  return !found && found.error().reason == "malformed";
}

class MetrikaSync {
 public:
  MetrikaSync(const MetrikaSyncPorts& ports, JobRun& run)
      : ports_(ports), run_(run), ends_(steady_clock::now() + ports.slice) {
    const auto payload = Json::parse(run.job().payload);
    if (!payload) return;
    place_ = text_of(*payload, "place");
    done_ = static_cast<std::int64_t>(offset_of(*payload, "done"));
  }

  Result<JobYield> work() {
    records_ = ports_.records();
    if (!records_) return fail(ErrorCode::unavailable, "the records are being replaced");
    auto codes = store::request_source_codes(ports_.database);
    if (!codes) return std::unexpected(codes.error());
    codes_ = std::move(*codes);
    auto refusal = look_up_all();
    if (!refusal) return std::unexpected(refusal.error());
    // No answer would be asked for a second time: the job waits as any other does.
    if (*refusal && without_.empty()) return std::unexpected(std::move(**refusal));
    // Otherwise this run is over, and the next one begins with what was answered now counted: tried
    // again it would spend the quota of the day on the same questions.
    for (const Sourceless& record : without_) {
      if (auto done = apply(record, nullptr); !done) return std::unexpected(done.error());
    }
    if (*refusal) went_wrong(**refusal);
    if (is_over_ && !*refusal) return later();
    return yield_;
  }

 private:
  // The rest is another piece of the job.
  Result<JobYield> later() {
    JsonWriter json;
    json.begin_object().member("place", place_).member("done", done_).end_object();
    if (auto kept = store::keep_job_payload(ports_.database, run_.job(), json.take()); !kept)
      return std::unexpected(kept.error());
    yield_.again_after = std::chrono::milliseconds{0};
    return yield_;
  }

  // Why nobody is asked any more; nothing: all were, or the time of this piece is over.
  Result<std::optional<Error>> look_up_all() {
    for (int found = kPage; found == kPage && !is_over_;) {
      const auto page = store::sourceless_records(ports_.database, place_, kPage);
      if (!page) return std::unexpected(page.error());
      found = static_cast<int>(page->size());
      for (const Sourceless& record : *page) {
        if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
        auto refusal = look_up(record);
        if (!refusal || *refusal) return refusal;
        place_ = record.place;
        ++yield_.processed;
        ++done_;
        is_over_ = steady_clock::now() >= ends_;
        if (is_over_) break;
      }
      if (auto shown = run_.progress(done_); !shown) return std::unexpected(shown.error());
    }
    return std::nullopt;
  }

  Result<std::optional<Error>> look_up(const Sourceless& record) {
    const int attempt = run_.job().attempts;
    auto found = ask(record, attempt);
    // Twice no answer is the end of this one only (adapters.md, 0.1).
    if (is_malformed(found)) found = ask(record, attempt + 1);
    if (found) {
      if (auto done = apply(record, &*found); !done) return std::unexpected(done.error());
      return std::nullopt;
    }
    // The call was ended because the run is to end.
    if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
    if (is_no_data(found.error())) {
      without_.push_back(record);
    } else if (is_malformed(found)) {
      went_wrong(adapters::to_error(found.error(), ports_.clock.now()));
    } else {
      return run_.unanswered(found.error(), ports_.clock.now());
    }
    return std::nullopt;
  }

  adapters::CallResult<adapters::TrafficSource> ask(const Sourceless& record, int attempt) {
    return ports_.sources.first_source(record.client_id, record.received,
                                       record.kind + " " + std::to_string(record.id), attempt);
  }

  void went_wrong(const Error& error) {
    ++yield_.failed;
    if (!yield_.trouble) yield_.trouble = error;
  }

  // The source found, or that there is none.
  Result<void> apply(const Sourceless& record, const adapters::TrafficSource* found) {
    auto done = store::in_transaction(
        ports_.database, store::Pool::work, [&](store::Transaction& tx) -> Result<void> {
          run_.check(tx);
          if (found)
            return store::set_request_source(*records_, tx, record, code_of(*found), actor());
          auto noted = store::note_no_source(*records_, tx, record, actor());
          return noted ? Result<void>{} : std::unexpected(noted.error());
        });
    if (done) return {};
    // Somebody was faster: the next run sees what is left to do.
    if (done.error().code == ErrorCode::precondition_failed ||
        done.error().code == ErrorCode::not_found)
      return {};
    if (done.error().temporary() || done.error().reason == "lease_lost") return done;
    went_wrong(done.error());
    return {};
  }

  std::string code_of(const adapters::TrafficSource& source) const {
    return source.request_source([this](std::string_view code) { return codes_.contains(code); });
  }
  static Actor actor() { return Actor::system("job"); }

  const MetrikaSyncPorts& ports_;
  JobRun& run_;
  std::shared_ptr<store::Records> records_;
  std::set<std::string, std::less<>> codes_;
  std::vector<Sourceless> without_;
  const steady_clock::time_point ends_;
  bool is_over_ = false;   // the time of this piece
  std::string place_;      // behind the record asked about last
  std::int64_t done_ = 0;  // of all pieces
  JobYield yield_;
};

}  // namespace

void add_metrika_jobs(JobHandlers& handlers, const MetrikaSyncPorts& ports) {
  handlers["metrica_source_sync"] = [ports](JobRun& run) -> Result<JobYield> {
    if (!ports.sources.options().is_on()) return JobYield{};
    return MetrikaSync(ports, run).work();
  };
}

}  // namespace c360::daemon
