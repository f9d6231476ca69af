// What reading one mail costs: bytes in, values with their origins out, no server involved.
//
// BM_gmime is the yardstick: the same mail through GMime alone, decoded body included. The budget
// of the whole path is a small multiple of it.
#include <benchmark/benchmark.h>
#include <gmime/gmime.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "parsers/mime_reader.h"
#include "parsers/prepared_text.h"
#include "parsers/rule_match.h"
#include "parsers/rule_set.h"

namespace {

using namespace c360;

const std::string kRoot = C360_SOURCE_DIR;

std::string sample(const std::string& name) {
  std::ifstream in(kRoot + "/tests/fixtures/samples/" + name + ".eml", std::ios::binary);
  if (!in) std::abort();
  return {std::istreambuf_iterator<char>(in), {}};
}

std::shared_ptr<const parsers::RuleSet> rules() {
  auto loaded = parsers::RuleSet::load_folder(kRoot + "/parsers/rules");
  if (!loaded) std::abort();
  return *loaded;
}

void count(benchmark::State& state, const std::string& mail) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(mail.size()));
}

void gmime(benchmark::State& state, const std::string& name) {
  g_mime_init();
  const std::string mail = sample(name);
  for (auto _ : state) {
    GMimeStream* stream = g_mime_stream_mem_new_with_buffer(mail.data(), mail.size());
    GMimeParser* parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage* message = g_mime_parser_construct_message(parser, nullptr);
    if (GMimeObject* body = g_mime_message_get_body(message); body != nullptr) {
      char* text = g_mime_object_to_string(body, nullptr);
      benchmark::DoNotOptimize(text);
      g_free(text);
    }
    g_object_unref(message);
    g_object_unref(parser);
    g_object_unref(stream);
  }
  count(state, mail);
}

void read_mail(benchmark::State& state, const std::string& name) {
  const std::string mail = sample(name);
  for (auto _ : state) benchmark::DoNotOptimize(parsers::read_mail(mail));
  count(state, mail);
}

void match(benchmark::State& state, const std::string& name) {
  const std::string mail = sample(name);
  const auto set = rules();
  const parsers::ParsedMail parsed = parsers::read_mail(mail);
  for (auto _ : state) {
    const parsers::PreparedText prepared = parsers::prepare(parsed.message());
    benchmark::DoNotOptimize(parsers::match(*set, "crm", parsed.message(), prepared));
  }
  count(state, mail);
}

void whole_path(benchmark::State& state, const std::string& name) {
  const std::string mail = sample(name);
  const auto set = rules();
  for (auto _ : state) {
    const parsers::ParsedMail parsed = parsers::read_mail(mail);
    const parsers::PreparedText prepared = parsers::prepare(parsed.message());
    benchmark::DoNotOptimize(
        parsers::to_json(parsers::match(*set, "crm", parsed.message(), prepared)));
  }
  count(state, mail);
}

void load_rules(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(rules());
}

// Name and sample, the same for each step, so that the columns can be compared.
#define C360_MAILS(function)                                                 \
  BENCHMARK_CAPTURE(function, text_form, "form-price-utf8");                 \
  BENCHMARK_CAPTURE(function, koi8r_form, "form-consult-koi8r-base64");      \
  BENCHMARK_CAPTURE(function, html_form, "form-partner-html-table-cp1251");  \
  BENCHMARK_CAPTURE(function, attachment_form, "form-attachments-docx-png"); \
  BENCHMARK_CAPTURE(function, nested_poison, "poison-nested-multiparts");    \
  BENCHMARK_CAPTURE(function, many_parts_poison, "poison-ten-thousand-parts")

C360_MAILS(gmime);
C360_MAILS(read_mail);
C360_MAILS(match);
C360_MAILS(whole_path);
BENCHMARK(load_rules)->Unit(benchmark::kMillisecond);

}  // namespace
