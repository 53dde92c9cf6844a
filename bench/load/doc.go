// Package load measures a WebSocket server with a swarm of clients over real sockets: the hub's real binary, or a peer, in a process of
// its own on cores of its own. `go test -bench load ./bench` and bench/peers share it.
//
// Run takes a Target, which is a server that can be started, and a Workload, which connects clients, publishes and measures. It returns a
// Result: metrics, and notes on what a reader must know, such as a lost event, a ledger that doesn't add up, or a generator that was the
// bottleneck.
package load
