"""Breaks every rule of the checks in cmake/ once, in a small tree of its own, and sees it reported."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKS = Path(__file__).resolve().parents[2] / "cmake"


class check_case(unittest.TestCase):
    """A temporary repository that starts without faults."""

    script = ""
    faultless = {}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name, text in self.faultless.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def run_check(self, *options):
        return subprocess.run([sys.executable, CHECKS / self.script, *options, self.root],
                              capture_output=True, text=True, check=False)

    def assert_passes(self, last_line, *options):
        done = self.run_check(*options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], last_line)

    def assert_only_fault(self, fault):
        done = self.run_check()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[:-1], fault.splitlines())
        self.assertRegex(done.stdout, r"1 (breaches|faults)\n$")


def header(*lines):
    return "\n".join(["#pragma once", *lines, ""])


class layers(check_case):
    script = "check_layers.py"
    faultless = {
        "include/keel/version.hpp": header(),
        "include/keel/keel.hpp": header("#include <keel/retry.hpp>", "#include <keel/async/run.hpp>"),
        "include/keel/retry.hpp": header("#include <keel/policy/retry.hpp>"),
        "include/keel/core/time.hpp": header("#include <chrono>", "#include <keel/version.hpp>"),
        "include/keel/policy/retry.hpp": header(
            "#include <keel/core/time.hpp>",
            "#include <keel/policy/parts/backoff.hpp>",
            "/* Not code: #include <mutex>",
            "#include <mutex> and steady_clock::now() */",
            'inline char const* text = "using namespace std; // steady_timer";',
            "inline int thousands = 1'000'000; // parallel_group, boost::asio::detail"),
        "include/keel/policy/parts/backoff.hpp": header("#include <boost/system/error_code.hpp>"),
        "include/keel/async/run.hpp": header(
            "#include <boost/asio/awaitable.hpp>", "#include <mutex>", "namespace keel::detail {}"),
        "include/keel/telemetry/sink.hpp": header("#include <keel/core/time.hpp>"),
        "include/keel/telemetry/spdlog_sink.hpp": header("#include <spdlog/logger.h>"),
        "include/keel/pipeline/pipeline.hpp": header("#include <keel/async/run.hpp>"),
        "include/keel/testing/virtual_time.hpp": header("#include <keel/pipeline/pipeline.hpp>"),
        "src/policy/retry.cpp": '#include <keel/policy/retry.hpp>\n#include "tables.hpp"\nusing namespace std;\n',
        "src/policy/tables.hpp": header(),
        "include/keel/async/detail/one_thread.hpp": header("#include <sys/single_threaded.h>"),
        "src/telemetry/spdlog_sink.cpp": "#include <spdlog/spdlog.h>\n",
        "src/async/time_source.cpp": "#include <boost/asio/steady_timer.hpp>\nauto t = steady_clock::now();\n",
        "src/http/client.cpp": "#include <boost/beast/http.hpp>\n#include <openssl/ssl.h>\n",
    }

    def assert_breach(self, name, line, why):
        """`line` is the second line of the file."""
        self.write(name, header(line))
        self.assert_only_fault(f"{name}:2: {why}")

    def assert_forbidden(self, including, included):
        layer = including.split("/")[-2]
        self.assert_breach(including, f"#include <{included}>", f"layer `{layer}` must not include `{included}`")

    def test_a_tree_that_keeps_the_rules_passes(self):
        self.assert_passes(f"layers: {len(self.faultless)} files, 0 breaches")

    def test_an_empty_tree_does_not_pass(self):
        self.root = self.root / "nowhere"
        self.assertRegex(self.run_check().stderr, r"^layers: no ")

    def test_core_includes_only_itself(self):
        self.assert_forbidden("include/keel/core/x.hpp", "keel/policy/retry.hpp")

    def test_core_does_not_include_asio(self):
        self.assert_forbidden("src/core/x.cpp", "boost/asio/awaitable.hpp")

    def test_no_layer_includes_posix(self):
        headers = ["unistd.h", "fcntl.h", "poll.h", "pthread.h", "semaphore.h", "netdb.h", "sys/socket.h",
                   "sys/epoll.h", "netinet/in.h", "arpa/inet.h", "linux/io_uring.h"]
        for layer in "core", "policy", "async", "pipeline", "telemetry", "testing":
            for name in headers:
                with self.subTest(layer=layer, name=name):
                    self.assert_forbidden(f"src/{layer}/x.cpp", name)
            (self.root / f"src/{layer}/x.cpp").unlink()

    def test_posix_is_seen_through_blanks_and_quotes(self):
        self.assert_breach("include/keel/async/x.hpp", ' #  include "sys/socket.h"',
                           "layer `async` must not include `sys/socket.h`")

    def test_policy_does_not_include_async(self):
        self.assert_forbidden("src/policy/x.cpp", "keel/async/run.hpp")

    def test_policy_does_not_include_asio(self):
        self.assert_forbidden("include/keel/policy/x.hpp", "boost/asio/awaitable.hpp")

    def test_async_does_not_include_pipeline(self):
        self.assert_forbidden("src/async/x.cpp", "keel/pipeline/pipeline.hpp")

    def test_async_does_not_include_beast(self):
        self.assert_forbidden("src/async/x.cpp", "boost/beast/core.hpp")

    def test_pipeline_does_not_include_http(self):
        self.assert_forbidden("src/pipeline/x.cpp", "keel/http/client.hpp")

    def test_telemetry_does_not_include_policy(self):
        self.assert_forbidden("include/keel/telemetry/x.hpp", "keel/policy/retry.hpp")

    def test_telemetry_does_not_include_asio(self):
        self.assert_forbidden("src/telemetry/x.cpp", "boost/asio/awaitable.hpp")

    def test_spdlog_stays_in_its_sink(self):
        self.assert_forbidden("include/keel/telemetry/x.hpp", "spdlog/logger.h")

    def test_spdlog_stays_in_telemetry(self):
        self.assert_forbidden("src/pipeline/x.cpp", "spdlog/spdlog.h")

    def test_one_file_knows_the_number_of_threads(self):
        self.assert_forbidden("src/async/x.cpp", "sys/single_threaded.h")

    def test_http_does_not_include_testing(self):
        self.assert_forbidden("src/http/x.cpp", "keel/testing/virtual_time.hpp")

    def test_config_does_not_include_http(self):
        self.assert_forbidden("src/config/x.cpp", "keel/http/client.hpp")

    def test_store_does_not_include_pipeline(self):
        self.assert_forbidden("src/store/x.cpp", "keel/pipeline/pipeline.hpp")

    def test_testing_is_seen_by_no_layer(self):
        self.assert_forbidden("src/async/x.cpp", "keel/testing/virtual_time.hpp")

    def test_testing_is_seen_by_no_flat_header(self):
        self.assert_breach("include/keel/x.hpp", "#include <keel/testing/virtual_time.hpp>",
                           "layer `flat` must not include `keel/testing/virtual_time.hpp`")

    def test_our_own_files_include_no_flat_header(self):
        self.assert_breach("src/pipeline/x.cpp", "#include <keel/retry.hpp>",
                           "layer `pipeline` must not include `keel/retry.hpp`: flat headers are for users")

    def test_a_private_header_belongs_to_its_layer(self):
        self.write("src/async/loop.hpp", header())
        self.assert_breach("src/policy/x.cpp", '#include "../async/loop.hpp"',
                           "layer `policy` must not include `../async/loop.hpp`")

    def test_an_unknown_folder_is_a_breach(self):
        self.write("src/extras/x.cpp", "")
        self.assert_only_fault("src/extras/x.cpp:1: folder `extras` has no row in cmake/check_layers.py")

    def test_no_locks_threads_and_random_devices_below_async(self):
        for name in "thread", "mutex", "atomic", "random", "shared_mutex", "condition_variable":
            self.assert_breach("src/core/x.cpp", f"#include <{name}>",
                               f"`<{name}>`: core and policy know no threads, locks or random devices")

    def test_no_clock_is_read_below_async(self):
        self.assert_breach("src/policy/x.cpp", "auto t = system_clock::now();",
                           "`::now(`: core and policy are told the time, they do not ask")

    def test_no_beast_in_public_headers(self):
        self.assert_breach("include/keel/http/x.hpp", "#include <boost/beast/core.hpp>",
                           "`boost/beast`: Beast stays out of public headers")

    def test_no_openssl_in_public_headers(self):
        self.assert_breach("include/keel/http/x.hpp", "#include <openssl/ssl.h>",
                           "`openssl/`: OpenSSL stays out of public headers")

    def test_no_asio_ssl_in_public_headers(self):
        self.assert_breach("include/keel/http/x.hpp", "#include <boost/asio/ssl.hpp>",
                           "`boost/asio/ssl`: OpenSSL stays out of public headers")

    def test_not_all_of_asio(self):
        self.assert_breach("src/http/x.cpp", "#include <boost/asio.hpp>",
                           "`boost/asio.hpp`: include the Asio headers that are used, not all of them")

    def test_only_what_asio_documents(self):
        for word in "asio::detail", "asio :: detail", "asio::experimental::detail":
            self.assert_breach("include/keel/async/x.hpp", f"boost::{word}::mutex m;",
                               f"`{word}`: only what Asio documents")

    def test_no_header_of_asios_own(self):
        for folder in "boost/asio/detail/", "boost/asio/impl/":
            self.assert_breach("src/async/x.cpp", f"#include <{folder}x.hpp>",
                               f"`{folder}`: only what Asio documents")

    def test_pragma_once_in_public_headers(self):
        self.write("include/keel/core/x.hpp", "// #pragma once\n")
        self.assert_only_fault("include/keel/core/x.hpp:1: no `#pragma once`")

    def test_no_using_namespace_in_headers(self):
        for name in "include/keel/core/x.hpp", "src/core/x.hpp":
            self.assert_breach(name, "using namespace std;", "`using namespace`: no `using namespace` in headers")
            (self.root / name).unlink()

    def test_only_the_time_source_reads_the_clock(self):
        self.assert_breach("src/pipeline/x.cpp", "auto t = std::chrono::steady_clock::now();",
                           "`steady_clock::now`: only async/time_source reads the clock")

    def test_only_the_time_source_has_a_timer(self):
        for name in "steady_timer", "basic_waitable_timer":
            self.assert_breach("src/async/x.cpp", f"boost::asio::{name} t;",
                               f"`{name}`: only async/time_source has a timer")

    def test_no_awaitable_operators_and_parallel_groups(self):
        for name in "awaitable_operators", "parallel_group":
            self.assert_breach("src/async/x.cpp", f"using experimental::{name};",
                               f"`{name}`: too slow, and loses results that race")


PAGE = """# Retry
## What it protects from
## Usage
```sh
## Options
```
## Options
## Events
## State diagram
## Mistakes to avoid
"""


class shape(check_case):
    script = "check_shape.py"
    faultless = {
        "include/keel/retry.hpp": header(),
        "include/keel/policy/gate.hpp": header(),
        "include/keel/policy/retry.hpp": header("struct retry_options", "{};", "int validate(retry_options);"),
        "include/keel/policy/parts/backoff.hpp": header(),
        "src/policy/retry.cpp": "",
        "tests/policy/retry_test.cpp": "",
        "tests/policy/parts/backoff_test.cpp": "",
        "docs/policies/retry.md": PAGE,
        "examples/patterns/retry.cpp": "",
    }

    def assert_missed(self, name, fault):
        (self.root / name).unlink()
        self.assert_only_fault(fault)

    def test_a_complete_policy_passes(self):
        self.assert_passes("shape: 1 policies, 0 faults")

    def test_a_tree_without_policies_does_not_pass(self):
        self.root = self.root / "nowhere"
        self.assertRegex(self.run_check().stderr, r"^shape: no ")

    def test_source(self):
        self.assert_missed("src/policy/retry.cpp", "policy `retry` has no source: src/policy/retry.cpp")

    def test_unit_test(self):
        self.assert_missed("tests/policy/retry_test.cpp", "policy `retry` has no test: tests/policy/retry_test.cpp")

    def test_page(self):
        self.assert_missed("docs/policies/retry.md", "policy `retry` has no page: docs/policies/retry.md")

    def test_example(self):
        self.assert_missed("examples/patterns/retry.cpp",
                           "policy `retry` has no example: examples/patterns/retry.cpp")

    def test_flat_header(self):
        self.assert_missed("include/keel/retry.hpp", "policy `retry` has no flat header: include/keel/retry.hpp")

    def test_test_of_a_part(self):
        self.assert_missed("tests/policy/parts/backoff_test.cpp",
                           "part `backoff` has no test: tests/policy/parts/backoff_test.cpp")

    def test_retry_budget_is_shown_with_retry(self):
        for name in list(self.faultless):
            if "retry" in name and "examples" not in name:
                self.write(name.replace("retry", "retry_budget"), self.read(name).replace("retry_", "retry_budget_"))
        self.assert_passes("shape: 2 policies, 0 faults")

    def test_options(self):
        self.write("include/keel/policy/retry.hpp", header("// struct retry_options", "int validate();"))
        self.assert_only_fault("include/keel/policy/retry.hpp: no `struct retry_options`")

    def test_validate(self):
        self.write("include/keel/policy/retry.hpp", header("struct retry_options {};", "/// See validate()."))
        self.assert_only_fault("include/keel/policy/retry.hpp: no `validate(`")

    def test_every_section_of_a_page(self):
        for section in PAGE.split("```")[0].splitlines()[1:] + PAGE.split("```")[2].splitlines()[1:]:
            with self.subTest(section):
                before, _, after = PAGE.rpartition(section + "\n")
                self.write("docs/policies/retry.md", before + after)
                self.assert_only_fault(f"docs/policies/retry.md: no section `{section}`")

    def test_order_of_sections(self):
        self.write("docs/policies/limits.md", PAGE + "## Usage\n")
        fault = self.run_check().stdout.splitlines()[0]
        self.assertTrue(fault.startswith("docs/policies/limits.md: sections repeated or out of order"), fault)


SOURCE = """int main()
{
    // [usage]
    if (ready) {
        // [inner]
        go();
        // [/inner]
    }

    stop();
    // [/usage]
}
"""

CUT = "if (ready) {\n    go();\n}\n\nstop();\n"


def block(text, origin="examples/patterns/retry.cpp:usage"):
    return f"Text.\n\n<!-- from {origin} -->\n```cpp\n{text}```\n\nMore.\n"


class snippets(check_case):
    script = "snippets.py"
    faultless = {
        "README.md": block(CUT),
        "docs/policies/retry.md": block("go();\n", "examples/patterns/retry.cpp:inner")
        + "````md\n```sh\n```\n```cpp\nnot a block\n```\n````\n```sh\nmake\n```\n",
        "examples/patterns/retry.cpp": SOURCE,
    }

    def test_blocks_equal_to_their_sources_pass(self):
        self.assert_passes("snippets: 2 blocks, 0 faults")

    def test_a_tree_without_readme_does_not_pass(self):
        self.root = self.root / "nowhere"
        self.assertRegex(self.run_check().stderr, r"^snippets: no ")

    def test_a_changed_line(self):
        self.write("README.md", block(CUT.replace("stop", "halt")))
        self.assert_only_fault("README.md:9: differs from examples/patterns/retry.cpp:usage\n"
                               "  document: halt();\n  source:   stop();")

    def test_lines_of_cmake(self):
        self.write("tests/consumer/CMakeLists.txt", "project(x)\n# [way]\nadd_subdirectory(keel)\n# [/way]\n")
        page = block("add_subdirectory(keel)\n", "tests/consumer/CMakeLists.txt:way").replace("```cpp", "```cmake")
        self.write("docs/x.md", page)
        self.assert_passes("snippets: 3 blocks, 0 faults")
        self.write("docs/x.md", page.replace("(keel)", "(hull)"))
        self.assert_only_fault("docs/x.md:5: differs from tests/consumer/CMakeLists.txt:way\n"
                               "  document: add_subdirectory(hull)\n  source:   add_subdirectory(keel)")

    def test_a_line_too_few(self):
        self.write("README.md", block(CUT.replace("stop();\n", "")))
        self.assert_only_fault("README.md:9: differs from examples/patterns/retry.cpp:usage\n"
                               "  document: (no line)\n  source:   stop();")

    def test_a_line_too_many(self):
        self.write("docs/deep/er.md", block(CUT + "more();\n"))
        self.assert_only_fault("docs/deep/er.md:10: differs from examples/patterns/retry.cpp:usage\n"
                               "  document: more();\n  source:   (no line)")

    def test_a_block_of_unknown_origin(self):
        for fence in "```cpp", "```c++", "   ~~~cpp":
            self.write("README.md", f"Text.\n\n{fence}\ngo();\n{fence.rstrip('cp+')}\n")
            self.assert_only_fault("README.md:3: no `<!-- from examples/FILE.cpp:TAG -->` above this block")

    def test_an_origin_that_is_not_compiled(self):
        self.write("docs/x.cpp", SOURCE)
        self.write("README.md", block(CUT, "docs/x.cpp:usage"))
        self.assert_only_fault("README.md:4: no `<!-- from examples/FILE.cpp:TAG -->` above this block")
        self.write("README.md", block(CUT, "examples/../docs/x.cpp:usage"))
        self.assert_only_fault("README.md:3: no file examples/../docs/x.cpp")

    def test_a_file_that_is_gone(self):
        self.write("README.md", block(CUT, "tests/gone.cpp:usage"))
        self.assert_only_fault("README.md:3: no file tests/gone.cpp")

    def test_a_region_that_is_gone_or_there_twice(self):
        fault = ("README.md:3: examples/patterns/x.cpp has no region `// [usage]` to `// [/usage]`, "
                 "or more than one")
        self.write("README.md", block(CUT, "examples/patterns/x.cpp:usage"))
        begin, end = "// [usage]\n", "// [/usage]\n"
        for source in "int x;\n", begin + begin + end, begin + end + end, end + begin:
            self.write("examples/patterns/x.cpp", source)
            self.assert_only_fault(fault)

    def test_a_block_that_is_never_closed(self):
        self.write("README.md", "```cpp\ngo();\n")
        self.assert_only_fault("README.md:1: this block is never closed")

    def test_fix_cuts_the_blocks_anew(self):
        self.write("README.md", block("old();\n") + block("older();\n\n") + block(CUT))
        self.assert_passes("snippets: 4 blocks, 0 faults", "--fix")
        self.assertEqual(self.read("README.md"), 3 * block(CUT))

    def test_fix_keeps_the_indentation_of_a_list(self):
        origin = "<!-- from examples/patterns/retry.cpp:usage -->"
        self.write("README.md", f"1. So:\n   {origin}\n   ```cpp\n   ```\n")
        self.assert_passes("snippets: 2 blocks, 0 faults", "--fix")
        self.assertIn("   ```cpp\n   if (ready) {\n       go();\n   }\n\n   stop();\n   ```\n", self.read("README.md"))

    def test_fix_leaves_documents_without_faults_alone(self):
        self.write("docs/x.md", "no newline at the end")
        self.assert_passes("snippets: 2 blocks, 0 faults", "--fix")
        self.assertEqual(self.read("docs/x.md"), "no newline at the end")

    def test_fix_cannot_mend_an_unknown_origin(self):
        self.write("README.md", "```cpp\ngo();\n```\n")
        self.assertEqual(self.run_check("--fix").returncode, 1)


if __name__ == "__main__":
    unittest.main()
