// Package brokertest tests whether a [broker.Broker] keeps the promises of that interface and of package broker. Every engine of Spokehub passes it;
// authors of other engines run it over theirs:
//
//	func TestMyEngineConforms(t *testing.T) {
//		brokertest.Run(t, brokertest.Config{Engines: func(t *testing.T, n int) []broker.Broker {
//			return myengine.Cluster(t, n)
//		}})
//	}
//
// It tests engines that are up. What becomes of messages while servers die, links freeze and connections break is for the tests of each engine, as those
// faults are not the same.
//
// # Owners and locks
//
// Each engine under test has a sink of its own, whose lock guards what it was told. Nothing is called under it. Each test has engines of its own, which it
// starts, and closes at its end.
package brokertest
