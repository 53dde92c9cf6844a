//go:build linux && !race

package main

// raceEnabled says that everything takes about ten times as long.
const raceEnabled = false
