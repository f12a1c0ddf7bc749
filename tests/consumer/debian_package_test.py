"""The Debian package: what it says, what it holds, and that a user's project can be built with it.

debian_package_test.py SOURCE BUILD WORK COMMAND...

COMMAND builds that project; @PREFIX@ in it stands for the folder that Keel is installed in. As root the package is
really installed, and always removed again. Otherwise, and when that would disturb the system, it is unpacked.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

SOURCE, BUILD, WORK = (Path(argument) for argument in sys.argv[1:4])
COMMAND = sys.argv[4:]
NAME = "libkeel-dev"
END = time.monotonic() + 200  # for what takes fifteen seconds; CTest waits longer, so there is time to clean up


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def is_installed(package):
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def why_not_installed(package):
    """Why the package must not be installed here, or None."""
    if os.geteuid() != 0:
        return "not root"
    if is_installed(NAME):
        return f"the system has a {NAME} of its own"
    missing = [name for name in depends_of(package) if not is_installed(name)]
    return f"the system has no {', '.join(missing)}" if missing else None


def depends_of(package):
    return output_of("dpkg-deb", "--field", package, "Depends").strip().split(", ")


@contextmanager
def alone_on_this_machine():
    """Of the tests like this one, which may run in other folders, one at a time installs."""
    folder = os.open("/var/lib/dpkg", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def dpkg(*options, until=END):
    """Runs dpkg, again and again while somebody else uses it."""
    while True:
        done = subprocess.run(["dpkg", *options], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if "lock" not in done.stderr or time.monotonic() > until:
            raise AssertionError(f"dpkg {' '.join(options)}: {done.stderr}")
        time.sleep(1)


@contextmanager
def installed(package):
    """Gives the prefix below which the package's files are."""
    try:
        dpkg("--install", str(package))
        yield "/usr"
    finally:
        dpkg("--purge", NAME, until=END + 60)


@contextmanager
def unpacked(package):
    """The same, in a folder of ours."""
    folder = WORK / "unpacked"
    output_of("dpkg-deb", "--extract", package, folder)
    yield str(folder / "usr")


class debian_package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(WORK, ignore_errors=True)
        output_of("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", WORK)
        [cls.package] = WORK.glob("*.deb")

    def field(self, name):
        return output_of("dpkg-deb", "--field", self.package, name).strip()

    def files(self):
        """The package's listing as (mode and owner, path)."""
        lines = output_of("dpkg-deb", "--contents", self.package).splitlines()
        return [(" ".join(line.split()[:2]), line.split(maxsplit=5)[5].removeprefix(".")) for line in lines]

    def test_says_what_it_is(self):
        self.assertEqual(self.field("Package"), NAME)
        self.assertEqual(self.field("Section"), "libdevel")
        self.assertEqual(self.field("Architecture"), output_of("dpkg", "--print-architecture").strip())
        self.assertRegex(self.field("Maintainer"), r"^\S.* <\S+@\S+>$")
        self.assertEqual(self.package.name.split("_")[:2], [NAME, self.field("Version")])
        first, *rest = self.field("Description").splitlines()
        self.assertRegex(first, r"^\w.{10,78}\w$")
        self.assertTrue(rest and all(re.match(r" \S", line) and len(line) <= 80 for line in rest), rest)

    def test_needs_the_boost_it_was_built_with_and_nothing_else(self):
        with unpacked(self.package) as prefix:
            [config] = Path(prefix).rglob("keelConfig.cmake")
            version = re.search(r"built with Boost (\d+\.\d+)", config.read_text(encoding="utf-8"))
        self.assertEqual(depends_of(self.package), [f"libboost{version[1]}-dev"])

    def test_holds_every_public_header_and_nothing_foreign(self):
        paths = {path for _, path in self.files() if not path.endswith("/")}
        headers = {f"/usr/{path.relative_to(SOURCE)}" for path in (SOURCE / "include").rglob("*.hpp")}
        self.assertEqual(headers - paths, set(), "headers that are not in the package")
        for path in paths - headers:
            self.assertRegex(path, rf"^/usr/(lib/([\w-]+/)?(libkeel\w*\.a|cmake/keel/\w[\w-]*\.cmake)|share/doc/{NAME}/.*)$")
        self.assertIn(f"/usr/share/doc/{NAME}/copyright", paths)

    def test_everybody_may_read_it(self):
        for mode, path in self.files():
            wanted = "drwxr-xr-x root/root" if path.endswith("/") else "-rw-r--r-- root/root"
            self.assertEqual(mode, wanted, path)

    def test_names_no_folder_of_the_build(self):
        with unpacked(self.package) as prefix:
            for path in filter(Path.is_file, Path(prefix).rglob("*")):
                for folder in SOURCE, BUILD:
                    self.assertFalse(os.fsencode(folder) in path.read_bytes(), f"{path} names {folder}")

    def test_serves_a_users_project(self):
        with alone_on_this_machine():
            reason = why_not_installed(self.package)
            if reason:
                print(f"Unpacked, not installed: {reason}.", file=sys.stderr)
            with (unpacked if reason else installed)(self.package) as prefix:
                command = [argument.replace("@PREFIX@", prefix) for argument in COMMAND]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      timeout=END - time.monotonic(), check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertFalse(reason is None and is_installed(NAME), "the package is still there")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    unittest.main(argv=sys.argv[:1])
