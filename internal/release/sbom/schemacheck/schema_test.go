package schemacheck

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/spokehub/spokehub/internal/release/sbom"
)

// schema is that of the version in which package sbom writes, from the module of CycloneDX.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatalf("find the schema: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	for _, name := range []string{"spdx.schema.json", "jsf-0.82.schema.json", "bom-1.6.schema.json"} {
		file := filepath.Join(strings.TrimSpace(string(out)), "schema", name)
		if _, err := os.Stat(file); err != nil {
			file = strings.Replace(file, ".schema.json", ".schemax.json", 1)
		}
		content, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		document, err := jsonschema.UnmarshalJSON(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+name, document); err != nil {
			t.Fatal(err)
		}
	}
	compiled, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// list is that of the hub.
func list(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "spokehub")
	build := exec.Command("go", "build", "-o", file, "./cmd/spokehub")
	build.Dir = filepath.Join("..", "..", "..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build a binary: %v\n%s", err, output)
	}
	document, err := sbom.Of(file, "v0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	text, err := document.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestListFollowsTheSchema(t *testing.T) {
	compiled, good := schema(t), list(t)
	for name, c := range map[string]struct {
		text []byte
		want bool
	}{
		"as it is":             {good, true},
		"not without types":    {bytes.ReplaceAll(good, []byte(`"type": "library",`), nil), false},
		"not with a new field": {bytes.Replace(good, []byte(`"version": 1,`), []byte(`"version": 1, "more": 1,`), 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := compiled.Validate(document); (err == nil) != c.want {
				t.Errorf("got %v, want good %v", err, c.want)
			}
		})
	}
}

func TestListIsReadByOthers(t *testing.T) {
	var read cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(list(t)), cyclonedx.BOMFileFormatJSON).Decode(&read); err != nil {
		t.Fatal(err)
	}
	if read.SpecVersion != cyclonedx.SpecVersion1_6 || read.Components == nil || len(*read.Components) < 10 {
		t.Errorf("got %v and %v, want version 1.6 and the modules", read.SpecVersion, read.Components)
	}
}
