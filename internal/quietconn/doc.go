// Package quietconn makes the connections to a broker cheap: their reads and writes go to the kernel without telling Go's scheduler.
//
// Go takes each system call for one that may block. It wakes the runtime's monitor thread, which then polls every 20 µs, and when a call takes
// longer than that, as sends over the loopback and on busy machines do, another thread is woken to go on with other goroutines. A hub that hands a few events
// to its broker at a time pays for that with each of them. The sockets never block, so nothing of it is needed: a socket
// that is not ready still parks the goroutine and not the thread.
package quietconn
