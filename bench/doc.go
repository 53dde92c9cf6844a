// Package bench has the load benchmarks of the hub:
//
//	go test -bench load ./bench
//	go test -bench load -benchtime 1x ./bench
//	go test -bench WorkloadSaturate -count 6 ./bench -duration 10s -server peer:bun
//
// The first takes a few minutes, the second makes one short pass. Flags of our own stand behind the package: -server (hub, peer:bun, peer:gorilla,
// ...), -server-flags, -spokes, -payload, -window, -rate, -duration, -warmup, -server-cores, -clients, -profile.
//
// Each benchmark starts the hub's real binary in a process of its own, pinned to cores of its own, and client processes on the other
// cores, one each, which check every subscriber for loss, doubles and order; a faulty run fails. After each run the hub's ledger
// (/metrics) has to add up: subscribers at dispatch = delivered + dropped + queued. A number of spokes that the file limit doesn't allow
// is bounded, and the run says so; -spokes 1000000 works where the limits do.
//
// Operations: a delivery, or an event in (events-in), a control event (churn), a connect with its handshake and subscription (connect-us/op of
// idle). cpu-us/op is the server's CPU, user and kernel. gen-cpu-% is the busiest client process's share of its core: when it is 95 or
// more, the generator was the bottleneck, and a note says so. Latencies run from the scheduled time of sending.
//
// bench/peers measures the hub and its peers in turns and writes RESULTS.md and results.html:
//
//	cd bench/peers && go run . -runs 3
//	cd bench/peers && go run . -runs 3 -servers hub,bun -workloads saturate,many-topics
package bench
