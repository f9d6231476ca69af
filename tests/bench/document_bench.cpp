// What a generated document costs, and what it looks like: pages filled and printed by the helper,
// documents a minute. With a folder as its argument it paints the first and last pages of the
// samples of docs/ there and fills the Word files beside them.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "adapters/helper_renderer.h"
#include "store/documents/docx.h"
#include "store/documents/shipped_templates.h"
#include "tests/support/document_samples.h"

namespace {

using namespace c360;

using testing::content_of;
using testing::document_samples;
using testing::DocumentSample;
using testing::page_of;

constexpr int kDotsPerInch = 96;

void paint(const adapters::HelperRenderer& renderer, const std::string& folder) {
  for (const DocumentSample& sample : document_samples()) {
    const auto docx = store::fill_docx(store::shipped_docx(sample.code), content_of(sample));
    std::ofstream(folder + "/" + sample.name + ".docx", std::ios::binary) << *docx;
    const auto pdf = renderer.pdf(page_of(sample));
    if (!pdf) {
      std::printf("%s: %s\n", sample.name.c_str(), pdf.error().detail.c_str());
      continue;
    }
    std::vector<std::string> pages;
    while (auto png = renderer.png([&] { return pdf; }, static_cast<int>(pages.size()) + 1,
                                   kDotsPerInch)) {
      pages.push_back(std::move(*png));
    }
    // Those between look like one another.
    for (const std::size_t page : {std::size_t{1}, pages.size()}) {
      std::ofstream(folder + "/" + sample.name + "-page-" + std::to_string(page) + ".png",
                    std::ios::binary)
          << pages.at(page - 1);
    }
  }
}

void measure(const adapters::HelperRenderer& renderer, const DocumentSample& sample, int at_once) {
  constexpr int kDocuments = 12;
  const std::string page = page_of(sample);
  std::atomic<int> next{0};
  std::atomic<int> failed{0};
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < at_once; ++i) {
    threads.emplace_back([&] {
      while (next++ < kDocuments) failed += renderer.pdf(page) ? 0 : 1;
    });
  }
  for (std::thread& each : threads) each.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%-31s %d at once: %6.1f documents a minute, %d failed\n", sample.name.c_str(),
              at_once, kDocuments * 60 / took.count(), failed.load());
}

}  // namespace

int main(int count, char** arguments) {
  const adapters::HelperRenderer renderer(
      {.path = std::string(C360_SOURCE_DIR) + "/adapters/pdf/client360-render",
       .wait = std::chrono::minutes{10}});
  if (count > 1) {
    paint(renderer, arguments[1]);
    return 0;
  }
  for (const DocumentSample& sample : {document_samples()[0], document_samples()[1]}) {
    for (const int at_once : {1, 2}) measure(renderer, sample, at_once);
  }
}
