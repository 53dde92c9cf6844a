// Package cluster only holds a test: it plays random schedules of clients, publishers and faults of the broker against several hubs that work as one, and
// compares what every client got with a model that knows what it must have got.
//
//	go test ./fanout/simulation/cluster                                       all seeds
//	go test ./fanout/simulation/cluster -sim.seeds 5000                       more seeds
//	go test ./fanout/simulation/cluster -sim.seed 4711 -sim.seeds 1 -sim.repeat 50    replay a seed
//
// A seed fixes the configuration, the kinds of faults and the dice of the actions. It does not fix how threads run, so a failure may take some repeats to
// come back. The actions up to a failure are printed with it.
//
// The hubs share a network of package broker/inproc, whose engines are cut off and healed, deaf, slow, held, and lose, repeat, tear and refuse
// what they are given; its streams are wiped, full, or lose their newest events. Hubs end, or are thrown away, and others begin. Clients subscribe,
// publish, stall, read slowly, leave, and come back at another hub with their positions.
//
// # The truth
//
// Each event has a number in its payload. The network tells of each event that it appends, and of each epoch that begins: that is the truth about
// streams (type truth). What hubs publish of types without a stream is in a list (type publication), with moments ahead of the call and behind it.
// A client writes down what it sends and what it gets in one order, with moments (type entry). What it got is compared with the truth when everything is
// healed and quiet; no check runs on the way, so none changes the schedule.
//
// # Streams
//
// A view follows one type on one connection through what the client wrote down. Each event must be at its place in the epoch that the client knows, behind the
// last one, and due by a topic that is in force. What is due and lies between must be in a gap that was told before. At the end all due up to the top of the
// newest epoch has come, or was told missing.
//
// # Types without a stream
//
// An event that was published while a subscription was certainly in force must have come: from the same hub in any case, from another one unless the
// client was told a gap with the reason broker afterwards. No event comes twice, or to who is not subscribed, and those of one sender come in order.
// A loss without any event of that sender ahead of it can't be noticed by who receives: in seeds with faults of that kind it is let pass.
//
// # Quiet
//
// At the end faults are healed, stalled clients read on, and each hub publishes one more event of everything, so that the receivers notice what they
// have lost. Then the checks are repeated until nothing is missing any more, or patience ends.
//
// # The ledger
//
// The last check is a sum (type ledger): of each event and each client that was certainly subscribed to it, by the moments of answers and publications, what has
// become of it, by its place in what the client got. Each pair has one fate, and none may be unexplained. As many events as hubs say that they
// have delivered must have come. A failure prints both sums, and -v that of all seeds.
package cluster
