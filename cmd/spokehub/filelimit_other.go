//go:build !unix

package main

// fileLimit is 0: this system reports no such limit.
func fileLimit() uint64 { return 0 }
