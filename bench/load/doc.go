// Package load measures a WebSocket server with a swarm of clients: the hub's real binary, or a peer, in a process of its own on cores of
// its own, over real sockets. It is what `go test -bench load ./bench` and bench/peers have in common.
//
// A Workload (saturate.go, many.go, rate.go, idle.go, ...) gets a Stand (stand.go): the server under test (server.go, hub.go, bun.go)
// and a fleet of client processes. It returns a Result: metrics, and notes on what a reader must know, such as a lost event, a ledger that
// doesn't add up, or a generator that was the bottleneck.
package load
