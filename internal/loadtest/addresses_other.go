//go:build !linux

package loadtest

// canSpread says that only 127.0.0.1 is sure to be this machine.
const canSpread = false
