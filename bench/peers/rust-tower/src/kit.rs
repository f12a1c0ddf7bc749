//! Measures: one warm-up, one measured run, one row per figure. The caller repeats the whole program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

pub struct Count;

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn note(bytes: usize) {
    if COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(bytes as u64, Relaxed);
    }
}

unsafe impl GlobalAlloc for Count {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        System.dealloc(block, layout)
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        System.realloc(block, layout, size)
    }
}

pub fn count_on() {
    ALLOCATIONS.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
}

/// Allocations and bytes since `count_on`.
pub fn count_off() -> (f64, f64) {
    COUNTING.store(false, Relaxed);
    (ALLOCATIONS.load(Relaxed) as f64, BYTES.load(Relaxed) as f64)
}

pub fn row(name: &str, unit: &str, value: f64) {
    println!("{name}\t{unit}\t{value:.3}");
}

/// `bench!(name, n, |k| body)`: the body does its work k times.
#[macro_export]
macro_rules! bench {
    ($name:expr, $n:expr, |$k:ident| $body:expr) => {{
        {
            let $k: u64 = $n / 10 + 1;
            $body;
        }
        {
            let $k: u64 = $n;
            let start = std::time::Instant::now();
            $body;
            kit::row($name, "ns", start.elapsed().as_nanos() as f64 / $n as f64);
        }
        kit::count_on();
        {
            let $k: u64 = 1000;
            $body;
        }
        let (count, bytes) = kit::count_off();
        kit::row($name, "allocs", count / 1000.0);
        kit::row($name, "alloc_bytes", bytes / 1000.0);
    }};
}
