// Package swarm is the load: client processes of one thread and one core each, which open thousands of WebSocket
// connections over raw epoll, publish, and check every subscriber for loss, doubles and order.
//
// The parent starts a Fleet; the children are the same executable run again, so its main or TestMain calls RunIfChild
// first. Parent and children talk in JSON lines over stdin and stdout, and share a Board, memory in which counters are
// read at any time and in which the credits of a windowed publisher come back.
//
// A message on its way: a publisher (window.go, rate.go, flood.go, churn.go) appends a stamped envelope (tick.go) in the
// server's dialect (dialect.go) to its outlet (outlet.go); the server fans it out; read.go takes the frames
// apart, deliver.go finds the stamp, check.go compares the sequence number, latency.go records, board.go counts.
package swarm
