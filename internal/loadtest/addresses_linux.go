package loadtest

// canSpread says that all of 127.0.0.0/8 is this machine.
const canSpread = true
