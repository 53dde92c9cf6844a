// Package bench has the load benchmarks of the hub:
//
//	go test -bench load ./bench
//	go test -bench load -benchtime 1x ./bench
//	go test -bench WorkloadSaturate -count 6 ./bench -duration 10s -server peer:bun
//
// The first takes a few minutes, the second makes one short pass. The bench's own flags stand behind the package: -server (hub, hub-identity, peer:bun, peer:gorilla,
// ...), -server-flags, -spokes, -payload, -window, -rate, -duration, -warmup, -server-cores, -clients, -profile.
//
// Each benchmark starts the hub's real binary in a process of its own, pinned to cores of its own, and client processes on the other
// cores, one each, which check every subscriber for loss, duplicates and order; a faulty run fails. After each run the hub's ledger
// (/metrics) has to add up. The file limit bounds the number of spokes, with a note; -spokes 1000000 works where the limit allows it.
//
// An operation is a delivery, or an event in (events-in), a control event (churn), a MiB (large-in, large-echo), or a connect with its
// handshake and subscription (connect-us/op of idle). cpu-us/op is the server's CPU time, user and kernel. gen-cpu-% is how much of its core
// the busiest client process used: from 95 on the generator was the bottleneck, with a note. Latencies run from the time at which an event
// was due.
//
// bench/peers measures the hub and its peers in turns and writes RESULTS.md, or compares two builds of the hub:
//
//	cd bench/peers && go run . -runs 3
//	cd bench/peers && go run . -runs 3 -servers hub,bun -workloads saturate,many-topics -html results.html
//	cd bench/peers && go run . -baseline v1.0.0 -runs 5
//
// hub-identity is the hub where every client shows a token and has an identity, an expiry and patterns of what it may do. What that costs is
// the column "hub-identity / hub", which marks a row where it is worse by more than 3 %; to connect costs more there, for tokens are verified:
//
//	cd bench/peers && go run . -runs 5 -servers hub,hub-identity
//
// bench/hostile attacks the hub as strangers would, and shows what innocents beside them notice, against targets:
//
//	go run ./bench/hostile -check
package bench
