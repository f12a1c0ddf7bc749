// Measures: one warm-up, one measured run, one row per figure. The caller repeats the whole program.

export const row = (name, unit, value) => console.log([name, unit, value.toFixed(3)].join('\t'));

// The processor's time of the whole program in nanoseconds, the compiler's and the collector's threads included: what
// neighbours do is not in it.
export const now = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

export const heap = () => process.memoryUsage().heapUsed;

// work(n) does its work n times.
export async function bench(name, n, work) {
  await work(Math.max(20_000, Math.floor(n / 4))); // the compiler must have seen it
  const start = now();
  await work(n);
  row(name, 'ns', (now() - start) / n);

  gc();
  const before = heap();
  const counted = Math.min(2_000, n);
  await work(counted);
  row(name, 'alloc_bytes', (heap() - before) / counted);
}
