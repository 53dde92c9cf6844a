//go:build linux

package main

// fault is what the proxy does to one line, which is one connection of a client through it.
type fault int

// The faults that a line may be planned to have. Down is from the hub to the client, up is the other way.
const (
	// healthy lines last until an upheaval ends them.
	healthy fault = iota
	// refuseReset resets a connection that was accepted, refuseBusy answers the handshake with 503 and Retry-After.
	refuseReset
	refuseBusy
	// halfOpen takes the handshake and never answers.
	halfOpen
	// held connects are served after a later one.
	held
	// delayed lines pass everything on later, both ways, for all their life.
	delayed
	// cutReset ends a line with RST, cutFin with FIN, cutMidFrame with FIN after part of a frame down.
	cutReset
	cutFin
	cutMidFrame
	// stallBoth, stallDown and stallUp pass nothing on for a while, or until the client or the hub gives the line up.
	stallBoth
	stallDown
	stallUp
	// vanish ends the side of the hub and leaves the client without a word.
	vanish
	// closeRestart and closeSlow send the close frames 1012 and 1013 with a hint, as a hub does.
	closeRestart
	closeSlow
)

// kind describes a fault. In percent of all lines that reach it in the order of the table; the rest is healthy.
type kind struct {
	fault   fault
	name    string
	percent int
	// atOnce is set for faults of the connect; the others wait.
	atOnce bool
	// obscure is set where the client may have given the line up before the proxy can know.
	obscure bool
}

var kinds = []kind{
	{refuseReset, "refused by RST", 3, true, false},
	{refuseBusy, "refused by 503", 3, true, false},
	{halfOpen, "half open", 2, true, false},
	{held, "connect held back", 8, true, false},
	{delayed, "delayed", 10, true, true},
	{cutReset, "cut by RST", 12, false, false},
	{cutFin, "cut by FIN", 12, false, false},
	{cutMidFrame, "cut inside a frame", 14, false, false},
	{stallBoth, "stalled both ways", 10, false, true},
	{stallDown, "stalled down", 10, false, true},
	{stallUp, "stalled up", 10, false, true},
	{vanish, "vanished", 10, false, true},
	{closeRestart, "closed with 1012", 25, false, false},
	{closeSlow, "closed with 1013", 30, false, false},
}

func (f fault) kind() kind {
	for _, k := range kinds {
		if k.fault == f {
			return k
		}
	}
	return kind{fault: healthy, name: "healthy", atOnce: true}
}

// String is the name that reports give.
func (f fault) String() string { return f.kind().name }
