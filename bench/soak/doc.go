// Command soak lets the hub live through hours of what hostile, slow and dead peers do to it, and draws what it held meanwhile.
//
//	go run ./bench/soak --duration 8h --report soak.html
//
// It runs in laps (lap.go). In each, the real binary serves subscribers that check every event for loss, doubles and order, while the
// weather changes (weather.go): connects and kills, processes that stop, that die at once, handshakes that never end, nonsense, floods,
// calm. A watch (watch.go) takes a reading every now and then. A lap ends with the books: what each subscriber got, the hub's ledger, and a
// drain of all spokes by SIGTERM. At the end it writes one page (page.go, chart.go), and exits with 1 if anything was wrong.
package main
