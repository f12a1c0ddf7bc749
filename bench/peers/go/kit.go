package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// Measures: one warm-up, one measured run, one row per figure. The caller repeats the whole program.

func row(name, unit string, value float64) {
	fmt.Printf("%s\t%s\t%.3f\n", name, unit, value)
}

// processor is the processor's time of the whole program, the collector's included: what neighbours do is not in it.
func processor() time.Duration {
	var t syscall.Timespec
	const processCPUTime = 2
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}

// each is the processor's time since start per operation, in nanoseconds.
func each(start time.Duration, n int) float64 {
	return float64((processor() - start).Nanoseconds()) / float64(n)
}

// bench measures f(n), which does its work n times.
func bench(name string, n int, f func(n int)) {
	f(n/10 + 1)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processor()
	f(n)
	row(name, "ns", each(start, n))
	runtime.ReadMemStats(&after)
	row(name, "allocs", float64(after.Mallocs-before.Mallocs)/float64(n))
	row(name, "alloc_bytes", float64(after.TotalAlloc-before.TotalAlloc)/float64(n))
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
