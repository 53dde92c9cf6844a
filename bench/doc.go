// Package bench has the load benchmarks of the hub. They run with
//
//	go test -bench load ./bench
//
// in a few minutes; -benchtime 1x makes one short pass. Each starts the hub's real binary in a process of its own, on cores of its own, and
// client processes on the other cores, which check every subscriber for loss, doubles and order. Flags change the workloads
// (-spokes, -payload, -window, -rate, -duration), the machine's division (-server-cores, -clients), and the server under test (-server
// hub, peer:bun, peer:gorilla, ...). RESULTS.md has the last comparison, which the module in bench/peers makes.
package bench
