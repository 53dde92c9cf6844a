//go:build !unix

package main

// fileLimit is 0: this system has no such limit to tell.
func fileLimit() uint64 { return 0 }
