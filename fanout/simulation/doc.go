// Package simulation holds a test alone: a hub under random schedules of clients, embedder's calls and faults of the system,
// beside a model that knows what every client must receive. It needs Linux and the build tag faults:
//
//	go test -tags faults ./fanout/simulation                                   1,000 seeds, and the planted defects
//	go test -tags faults ./fanout/simulation -sim.seeds 100000                 as many as asked for
//	go test -tags faults ./fanout/simulation -run EverySchedule -sim.seed 4711 -sim.seeds 1 -sim.repeat 100    one again
//
// A seed fixes the configuration, the faults' plan and the dice of every action. How threads run is not fixed: a failure that
// depends on it may take repeats to come back, and the actions up to the failure are printed with it.
//
// # What the model knows
//
// Every event bears the stream it belongs to (the driver, one client, the callbacks of one client), its number there and
// the action that made it. For each event and client a verdict says whether the client must get it, may get it or must
// never get it: a subscription counts as certain between the answer to the control event that made it and the next control
// event about it. An event that the hub passes on for a client is in flight until a barrier has shown that it was worked off,
// and what changes meanwhile makes a verdict uncertain. Of each stream a client may neither see a number twice, nor a lower
// one after a higher one, nor miss one that it must get below one that it got.
//
// A barrier is a control event that asks for an answer: it comes behind everything that was queued for the client before, so
// at that moment whatever the client must have had, it has had, and the callbacks for what it sent have run. No sleep, no
// guess.
package simulation
