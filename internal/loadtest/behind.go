package loadtest

import (
	"fmt"
	"time"
)

// BehindError says that the publishers can't keep up with the rate.
type BehindError struct {
	// Late is how long ago an event was due that has not been published yet.
	Late time.Duration
	// Published is how many events had been published by then.
	Published int64
}

// Error says how far behind the publishers are, and what to do.
func (e *BehindError) Error() string {
	return fmt.Sprintf("rate: the publishers are %v behind after %d events; lower it, or have more publishers", e.Late.Round(time.Millisecond), e.Published)
}
