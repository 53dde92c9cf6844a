package fanout_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// filler is what a stalled spoke's socket is filled with: 1 KiB an event.
var filler = event.Event{Type: "filler", Payload: []byte(`"` + strings.Repeat("f", 1<<10-len(envelope("filler", "", `""`))) + `"`)}

// stall fills the socket of a spoke whose client does not read, until a little is queued.
func stall(t testing.TB, h *testHub, spoke *fanout.Spoke) (events int) {
	t.Helper()
	for spoke.BufferedAmount() == 0 {
		for range 8 {
			spoke.DispatchEvent(filler)
		}
		events += 8
		if events > 1<<16 {
			t.Fatal("the socket does not fill up")
		}
	}
	return events
}
