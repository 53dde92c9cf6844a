package engines

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisOptions say how a redis-server is to be. The zero value is one that keeps nothing on disk and has no limits.
type RedisOptions struct {
	// Password is what clients have to know; empty for none.
	Password string
	// MaxMemory is how many bytes it may use; 0 for any.
	MaxMemory int64
	// CertFile, KeyFile and CAFile turn TLS on, in place of connections without it. Clients need no certificate.
	CertFile, KeyFile, CAFile string
	// Settings are further ones of redis.conf, such as "appendonly yes".
	Settings []string
}

// RedisServer is a redis-server, or a sentinel, that runs for a test. Its methods are for the goroutine of the test: they end it if something fails.
type RedisServer struct {
	// Address is where clients connect to, as host:port. It stays the same when the server is started again.
	Address string
	// URL is the same as broker/redis takes it, with the password.
	URL string
	// Directory is where dump.rdb is written. Between Kill and Restart a test may change it.
	Directory string

	t       testing.TB
	options RedisOptions
	program redisProgram
	process *exec.Cmd
	log     *natsLog
}

// redisProgram says what is started.
type redisProgram struct {
	port     int
	sentinel bool
	file     string
}

// Redis starts a redis-server on a free port of the loopback and waits until it answers. It ends with the test. If there is no redis-server, the test is
// skipped, and fails where CI is set.
func Redis(t testing.TB, o RedisOptions) *RedisServer {
	t.Helper()
	s := newRedisServer(t, o, freePort(t), false)
	s.configure()
	s.Restart()
	return s
}

func newRedisServer(t testing.TB, o RedisOptions, port int, sentinel bool) *RedisServer {
	t.Helper()
	requireRedis(t)
	s := &RedisServer{t: t, options: o, Directory: t.TempDir(), program: redisProgram{port: port, sentinel: sentinel}}
	s.program.file = filepath.Join(s.Directory, "redis.conf")
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	scheme := "redis://"
	if o.CertFile != "" {
		scheme = "rediss://"
	}
	if o.Password != "" {
		scheme += ":" + o.Password + "@"
	}
	s.URL = scheme + s.Address
	t.Cleanup(func() {
		s.end()
		if t.Failed() {
			t.Logf("the last lines of redis-server %s:\n%s", s.Address, s.log)
		}
	})
	return s
}

// requireRedis sees that there is a redis-server.
func requireRedis(t testing.TB) {
	t.Helper()
	skipForeign(t)
	for _, program := range []string{"redis-server", "redis-cli"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing, and with CI it has to be there: install redis-server and redis-tools", program)
		}
		t.Skipf("%s is missing here: install redis-server and redis-tools", program)
	}
}

// Kill ends the server at once, as kill -9 does, and waits until it is gone.
func (s *RedisServer) Kill() {
	s.t.Helper()
	s.end()
}

// Stop freezes the server: its connections stay, and nothing is answered.
func (s *RedisServer) Stop() {
	s.t.Helper()
	freezeNATS(s.t, s.process.Process)
}

// Continue has a frozen server go on.
func (s *RedisServer) Continue() {
	s.t.Helper()
	thawNATS(s.t, s.process.Process)
}

// Restart starts the server again, after it was killed if it runs, on the same port and with what is in Directory, and waits until it answers.
func (s *RedisServer) Restart() {
	s.t.Helper()
	s.end()
	s.start()
	s.awaitAnswer()
}

// Empty removes what a killed server has written, so that it begins with nothing.
func (s *RedisServer) Empty() {
	s.t.Helper()
	for _, pattern := range []string{"*.rdb", "appendonlydir"} {
		found, _ := filepath.Glob(filepath.Join(s.Directory, pattern))
		for _, name := range found {
			if err := os.RemoveAll(name); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// Do sends a command with redis-cli and returns what is answered, an error of Redis as text too.
func (s *RedisServer) Do(arguments ...string) string {
	s.t.Helper()
	answer, err := s.try(arguments...)
	if err != nil {
		s.t.Fatalf("redis-cli %v: %v", arguments, err)
	}
	return answer
}

// Eventually repeats a command until what is answered contains a text.
func (s *RedisServer) Eventually(want string, arguments ...string) {
	s.t.Helper()
	for deadline := time.Now().Add(redisPatience); ; time.Sleep(50 * time.Millisecond) {
		answer, err := s.try(arguments...)
		if err == nil && strings.Contains(answer, want) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("redis-cli %v: got %q, %v, want %q", arguments, answer, err, want)
		}
	}
}

func (s *RedisServer) try(arguments ...string) (string, error) {
	flags := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(s.program.port)}
	if s.options.CertFile != "" {
		flags = append(flags, "--tls", "--cacert", s.options.CAFile)
	}
	c := exec.Command("redis-cli", append(flags, arguments...)...)
	if s.options.Password != "" && !s.program.sentinel {
		c.Env = append(os.Environ(), "REDISCLI_AUTH="+s.options.Password)
	}
	var complaints bytes.Buffer
	c.Stderr = &complaints
	dieWithParent(c)
	answer, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(complaints.Bytes()))
	}
	return strings.TrimSpace(string(answer)), nil
}

func (s *RedisServer) end() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *RedisServer) start() {
	s.t.Helper()
	s.log = &natsLog{}
	arguments := []string{s.program.file}
	if s.program.sentinel {
		arguments = append(arguments, "--sentinel")
	}
	s.process = exec.Command("redis-server", arguments...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	dieWithParent(s.process)
	if err := s.process.Start(); err != nil {
		s.process = nil
		s.t.Fatal(err)
	}
}

// redisPatience is how long a server, or several of them, may take for what they do by themselves.
const redisPatience = 2 * time.Minute

func (s *RedisServer) awaitAnswer() {
	s.t.Helper()
	s.Eventually("PONG", "ping")
}

// configure writes the file that the server begins with. Sentinels and nodes of a cluster change it.
func (s *RedisServer) configure(more ...string) {
	s.t.Helper()
	lines := []string{"bind 127.0.0.1", "dir " + s.Directory, "daemonize no", "logfile \"\"", "enable-debug-command local"}
	if s.options.CertFile == "" {
		lines = append(lines, "port "+strconv.Itoa(s.program.port))
	} else {
		lines = append(lines, "port 0", "tls-port "+strconv.Itoa(s.program.port), "tls-cert-file "+s.options.CertFile, "tls-key-file "+s.options.KeyFile,
			"tls-ca-cert-file "+s.options.CAFile, "tls-auth-clients no")
	}
	if !s.program.sentinel {
		lines = append(lines, "save \"\"", "repl-diskless-sync-delay 0", "maxmemory-policy noeviction", "maxmemory "+strconv.FormatInt(s.options.MaxMemory, 10))
		if s.options.Password != "" {
			lines = append(lines, "requirepass "+s.options.Password, "masterauth "+s.options.Password)
		}
		lines = append(lines, s.options.Settings...)
	}
	lines = append(lines, more...)
	if err := os.WriteFile(s.program.file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
