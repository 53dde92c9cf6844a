package fanouttest

import "go.uber.org/goleak"

// atImport ignores the goroutines that imports have started.
var atImport = goleak.IgnoreCurrent()

// GoleakOptions are for goleak.VerifyTestMain or goleak.VerifyNone in a program that imports the hub. Importing it starts no
// goroutine of the hub's, but two of package ants, on which the hub's workers run: they serve the default pool of that package,
// which the hub does not use, and they never end. The options ignore those two, and what else runs when package fanouttest is
// initialized; everything that a hub starts is looked for, and is gone soon after Shutdown.
func GoleakOptions() []goleak.Option { return []goleak.Option{atImport} }
