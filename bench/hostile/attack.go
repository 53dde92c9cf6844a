//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

// memoryLimit is GOMEMLIMIT where an attack on memory is measured.
const memoryLimit = "512MiB"

// attack is one way to hurt a server. The table of them never changes.
type attack struct {
	name, about string
	// clients is how many attackers there are; 0: as -clients says.
	clients int
	// general attacks make sense for any WebSocket server.
	general bool
	// flags are what the hub needs for it, limited is true where it runs with a memory limit.
	flags   []string
	limited bool
	// crowd is how many healthy readers the topic of the crowd has.
	crowd int
	// prepare makes, once for all attackers, what they send.
	prepare func(place) []byte
	// play is one attacker's part, from its connection to its end, which it returns.
	play func(*attacker) string
	// disturb happens to the server itself.
	disturb func(context.Context, *server.Server) error
	wanted
	asking
}

// asking says what the server asks of its clients: identities, for which an innocent adds query to its path, and TLS if it is secure.
type asking struct {
	identity identityUse
	query    string
	secure   bool
}

// wanted is what an attack expects beside the targets that all have.
type wanted struct {
	// end is how the attackers must end, "" if that doesn't matter.
	end string
	// lasts is how long the attack takes at least.
	lasts time.Duration
	// stops is true if the server stands still: then latencies don't count.
	stops bool
}

// attacks is the table.
func attacks() []attack {
	all := slices.Concat(calm, frameAttacks, controlAttacks, nameAttacks, memoryAttacks, handshakeAttacks, endAttacks, relayAttacks, readerAttacks, requestAttacks, identityAttacks, secureAttacks)
	return append(all, mixed(all))
}

// calm is no attack, for comparison.
var calm = []attack{{name: "calm", about: "nobody attacks", clients: 1, general: true, play: func(a *attacker) string { return a.idle() }}}

// mixed is all attacks at once that need nothing special, in equal numbers.
func mixed(all []attack) attack {
	a := attack{name: "mixed", about: "all attacks at once that need no server of their own, 10 attackers each", flags: largeMessages, crowd: 20}
	a.play = func(*attacker) string { return endOpen }
	return a
}

// mixedShare is how many attackers of each kind the mixed attack has.
const mixedShare = 10

// parts are what the attackers of an attack play: one part for most, many for the mixed one.
func (a attack) parts(clients int) (parts []part) {
	if a.name != "mixed" {
		return []part{{a.name, cmp.Or(a.clients, clients)}}
	}
	for _, other := range attacks() {
		alone := other.name == "mixed" || other.name == "calm" || other.disturb != nil || other.identity != unasked || other.limited || other.secure || other.clients == 1
		if !alone {
			parts = append(parts, part{other.name, mixedShare})
		}
	}
	return parts
}

// part is so many attackers of one kind.
type part struct {
	Attack string
	Count  int
}

// findAttacks returns those with these names, or all.
func findAttacks(names []string) ([]attack, error) {
	all := attacks()
	if len(names) == 0 {
		return all, nil
	}
	var found []attack
	for _, name := range names {
		at := slices.IndexFunc(all, func(a attack) bool { return a.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no attack %q (see -list)", name)
		}
		found = append(found, all[at])
	}
	return found, nil
}

// writeList shows the table.
func writeList(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, a := range attacks() {
		clients := "-clients"
		if a.clients > 0 {
			clients = fmt.Sprint(a.clients)
		}
		fmt.Fprintf(table, "%s\t%s\t%s%s\n", a.name, clients, a.about, a.conditions())
	}
	return table.Flush()
}

// conditions says under which the attack takes place.
func (a attack) conditions() string {
	var parts []string
	if a.general {
		parts = append(parts, "any server")
	}
	if a.crowd > 0 {
		parts = append(parts, fmt.Sprintf("crowd of %d", a.crowd))
	}
	if a.identity != unasked {
		parts = append(parts, "--jwt-key")
	}
	if a.secure {
		parts = append(parts, "TLS")
	}
	if a.limited {
		parts = append(parts, "GOMEMLIMIT="+memoryLimit)
	}
	if parts = append(parts, a.flags...); len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
