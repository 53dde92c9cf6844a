// Command soak runs the hub for hours against hostile, slow and dead peers, and draws what it held meanwhile.
//
//	go run ./bench/soak --duration 8h --report soak.html
//
// It runs in rounds. In each, the real binary serves subscribers that check every event for loss, duplicates and order, while one scenario
// follows another: connects and kills, processes that stop, processes that die at once, handshakes that never end, garbage, floods, calm.
// A round ends with a check of what each subscriber received and of the hub's ledger, and with a drain of all spokes by SIGTERM. At the
// end it writes one page, and exits with 1 if anything was wrong.
package main
