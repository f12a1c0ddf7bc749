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

/// The processor's time of the whole program, in nanoseconds: what neighbours do is not in it.
pub fn processor_ns() -> f64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 * 1e9 + t.tv_nsec as f64
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
            let start = kit::processor_ns();
            $body;
            kit::row($name, "ns", (kit::processor_ns() - start) / $n as f64);
        }
        let counted: u64 = $n / 10;
        kit::count_on();
        {
            let $k: u64 = counted;
            $body;
        }
        let (count, bytes) = kit::count_off();
        kit::row($name, "allocs", count / counted as f64);
        kit::row($name, "alloc_bytes", bytes / counted as f64);
    }};
}
