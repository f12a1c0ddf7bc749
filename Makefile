# The front door. Everything is built by CMake's presets; each target first makes sure that the packages
# it needs are there.

JOBS ?= 2
ROUNDS ?= 5

.PHONY: help demo test bench bench-peers bench-page bench-programs prove clean

help:
	@echo "make demo    watch a pipeline keep a failing service on an even keel"
	@echo "make test    build and run all tests"
	@echo "make bench   measure what a call through each policy costs, beside plain Asio"
	@echo "make bench-peers   the same beside tower, Go and Node too, as far as they can be had here"
	@echo "make bench-page    the same, kept in bench/results and in the tables of docs/performance.md"
	@echo "make prove   the long proofs: sanitizers, figures, simulation, sweep, fuzzing, mutation (hours)"
	@echo "make clean   remove all that was built"
	@echo "Add JOBS=n to compile with n processes (now $(JOBS)), ROUNDS=n to measure n times (now $(ROUNDS))."

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

bench: bench-programs
	python3 bench/measure.py --rounds $(ROUNDS) --seconds 140 --stacks keel,asio
	python3 bench/compile_cost.py
	python3 bench/make_tables.py --print
	python3 bench/ratios.py

bench-peers: bench-programs
	cmake/install_packages.sh peers || echo "Going on without the peers that could not be installed."
	JOBS=$(JOBS) python3 bench/measure.py --rounds $(ROUNDS) --seconds 340
	python3 bench/compile_cost.py
	python3 bench/make_tables.py --print
	python3 bench/ratios.py

bench-page: bench-peers
	cmake/install_packages.sh callgrind
	python3 bench/instructions.py
	python3 bench/make_tables.py --keep

bench-programs:
	cmake/install_packages.sh bench
	cmake --preset release -DKEEL_BUILD_BENCH=ON
	cmake --build build/release --parallel $(JOBS) --target keel_bench asio_bench

prove:
	cmake/install_packages.sh ci
	JOBS=$(JOBS) .ci/prove

clean:
	rm -rf build
