#!/usr/bin/env python3
"""keel-get and async_server against real sockets.

The programs come from the environment, or from the command line in this order:
http_client_test.py KEEL_GET KEEL_FLAKY_SERVER KEEL_ASYNC_SERVER
"""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest

NAMES = ["KEEL_GET", "KEEL_FLAKY_SERVER", "KEEL_ASYNC_SERVER"]
PROGRAMS = {name: os.environ.get(name) for name in NAMES}

PATIENCE = 60  # seconds for what takes milliseconds, or one or two seconds at most


def free_port():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def ask(port, path, method="GET"):
    """Status, headers and body of an answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        client.request(method, path)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        client.close()


def poll(look, wanted):
    """Looks until it is as wanted, which it must become."""
    end = time.monotonic() + PATIENCE
    while not wanted(seen := look()):
        if time.monotonic() > end:
            raise AssertionError(f"still {seen}")
    return seen


class Server:
    """flaky_server or async_server, from the moment it listens until SIGTERM."""

    def __init__(self, program, *options):
        command = [PROGRAMS[program], "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log = []
        self.reader = threading.Thread(target=lambda: self.log.append(self.process.stderr.read()))
        self.reader.start()
        line = self.process.stdout.readline()
        listening = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        if not listening:
            self.stop()
            raise AssertionError(f"found {line!r}, {self.log}")
        self.port = int(listening[1])
        self.url = f"http://127.0.0.1:{self.port}/"

    def stop(self):
        """Its exit code. What it logged is then in `log`."""
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def stats(self):
        return json.loads(ask(self.port, "/_stats")[2])


class Script:
    """A server that answers the n-th connection with the n-th text, and closes it; the last text stays."""

    def __init__(self, *texts):
        self.texts = list(texts)
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            client = self.listener.accept()[0]
            with client:
                request = self.read_request(client)
                if request == b"stop":
                    return
                self.asked.append(request)
                text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
                try:
                    client.sendall(text)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):  # closing earlier might turn the answer into a reset
                        pass
                except OSError:
                    pass  # it had heard enough

    @staticmethod
    def read_request(client):
        heard = b""
        while not heard.endswith((b"\r\n\r\n", b"stop")):
            more = client.recv(65536)
            if not more:
                break
            heard += more
        return heard

    def stop(self):
        with socket.create_connection(("127.0.0.1", self.port)) as knock:
            knock.sendall(b"stop")
            self.thread.join()
        self.listener.close()


class TestCase(unittest.TestCase):
    def flaky(self, *options):
        server = Server("KEEL_FLAKY_SERVER", *options)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0, server.log))
        return server

    def script(self, *texts):
        server = Script(*texts)
        self.addCleanup(server.stop)
        return server

    def get(self, *arguments):
        return subprocess.run([PROGRAMS["KEEL_GET"], *arguments], capture_output=True, timeout=PATIENCE)

    def expect(self, ran, code, stdout, stderr):
        """The exit code, all of stdout, and the one line on stderr."""
        line = f"keel-get: {stderr}\n" if stderr else ""
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr.decode()), (code, stdout, line))


class OneCall(TestCase):
    def test_the_body_and_nothing_else_goes_to_stdout(self):
        server = self.flaky("--body-bytes", "5")
        self.expect(self.get(server.url), 0, b"xxxxx", "")

    def test_a_body_may_be_empty_or_any_bytes(self):
        self.expect(self.get(self.flaky("--status", "204").url), 0, b"", "")
        body = bytes(range(256)) * 4096  # 1 MiB
        server = self.script(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.expect(self.get(server.url), 0, body, "")

    def test_a_body_may_come_in_chunks_or_end_with_the_connection(self):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        self.expect(self.get(self.script(chunked).url), 0, b"abcde", "")
        self.expect(self.get(self.script(b"HTTP/1.0 200 OK\r\n\r\nabc").url), 0, b"abc", "")

    def test_the_request_says_what_it_should(self):
        server = self.script(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.expect(self.get(server.url + "a/b?c=%20#d"), 0, b"", "")
        lines = server.asked[0].decode().split("\r\n")
        self.assertEqual(lines[0], "GET /a/b?c=%20 HTTP/1.1")
        self.assertIn(f"Host: 127.0.0.1:{server.port}", lines)
        self.assertIn("Connection: close", lines)

    def test_an_interim_answer_is_passed_over(self):
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        server = self.script(hints + hints + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.expect(self.get(server.url), 0, b"ok", "")

    def test_a_redirection_is_a_success_and_not_followed(self):
        server = self.script(b"HTTP/1.1 301 Moved\r\nLocation: /b\r\nContent-Length: 5\r\n\r\nmoved")
        self.expect(self.get(server.url), 0, b"moved", "")
        self.assertEqual(len(server.asked), 1)

    def test_a_host_may_be_a_name_or_an_ipv6_address(self):
        port = self.flaky("--body-bytes", "1").port
        self.expect(self.get(f"http://localhost:{port}"), 0, b"x", "")
        port = free_port()
        ran = self.get("--attempts", "1", f"http://[::1]:{port}/")
        self.assertEqual(ran.returncode, 1)
        self.assertIn(f"([::1]:{port}), after 1 attempt\n", ran.stderr.decode())

    def test_verbose_logs_to_stderr(self):
        server = self.flaky("--status", "503,200", "--body-bytes", "2")
        ran = self.get("--verbose", server.url)
        self.assertEqual((ran.returncode, ran.stdout), (0, b"xx"))
        self.assertRegex(ran.stderr.decode(), "event=retry_scheduled .*policy=retry attempt=1 next_attempt=2")


class StatusCodes(TestCase):
    def test_503_then_200_is_tried_again(self):
        server = self.flaky("--status", "503,200", "--body-bytes", "2")
        self.expect(self.get(server.url), 0, b"xx", "")
        self.assertEqual(server.stats()["requests"], 2)

    def test_500_and_503_and_429_are_tried_until_the_attempts_are_used_up(self):
        for status in ["500", "503", "429"]:
            server = self.flaky("--status", status, "--body-bytes", "2")
            story = f"{server.url}: the server answered with status {status}, after 2 attempts"
            self.expect(self.get("--attempts", "2", server.url), 3, b"xx", story)

    def test_other_4xx_are_final(self):
        server = self.flaky("--status", "404", "--body-bytes", "2")
        story = f"{server.url}: the server answered with status 404, after 1 attempt"
        self.expect(self.get(server.url), 3, b"xx", story)

    def test_without_policies_nothing_is_tried_again(self):
        server = self.flaky("--status", "503", "--body-bytes", "2")
        story = f"{server.url}: the server answered with status 503, after 1 attempt"
        self.expect(self.get("--no-policies", server.url), 3, b"xx", story)

    def test_retry_after_is_waited_for(self):
        server = self.script(b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
                             b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        begun = time.monotonic()
        self.expect(self.get(server.url), 0, b"", "")
        self.assertGreaterEqual(time.monotonic() - begun, 1)

    def test_retry_after_may_be_too_long(self):
        server = self.script(b"HTTP/1.1 503 No\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")
        story = "the server answered with status 503, after 1 attempt, for its Retry-After is too long"
        self.expect(self.get(server.url), 3, b"", f"{server.url}: {story}")

    def test_retry_after_as_a_date_counts_for_nothing(self):
        server = self.script(b"HTTP/1.1 503 No\r\nRetry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n\r\n",
                             b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.expect(self.get(server.url), 0, b"", "")


class NoAnswer(TestCase):
    def expect_story(self, url, story, *options, attempts=1):
        ran = self.get("--attempts", str(attempts), *options, url)
        where = re.search(r"//(.*)/$", url)[1]
        tried = f"after {attempts} attempt{'s' if attempts > 1 else ''}"
        self.expect(ran, 1, b"", f"{url}: {story} ({where}), {tried}")

    def test_connection_refused(self):
        url = f"http://127.0.0.1:{free_port()}/"
        self.expect_story(url, "connection refused", attempts=3)
        self.expect_story(url, "connection refused", "--no-policies")

    def test_unknown_host(self):
        ran = self.get("--attempts", "1", "http://nosuch.invalid/")
        self.assertEqual((ran.returncode, ran.stdout), (1, b""))
        # The second, if there is no name server to be reached.
        story = r"(unknown host|looking up the host failed: .*) \(nosuch\.invalid:80\), after 1 attempt"
        self.assertRegex(ran.stderr.decode(), rf"\Akeel-get: http://nosuch\.invalid/: {story}\n\Z")

    def test_what_is_not_http(self):
        for text, story in {
            b"SSH-2.0-OpenSSH_9.2\r\n": "bad version, found 'SSH-2.0-OpenSSH_9.2'",
            b"HTTP/2.0 200 OK\r\n\r\n": "bad version, found 'HTTP/2.0 200 OK'",
            b"\x15\x03\x01\x00\x02\x02P" + b"\0" * 20: "bad version, found '??????" + "P" + "?" * 20 + "'",
            b"HTTP/1.1 2xx OK\r\n\r\n": "bad status, found 'HTTP/1.1 2xx OK'",
            b"HTTP/1.1 099 Low\r\n\r\n": "found status 99",
            b"HTTP/1.1 600 High\r\n\r\n": "found status 600",
            b"HTTP/1.1 101 Switching\r\n\r\n": "found status 101",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n":
                "bad Content-Length, found 'Content-Length: -1'",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc":
                "found Transfer-Encoding 'gzip', expected 'chunked'",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n":
                "found Transfer-Encoding 'gzip, chunked', expected 'chunked'",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n": "bad chunk",
            b"HTTP/1.1 103 Early\r\n\r\n" * 20: "one interim answer after the other",
        }.items():
            with self.subTest(text):
                self.expect_story(self.script(text).url, f"malformed answer: {story}")

    def test_cut_short(self):
        header = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
        chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
        for text in [header[:20], header, header + b"abc", chunks]:
            with self.subTest(text):
                self.expect_story(self.script(text).url, "the answer was cut short")
        self.expect_story(self.script(b"").url, "the connection was closed without an answer")

    def test_connection_reset(self):
        server = self.flaky("--reset-every", "1", "--body-bytes", "100000")
        ran = self.get("--attempts", "1", server.url)
        self.assertEqual((ran.returncode, ran.stdout), (1, b""))
        self.assertRegex(ran.stderr.decode(), "reading the answer failed: connection reset by peer|cut short")

    def test_too_large(self):
        limit = 8 * 1024 * 1024
        self.expect_story(self.script(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (limit + 1)).url,
                          "the body is larger than 8 MiB")
        self.expect_story(self.script(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (limit + 1)).url,
                          "the body is larger than 8 MiB")
        self.expect_story(self.script(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 16384 + b"\r\n\r\n").url,
                          "the header is larger than 16 KiB")
        body = b"x" * limit
        self.expect(self.get(self.script(b"HTTP/1.0 200 OK\r\n\r\n" + body).url), 0, body, "")

    def test_no_answer_within_the_limit_of_an_attempt(self):
        server = self.flaky("--hang-every", "1")
        ran = self.get("--attempts", "2", "--attempt-timeout", "100ms", server.url)
        story = "no answer within 100ms (--attempt-timeout), after 2 attempts"
        self.expect(ran, 1, b"", f"{server.url}: {story}")

    def test_no_answer_within_the_limit_of_the_call(self):
        server = self.flaky("--hang-every", "1")
        ran = self.get("--timeout", "100ms", server.url)
        self.expect(ran, 1, b"", f"{server.url}: no answer within 100ms (--timeout), after 1 attempt")

    def test_an_attempt_after_a_hanging_one_may_succeed(self):
        server = self.flaky("--status", "503,200", "--outage", "0s+100ms", "--outage-mode", "hang",
                            "--body-bytes", "1")
        self.expect(self.get("--attempt-timeout", "200ms", server.url), 0, b"x", "")


class ManyCalls(TestCase):
    def summary(self, ran):
        """The summary as a dictionary, and the reasons with their numbers."""
        found = {"reasons": {}}
        for line in ran.stdout.decode().splitlines():
            if reason := re.fullmatch(r" {10}(\d+) x (.*)", line):
                found["reasons"][reason[2]] = int(reason[1])
            else:
                name, value = line.split(maxsplit=1)
                found[name] = value
        return found

    def test_the_summary_tells_how_all_calls_went(self):
        server = self.flaky("--delay", "20ms")
        ran = self.get("--repeat", "12", "--concurrency", "4", server.url)
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        found = self.summary(ran)
        self.assertEqual(list(found), ["reasons", "calls", "ok", "failed", "attempts", "p50", "p99"])
        self.assertRegex(found["calls"], r"\A12 in [0-9.]+(ms|s)\Z")
        self.assertEqual((found["ok"], found["failed"], found["reasons"]), ("12", "0", {}))
        self.assertEqual(found["attempts"], "1.00 per call")
        for percentile in ["p50", "p99"]:
            self.assertGreaterEqual(float(re.fullmatch(r"([0-9.]+)(ms|s)", found[percentile])[1]), 1)
        self.assertEqual(server.stats()["max_in_flight"], 4)

    def test_concurrency_beyond_the_calls_is_harmless(self):
        server = self.flaky("--delay", "20ms")
        self.assertEqual(self.get("--repeat", "2", "--concurrency", "50", server.url).returncode, 0)
        self.assertEqual(server.stats()["max_in_flight"], 2)

    def test_retries_count_as_attempts(self):
        server = self.flaky("--status", "503,200")
        found = self.summary(self.get("--repeat", "3", server.url))
        self.assertEqual((found["ok"], found["attempts"]), ("3", "2.00 per call"))

    def test_failures_are_counted_by_reason(self):
        server = self.flaky("--status", "200,404,500")
        ran = self.get("--repeat", "9", "--attempts", "1", server.url)
        self.assertEqual((ran.returncode, ran.stderr), (3, b""))
        found = self.summary(ran)
        self.assertEqual((found["ok"], found["failed"]), ("3", "6"))
        self.assertEqual(found["reasons"], {"the server answered with status 404": 3,
                                            "the server answered with status 500": 3})

    def test_the_circuit_opens(self):
        server = self.flaky("--status", "500")
        ran = self.get("--repeat", "30", "--attempts", "1", server.url)
        self.assertEqual(ran.returncode, 3)
        self.assertEqual(self.summary(ran)["reasons"], {"the server answered with status 500": 20,
                                                        "refused: the circuit breaker is open": 10})
        self.assertEqual(server.stats()["requests"], 20)

    def test_refusals_alone_have_their_own_exit_code(self):
        # The 20th attempt fails, and the circuit opens before it can be tried again.
        server = self.flaky("--status", ",".join(["200"] * 19 + ["500"]))
        ran = self.get("--repeat", "22", "--failure-ratio", "0.05", "--open-for", "1min", server.url)
        self.assertEqual((ran.returncode, ran.stderr), (4, b""))
        found = self.summary(ran)
        self.assertEqual((found["ok"], found["reasons"]), ("19", {"refused: the circuit breaker is open": 3}))

    def test_an_open_circuit_closes_again(self):
        server = self.flaky("--status", ",".join(["500"] * 20 + ["200"] * 20))
        ran = self.get("--repeat", "40", "--attempts", "1", "--open-for", "1us", server.url)
        found = self.summary(ran)
        self.assertEqual(ran.returncode, 3)
        self.assertEqual(found["reasons"]["the server answered with status 500"], 20)
        self.assertGreaterEqual(int(found["ok"]), 10, "the first may come within that microsecond")

    def test_no_answer_weighs_more_than_a_status_and_a_refusal(self):
        server = self.flaky("--status", "500", "--hang-every", "5")
        ran = self.get("--repeat", "30", "--attempts", "1", "--attempt-timeout", "50ms", server.url)
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(self.summary(ran)["reasons"], {"no answer within 50ms (--attempt-timeout)": 4,
                                                        "the server answered with status 500": 16,
                                                        "refused: the circuit breaker is open": 10})

    def test_without_policies_nothing_is_refused(self):
        server = self.flaky("--status", "500")
        ran = self.get("--repeat", "30", "--no-policies", server.url)
        self.assertEqual(ran.returncode, 3)
        self.assertEqual(self.summary(ran)["reasons"], {"the server answered with status 500": 30})


class CommandLine(TestCase):
    def test_help_tells_the_exit_codes(self):
        ran = self.get("--help")
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        for text in ["usage: keel-get [options] ", "  4  refused by a policy", "--attempt-timeout D (=5s)"]:
            self.assertIn(text, ran.stdout.decode())

    def test_each_mistake_gets_one_line(self):
        url = "http://127.0.0.1/"
        duration = "a duration above zero such as 250ms, 1.5s or 2min (us, ms, s, min, h), at most 24h"
        for arguments, story in {
            (): "no URL given (see --help)",
            (url, "b"): "found 'b', expected only options and one URL (see --help)",
            (url, "--atempts=2"): "unrecognised option '--atempts=2' (see --help)",
            (url, "--attempt", "2"): "unrecognised option '--attempt' (see --help)",
            (url, "--attempts"): "the required argument for option '--attempts' is missing (see --help)",
            (url, "--verbose=yes"): "option '--verbose' does not take any arguments (see --help)",
            (url, "--attempts", "0"): "--attempts: found '0', expected a number from 1 to 1000",
            (url, "--attempts", "-1"): "--attempts: found '-1', expected a number from 1 to 1000",
            (url, "--repeat", "1e3"): "--repeat: found '1e3', expected a number from 1 to 1000000",
            (url, "--concurrency", ""): "--concurrency: found '', expected a number from 1 to 1000",
            (url, "--timeout", "5"): f"--timeout: found '5', expected {duration}",
            (url, "--timeout", "0s"): f"--timeout: found '0s', expected {duration}",
            (url, "--attempt-timeout", "5\n"): f"--attempt-timeout: found '5?', expected {duration}",
            (url, "--open-for", "-1s"): f"--open-for: found '-1s', expected {duration}",
            (url, "--failure-ratio", "half"): "--failure-ratio: found 'half', expected a number such as 0.5",
            (url, "--failure-ratio", "nan"): "--failure-ratio: found 'nan', expected a number such as 0.5",
        }.items():
            with self.subTest(arguments):
                self.expect(self.get(*arguments), 2, b"", story)

    def test_what_a_policy_does_not_allow_is_a_mistake_too(self):
        for ratio in ["0", "1.5", "-0.5"]:
            story = f"circuit_breaker: failure_ratio is {ratio}, allowed is above 0 up to 1, or nullopt"
            self.expect(self.get("--failure-ratio", ratio, "http://127.0.0.1/"), 2, b"", story)

    def test_a_bad_url_is_a_mistake(self):
        for url, story in {
            "": "it is empty",
            "localhost:80/a": "it does not begin with http://",
            "https://localhost/": "TLS is not supported yet, so that https:// cannot be used",
            "http://localhost:0/": 'its port is "0", allowed is a number from 1 to 65535',
            "http://me:secret@localhost/": "byte 17 is '@': a user name or password is not supported",
            "http://localhost/\r\nX-Evil: 1": "byte 18 is 0x0D, a control byte",
            "http://localhost/\nX-Evil: 1": "byte 18 is 0x0A, a control byte",
        }.items():
            with self.subTest(url):
                self.expect(self.get(url), 2, b"", f"bad URL: {story}")

    def test_a_full_disk_is_no_success(self):
        server = self.flaky()
        with open("/dev/full", "wb") as full:
            ran = subprocess.run([PROGRAMS["KEEL_GET"], server.url], stdout=full, stderr=subprocess.PIPE,
                                 timeout=PATIENCE)
        self.assertEqual((ran.returncode, ran.stderr), (1, b"keel-get: cannot write to stdout\n"))


class AsyncServer(TestCase):
    def serve(self, upstream, *options):
        server = Server("KEEL_ASYNC_SERVER", "--upstream", upstream, *options)
        self.addCleanup(lambda: server.process.returncode is None and self.stop(server))
        return server

    def stop(self, server):
        self.assertEqual(server.stop(), 0, server.log)

    def price(self, server):
        """Status, whether it is marked as stale, and body."""
        status, headers, body = ask(server.port, "/price")
        return status, headers["Keel-Fallback"], body

    def circuit(self, server):
        return json.loads(ask(server.port, "/health")[2])["circuit_breaker"]["state"]

    def test_an_outage_from_the_first_failure_to_the_recovery(self):
        answers = ["200"] + ["500"] * 4 + ["200"] * 100
        upstream = self.flaky("--status", ",".join(answers), "--body-bytes", "3")
        server = self.serve(upstream.url, "--open-for", "1s")
        self.assertEqual(self.price(server), (200, None, "xxx"))

        self.assertEqual(self.price(server), (200, "stale", "xxx"), "three attempts fail")
        self.assertEqual(self.circuit(server), "closed")
        self.assertEqual(self.price(server), (200, "stale", "xxx"), "the next one opens the circuit")
        self.assertEqual(self.circuit(server), "open")
        self.assertEqual(self.price(server), (200, "stale", "xxx"), "this one is refused")
        self.assertEqual(upstream.stats()["requests"], 5)

        poll(lambda: self.price(server), lambda seen: seen == (200, None, "xxx"))
        self.assertEqual(self.circuit(server), "half_open")
        self.assertEqual([self.price(server) for _ in range(2)], [(200, None, "xxx")] * 2)
        self.assertEqual(self.circuit(server), "closed", "after three good trials")

    def test_without_a_last_known_value_the_failure_shows(self):
        server = self.serve(f"http://127.0.0.1:{free_port()}/", "--open-for", "5s")
        status, headers, body = ask(server.port, "/price")
        story = "no usable answer from the upstream server: Connection refused\n"
        self.assertEqual((status, body), (502, story))
        self.assertIsNone(headers["Retry-After"])

        status, headers, body = poll(lambda: ask(server.port, "/price"), lambda seen: seen[0] == 503)
        self.assertEqual(body, "the circuit breaker is open\n")
        self.assertIn(int(headers["Retry-After"]), range(1, 6))

    def test_an_answer_that_is_no_price_is_no_price(self):
        upstream = self.flaky("--status", "200,404")
        server = self.serve(upstream.url)
        self.assertEqual(self.price(server)[0], 200)
        self.assertEqual(self.price(server), (502, None, "the upstream server answered with status 404\n"))

    def test_without_a_last_known_value_the_time_limits_show(self):
        upstream = self.flaky("--hang-every", "1")
        for limits in [("--attempt-timeout", "50ms"), ("--timeout", "100ms", "--attempt-timeout", "10s")]:
            with self.subTest(limits):
                server = self.serve(upstream.url, *limits)
                self.assertEqual(self.price(server), (504, None, "the upstream server took too long\n"))

    def test_when_an_attempt_takes_too_long_the_last_known_value_answers(self):
        upstream = self.flaky("--outage", "100ms+1h", "--outage-mode", "hang", "--body-bytes", "3")
        server = self.serve(upstream.url, "--attempt-timeout", "50ms")
        self.assertEqual(self.price(server), (200, None, "xxx"))
        poll(lambda: self.price(server), lambda seen: seen == (200, "stale", "xxx"))

    def test_when_the_call_takes_too_long_no_time_is_left_for_another_answer(self):
        upstream = self.flaky("--hang-every", "2")
        server = self.serve(upstream.url, "--timeout", "100ms", "--attempt-timeout", "10s")
        self.assertEqual(self.price(server)[0], 200)
        self.assertEqual(self.price(server), (504, None, "the upstream server took too long\n"))

    def test_a_full_bulkhead_refuses(self):
        upstream = self.flaky("--hang-every", "1")
        patient = ["--timeout", "30s", "--attempt-timeout", "30s"]
        server = self.serve(upstream.url, "--concurrency", "1", *patient)
        for _ in range(2):
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
            self.addCleanup(client.close)
            client.request("GET", "/price")
        health = lambda: json.loads(ask(server.port, "/health")[2])["bulkhead"]
        full = {"running": 1, "waiting": 1, "max_concurrent": 1, "max_queue": 1}
        poll(health, lambda seen: seen == full)
        status, headers, body = ask(server.port, "/price")
        self.assertEqual((status, body), (503, "the bulkhead has no room for the call\n"))
        self.assertIsNone(headers["Retry-After"], "nobody knows")

    def test_health_is_one_line_of_json(self):
        server = self.serve(self.flaky().url, "--concurrency", "7")
        self.price(server)
        status, headers, body = ask(server.port, "/health")
        self.assertEqual((status, headers["Content-Type"], body[-1]), (200, "application/json", "\n"))
        self.assertEqual(json.loads(body), {
            "circuit_breaker": {"state": "closed", "attempts": 1, "failed": 0},
            "bulkhead": {"running": 0, "waiting": 0, "max_concurrent": 7, "max_queue": 7}})

    def test_other_pages_and_methods(self):
        server = self.serve(self.flaky().url)
        self.assertEqual(ask(server.port, "/")[0], 404)
        self.assertEqual(ask(server.port, "/price?currency=EUR")[0], 200)
        status, headers, _ = ask(server.port, "/price", "POST")
        self.assertEqual((status, headers["Allow"]), (405, "GET"))

    def test_a_connection_serves_many_requests(self):
        server = self.serve(self.flaky("--body-bytes", "3").url)
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self.addCleanup(client.close)
        for _ in range(3):
            client.request("GET", "/price")
            self.assertEqual(client.getresponse().read(), b"xxx")

    def test_it_stops_with_calls_in_flight(self):
        upstream = self.flaky("--hang-every", "1")
        server = self.serve(upstream.url, "--timeout", "1h", "--attempt-timeout", "1h")
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self.addCleanup(client.close)
        client.request("GET", "/price")
        poll(upstream.stats, lambda seen: seen["in_flight"] == 1)
        self.stop(server)
        self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError), client.getresponse)

    def test_its_mistakes_get_one_line(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            for arguments, code, story in [
                ([], 2, "--upstream is missing (see --help)"),
                (["--upstream", "https://a/"], 2,
                 "--upstream: bad URL: TLS is not supported yet, so that https:// cannot be used"),
                (["--upstream", "http://a/", "--port", "x"], 2,
                 "--port: found 'x', expected a number from 0 to 65535"),
                (["--upstream", "http://a/", "--port", port], 1,
                 f"cannot listen on 127.0.0.1:{port}: Address already in use"),
            ]:
                with self.subTest(arguments):
                    ran = subprocess.run([PROGRAMS["KEEL_ASYNC_SERVER"], *arguments], capture_output=True,
                                         timeout=PATIENCE, text=True)
                    found = ran.returncode, ran.stdout, ran.stderr
                    self.assertEqual(found, (code, "", f"async_server: {story}\n"))


if __name__ == "__main__":
    for name in NAMES:
        if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and os.path.isfile(sys.argv[1]):
            PROGRAMS[name] = sys.argv.pop(1)
        if not PROGRAMS[name]:
            sys.exit(f"{name} is not set: the path of a program")
    unittest.main()
