#include "tests/support/temp_postgres.h"
#include "tests/support/loopback.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "store/migrator.h"

namespace c360::testing {
namespace {

using std::chrono::steady_clock;

constexpr const char* kBinaries = "/usr/lib/postgresql/15/bin/";
constexpr std::chrono::seconds kStartLimit{60};
constexpr const char* kTemplate = "c360_template";

// The OS user the server runs as: ourselves, or `postgres` where we are root.
const passwd* server_user() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) throw std::runtime_error("no OS user `postgres` to run the server as");
  return user;
}

// Between fork and exec: only system calls.
void become(const passwd* user) {
  if (user == nullptr) return;
  const gid_t group = user->pw_gid;
  if (setgroups(1, &group) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
    _exit(126);
  }
}

pid_t spawn(const std::vector<std::string>& command, const std::string& log, bool dies_with_us) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const passwd* user = server_user();
  const pid_t parent = getpid();

  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child > 0) return child;
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int input = open("/dev/null", O_RDONLY);
  if (input < 0 || output < 0) _exit(124);
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // tests block signals; the server needs them
  setpgid(0, 0);                             // Ctrl-C is for the test
  become(user);
  // After the change of user, which clears it. SIGQUIT: immediate shutdown.
  if (dies_with_us && (prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0 || getppid() != parent)) _exit(125);
  execv(arguments[0], arguments.data());
  _exit(127);
}

// Where the cluster lies: in memory where there is room for a few, since a test copies a database
// of a thousand files; on the disk one that shall survive, and where TMPDIR says.
std::string base_folder(bool durable) {
  constexpr std::uintmax_t kRoom = std::uintmax_t{4} << 30;
  const std::string memory = "/dev/shm";
  std::error_code none;
  if (const char* base = std::getenv("TMPDIR")) return base;
  const auto room = std::filesystem::space(memory, none).available;
  const bool fits = !none && room >= kRoom && access(memory.c_str(), W_OK) == 0;
  return fits && !durable ? memory : "/tmp";
}

const void* current_test() { return ::testing::UnitTest::GetInstance()->current_test_info(); }

void wait_for(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
}

// 0 when there is no such process or it is only waiting to be reaped.
pid_t parent_of(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto name_end = text.rfind(')');  // the name may hold blanks and parentheses
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(text.substr(name_end + 1));
  char state = 0;
  pid_t parent = 0;
  rest >> state >> parent;
  return state == 'Z' || state == 'X' ? 0 : parent;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t process = std::atoi(entry.path().filename().c_str());
    if (process > 0 && parent_of(process) == parent) children.push_back(process);
  }
  return children;
}

std::uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw std::runtime_error("no socket");
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  const bool bound = bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(descriptor);
  if (!bound) throw std::runtime_error("no free TCP port");
  return ntohs(address.sin_port);
}

struct Close {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};

std::unique_ptr<PGresult, Close> run(const std::string& url, const std::string& sql) {
  const std::unique_ptr<PGconn, Close> connection(PQconnectdb(url.c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  std::unique_ptr<PGresult, Close> result(PQexec(connection.get(), sql.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(sql.substr(0, 200) + ": " + PQerrorMessage(connection.get()));
  }
  return result;
}

}  // namespace

TempPostgres::TempPostgres(TempPostgresOptions options) : options_(std::move(options)) {
  std::string pattern = base_folder(options_.durable) + "/c360-pg-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed: " + pattern);
  folder_ = pattern;
  if (const passwd* user = server_user()) {
    if (chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
      throw std::runtime_error("chown failed: " + folder_);
    }
  }
  chmod(folder_.c_str(), 0755);
  start_guard();
  if (options_.tcp) port_ = free_port();
  initialise();
  start();
}

TempPostgres::~TempPostgres() {
  if (postmaster_ > 0) {
    ::kill(postmaster_, SIGQUIT);
    wait_for(postmaster_);
  }
  close(guard_pipe_);  // the guard removes the folder
  wait_for(guard_);
}

TempPostgres& TempPostgres::shared() {
  static TempPostgres one;
  return one;
}

// A shell that waits for our end of a pipe to close, which happens however we end, and cleans up.
// In a session of its own, so that what kills a test's process group spares it.
void TempPostgres::start_guard() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  guard_pipe_ = ends[1];
  const std::string script =
      "cat >/dev/null; p=$(head -n 1 '" + folder_ + "/data/postmaster.pid' 2>/dev/null); " +
      "[ -n \"$p\" ] && kill -QUIT \"$p\" 2>/dev/null; " +
      "for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf '" + folder_ + "' && break; sleep 0.2; done";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string text = script;
  char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  const int failed = posix_spawn(&guard_, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[0]);
  if (failed != 0) throw std::runtime_error("no guard for the temporary server");
}

void TempPostgres::initialise() const {
  // The server's user need not be able to read where we were built.
  if (options_.fillable) std::filesystem::copy_file(C360_FULL_DISK, folder_ + "/full_disk.so");
  if (options_.standby_of != nullptr) {
    copy_primary();
  } else {
    const pid_t child =
        spawn({std::string(kBinaries) + "initdb", "-D", folder_ + "/data", "-U", "postgres", "-A",
               "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"},
              folder_ + "/log", /*dies_with_us=*/true);
    wait_for(child);
  }
  write_settings();
}

// -R writes standby.signal and where the primary is.
void TempPostgres::copy_primary() const {
  const TempPostgres& primary = *options_.standby_of;
  const pid_t child = spawn({std::string(kBinaries) + "pg_basebackup", "-D", folder_ + "/data",
                             "-h", primary.folder_, "-p", std::to_string(primary.port_), "-U",
                             "postgres", "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"},
                            folder_ + "/log", /*dies_with_us=*/true);
  wait_for(child);
}

// The last line of a name counts.
void TempPostgres::write_settings() const {
  std::ofstream settings(folder_ + "/data/postgresql.auto.conf", std::ios::app);
  settings << "unix_socket_directories = '" << folder_ << "'\n"
           << "listen_addresses = '" << (options_.tcp ? "127.0.0.1" : "") << "'\n"
           << "port = " << port_ << "\nmax_connections = 100\nshared_buffers = 64MB\n"
           << "log_min_messages = warning\nlog_destination = stderr\nlogging_collector = off\n"
           << "wal_level = minimal\nmax_wal_senders = 0\n";
  if (!options_.durable) {
    settings << "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n";
  }
  for (const std::string& line : options_.settings) settings << line << "\n";
  settings.flush();
  if (!settings) throw std::runtime_error("initdb failed:\n" + log());
}

void TempPostgres::start() {
  std::vector<std::string> command = {std::string(kBinaries) + "postgres", "-D", folder_ + "/data"};
  if (options_.fillable)
    command.insert(command.begin(), {"/usr/bin/env", "LD_PRELOAD=" + folder_ + "/full_disk.so",
                                     "C360_FULL_DISK=" + folder_ + "/full"});
  postmaster_ = spawn(command, folder_ + "/log", /*dies_with_us=*/true);
  const std::string where = url();
  for (const auto limit = steady_clock::now() + kStartLimit; steady_clock::now() < limit;) {
    if (PQping(where.c_str()) == PQPING_OK) return;
    int status = 0;
    if (waitpid(postmaster_, &status, WNOHANG) == postmaster_) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  postmaster_ = 0;
  throw std::runtime_error("the temporary PostgreSQL did not start:\n" + log());
}

void TempPostgres::stop() {
  if (postmaster_ <= 0) return;
  ::kill(postmaster_, SIGINT);
  wait_for(postmaster_);
  postmaster_ = 0;
}

void TempPostgres::kill() {
  if (postmaster_ <= 0) return;
  // Stopped first, so that it starts no new backend while we look for those it has.
  ::kill(postmaster_, SIGSTOP);
  const std::vector<pid_t> backends = children_of(postmaster_);
  ::kill(postmaster_, SIGKILL);
  for (const pid_t backend : backends) ::kill(backend, SIGKILL);
  wait_for(postmaster_);
  postmaster_ = 0;
  // A new postmaster refuses the folder while an old backend holds the shared memory.
  for (const pid_t backend : backends) {
    while (parent_of(backend) > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void TempPostgres::become_read_only() {
  const std::ofstream signal(folder_ + "/data/standby.signal");
  if (!signal) throw std::runtime_error("no standby.signal in " + folder_);
}

void TempPostgres::fill_disk(bool full) const {
  const std::string flag = folder_ + "/full";
  if (full) {
    const std::ofstream made(flag);
  } else {
    std::filesystem::remove(flag);
  }
}

void TempPostgres::promote() { run(url(), "SELECT pg_promote(true, 60)"); }

std::string TempPostgres::log() const {
  std::ifstream file(folder_ + "/log");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string TempPostgres::url(std::string_view database, std::string_view user) const {
  return "postgresql:///" + std::string(database) + "?host=" + folder_ +
         "&port=" + std::to_string(port_) + "&user=" + std::string(user);
}

std::string TempPostgres::tcp_url(std::string_view database, std::string_view user) const {
  if (!options_.tcp) throw std::logic_error("this TempPostgres has no TCP port");
  return "postgresql://" + std::string(user) + "@127.0.0.1:" + std::to_string(port_) + "/" +
         std::string(database);
}

std::string TempPostgres::create_database() {
  {
    const std::scoped_lock lock(mutex_);
    if (!template_ready_) {
      run(url(), std::string("CREATE DATABASE ") + kTemplate);
      const Log log(LogTarget::none);
      Metrics metrics;
      const Observer observer(log, metrics);
      auto applied = store::Migrator({.url = url(kTemplate)}, observer).apply();
      if (!applied) throw std::runtime_error("migrations: " + applied.error().detail);
      template_ready_ = true;
    }
  }
  return create_database_from(kTemplate);
}

std::string TempPostgres::create_empty_database() { return create_database_from("template1"); }

std::string TempPostgres::create_database_from(const std::string& source) {
  const std::scoped_lock lock(mutex_);
  drop_databases_of_ended_tests();
  const std::string name = "test_" + std::to_string(++databases_);
  run(url(), "CREATE DATABASE " + name + " TEMPLATE " + source +
                 (options_.durable ? "" : " STRATEGY file_copy"));
  lying_.push_back({name, current_test()});
  return url(name);
}

// At once, while the kernel has not written them to the disk yet: two hundred left lying are
// 200,000 files, and removing those took minutes after the last test.
void TempPostgres::drop_databases_of_ended_tests() {
  const void* now = current_test();
  std::erase_if(lying_, [&](const Made& made) {
    const bool is_over = made.test != nullptr && made.test != now;
    if (is_over) run(url(), "DROP DATABASE IF EXISTS " + made.name + " WITH (FORCE)");
    return is_over;
  });
}

store::DatabaseOptions TempPostgres::create_options() {
  store::DatabaseOptions options;
  options.url = create_database();
  return options;
}

void TempPostgres::execute(const std::string& where, const std::string& sql) const {
  run(where, sql);
}

std::vector<std::string> TempPostgres::query(const std::string& where,
                                             const std::string& sql) const {
  const auto result = run(where, sql);
  std::vector<std::string> values;
  values.reserve(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    values.emplace_back(PQgetvalue(result.get(), row, 0));
  }
  return values;
}

}  // namespace c360::testing
