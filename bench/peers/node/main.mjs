// The npm peers through the workloads: peer w1 | w1h | w2 | w3 | w4 | w5.
//
// The names of the rows are those of the other stacks wherever the work is the same. cockatiel has no rate limiter,
// so its stack is called `four`.

import * as cockatiel from 'cockatiel';
import CircuitBreaker from 'opossum';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import { bench, heap, now, row } from './kit.mjs';

const ready = async () => 1;

const hop = async () => {
  await null;
  return 1;
};

const make = {
  retry: () =>
    cockatiel.retry(cockatiel.handleAll, { maxAttempts: 3, backoff: new cockatiel.ConstantBackoff(10) }),
  breaker: () =>
    cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 1000,
      breaker: new cockatiel.CountBreaker({ threshold: 0.5, size: 100 }),
    }),
  timeout: (ms = 1000) => cockatiel.timeout(ms, cockatiel.TimeoutStrategy.Aggressive),
  bulkhead: () => cockatiel.bulkhead(100, 1000),
};

const four = () => cockatiel.wrap(make.retry(), make.breaker(), make.timeout(), make.bulkhead());

const repeat = (call) => async (n) => {
  for (let i = 0; i < n; i++) await call();
};

const crowd = (count, call) => async (n) => {
  let left = n;
  const one = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: count }, one));
};

async function w1() {
  await bench('w1/bare', 5e6, repeat(ready));
  for (const name of ['retry', 'breaker', 'timeout', 'bulkhead']) {
    const policy = make[name]();
    await bench(`w1/${name}`, 2e5, repeat(() => policy.execute(ready)));
  }
  const stack = four();
  await bench('w1/four', 1e5, repeat(() => stack.execute(ready)));

  const options = { timeout: 1000, errorThresholdPercentage: 50, resetTimeout: 1000, capacity: 100 };
  const opossum = new CircuitBreaker(ready, options);
  await bench('w1/opossum', 2e5, repeat(() => opossum.fire()));

  const breaker = new CircuitBreaker(ready, { ...options, timeout: false });
  const limit = pLimit(100);
  const attempt = () => pTimeout(limit(() => breaker.fire()), { milliseconds: 1000 });
  await bench('w1/p_stack', 5e4, repeat(() => pRetry(attempt, { retries: 3 })));
  opossum.shutdown();
  breaker.shutdown();
}

async function w1h() {
  const stack = four();
  const timeout = make.timeout();
  await bench('w1h/bare', 1e6, crowd(64, hop));
  await bench('w1h/timeout', 1e5, crowd(64, () => timeout.execute(hop)));
  await bench('w1h/four', 1e5, crowd(64, () => stack.execute(hop)));
}

async function w2() {
  const refusing = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 1e9,
    breaker: new cockatiel.ConsecutiveBreaker(1),
  });
  const fail = async () => {
    throw new Error('x');
  };
  await refusing.execute(fail).catch(() => {});
  const caught = (call) => async (n) => {
    let refused = 0;
    for (let i = 0; i < n; i++) await call().catch(() => refused++);
    if (refused !== n) throw new Error('the breaker let a call through');
  };
  await bench('w2/exception', 1e5, caught(() => refusing.execute(ready)));

  const opossum = new CircuitBreaker(fail, {
    timeout: false,
    resetTimeout: 1e8,
    errorThresholdPercentage: 1,
    volumeThreshold: 1,
  });
  await opossum.fire().catch(() => {});
  await bench('w2/opossum', 1e5, caught(() => opossum.fire()));
  opossum.shutdown();
}

function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 12345;
  for (let i = n - 1; i > 0; i--) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function timers(n, order, measured) {
  gc();
  const all = new Array(n);
  const before = heap();
  const start = now();
  for (let i = 0; i < n; i++) all[i] = setTimeout(() => {}, 30_000);
  const arm = (now() - start) / n;
  const bytes = (heap() - before) / n;
  const middle = now();
  for (let i = 0; i < n; i++) clearTimeout(all[order[i]]);
  const disarm = (now() - middle) / n;
  if (!measured) return;
  row(`w3/timer/${n}`, 'ns', arm + disarm);
  row(`w3/timer/${n}`, 'arm_ns', arm);
  row(`w3/timer/${n}`, 'disarm_ns', disarm);
  row(`w3/timer/${n}`, 'bytes', bytes);
}

async function calls(n, order, measured) {
  const policy = make.timeout(30_000);
  gc();
  const open = new Array(n);
  const pending = new Array(n);
  const before = heap();
  const start = now();
  for (let i = 0; i < n; i++) {
    const gate = () => new Promise((resolve) => (open[i] = resolve));
    pending[i] = policy.execute(gate);
  }
  await null;
  const bytes = (heap() - before) / n;
  for (let i = 0; i < n; i++) open[order[i]](1);
  await Promise.all(pending);
  const total = (now() - start) / n;
  if (!measured) return;
  row(`w3/call/${n}`, 'ns', total);
  row(`w3/call/${n}`, 'bytes', bytes);
}

async function w3() {
  for (const n of [1e4, 1e5, 1e6]) {
    const order = shuffled(n);
    for (const measured of n === 1e4 ? [false, true] : [true]) {
      timers(n, order, measured);
      if (n <= 1e5) await calls(n, order, measured);
    }
  }
}

async function w4() {
  await bench('w4/bare', 1e6, crowd(1000, hop));
  const bulkhead = make.bulkhead();
  await bench('w4/bulkhead', 2e5, crowd(1000, () => bulkhead.execute(hop)));
  const limit = pLimit(100);
  await bench('w4/semaphore', 2e5, crowd(1000, () => limit(hop)));
}

// Look-up and a call through the breaker: it cannot be asked without a call.
async function w5() {
  for (const n of [1e4, 1e5]) {
    const hosts = Array.from({ length: n }, (_, i) => `service-${i}.prod.example.internal:8443`);
    const pick = shuffled(65536).map((i) => i % n);
    gc();
    const before = heap();
    const all = new Map(hosts.map((host) => [host, make.breaker()]));
    gc();
    row(`w5/breakers/${n}`, 'bytes', (heap() - before) / n);
    await bench(`w5/breakers/${n}`, 2e5, async (k) => {
      for (let i = 0; i < k; i++) await all.get(hosts[pick[i & 65535]]).execute(ready);
    });
  }
}

const workloads = { w1, w1h, w2, w3, w4, w5 };
const chosen = workloads[process.argv[2]];
if (chosen) await chosen();
process.exit(0);
