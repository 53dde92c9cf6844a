// Package storm does to a running hub what the world does: thousands of spokes that die at once, connects and kills without end,
// clients that stop reading, that never finish a handshake, that talk garbage or far too much, and drains in the midst of it. Its tests
// are the storms; the soak (bench/soak) mixes them for hours.
//
// A Hub (hub.go) is the real binary in a process of its own. What it holds is read from outside: memory and descriptors from /proc,
// goroutines from its profiles, counters and the ledger from its metrics (sample.go, metrics.go). Subscribers that are checked are
// those of bench/swarm; the clients that misbehave are here (churn.go, unfinished.go, garbage.go).
package storm
