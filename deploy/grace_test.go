package deploy

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// drainFlags are those of a configuration.
type drainFlags struct {
	Grace   time.Duration `yaml:"drain-grace"`
	Period  time.Duration `yaml:"drain-period"`
	Timeout time.Duration `yaml:"drain-timeout"`
}

// check holds a deployment against the flags of its hubs: it has to wait for longer than the longest drain, and not without end.
func (f drainFlags) check(t *testing.T, what string, patience time.Duration) {
	t.Helper()
	const least, most = 5 * time.Second, time.Minute
	if f.Timeout == 0 || f.Grace+f.Period >= f.Timeout {
		t.Errorf("%s: got grace %v, period %v and timeout %v, want a timeout that leaves time for the rest", what, f.Grace, f.Period, f.Timeout)
	}
	if patience < f.Timeout+least || patience > f.Timeout+most {
		t.Errorf("%s: got %v until a hub is killed, want %v to %v: its drain takes up to %v", what, patience, f.Timeout+least, f.Timeout+most, f.Timeout)
	}
}

// manifests are the documents of kubernetes/spokehub.yaml.
func manifests(t *testing.T) (all []map[string]any) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(shipped(t, "kubernetes/spokehub.yaml")))
	for {
		var one map[string]any
		if decoder.Decode(&one) != nil {
			return all
		}
		all = append(all, one)
	}
}

// in follows names and numbers through a document.
func in(t *testing.T, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
		if value == nil {
			t.Fatalf("got nothing at %v of %v, want it", step, path)
		}
	}
	return value
}

func ofKind(t *testing.T, kind string) map[string]any {
	t.Helper()
	for _, one := range manifests(t) {
		if one["kind"] == kind {
			return one
		}
	}
	t.Fatalf("got no %s, want one", kind)
	return nil
}

func TestKubernetesWaitsForTheDrain(t *testing.T) {
	flags := decode[drainFlags](t, in(t, ofKind(t, "ConfigMap"), "data", "spokehub.conf").(string))
	pod := in(t, ofKind(t, "Deployment"), "spec", "template", "spec")
	flags.check(t, "kubernetes", time.Duration(in(t, pod, "terminationGracePeriodSeconds").(int))*time.Second)
	probe := in(t, pod, "containers", 0, "readinessProbe")
	notices := time.Duration(in(t, probe, "periodSeconds").(int)*in(t, probe, "failureThreshold").(int)) * time.Second
	if flags.Grace <= notices {
		t.Errorf("got a grace of %v, want more than the %v in which Kubernetes notices that a hub is not ready", flags.Grace, notices)
	}
}

// TestKubernetesTakesOneHubAtATime: a client that is closed comes back once before the next hub is drained.
func TestKubernetesTakesOneHubAtATime(t *testing.T) {
	deployment := ofKind(t, "Deployment")
	if got := in(t, deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable"); got != 0 {
		t.Errorf("got maxUnavailable %v, want 0", got)
	}
	labels := in(t, deployment, "spec", "template", "metadata", "labels", "app.kubernetes.io/name")
	for _, one := range manifests(t) {
		var selected any
		switch one["kind"] {
		case "Deployment", "PodDisruptionBudget":
			selected = in(t, one, "spec", "selector", "matchLabels", "app.kubernetes.io/name")
		case "Service":
			selected = in(t, one, "spec", "selector", "app.kubernetes.io/name")
		default:
			continue
		}
		if selected != labels {
			t.Errorf("%v: got pods %v selected, want %v", one["kind"], selected, labels)
		}
	}
	container := in(t, deployment, "spec", "template", "spec", "containers", 0)
	requested, limit := in(t, container, "resources", "requests", "memory"), in(t, container, "resources", "limits", "memory")
	if requested != limit {
		t.Errorf("got %v of memory requested and %v allowed, want the same: what a hub may hold goes by the limit", requested, limit)
	}
	for _, variable := range in(t, container, "env").([]any) {
		if in(t, variable, "name") == "GOMEMLIMIT" {
			t.Error("got GOMEMLIMIT in the manifest, want that the hub goes by the limit of the container")
		}
	}
}

func TestComposeWaitsForTheDrain(t *testing.T) {
	file := decode[map[string]any](t, shipped(t, "compose.yaml"))
	for _, name := range []string{"hub-1", "hub-2", "hub-3"} {
		hub := in(t, file, "services", name)
		duration := func(path ...any) time.Duration {
			d, err := time.ParseDuration(in(t, hub, path...).(string))
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		flags := drainFlags{duration("environment", "SPOKEHUB_DRAIN_GRACE"), duration("environment", "SPOKEHUB_DRAIN_PERIOD"), duration("environment", "SPOKEHUB_DRAIN_TIMEOUT")}
		flags.check(t, name, duration("stop_grace_period"))
		if got := in(t, hub, "environment", "SPOKEHUB_NODE"); got != name {
			t.Errorf("%s: got the node %v, want its own name", name, got)
		}
	}
}

func TestSystemdWaitsForTheDrain(t *testing.T) {
	flags := decode[drainFlags](t, shipped(t, "systemd/spokehub.conf"))
	found := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(shipped(t, "systemd/spokehub.service"))
	if found == nil {
		t.Fatal("got no TimeoutStopSec in seconds, want it")
	}
	patience, err := time.ParseDuration(found[1] + "s")
	if err != nil {
		t.Fatal(err)
	}
	flags.check(t, "systemd", patience)
}

// TestHAProxyNoticesADrainInItsGrace: a hub gets no new client once it has begun to close them.
func TestHAProxyNoticesADrainInItsGrace(t *testing.T) {
	found := regexp.MustCompile(`default-server .* inter (\d)s fall (\d)`).FindStringSubmatch(shipped(t, "haproxy/haproxy.cfg"))
	hub := in(t, decode[map[string]any](t, shipped(t, "compose.yaml")), "services", "hub-1", "environment", "SPOKEHUB_DRAIN_GRACE")
	grace, err := time.ParseDuration(hub.(string))
	if found == nil || err != nil {
		t.Fatalf("got %v and %v, want the interval of the checks and the grace", found, err)
	}
	if notices := time.Duration(found[1][0]-'0') * time.Duration(found[2][0]-'0') * time.Second; grace <= notices {
		t.Errorf("got a grace of %v, want more than the %v in which HAProxy notices", grace, notices)
	}
}
