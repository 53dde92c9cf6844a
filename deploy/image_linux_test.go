package deploy

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// image is what buildah tells of an image.
type image struct {
	Docker struct {
		Config struct {
			User        string
			Env         []string
			Cmd         []string
			Entrypoint  []string
			Healthcheck struct{ Test []string }
		} `json:"config"`
	}
}

// buildah runs it with a store of the test's.
func buildah(t *testing.T, store string, arguments ...string) string {
	t.Helper()
	program := tool(t, "buildah")
	return strings.TrimSpace(run(t, program, append([]string{"--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run"), "--storage-driver", "vfs"}, arguments...)...))
}

// builtOutside runs the command of the image's first stage here, since the stage's own image would have to come from a registry. It returns the
// directory that stands for the stage.
func builtOutside(t *testing.T) (stage string) {
	t.Helper()
	stage = t.TempDir()
	if err := os.Mkdir(filepath.Join(stage, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*) \\\n +&& (cp .*)$`).FindStringSubmatch(shipped(t, "Dockerfile"))
	if command == nil {
		t.Fatal("got no command that builds the hub and copies the authorities in the Dockerfile, want them")
	}
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		unavailable(t, "there are no authorities to copy: %v", err)
	}
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command[1]+" && "+command[2], " /out/", " "+stage+"/out/"))
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, output)
	}
	return stage
}

// TestImageRunsAHub builds the image, and runs the hub and its health check as a container would: with nothing but the image's files, under
// its user and with its variables.
func TestImageRunsAHub(t *testing.T) {
	tool(t, "buildah")
	if os.Geteuid() != 0 {
		t.Skip("to build an image, and to run what is in it, takes root")
	}
	store, directory := t.TempDir(), t.TempDir()
	stage := builtOutside(t)
	_, last, _ := strings.Cut(shipped(t, "Dockerfile"), "\nFROM scratch\n")
	file := write(t, directory, "Dockerfile", "FROM scratch\n"+last)
	buildah(t, store, "build", "--isolation", "chroot", "--format", "docker", "--build-context", "build="+stage, "--tag", "spokehub", "--file", file, directory)
	t.Cleanup(func() {
		_ = exec.Command("buildah", "--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run"), "--storage-driver", "vfs", "rm", "--all").Run()
	})
	var built image
	if err := json.Unmarshal([]byte(buildah(t, store, "inspect", "--type", "image", "spokehub")), &built); err != nil {
		t.Fatal(err)
	}
	config := built.Docker.Config
	if config.User != "65532:65532" || !slices.Equal(config.Entrypoint, []string{"/spokehub"}) || !slices.Equal(config.Cmd, []string{"serve"}) ||
		!slices.Equal(config.Healthcheck.Test, []string{"CMD", "/spokehub", "health"}) {
		t.Errorf("got %+v, want a hub of a user other than root, with a health check", config)
	}
	root := buildah(t, store, "mount", buildah(t, store, "from", "--pull-never", "spokehub"))
	runInImage(t, root, config.Env)
}

// runInImage runs the hub and the health check in the files of the image.
func runInImage(t *testing.T, root string, environment []string) {
	t.Helper()
	port := freePort(t)
	environment = append(slices.Clone(environment), "SPOKEHUB_ADMIN=127.0.0.1:"+port, "SPOKEHUB_LISTEN=127.0.0.1:0")
	inside := func(arguments ...string) *exec.Cmd {
		command := exec.Command("/spokehub", arguments...)
		command.Dir, command.Env = "/", environment
		command.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return command
	}
	if output, err := inside("health").CombinedOutput(); err == nil {
		t.Errorf("got %s without a hub, want that it fails", output)
	}
	hub := inside("serve")
	output, err := hub.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hub.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { hub.Process.Kill() })
	defer stuck.Stop()
	awaitListening(t, output)
	if answer, err := inside("health").CombinedOutput(); err != nil || string(answer) != "ready\n" {
		t.Errorf("got %q and %v from the health check, want ready", answer, err)
	}
	if err := hub.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, output)
	if err := hub.Wait(); err != nil {
		t.Errorf("got %v at the end of the hub, want none", err)
	}
}

// freePort is a port that nobody has now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

func awaitListening(t *testing.T, output io.Reader) {
	t.Helper()
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		var record map[string]any
		if json.Unmarshal(lines.Bytes(), &record) == nil && record["msg"] == "listening" {
			return
		}
		t.Log(lines.Text())
	}
	t.Error("got the end of the log, want that the hub listens")
}

// TestImageHasAStaticProgram: in an image from scratch there is no loader and no library.
func TestImageHasAStaticProgram(t *testing.T) {
	program, err := elf.Open(filepath.Join(builtOutside(t), "out", "spokehub"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("got a part %v, want a static program", part.Type)
		}
	}
}

// TestImageIsBuiltFromAllThatItNeeds: Dockerfile.dockerignore lets in each directory that the program is built from.
func TestImageIsBuiltFromAllThatItNeeds(t *testing.T) {
	let := map[string]bool{}
	for line := range strings.Lines(shipped(t, "Dockerfile.dockerignore")) {
		if name, isLet := strings.CutPrefix(strings.TrimSpace(line), "!"); isLet {
			first, _, _ := strings.Cut(name, "/")
			let[first] = true
		}
	}
	const module = "github.com/spokehub/spokehub/"
	for line := range strings.Lines(run(t, "go", "list", "-deps", "../cmd/spokehub")) {
		directory, isOurs := strings.CutPrefix(strings.TrimSpace(line), module)
		first, _, _ := strings.Cut(directory, "/")
		if isOurs && !let[first] {
			t.Errorf("got a Dockerfile.dockerignore that keeps out %s, want it in: the hub is built from it", directory)
		}
	}
}
