package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version, commit and date are set by the linker for a release, which package internal/release makes:
// go build -ldflags '-X main.version=v1.2.3 -X main.commit=4f2b2e1 -X main.date=2026-11-28T18:01:19Z'. Without them, the build
// information that Go embeds is used.
var version, commit, date string

// build is where a binary comes from. What is not known is empty.
type build struct {
	version string
	commit  string
	// date is that of the commit, as in RFC 3339, so that two builds of one commit are the same.
	date string
	// modified says that the files were not those of the commit.
	modified bool
}

// thisBuild is where this binary comes from.
func thisBuild() build {
	b := build{version: version, commit: commit, date: date}
	info, found := debug.ReadBuildInfo()
	if !found {
		return b
	}
	if b.version == "" {
		b.version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision" && b.commit == "":
			b.commit = setting.Value
		case setting.Key == "vcs.time" && b.date == "":
			b.date = setting.Value
		case setting.Key == "vcs.modified":
			b.modified = setting.Value == "true"
		}
	}
	return b
}

// buildVersion is the release or, without one, the version that Go derived from the commit.
func buildVersion() string { return orElse(thisBuild().version, "(devel)") }

func printVersion(stdout io.Writer) error {
	b := thisBuild()
	changed := ""
	if b.modified {
		changed = ", with changes"
	}
	_, err := fmt.Fprintf(stdout, "spokehub %s\ncommit %s%s\ndate %s\n%s %s/%s\n",
		orElse(b.version, "(devel)"), orElse(b.commit, "unknown"), changed, orElse(b.date, "unknown"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// orElse is a text or, where it is empty, another.
func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
