# The front door. Everything is built by CMake's presets; each target first makes sure that the packages
# it needs are there.

JOBS ?= 2
PROVE := $(if $(wildcard .ci/prove),.ci/prove,.ci/run asan tsan clang)

.PHONY: help demo test bench prove clean

help:
	@echo "make demo    watch a pipeline keep a failing service on an even keel"
	@echo "make test    build and run all tests"
	@echo "make bench   measure what a call through each policy costs"
	@echo "make prove   run the tests under address, undefined and thread sanitizers, and with clang"
	@echo "make clean   remove all that was built"
	@echo "Add JOBS=n to compile with n processes (now $(JOBS))."

demo:
	cmake/install_packages.sh build
	cmake --preset release -DKEEL_BUILD_BENCH=OFF
	cmake --build build/release --parallel $(JOBS) --target keel_demo
	build/release/examples/keel-demo

test:
	cmake/install_packages.sh test
	cmake --preset dev
	cmake --build build/dev --parallel $(JOBS)
	ctest --preset dev --output-on-failure --no-tests=error --parallel 2

bench:
	cmake/install_packages.sh bench
	cmake --preset release -DKEEL_BUILD_BENCH=ON
	cmake --build build/release --parallel $(JOBS) --target keel_bench
	build/release/bench/keel_bench

prove:
	cmake/install_packages.sh ci
	JOBS=$(JOBS) $(PROVE)

clean:
	rm -rf build
