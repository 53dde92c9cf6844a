//go:build !race

package netpoll

// raceEnabled says whether the race detector runs: then pools, those of crypto/tls too, forget some of what they have.
const raceEnabled = false
