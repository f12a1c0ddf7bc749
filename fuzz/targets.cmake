# The fuzz targets: one file, one corpus and one test each. Those of the second list read what the examples read.
set(keel_fuzz_targets
    bulkhead circuit_breaker deadline_heap deadline_queue fallback line rate_limiter retry retry_budget timeout trace)
set(keel_fuzz_example_targets command_line flaky_script numbers url)
