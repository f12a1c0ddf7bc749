//! W3: timers by the thousand, and tasks that are pending under a timeout.

use crate::{kit, poll_once};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Sleep;

const LONG: Duration = Duration::from_secs(30);

fn shuffled(n: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    let mut state = 88172645463325252u64;
    for i in (1..n).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(i, (state % (i as u64 + 1)) as usize);
    }
    order
}

fn each(since: f64, n: usize) -> f64 {
    (kit::processor_ns() - since) / n as f64
}

pub async fn timers(n: usize) {
    let order = shuffled(n);
    // An earlier timer is pending and the driver has parked once; otherwise every arming would wake the driver by a
    // system call, which happens to no real program.
    let mut earlier = Box::pin(tokio::time::sleep(Duration::from_secs(20)));
    poll_once(earlier.as_mut());
    tokio::time::sleep(Duration::from_millis(2)).await;

    let (mut arm, mut disarm, mut bytes) = (0.0, 0.0, 0.0);
    for _warm_then_measured in 0..2 {
        let mut all: Vec<Option<Pin<Box<Sleep>>>> = Vec::with_capacity(n);
        kit::count_on();
        let start = kit::processor_ns();
        for _ in 0..n {
            let mut sleep = Box::pin(tokio::time::sleep(LONG));
            poll_once(sleep.as_mut());
            all.push(Some(sleep));
        }
        arm = each(start, n);
        bytes = kit::count_off().1 / n as f64;
        let start = kit::processor_ns();
        for &i in &order {
            all[i as usize] = None;
        }
        disarm = each(start, n);
    }
    let name = format!("w3/timer/{n}");
    kit::row(&name, "ns", arm + disarm);
    kit::row(&name, "arm_ns", arm);
    kit::row(&name, "disarm_ns", disarm);
    kit::row(&name, "bytes", bytes);
}

pub async fn calls(n: usize) {
    let order = shuffled(n);
    let (mut total, mut bytes) = (0.0, 0.0);
    for _warm_then_measured in 0..2 {
        let mut gates = Vec::with_capacity(n);
        let mut tasks = Vec::with_capacity(n);
        let waiting = Arc::new(AtomicUsize::new(0));
        kit::count_on();
        let start = kit::processor_ns();
        for _ in 0..n {
            let (open, gate) = oneshot::channel::<u32>();
            gates.push(Some(open));
            let waiting = waiting.clone();
            tasks.push(tokio::spawn(async move {
                waiting.fetch_add(1, Relaxed);
                tokio::time::timeout(LONG, gate).await
            }));
        }
        // A few yields start only some hundred of them; all must be pending.
        while waiting.load(Relaxed) < n {
            tokio::task::yield_now().await;
        }
        bytes = kit::count_off().1 / n as f64;
        for &i in &order {
            gates[i as usize].take().unwrap().send(1).ok();
        }
        for task in tasks {
            task.await.unwrap().unwrap().unwrap();
        }
        total = each(start, n);
    }
    let name = format!("w3/call/{n}");
    kit::row(&name, "ns", total);
    kit::row(&name, "bytes", bytes);
}
