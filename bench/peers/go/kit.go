package main

import (
	"fmt"
	"runtime"
	"time"
)

// Measures: one warm-up, one measured run, one row per figure. The caller repeats the whole program.

func row(name, unit string, value float64) {
	fmt.Printf("%s\t%s\t%.3f\n", name, unit, value)
}

// each is the time since start per operation, in nanoseconds.
func each(start time.Time, n int) float64 {
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

// bench measures f(n), which does its work n times.
func bench(name string, n int, f func(n int)) {
	f(n/10 + 1)
	runtime.GC()
	start := time.Now()
	f(n)
	row(name, "ns", each(start, n))

	const counted = 10000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f(counted)
	runtime.ReadMemStats(&after)
	row(name, "allocs", float64(after.Mallocs-before.Mallocs)/counted)
	row(name, "alloc_bytes", float64(after.TotalAlloc-before.TotalAlloc)/counted)
}

// heap is what is in use after a collection.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// heapNow is what is in use, garbage and stacks included.
func heapNow() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
