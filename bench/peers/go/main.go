// The Go peers through the workloads: peer w1 | w1h | w2 | w3 | w4 | w5.
//
// The names of the rows are those of the other stacks wherever the work is the same.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
	"gopkg.in/eapache/go-resiliency.v1/breaker"
	"gopkg.in/eapache/go-resiliency.v1/deadline"
	"gopkg.in/eapache/go-resiliency.v1/retrier"
	slots "gopkg.in/eapache/go-resiliency.v1/semaphore"
)

var background = context.Background()
var errRate = errors.New("rate")

//go:noinline
func ready() error { return nil }

func hop() error {
	runtime.Gosched()
	return nil
}

// repeat makes n calls, one after the other.
func repeat(call func() error) func(int) {
	return func(n int) {
		for i := 0; i < n; i++ {
			call()
		}
	}
}

type subjects struct {
	retrier   *retrier.Retrier
	breaker   *breaker.Breaker
	deadline  *deadline.Deadline
	slots     *slots.Semaphore
	semaphore *semaphore.Weighted
	limiter   *rate.Limiter
}

func newSubjects() *subjects {
	return &subjects{
		retrier:   retrier.New(retrier.ConstantBackoff(3, time.Millisecond), nil),
		breaker:   breaker.New(3, 1, time.Second), // counts consecutive errors only
		deadline:  deadline.New(time.Second),
		slots:     slots.New(100, time.Second),
		semaphore: semaphore.NewWeighted(100),
		limiter:   rate.NewLimiter(1e12, 1<<30),
	}
}

// five is the cooperative stack: the timeout is a context that the operation may look at.
func (s *subjects) five(op func() error) func() error {
	return func() error {
		return s.retrier.Run(func() error {
			return s.breaker.Run(func() error {
				limited, cancel := context.WithTimeout(background, time.Second)
				defer cancel()
				if err := s.semaphore.Acquire(limited, 1); err != nil {
					return err
				}
				defer s.semaphore.Release(1)
				if !s.limiter.Allow() {
					return errRate
				}
				return op()
			})
		})
	}
}

// fiveDeadline has a timeout that does not wait for the operation: a goroutine for each call.
func (s *subjects) fiveDeadline(op func() error) func() error {
	return func() error {
		return s.retrier.Run(func() error {
			return s.breaker.Run(func() error {
				return s.deadline.Run(func(<-chan struct{}) error {
					if err := s.slots.Acquire(); err != nil {
						return err
					}
					defer s.slots.Release()
					if !s.limiter.Allow() {
						return errRate
					}
					return op()
				})
			})
		})
	}
}

func withTimeout(op func() error) func() error {
	return func() error {
		_, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		return op()
	}
}

func w1() {
	s := newSubjects()
	bench("w1/bare", 50_000_000, repeat(ready))
	bench("w1/retry", 3_000_000, repeat(func() error { return s.retrier.Run(ready) }))
	bench("w1/breaker", 3_000_000, repeat(func() error { return s.breaker.Run(ready) }))
	bench("w1/timeout", 1_000_000, repeat(withTimeout(ready)))
	bench("w1/after_func", 2_000_000, repeat(func() error {
		timer := time.AfterFunc(time.Second, func() {})
		defer timer.Stop()
		return ready()
	}))
	bench("w1/bulkhead", 3_000_000, repeat(func() error {
		s.semaphore.Acquire(background, 1)
		defer s.semaphore.Release(1)
		return ready()
	}))
	bench("w1/rate_limiter", 3_000_000, repeat(func() error {
		s.limiter.Allow()
		return ready()
	}))
	bench("w1/five", 500_000, repeat(s.five(ready)))
	bench("w1/five_deadline", 200_000, repeat(s.fiveDeadline(ready)))
	for _, threads := range []int{1, 2} {
		shared(threads, s.five(ready))
	}
}

// shared is one stack for so many goroutines: wall time divided by all calls.
func shared(threads int, call func() error) {
	const calls = 300_000
	work := func(n int) {
		var all sync.WaitGroup
		for k := 0; k < threads; k++ {
			all.Add(1)
			go func() {
				defer all.Done()
				repeat(call)(n)
			}()
		}
		all.Wait()
	}
	old := runtime.GOMAXPROCS(threads)
	defer runtime.GOMAXPROCS(old)
	work(calls / 10)
	start := time.Now()
	work(calls)
	wall := float64(time.Since(start).Nanoseconds())
	row(fmt.Sprintf("w1/threads/%d", threads), "ns", wall/float64(calls*threads))
}

// crowd has so many goroutines in flight, which share n calls.
func crowd(goroutines int, call func() error) func(int) {
	return func(n int) {
		left := int64(n)
		var all sync.WaitGroup
		for k := 0; k < goroutines; k++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for atomic.AddInt64(&left, -1) >= 0 {
					call()
				}
			}()
		}
		all.Wait()
	}
}

func w1h() {
	s := newSubjects()
	bench("w1h/bare", 2_000_000, crowd(64, hop))
	bench("w1h/timeout", 500_000, crowd(64, withTimeout(hop)))
	bench("w1h/five", 500_000, crowd(64, s.five(hop)))
}

func w2() {
	open := breaker.New(1, 1, time.Hour)
	open.Run(func() error { return errors.New("x") })
	bench("w2/value", 5_000_000, repeat(func() error {
		if open.Run(ready) != breaker.ErrBreakerOpen {
			panic("the breaker let a call through")
		}
		return nil
	}))
}

func w3() {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		order := rand.New(rand.NewSource(1)).Perm(n)
		for _, measured := range []bool{false, true} {
			timers(n, order, measured)
			if n <= 100_000 {
				calls(n, order, measured)
			}
		}
	}
}

func timers(n int, order []int, measured bool) {
	all := make([]*time.Timer, n)
	before := heap()
	start := processor()
	for i := range all {
		all[i] = time.AfterFunc(30*time.Second, func() {})
	}
	arm := each(start, n)
	bytes := (heapNow() - before) / float64(n)
	start = processor()
	for _, i := range order {
		all[i].Stop()
	}
	disarm := each(start, n)
	if !measured {
		return
	}
	name := fmt.Sprintf("w3/timer/%d", n)
	row(name, "ns", arm+disarm)
	row(name, "arm_ns", arm)
	row(name, "disarm_ns", disarm)
	row(name, "bytes", bytes)
}

func calls(n int, order []int, measured bool) {
	gates := make([]chan int, n)
	for i := range gates {
		gates[i] = make(chan int, 1)
	}
	var all sync.WaitGroup
	var waiting int64
	all.Add(n)
	before := heap()
	start := processor()
	for _, gate := range gates {
		go func(gate chan int) {
			defer all.Done()
			atomic.AddInt64(&waiting, 1)
			limited, cancel := context.WithTimeout(background, 30*time.Second)
			defer cancel()
			select {
			case <-gate:
			case <-limited.Done():
			}
		}(gate)
	}
	for atomic.LoadInt64(&waiting) < int64(n) { // until every call is pending
		runtime.Gosched()
	}
	bytes := (heapNow() - before) / float64(n)
	for _, i := range order {
		gates[i] <- 1
	}
	all.Wait()
	total := each(start, n)
	if !measured {
		return
	}
	name := fmt.Sprintf("w3/call/%d", n)
	row(name, "ns", total)
	row(name, "bytes", bytes)
}

func w4() {
	bench("w4/bare", 1_000_000, crowd(1000, hop))
	fifo := semaphore.NewWeighted(100)
	bench("w4/bulkhead", 500_000, crowd(1000, func() error {
		fifo.Acquire(background, 1)
		defer fifo.Release(1)
		return hop()
	}))
	channel := make(chan struct{}, 100)
	bench("w4/semaphore", 500_000, crowd(1000, func() error {
		channel <- struct{}{}
		hop()
		<-channel
		return nil
	}))
}

func w5(n int) {
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("service-%d.prod.example.internal:8443", i)
	}
	before := heap()
	all := make(map[string]*breaker.Breaker)
	for _, host := range hosts {
		key := string(append([]byte{}, host...)) // the family owns its keys
		all[key] = breaker.New(3, 1, time.Second)
	}
	bytes := (heap() - before) / float64(n)
	name := fmt.Sprintf("w5/breakers/%d", n)
	row(name, "bytes", bytes)

	pick := make([]int, 65536)
	for i := range pick {
		pick[i] = rand.Intn(n)
	}
	bench(name, 2_000_000, func(k int) {
		for i := 0; i < k; i++ {
			all[hosts[pick[i&65535]]].Run(ready)
		}
	})
}

// One processor, as the other stacks have, but for the rows with threads: several only add the cost of handing
// goroutines over.
func main() {
	runtime.GOMAXPROCS(1)
	workload := ""
	if len(os.Args) > 1 {
		workload = os.Args[1]
	}
	switch workload {
	case "w1":
		w1()
	case "w1h":
		w1h()
	case "w2":
		w2()
	case "w3":
		w3()
	case "w4":
		w4()
	case "w5":
		w5(10_000)
		w5(100_000)
	}
}
