// Package bench has the load benchmarks of the hub:
//
//	go test -bench load ./bench
//	go test -bench load -benchtime 1x ./bench
//	go test -bench 'Workload(Throttled|Resume|Kept)' ./bench
//	go test -bench WorkloadSaturate -count 6 ./bench -duration 10s -server peer:bun
//
// The first takes a few minutes, the second makes one short pass. The bench's own flags stand behind the package: -server (hub, hub-identity, hub-streams,
// hub-policies, hub-catch-up, hub-latest, peer:bun, peer:gorilla, ..., hub and peers with -tls behind them where they can), -server-flags, -spokes,
// -payload, -window, -rate, -duration, -warmup, -server-cores, -clients, -profile.
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
// Hubs with policies have a table of their own, with their targets beside them. hub-streams keeps events of every type and closes who does not keep
// up, hub-policies has policies for other types alone, hub-catch-up has who is slow catch up, hub-latest sends it the newest event of each id:
//
//	cd bench/peers && go run . -runs 5 -servers hub,hub-streams,hub-policies -workloads saturate,one-in-flight,events-in -out ""
//	cd bench/peers && go run . -runs 3 -servers hub-streams -workloads resume,kept -out "" -keep
//	cd bench/peers && go run . -runs 3 -servers hub-streams,hub-catch-up,hub-latest -workloads throttled -out "" -keep
//
// The first shows what an event of a stream costs; its frames are longer by their offsets. In resume 10,000 spokes connect at once and ask for
// the last 1,000 events of a stream that is quiet, in as many client processes as the file limit asks for; what it shows includes the handshakes.
// kept publishes over HTTP to nobody, and reads the heap after collections. In throttled every tenth spoke reads a tenth of what it would need
// each second, with a receive buffer of 8 KiB and TCP segments of 1,448 bytes. It pings all the time, so that the age of each event that comes can be
// compared with two round trips and the time between two events of an id; round trips are through the same queue. At the end the slow ones
// read all that is left, and what they have not got the hub must have told by a __gap.
//
// A name that ends with -tls, as hub-tls and bun-tls, is that server over TLS: version 1.3 with X25519 and AES-128-GCM, a certificate with an
// ECDSA key on P-256, no sessions to resume. Such servers have a table of their own, with a workload of their own, connect: full handshakes.
// The clients decrypt up to six million small events a second on one core, and up to 3,000 of them connect; so compare CPU rather than what
// is done a second:
//
//	cd bench/peers && go run . -runs 3 -servers hub-tls,bun-tls -workloads connect,idle,saturate,one-in-flight
//
// What idle connections consist of is in the profile of the heap that -profile writes; GODEBUG makes it exact:
//
//	cd bench/peers && GODEBUG=memprofilerate=4096 go run . -spokes 5000 -runs 1 -servers hub-tls -workloads idle -profile /tmp
//	go tool pprof -sample_index=inuse_space -top /tmp/idle_spokes-5000_hub-tls_heap.pprof
//
// bench/cluster measures several hubs as one on NATS and on Redis, and the library centrifuge beside them; docs/scale.md has what follows from it:
//
//	cd bench/cluster && go run . -engines nats -works everybody,topics
//
// bench/hostile attacks the hub as strangers would, and shows what innocents beside them notice, against targets:
//
//	go run ./bench/hostile -check
//	go run ./bench/hostile -tls
//
// bench/soak runs the hub for hours against bad peers, bench/soak/chaos the clients in Go and JavaScript over a proxy that cuts, stalls, delays
// and refuses them, and holds what they hear against streams:
//
//	go run ./bench/soak --duration 8h
//	go run ./bench/soak/chaos -duration 1h
package bench
