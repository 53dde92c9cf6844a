//go:build linux

package load

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// Mode is a kind of server.
type Mode int

const (
	// ModeHub relays events to subscribers.
	ModeHub Mode = iota
	// ModeLarge does so for events of up to 17 MiB.
	ModeLarge
	// ModeEcho sends every message back.
	ModeEcho
)

// PeerNames are the Go peers that bench/peers serves.
var PeerNames = []string{"gorilla", "gws", "nbio", "centrifuge", "nats", "gobwas"}

const (
	bunVersion     = "1.4.5"
	bunEnvironment = "SPOKEHUB_BENCH_BUN"
)

//go:embed bun.js
var bunScript []byte

// Target is a server that can be measured.
type Target struct {
	// Name is short: hub, bun, gorilla.
	Name string
	// Version identifies the build.
	Version string
	// Dialect is its protocol.
	Dialect swarm.Dialect
	// Secret signs the tokens that it asks clients for; empty if it asks for none.
	Secret string
	// Commands are the command lines that start it, in each mode that it has, on a free port of 127.0.0.1. It writes a line with its ws://
	// address.
	Commands map[Mode][]string
	// Certificate is what it shows for localhost, in PEM; empty if it does not speak TLS.
	Certificate string

	// streams says that it keeps events of the types of the workloads.
	streams bool
	// securing are the arguments that have it speak TLS, with files of a certificate and a key; nil if it can't.
	securing func(certificate, key string) []string
}

// BuildHub builds the hub and the echo server of the module whose root is given, into a directory. The flags are for `spokehub serve`.
func BuildHub(name, root, directory string, flags []string) (*Target, error) {
	hub, err := server.Build(root, directory, "cmd/spokehub")
	if err != nil {
		return nil, err
	}
	version, err := server.Output(root, "git", "describe", "--always", "--dirty")
	if err != nil {
		version = "unknown revision"
	}
	t := newHub(name, hub, version+", "+runtime.Version(), flags)
	if _, err := os.Stat(filepath.Join(root, "bench", "echo")); err == nil {
		echo, err := server.Build(root, directory, "bench/echo")
		if err != nil {
			return nil, err
		}
		t.Commands[ModeEcho] = []string{echo, "--listen=127.0.0.1:0"}
	}
	return t, nil
}

// HubIdentity is the name of the hub that asks for identities.
const HubIdentity = "hub-identity"

// identitySecret signs the tokens of clients. It guards nothing.
const identitySecret = "the secret of a hub that is only measured"

// BuildHubIdentity is BuildHub for a hub in which every client has an identity: a user of its own, an expiry, and patterns of what it
// may subscribe to and publish, so that all of that is checked. An echo server has no identities.
func BuildHubIdentity(root, directory string, flags []string) (*Target, error) {
	t, err := BuildHub(HubIdentity, root, directory, flags)
	if err != nil {
		return nil, err
	}
	key := filepath.Join(directory, "jwt-key")
	if err := os.WriteFile(key, []byte(identitySecret), 0o600); err != nil {
		return nil, fmt.Errorf("write the secret of tokens: %w", err)
	}
	t.Secret = identitySecret
	delete(t.Commands, ModeEcho)
	for mode := range t.Commands {
		t.Commands[mode] = append(t.Commands[mode], "--jwt-key="+key)
	}
	return t, nil
}

func newHub(name, binary, version string, flags []string) *Target {
	return &Target{Name: name, Version: version, Commands: map[Mode][]string{
		ModeHub:   server.HubCommand(binary, flags...),
		ModeLarge: server.HubCommand(binary, append([]string{"--max-message=17MiB"}, flags...)...),
	}, securing: SecureFlags}
}

// Baseline is another build of the hub: an executable, the root of a module, or a revision of the repository whose root is given, which it
// checks out into a worktree for as long as the build takes.
func Baseline(what, root, directory string, flags []string) (*Target, error) {
	const name = "baseline"
	if info, err := os.Stat(what); err == nil {
		if info.IsDir() {
			return BuildHub(name, what, directory, flags)
		}
		binary, err := filepath.Abs(what)
		return newHub(name, binary, filepath.Base(what), flags), err
	}
	tree := filepath.Join(directory, "tree")
	if _, err := server.Output(root, "git", "worktree", "add", "--force", "--detach", tree, what); err != nil {
		return nil, fmt.Errorf("%s is neither a file nor a revision: %w", what, err)
	}
	defer server.Output(root, "git", "worktree", "remove", "--force", tree)
	return BuildHub(name, tree, directory, flags)
}

// BuildPeers builds bench/peers, whose directory is given, and returns the path of its executable.
func BuildPeers(source, directory string) (binary string, err error) {
	binary = filepath.Join(directory, "peers")
	_, err = server.Output(source, "go", "build", "-o", binary, ".")
	return binary, err
}

// NewPeer is the peer with this name, served by the executable that BuildPeers made.
func NewPeer(name, binary string) (*Target, error) {
	if !slices.Contains(PeerNames, name) {
		return nil, fmt.Errorf("unknown server %q: hub, bun, %s", name, strings.Join(PeerNames, ", "))
	}
	version, err := server.Output("", binary, "version", name)
	if err != nil {
		return nil, err
	}
	t := &Target{Name: name, Version: version, Commands: map[Mode][]string{ModeHub: {binary, "serve", name}}}
	switch name {
	case "nats", "centrifuge":
		t.Dialect = swarm.Dialect(name)
	case "gws":
		t.securing = secureArguments
	case "gorilla":
		t.securing = secureArguments
		t.Commands[ModeLarge] = t.Commands[ModeHub]
		t.Commands[ModeEcho] = []string{binary, "serve", "gorilla-echo"}
	}
	return t, nil
}

// FindBun is Bun's built-in WebSocket server with its native publish and subscribe. It takes the executable that SPOKEHUB_BENCH_BUN names, or
// else installs Bun from npm into the user's cache directory, once.
func FindBun(progress io.Writer) (*Target, error) {
	cache, err := os.UserCacheDir()
	directory := filepath.Join(cache, "spokehub-bench", "bun-"+bunVersion)
	script := filepath.Join(directory, "server.js")
	if err == nil {
		err = os.MkdirAll(directory, 0o755)
	}
	if err == nil {
		err = os.WriteFile(script, bunScript, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("make a place for Bun: %w", err)
	}
	binary := os.Getenv(bunEnvironment)
	if binary == "" {
		binary = filepath.Join(directory, "node_modules", "bun", "bin", "bun.exe")
		if err := installBun(directory, binary, progress); err != nil {
			return nil, err
		}
	}
	version, err := server.Output("", binary, "--version")
	if err != nil {
		return nil, err
	}
	return &Target{Name: "bun", Version: version, Commands: map[Mode][]string{
		ModeHub:   {binary, "run", script, strconv.Itoa(mebibyte)},
		ModeLarge: {binary, "run", script, strconv.Itoa(17 << 20)},
	}, securing: secureArguments}, nil
}

func installBun(directory, binary string, progress io.Writer) error {
	if _, err := os.Stat(binary); err == nil {
		return nil
	}
	fmt.Fprintf(progress, "installing bun@%s from npm into %s\n", bunVersion, directory)
	if _, err := server.Output("", "npm", "install", "--no-audit", "--no-fund", "--prefix", directory, "bun@"+bunVersion); err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("npm installed Bun without its executable (set %s): %w", bunEnvironment, err)
	}
	return nil
}
