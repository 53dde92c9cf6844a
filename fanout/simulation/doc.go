// Package simulation only holds a test: it plays random schedules of client actions, calls of the embedder and system faults against
// a hub, and compares the hub with a model that knows what every client must receive. It needs Linux and the build tag faults:
//
//	go test -tags faults ./fanout/simulation                          1,000 seeds, and the planted defects (about a minute)
//	go test -tags faults ./fanout/simulation -sim.seeds 100000        more seeds
//	go test -tags faults ./fanout/simulation -run EverySchedule -sim.seed 4711 -sim.seeds 1 -sim.repeat 100    replay a seed
//
// A seed fixes the configuration, the plan of faults and the dice of every action. It does not fix how threads run, so a failure may
// take several repeats to come back. The actions up to a failure are printed with it.
//
// # The model
//
// Every event belongs to a stream: that of the driver, of one client, or of the callbacks of one client. Its payload has the stream, its
// number there and the action that made it. For each event and client, a verdict says whether the client must get the event, may get
// it, or must never get it. A subscription is certain from the answer to the control event that made it until the next control
// event about it. An event that the hub dispatches on behalf of a client is in flight until a barrier has shown that it was dispatched.
// What changes in the meantime makes its verdicts uncertain. A client must not see a number of a stream twice, nor a lower
// number after a higher one, nor miss a number that it must get below one that it got.
//
// A barrier is a control event that asks for an answer. The answer comes after everything that was queued for the client before,
// so by then the client has everything that it must have, and the callbacks for what it sent have run. This takes no sleep and no
// guess.
//
// # Planted defects
//
// Each file of testdata/defects is a patch that breaks the hub in one way. It is written like a diff without line numbers, and its first
// line says what goes wrong. The test builds the simulation with each patch (go test -overlay) and fails if the patch does not
// apply, does not compile, or is not caught within 1,000 seeds. It prints the seed that caught it and how to replay it.
package simulation
