// The helper that renders documents, as itself and behind systemd's socket, and what hostile pages
// get from it.
#include "adapters/helper_renderer.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/loopback.h"
#include "tests/support/temp_folder.h"

namespace c360::adapters {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kHelper = std::string(C360_SOURCE_DIR) + "/adapters/pdf/client360-render";

// The machine may be busy; a page alone takes about a second.
HelperRendererOptions patient(const std::string& path) {
  return {.path = path, .timeout = milliseconds{240'000}, .wait = milliseconds{240'000}};
}

class HelperRendererTest : public ::testing::Test {
 protected:
  std::string told_by(const std::string& command) const {
    std::string said;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return "popen failed";
    std::array<char, 4'096> buffer{};
    while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
      said.append(buffer.data(), got);
    }
    pclose(pipe);
    return said;
  }
  std::string text_of(const std::string& pdf) const {
    return told_by("pdftotext -layout " + folder_.write("page.pdf", pdf).string() + " -");
  }
  std::string attachments_of(const std::string& pdf) const {
    return told_by("pdfdetach -list " + folder_.write("page.pdf", pdf).string());
  }

  testing::TempFolder folder_;
  HelperRenderer renderer_{patient(kHelper)};
};

std::string why(const Result<std::string>& answer) {
  return answer ? "rendered"
                : std::string(to_string(answer.error().code)) + " " + answer.error().reason;
}

TEST_F(HelperRendererTest, AnHtmlPageBecomesAPdfWithItsTextAndThatAPicture) {
  const auto pdf = renderer_.pdf("<title>Счет</title><p>Счет на оплату № 5</p>");
  ASSERT_TRUE(pdf) << pdf.error().detail;
  EXPECT_THAT(text_of(*pdf), HasSubstr("Счет на оплату № 5"));

  const PdfSource source = [&] { return pdf; };
  const PdfSource broken = [] { return Result<std::string>("this is no PDF"); };
  const auto png = renderer_.png(source, 1, 48);
  ASSERT_TRUE(png) << png.error().detail;
  EXPECT_THAT(*png, StartsWith("\x89PNG"));
  EXPECT_EQ(why(renderer_.png(source, 2, 48)), "not_found no_such_page");
  EXPECT_EQ(why(renderer_.png(broken, 1, 48)), "validation_failed not_rendered");
  EXPECT_EQ(why(renderer_.png(source, 0, 48)), "invalid_request bad_page");
  EXPECT_EQ(why(renderer_.png(source, 1, 100'000)), "invalid_request bad_page");
}

// Every way WeasyPrint knows to fetch something, to a file and to a port of this machine.
std::string page_that_fetches(const std::string& file, const std::string& url) {
  std::string page = "<p>before</p><style>@font-face{font-family:x;src:url(" + file +
                     ")} p{font-family:x;background:url(" + url + "/bg)} @import url(" + url +
                     "/css);</style>";
  for (const std::string& target : {file, url}) {
    page += "<link rel=stylesheet href='" + target + "'><link rel=attachment href='" + target +
            "'><a rel=attachment href='" + target + "'>a</a><img src='" + target +
            "'><object data='" + target + "'></object><embed src='" + target + "'><iframe src='" +
            target +
            "'></iframe><img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' "
            "xmlns:xlink='http://www.w3.org/1999/xlink'><image xlink:href='" +
            target + "' width='9' height='9'/><use xlink:href='" + target + "#a'/></svg>\">";
  }
  return page + "<p>after</p>";
}

TEST_F(HelperRendererTest, AHostilePageReadsNoFileAndReachesNoPort) {
  const std::string secret = folder_.write("secret.txt", "a secret of the machine").string();
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = testing::loopback(0);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);

  const auto pdf = renderer_.pdf(page_that_fetches(
      "file://" + secret, "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port))));

  ASSERT_TRUE(pdf) << pdf.error().detail;
  EXPECT_THAT(text_of(*pdf), HasSubstr("after"));
  EXPECT_THAT(text_of(*pdf), ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(attachments_of(*pdf), StartsWith("0 embedded files"));
  pollfd caller{.fd = listener, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&caller, 1, 0), 0) << "somebody called";
  ::close(listener);
}

TEST_F(HelperRendererTest, APageThatWantsTheWholeMemoryIsRefused) {
  const auto pdf = renderer_.pdf("<table><tr><td colspan=100000000>x</td></tr></table>");

  EXPECT_EQ(why(pdf), "validation_failed not_rendered");
  EXPECT_THAT(pdf ? "" : pdf.error().detail, HasSubstr("memory"));
}

// Each level of boxes that bend is laid out twice for the one around it: two to the power of forty.
TEST_F(HelperRendererTest, APageThatKeepsTheProcessorBusyIsEndedByItsLimit) {
  const std::string limited =
      folder_.write("limited", "#!/bin/sh\nulimit -t 8\nexec " + kHelper + "\n").string();
  ASSERT_EQ(::chmod(limited.c_str(), 0700), 0);
  std::string page;
  for (int level = 0; level < 40; ++level) page += "<div style='display:flex'><div>";

  const auto pdf = HelperRenderer(patient(limited)).pdf(page + "x");

  EXPECT_EQ(why(pdf), "validation_failed not_rendered");
  EXPECT_THAT(pdf ? "" : pdf.error().detail, HasSubstr("time"));
}

// What code inside the helper could do, had a page brought some.
TEST_F(HelperRendererTest, AfterConfinementThereIsNoFileSocketOrProgramLeft) {
  const std::string secret = folder_.write("secret.txt", "a secret").string();
  const std::string script = folder_
                                 .write("inside.py", R"py(
import os, resource, runpy, socket, sys
helper = runpy.run_path(sys.argv[1])
helper["confine"](False)
def tried(name, action):
    try:
        action()
        print(name, "done")
    except Exception as error:
        print(name, "refused")
tried("read", lambda: open(sys.argv[2]).read())
tried("passwd", lambda: open("/etc/passwd").read())
tried("write", lambda: open("/tmp/client360-render-test", "w"))
tried("socket", lambda: socket.socket())
tried("unix", lambda: socket.socket(socket.AF_UNIX))
tried("program", lambda: os.execv("/bin/true", ["true"]))
tried("fork", lambda: os.fork() or os._exit(0))
tried("memory", lambda: bytearray(2 << 30))
print("time", resource.getrlimit(resource.RLIMIT_CPU)[1])
)py")
                                 .string();

  const std::string said = told_by("/usr/bin/python3 -I " + script + " " + kHelper + " " + secret);

  EXPECT_EQ(said,
            "read refused\npasswd refused\nwrite refused\nsocket refused\nunix refused\n"
            "program refused\nfork refused\nmemory refused\ntime 60\n");
}

TEST_F(HelperRendererTest, AHelperThatHangsIsGivenUpAndEnded) {
  const std::string hanging =
      folder_
          .write("hanging",
                 "#!/bin/sh\necho $$ > " + folder_.path().string() + "/pid\nexec sleep 600\n")
          .string();
  ASSERT_EQ(::chmod(hanging.c_str(), 0700), 0);
  HelperRendererOptions options = patient(hanging);
  options.timeout = milliseconds{2'000};

  EXPECT_EQ(why(HelperRenderer(options).pdf("x")), "timeout renderer_slow");

  std::ifstream file(folder_.path() / "pid");
  int pid = 0;
  if (file >> pid) {
    EXPECT_NE(::kill(pid, 0), 0) << "it still runs";
  }
}

TEST_F(HelperRendererTest, WhatIsCutShortOrTooLargeIsNoDocument) {
  const auto helper_that_says = [&](const std::string& what) {
    const std::string path = folder_.write("says", "#!/bin/sh\ncat > /dev/null\n" + what).string();
    ::chmod(path.c_str(), 0700);
    HelperRendererOptions options = patient(path);
    options.max_bytes = 1'000;
    return HelperRenderer(options).pdf("x");
  };

  // What stops before its end was ended by somebody; a fault of a library is the page's doing.
  EXPECT_EQ(why(helper_that_says("printf '%%PDF-1.7 half'")), "unavailable renderer_cut_off");
  EXPECT_EQ(why(helper_that_says("")), "unavailable renderer_cut_off");
  EXPECT_EQ(why(helper_that_says("kill -9 $$")), "unavailable renderer_cut_off");
  EXPECT_EQ(why(helper_that_says("kill -SEGV $$")), "validation_failed not_rendered");
  EXPECT_EQ(why(helper_that_says("printf 'error: no'")), "validation_failed not_rendered");
  EXPECT_EQ(why(helper_that_says("head -c 5000 /dev/zero")), "validation_failed not_rendered");
  EXPECT_EQ(why(helper_that_says("printf '%%PDF-1.7\\n%%%%EOF\\n'")), "rendered");
}

TEST_F(HelperRendererTest, AHelperThatIsNotThereOrBusyIsToldSo) {
  EXPECT_EQ(why(HelperRenderer(patient("/nonexistent/render.sock")).pdf("x")),
            "unavailable renderer_away");
  const std::string text = folder_.write("text", "no program").string();
  EXPECT_EQ(why(HelperRenderer(patient(text)).pdf("x")), "unavailable renderer_away");

  const std::string fifo = (folder_.path() / "go").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string slow =
      folder_.write("slow", "#!/bin/sh\nread x < " + fifo + "\nprintf '%%PDF-1.7\\n%%%%EOF\\n'\n")
          .string();
  ASSERT_EQ(::chmod(slow.c_str(), 0700), 0);
  HelperRendererOptions options = patient(slow);
  options.at_once = 1;
  options.wait = milliseconds{0};
  const HelperRenderer renderer(options);
  std::string first;
  std::thread other([&] { first = why(renderer.pdf("x")); });
  std::ofstream go(fifo);  // opens when the helper reads: the place is taken
  EXPECT_EQ(why(renderer.pdf("x")), "unavailable renderer_busy");
  go << "go" << std::endl;
  other.join();
  EXPECT_EQ(first, "rendered");
}

// Whoever asked goes away while the helper works, and while another one has the place.
TEST_F(HelperRendererTest, WhatNobodyWaitsForIsBrokenOffAndItsHelperEnded) {
  const std::string fifo = (folder_.path() / "begun").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string hanging =
      folder_.write("hanging", "#!/bin/sh\necho $$ > " + fifo + "\nexec sleep 600\n").string();
  ASSERT_EQ(::chmod(hanging.c_str(), 0700), 0);
  HelperRendererOptions options = patient(hanging);
  options.at_once = 1;
  const HelperRenderer renderer(options);
  std::atomic<bool> gone{false};
  std::string first;
  std::thread other([&] { first = why(renderer.pdf("x", [&] { return gone.load(); })); });
  std::ifstream begun(fifo);  // opens when the helper writes: the place is taken
  int pid = 0;
  begun >> pid;
  bool read = false;

  EXPECT_EQ(why(renderer.png(
                [&] {
                  read = true;
                  return Result<std::string>("%PDF");
                },
                1, 48, [] { return true; })),
            "unavailable rendering_given_up");
  gone = true;
  other.join();

  EXPECT_FALSE(read) << "a PDF is read before there is a place for it";
  EXPECT_EQ(first, "unavailable rendering_given_up");
  ASSERT_GT(pid, 0);
  EXPECT_NE(::kill(pid, 0), 0) << "it still runs";
}

TEST_F(HelperRendererTest, WhichRestraintsTheMachineLacksIsTold) {
  const auto missing = renderer_.missing_restraints();
  ASSERT_TRUE(missing) << missing.error().detail;
  // What the helper could not give up here it says; the rest of it was tried above.
  for (const std::string& each : *missing) EXPECT_THAT(each, HasSubstr("kernel"));
  const auto lacking = folder_.write(
      "lacking", "#!/bin/sh\ncat > /dev/null\nprintf 'restraints\nmissing: one\nend\n'\n");
  ASSERT_EQ(::chmod(lacking.c_str(), 0700), 0);
  const auto told = HelperRenderer(patient(lacking.string())).missing_restraints();
  ASSERT_TRUE(told) << told.error().detail;
  EXPECT_THAT(*told, ::testing::ElementsAre("one"));
}

TEST_F(HelperRendererTest, BehindASocketSystemdStartsOneForEachPage) {
  const std::string socket = (folder_.path() / "render.sock").string();
  std::string listen = "--listen=" + socket;
  std::string helper = kHelper;
  std::array<std::string, 3> words{"systemd-socket-activate", "--accept", "--inetd"};
  const std::array<char*, 6> arguments{words[0].data(), listen.data(), words[1].data(),
                                       words[2].data(), helper.data(), nullptr};
  pid_t server = -1;
  ASSERT_EQ(::posix_spawnp(&server, arguments[0], nullptr, nullptr, arguments.data(), environ), 0);
  for (int tries = 0; !std::filesystem::exists(socket) && tries < 6'000; ++tries) {
    ::poll(nullptr, 0, 10);
  }
  const HelperRenderer renderer(patient(socket));

  const auto pdf = renderer.pdf("<p>Акт № 7</p>");
  ::kill(server, SIGTERM);
  ::waitpid(server, nullptr, 0);

  ASSERT_TRUE(pdf) << pdf.error().detail;
  EXPECT_THAT(text_of(*pdf), HasSubstr("Акт № 7"));
}

}  // namespace
}  // namespace c360::adapters
