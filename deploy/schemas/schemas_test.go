package schemas

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

// kubernetes decodes what kubectl apply would send, strictly.
func kubernetes(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestKubernetesKnowsEveryFieldOfTheManifests(t *testing.T) {
	var kinds []string
	for document := range strings.SplitSeq(read(t, "kubernetes/spokehub.yaml"), "\n---\n") {
		decoded, kind, err := kubernetes(t).Decode([]byte(document), nil, nil)
		if err != nil {
			t.Errorf("%v:\n%s", err, document)
			continue
		}
		kinds = append(kinds, kind.Kind)
		if deployment, is := decoded.(*appsv1.Deployment); is {
			checkPod(t, deployment.Spec.Template.Spec)
		}
	}
	if want := []string{"ServiceAccount", "ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "Service"}; !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

// checkPod wants what the restricted profile of the Pod Security Standards does, a file system that can't be written, and all probes.
func checkPod(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	if s := pod.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("got the security context %+v of the pod, want no root and the profile of the runtime", s)
	}
	volumes := map[string]bool{}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	for _, container := range pod.Containers {
		s := container.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
			s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
			t.Errorf("%s: got the security context %+v, want no privileges", container.Name, s)
		}
		ports := map[string]bool{}
		for _, port := range container.Ports {
			ports[port.Name] = true
		}
		for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || !ports[probe.HTTPGet.Port.StrVal] {
				t.Errorf("%s: got the probe %+v, want one at a port of the container", container.Name, probe)
			}
		}
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				t.Errorf("%s: got a mount of %s, want a volume of the pod", container.Name, mount.Name)
			}
		}
	}
}

func TestMistakesInManifestsAreFound(t *testing.T) {
	manifest := read(t, "kubernetes/spokehub.yaml")
	_, rest, _ := strings.Cut(manifest, "\n---\n")
	_, rest, _ = strings.Cut(rest, "\n---\n")
	deployment, _, _ := strings.Cut(rest, "\n---\n")
	for name, change := range map[string][2]string{
		"a field that there is not": {"minReadySeconds:", "minimumReadySeconds:"},
		"a value of another type":   {"replicas: 3", "replicas: three"},
		"a field in a wrong place":  {"  minReadySeconds: 30\n", "minReadySeconds: 30\n"},
		"a field that is twice":     {"  replicas: 3\n", "  replicas: 3\n  replicas: 3\n"},
	} {
		changed := strings.Replace(deployment, change[0], change[1], 1)
		if _, _, err := kubernetes(t).Decode([]byte(changed), nil, nil); err == nil || changed == deployment {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}

// load reads a Compose file as docker compose does: by its schema, with variables and references resolved.
func load(text, certificate string) (*types.Project, error) {
	details := types.ConfigDetails{
		WorkingDir:  "..",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
		Environment: types.Mapping{},
	}
	if certificate != "" {
		details.Environment["SPOKEHUB_CERTIFICATE"] = certificate
	}
	return loader.LoadWithContext(context.Background(), details)
}

func TestComposeTakesItsFile(t *testing.T) {
	text := read(t, "compose.yaml")
	project, err := load(text, "/tmp/hub.pem")
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services) != 5 {
		t.Errorf("got the services %v, want three hubs, NATS and a proxy", project.ServiceNames())
	}
	for _, name := range []string{"hub-1", "hub-2", "hub-3"} {
		hub, err := project.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		if !hub.ReadOnly || !slices.Equal(hub.CapDrop, []string{"ALL"}) || hub.MemLimit == 0 || hub.Build == nil || hub.Build.Dockerfile != "deploy/Dockerfile" {
			t.Errorf("%s: got %+v, want one without privileges, with a limit of memory, of this repository's Dockerfile", name, hub)
		}
	}
	proxy, err := project.GetService("proxy")
	if err != nil {
		t.Fatal(err)
	}
	for i, variable := range []string{"HUB_1", "HUB_2", "HUB_3"} {
		if value := proxy.Environment[variable]; value == nil || *value != "hub-"+string(rune('1'+i))+":8080" {
			t.Errorf("%s: got %v, want the hub's address", variable, value)
		}
		if !strings.Contains(read(t, "haproxy/haproxy.cfg"), "${"+variable+"}") {
			t.Errorf("got no %s in the file of HAProxy, want it", variable)
		}
	}
	if _, err := load(text, ""); err == nil || !strings.Contains(err.Error(), "the certificate, its chain and its key") {
		t.Errorf("got %v without a certificate, want what is missing", err)
	}
	if _, err := load(strings.Replace(text, "stop_grace_period", "stop_grace", 1), "/tmp/hub.pem"); err == nil {
		t.Error("got no error for a key that there is not, want one")
	}
}

// stages parses a Dockerfile as docker build does.
func stages(text string) ([]instructions.Stage, error) {
	parsed, err := parser.Parse(bytes.NewReader([]byte(text)))
	if err != nil {
		return nil, err
	}
	found, _, err := instructions.Parse(parsed.AST, nil)
	return found, err
}

func TestDockerTakesTheDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	found, err := stages(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Name != "build" || found[1].BaseName != "scratch" {
		t.Errorf("got the stages %+v, want build and one from scratch", found)
	}
	for _, command := range found[1].Commands {
		if copied, is := command.(*instructions.CopyCommand); is && copied.From != "build" {
			t.Errorf("got a COPY from %q, want that of the first stage", copied.From)
		}
	}
	if _, err := stages(strings.Replace(text, "ENTRYPOINT", "ENTRY", 1)); err == nil {
		t.Error("got no error for an instruction that there is not, want one")
	}
}
