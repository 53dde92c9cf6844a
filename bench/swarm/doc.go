// Package swarm generates the load: client processes of one thread and one core each, which open thousands of WebSocket connections over
// raw epoll, publish, and check every subscriber for loss, duplicates and order.
//
// The parent starts a Fleet. Its children are the same executable run again, so its main or TestMain calls RunIfChild first. They take
// commands as JSON lines and share Counters, memory that the parent can read at any time and through which a windowed publisher
// learns that its messages have arrived.
//
// Each event carries a stamp: its topic, its sequence number in that topic, and the time at which it was due. A child compares the number
// with the one that the subscriber expects, and records the time since the event was due.
package swarm
