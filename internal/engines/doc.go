// Package engines starts real message brokers for tests, each on a free port of the loopback and with files of its own, and breaks them: it kills,
// freezes and restarts them. They end with the test.
//
// The server of NATS is built from source, as the module in the directory natsserver says, once for each version, into the user's cache.
package engines
