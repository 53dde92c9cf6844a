// Package rules is the tests of the repository's own rules: which package may import which, where comments stand, how large
// a file or a struct may grow, what the documentation may name, and what the public API is. CONTRIBUTING.md lists them.
//
// The tests read the repository that contains this package, wherever they are run from.
package rules
