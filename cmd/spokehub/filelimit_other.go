//go:build !unix

package main

// fileLimit is 0: this system reports no such limit.
func fileLimit() uint64 { return 0 }

// hardFileLimit is 0 for the same reason.
func hardFileLimit() uint64 { return 0 }
