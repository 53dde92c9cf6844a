package main

import "strings"

// flagWords names the flags of a command where package spoke names fields of its configuration.
var flagWords = strings.NewReplacer(
	"Config.Token and Config.GetToken", "--token and --token-file",
	"Config.TLS.RootCAs", "--ca",
)

// flagWordsError is an error of package spoke that speaks of flags.
type flagWordsError struct{ err error }

func (e flagWordsError) Error() string { return flagWords.Replace(e.err.Error()) }

func (e flagWordsError) Unwrap() error { return e.err }

// inFlags makes an error of package spoke speak of flags.
func inFlags(err error) error { return flagWordsError{err} }
