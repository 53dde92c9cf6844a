// Command release makes the files of a release: for each system an archive with a static binary, its manual pages and completions, a list
// of the modules in the binary (an SBOM, in CycloneDX), and the checksums of all of them.
//
//	go run ./internal/release -version v0.1.0 -out dist
//
// Everything is made from one commit: two clones of it, in whatever directories, give the same bytes with the same Go release. All times are
// that of the commit. A working tree that differs from its commit is refused.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// semver is https://semver.org, behind a v.
var semver = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-((0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?$`)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

// run makes a release as the arguments say, and lists its files.
func run(arguments []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "", "the release, such as v0.1.0")
	out := flags.String("out", "dist", "the directory for the files, which is made if it is not there")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one argument too many: it takes -version and -out", flags.Arg(0))
	}
	if !semver.MatchString(*version) {
		return fmt.Errorf("-version: %q is no semantic version: write it like v0.1.0 or v0.2.0-rc.1 (https://semver.org)", *version)
	}
	source, err := readSource()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "spokehub-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	r := &release{source: source, version: *version, out: *out, work: work}
	if err := r.make(); err != nil {
		return err
	}
	for _, name := range r.files {
		fmt.Fprintln(stdout, filepath.Join(*out, name))
	}
	return nil
}

// targets are the systems that there is a binary for.
var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}}

// target is a system, as Go names it.
type target struct{ system, processor string }

// release is one that is being made.
type release struct {
	source  source
	version string
	// out is where the files go, work what is gone at the end.
	out, work string
	// files are the names of what was written, in order.
	files []string
}

// make writes all files.
func (r *release) make() error {
	shared, err := r.sharedFiles()
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := r.makeFor(t, shared); err != nil {
			return fmt.Errorf("%s/%s: %w", t.system, t.processor, err)
		}
	}
	return r.writeSums()
}

// makeFor writes the archive for a system and the list of what is in its binary.
func (r *release) makeFor(t target, shared []file) error {
	binary := filepath.Join(r.work, t.system+"-"+t.processor)
	if err := r.build(t, binary); err != nil {
		return err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("spokehub_%s_%s_%s", strings.TrimPrefix(r.version, "v"), t.system, t.processor)
	archive, err := pack(name, append([]file{{"spokehub", 0o755, content}}, shared...), r.source.time)
	if err != nil {
		return err
	}
	if err := r.write(name+".tar.gz", archive); err != nil {
		return err
	}
	list, err := listOf(binary, r.version)
	if err != nil {
		return err
	}
	return r.write(name+".cdx.json", list)
}

// write writes a file of the release.
func (r *release) write(name string, content []byte) error {
	r.files = append(r.files, name)
	return os.WriteFile(filepath.Join(r.out, name), content, 0o644)
}
