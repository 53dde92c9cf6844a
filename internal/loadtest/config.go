// Package loadtest loads a hub from outside, as its clients do, and says what they got: how long events took, and whether one
// was lost, doubled or out of order. It is what spokehub bench runs. The benchmarks below bench measure a hub more closely, from
// processes of their own.
package loadtest

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/spoke"
)

// Config says how a hub is loaded.
type Config struct {
	// URL is where the hub is.
	URL string
	// Client is how clients connect to it.
	Client spoke.Config
	// Connections is the number of subscribers, and Topics of the topics over which they are spread evenly.
	Connections, Topics int
	// Publishers is the number of clients that publish beside them.
	Publishers int
	// Rate is the number of events a second, all publishers together.
	Rate float64
	// Size is the bytes of a payload, at least MinSize.
	Size int
	// Duration is how long events are published, and Patience how long the last ones may take.
	Duration, Patience time.Duration
	// Progress is called about once a second, on one goroutine; nil for nobody.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	// Connected is how many subscribers are connected, of Connections.
	Connected, Connections int
	// Elapsed is how long events have been published, of Duration. 0 while clients connect.
	Elapsed, Duration time.Duration
	// Published and Delivered are events so far.
	Published, Delivered int64
}

// maxRate is the highest rate: one event a microsecond.
const maxRate = 1_000_000

// MinSize is the smallest payload: it has the number and the time of its event.
const MinSize = 34

// check is what is wrong with the configuration.
func (c *Config) check() error {
	switch {
	case c.Connections < 1:
		return fmt.Errorf("connections: got %d, want 1 or more", c.Connections)
	case c.Topics < 1 || c.Topics > c.Connections:
		return fmt.Errorf("topics: got %d, want 1 to the number of connections, %d", c.Topics, c.Connections)
	case c.Publishers < 1:
		return fmt.Errorf("publishers: got %d, want 1 or more", c.Publishers)
	case !(c.Rate > 0 && c.Rate <= maxRate):
		return fmt.Errorf("rate: got %v, want more than 0 and at most %d", c.Rate, maxRate)
	case c.Size < MinSize:
		return fmt.Errorf("size: got %d, want %d bytes or more, since a payload has the number and the time of its event", c.Size, MinSize)
	case c.Duration <= 0:
		return fmt.Errorf("duration: got %v, want more than 0", c.Duration)
	case c.Patience <= 0:
		return errors.New("patience: want more than 0")
	}
	return nil
}
