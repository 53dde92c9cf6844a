package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for a release:
// go build -ldflags '-X main.version=v1.2.3'. Without it, the build information
// that Go embeds is used.
var version string

// buildVersion is the release or, without one, the version that Go derived from the commit.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, found := debug.ReadBuildInfo()
	if !found || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func printVersion(stdout io.Writer) error {
	commit := "unknown"
	if info, found := debug.ReadBuildInfo(); found {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = setting.Value
			}
		}
	}
	_, err := fmt.Fprintf(stdout, "spokehub %s\ncommit %s\n%s %s/%s\n",
		buildVersion(), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
