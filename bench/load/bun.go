//go:build linux

package load

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	bunVersion     = "1.4.5"
	bunEnvironment = "SPOKEHUB_BENCH_BUN"
)

//go:embed bun.js
var bunScript []byte

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
		ModeHub:   {binary, "run", script},
		ModeLarge: {binary, "run", script, strconv.Itoa(17 << 20)},
	}}, nil
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
