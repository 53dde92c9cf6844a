package targettest

import "time"

// SetPatience makes the tests of targets that have to fail give up early.
func SetPatience(d time.Duration) { patience = d }
