//! tower and tokio through the workloads: peer w1 | w1h | w2 | w3 | w4. tower has no breaker, hence no w5.
//!
//! The names of the rows are those of the other stacks wherever the work is the same.

mod kit;
mod pending;

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use tower::retry::Policy;
use tower::{service_fn, Service, ServiceBuilder, ServiceExt};

#[global_allocator]
static COUNTED: kit::Count = kit::Count;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SECOND: Duration = Duration::from_secs(1);
const NEVER_REFUSING: u64 = 1 << 40;

#[derive(Clone)]
struct Retries(u8);

impl<Q: Clone, R, E> Policy<Q, R, E> for Retries {
    type Future = std::future::Ready<Self>;

    fn retry(&self, _: &Q, result: Result<&R, &E>) -> Option<Self::Future> {
        if result.is_err() && self.0 > 0 {
            Some(std::future::ready(Retries(self.0 - 1)))
        } else {
            None
        }
    }

    fn clone_request(&self, request: &Q) -> Option<Q> {
        Some(request.clone())
    }
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polls once, as a task would that nobody wakes.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) {
    let waker = Waker::from(Arc::new(Nobody));
    let _ = future.poll(&mut Context::from_waker(&waker));
}

#[inline(never)]
async fn ready(x: u32) -> Result<u32, Infallible> {
    Ok(black_box(x))
}

fn hopping<E: Send>(
) -> impl Service<u32, Response = u32, Error = E, Future = impl Future<Output = Result<u32, E>> + Send>
       + Clone
       + Send {
    service_fn(|x: u32| async move {
        tokio::task::yield_now().await;
        Ok::<u32, E>(x)
    })
}

macro_rules! drive {
    ($service:expr, $k:expr) => {
        for i in 0..$k {
            let result = $service.ready().await.unwrap().call(i as u32).await;
            black_box(result.is_ok());
        }
    };
}

async fn w1() {
    let mut bare = service_fn(ready);
    bench!("w1/bare", 20_000_000u64, |k| drive!(bare, k));
    bench!("w1/tokio_timeout", 5_000_000u64, |k| for i in 0..k {
        let result = tokio::time::timeout(SECOND, ready(i as u32)).await;
        black_box(result.is_ok());
    });
    let mut retry = ServiceBuilder::new().retry(Retries(3)).service(service_fn(ready));
    bench!("w1/retry", 5_000_000u64, |k| drive!(retry, k));
    let mut timeout = ServiceBuilder::new().timeout(SECOND).service(service_fn(ready));
    bench!("w1/timeout", 5_000_000u64, |k| drive!(timeout, k));
    let mut limit = ServiceBuilder::new()
        .concurrency_limit(100)
        .service(service_fn(ready));
    bench!("w1/bulkhead", 5_000_000u64, |k| drive!(limit, k));
    let mut rate = ServiceBuilder::new()
        .rate_limit(NEVER_REFUSING, SECOND)
        .service(service_fn(ready));
    bench!("w1/rate_limiter", 5_000_000u64, |k| drive!(rate, k));
    let mut four = ServiceBuilder::new()
        .rate_limit(NEVER_REFUSING, SECOND)
        .retry(Retries(3))
        .concurrency_limit(100)
        .timeout(SECOND)
        .service(service_fn(ready));
    bench!("w1/four", 3_000_000u64, |k| drive!(four, k));
}

/// One stack without the rate limit, which cannot be shared, on so many worker threads. Wall time per call.
fn w1_threads() {
    const CALLS: u64 = 1_000_000;
    for threads in [1usize, 2] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .unwrap();
        let stack = ServiceBuilder::new()
            .retry(Retries(3))
            .concurrency_limit(100)
            .timeout(SECOND)
            .service(service_fn(ready));
        let work = |calls: u64| {
            runtime.block_on(async {
                let mut tasks = vec![];
                for _ in 0..threads {
                    let mut shared = stack.clone();
                    tasks.push(tokio::spawn(async move {
                        for i in 0..calls {
                            let service = shared.ready().await.unwrap_or_else(|_| panic!());
                            black_box(service.call(i as u32).await.is_ok());
                        }
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
            })
        };
        work(CALLS / 10);
        let start = std::time::Instant::now();
        work(CALLS);
        let wall = start.elapsed().as_nanos() as f64;
        kit::row(
            &format!("w1/threads/{threads}"),
            "ns",
            wall / CALLS as f64 / threads as f64,
        );
    }
}

async fn w1h() {
    macro_rules! crowd {
        ($make:expr, $k:expr) => {{
            let mut tasks = vec![];
            for _ in 0..64 {
                let mut service = $make;
                tasks.push(tokio::spawn(async move {
                    for i in 0..$k / 64 {
                        let free = service.ready().await.unwrap_or_else(|_| panic!());
                        assert!(free.call(i as u32).await.is_ok());
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        }};
    }
    bench!("w1h/bare", 2_000_000u64, |k| crowd!(hopping::<Infallible>(), k));
    bench!("w1h/timeout", 1_000_000u64, |k| crowd!(
        ServiceBuilder::new()
            .timeout(SECOND)
            .service(hopping::<Infallible>()),
        k
    ));
    bench!("w1h/four", 1_000_000u64, |k| {
        let three = ServiceBuilder::new()
            .retry(Retries(3))
            .concurrency_limit(100)
            .timeout(SECOND)
            .service(hopping::<Infallible>());
        crowd!(
            ServiceBuilder::new()
                .rate_limit(NEVER_REFUSING, SECOND)
                .service(three.clone()),
            k
        )
    });
}

/// tower's nearest thing to an open breaker: load shedding over a limit that is used up.
async fn w2() {
    let never = service_fn(|_: u32| std::future::pending::<Result<u32, Infallible>>());
    let mut shed = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(1)
        .service(never);
    let mut held = Box::pin(shed.ready().await.unwrap().call(0));
    poll_once(held.as_mut());
    bench!("w2/value", 2_000_000u64, |k| for i in 0..k {
        let result = shed.ready().await.unwrap().call(i as u32).await;
        assert!(result.is_err());
    });
}

async fn w4() {
    macro_rules! crowd {
        ($make:expr, $k:expr) => {{
            let left = Arc::new(AtomicI64::new($k as i64));
            let mut tasks = vec![];
            for _ in 0..1000 {
                let mut service = $make;
                let left = left.clone();
                tasks.push(tokio::spawn(async move {
                    while left.fetch_sub(1, Relaxed) > 0 {
                        service.ready().await.unwrap().call(1u32).await.unwrap();
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        }};
    }
    bench!("w4/bare", 1_000_000u64, |k| crowd!(hopping::<BoxError>(), k));
    let limited = ServiceBuilder::new()
        .concurrency_limit(100)
        .service(hopping::<BoxError>());
    bench!("w4/bulkhead", 1_000_000u64, |k| crowd!(limited.clone(), k));
    let semaphore = Arc::new(tokio::sync::Semaphore::new(100));
    let by_hand = || {
        let semaphore = semaphore.clone();
        service_fn(move |x: u32| {
            let semaphore = semaphore.clone();
            async move {
                let _permit = semaphore.acquire().await.unwrap();
                tokio::task::yield_now().await;
                Ok::<u32, BoxError>(x)
            }
        })
    };
    bench!("w4/semaphore", 1_000_000u64, |k| crowd!(by_hand(), k));
}

fn main() {
    let workload = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match workload.as_str() {
        "w1" => {
            runtime.block_on(w1());
            w1_threads();
        }
        "w1h" => runtime.block_on(w1h()),
        "w2" => runtime.block_on(w2()),
        "w3" => runtime.block_on(async {
            for n in [10_000, 100_000, 1_000_000] {
                pending::timers(n).await;
            }
            for n in [10_000, 100_000] {
                pending::calls(n).await;
            }
        }),
        "w4" => runtime.block_on(w4()),
        _ => {}
    }
}
