package deploy

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	// maxExposure is what systemd-analyze security may say of the service in tenths: it is "OK" up to 4.9 and "SAFE" up to 1.9. What is
	// left is that the hub speaks over the network.
	maxExposure = 15
	// notifyReload is the first version of systemd that knows Type=notify-reload.
	notifyReload = 253
)

// units puts the units into a directory of the test, with a program that is there. A systemd that is too old for the service's type gets the one that
// its head tells of.
func units(t *testing.T, analyze string) (directory string) {
	t.Helper()
	directory = t.TempDir()
	service := shipped(t, "systemd/spokehub.service", "/usr/local/bin/spokehub", "/bin/true")
	found := regexp.MustCompile(`systemd (\d+)`).FindStringSubmatch(run(t, analyze, "--version"))
	if found == nil {
		t.Fatal("got no version of systemd, want one")
	}
	if version, _ := strconv.Atoi(found[1]); version < notifyReload {
		service = strings.Replace(service, "Type=notify-reload", "Type=notify", 1)
		service = strings.Replace(service, "\nMemoryMax", "\nExecReload=/bin/kill -HUP $MAINPID\nMemoryMax", 1)
	}
	write(t, directory, "spokehub.socket", shipped(t, "systemd/spokehub.socket"))
	write(t, directory, "spokehub.service", service)
	return directory
}

func TestSystemdTakesItsUnits(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	directory := units(t, analyze)
	t.Setenv("SYSTEMD_UNIT_PATH", directory+":")
	for _, unit := range []string{"spokehub.service", "spokehub.socket"} {
		output, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=one", filepath.Join(directory, unit)).CombinedOutput()
		if err != nil || strings.Contains(string(output), "spokehub.") {
			t.Errorf("%s: got %v and\n%s\nwant nothing to complain about", unit, err, output)
		}
	}
}

func TestServiceIsHardened(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	service := filepath.Join(units(t, analyze), "spokehub.service")
	output, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold="+strconv.Itoa(maxExposure), service).CombinedOutput()
	if err != nil {
		t.Errorf("got %v and\n%s\nwant an exposure of at most %d tenths", err, output, maxExposure)
	}
	t.Log(lastLine(string(output)))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestSecurityKnowsAServiceWithoutHardening holds the test above against a unit that has none.
func TestSecurityKnowsAServiceWithoutHardening(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	bare := write(t, t.TempDir(), "bare.service", "[Service]\nExecStart=/bin/true\n")
	if output, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold="+strconv.Itoa(maxExposure), bare).CombinedOutput(); err == nil {
		t.Errorf("got no complaint about a service without hardening, want one:\n%s", output)
	}
}

// TestKernelTakesTheSettings: each name is one that this kernel knows, and each value has as many numbers as it.
func TestKernelTakesTheSettings(t *testing.T) {
	sysctl := tool(t, "sysctl")
	count := 0
	for line := range strings.Lines(shipped(t, "sysctl/90-spokehub.conf")) {
		name, value, isSetting := strings.Cut(strings.TrimSpace(line), " = ")
		if !isSetting || strings.HasPrefix(line, "#") {
			continue
		}
		count++
		current, err := exec.Command(sysctl, "-n", name).Output()
		if err != nil {
			t.Logf("%s can't be read here", name)
			continue
		}
		if got, want := len(strings.Fields(value)), len(strings.Fields(string(current))); got != want {
			t.Errorf("%s: got %d numbers, want %d", name, got, want)
		}
	}
	if count < 8 {
		t.Errorf("got %d settings, want those of the page", count)
	}
}
