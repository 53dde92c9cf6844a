// Package faultproxy is a TCP proxy for tests, which makes the faults that networks have: it freezes, cuts, slows and delays what passes, or swallows one
// direction of it. It listens on the loopback.
//
// # Owners and locks
//
// The lock of a Proxy guards its faults and the table of its links. Each link is two connections, with two goroutines for each direction: one reads
// chunks into a bounded queue, the other waits as the faults say and writes them. No lock is held while bytes are read or written.
//
// # Order
//
// Bytes of a direction keep their order, and an end of it comes behind them. A chunk that has been read is subject to the faults of the moment in which it is
// written; only whether it is swallowed is decided when it is read.
package faultproxy
