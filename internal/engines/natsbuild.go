package engines

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// natsPackage is the program of the server. The module in internal/engines/natsserver says which version.
const natsPackage = "github.com/nats-io/nats-server/v2"

// natsBinary is where the server is, once requireNATS has returned.
var natsBinary string

var buildNATSOnce = sync.OnceValues(buildNATS)

// requireNATS sees that the server is built.
func requireNATS(t testing.TB) {
	t.Helper()
	skipForeign(t)
	file, err := buildNATSOnce()
	if err == nil {
		natsBinary = file
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("nats-server can't be built, and with CI it has to be: %v", err)
	}
	t.Skipf("nats-server can't be built here: %v", err)
}

// skipForeign skips a test that mostly waits for other programs, where it has run already.
func skipForeign(t testing.TB) {
	t.Helper()
	if os.Getenv("FOREIGN") == "skip" {
		t.Skip("FOREIGN=skip: what other programs do has been tested before")
	}
}

// buildNATS builds the server, unless the user's cache has it, and returns where it is. The file is named for the versions that it is built of.
// Whoever builds at the same time makes the same file; the last rename stays.
func buildNATS() (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/spokehub/spokehub").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	module := filepath.Join(strings.TrimSpace(string(root)), "internal", "engines", "natsserver")
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		hash.Write(content)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "spokehub-engines")
	if err = os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	name := "nats-server-" + runtime.Version() + "-" + hex.EncodeToString(hash.Sum(nil)[:8])
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	file := filepath.Join(cache, name)
	if _, err = os.Stat(file); err == nil {
		return file, nil
	}
	directory, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	built := filepath.Join(directory, name)
	build := exec.Command("go", "build", "-o", built, natsPackage)
	build.Dir = module
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s in %s: %w: %s", natsPackage, module, err, output)
	}
	if err = os.Rename(built, file); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return file, nil
}
