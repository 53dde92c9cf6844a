package brokertest

import "time"

// SetPatience makes the tests of engines that have to fail give up early.
func SetPatience(d time.Duration) { patience = d }
