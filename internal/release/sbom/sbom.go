// Package sbom writes what a Go binary is made of, as CycloneDX 1.6 in JSON.
//
// The list comes from the build information that the Go linker puts into the binary, so it has the modules that were linked and no
// others. It has neither a time nor a serial number: two lists of the same binary are the same.
package sbom

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
)

// Document is a bill of materials: Format and SpecVersion name the standard, Version counts editions of the list, Metadata says what the
// list is about, Components are what that is made of, and Dependencies who wants whom.
type Document struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     Metadata     `json:"metadata"`
	Components   []Component  `json:"components"`
	Dependencies []Dependency `json:"dependencies"`
}

// Metadata has as Component the binary.
type Metadata struct {
	Component Component `json:"component"`
}

// Component is a program or a module, with its Name and Version. Reference is how the document names it, Type is application or library, and
// PURL the package URL. Hashes are those of the binary itself; modules have theirs in go.sum, which covers files and not an archive, so
// that it is one of the Properties.
type Component struct {
	Reference  string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []Hash     `json:"hashes,omitempty"`
	Properties []Property `json:"properties,omitempty"`
}

// Hash is a checksum: Content in hexadecimal digits, by an Algorithm that the schema names, such as SHA-256.
type Hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// Property is a Name and a Value, for what the schema has no field for.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Dependency says On which components the one with a Reference depends. All modules are listed below the binary, since a binary does not
// know which of them wanted which.
type Dependency struct {
	Reference string   `json:"ref"`
	On        []string `json:"dependsOn,omitempty"`
}

// Of reads a binary and returns its list. version is the release that the binary belongs to.
func Of(file, version string) (*Document, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the build information of %s: %w", file, err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	main := module(info.Main.Path, version)
	main.Type, main.Hashes = "application", []Hash{{"SHA-256", hex.EncodeToString(sum[:])}}
	for _, setting := range info.Settings {
		if setting.Key == "GOOS" || setting.Key == "GOARCH" || setting.Key == "CGO_ENABLED" {
			main.Properties = append(main.Properties, Property{"go:" + setting.Key, setting.Value})
		}
	}
	document := &Document{Format: "CycloneDX", SpecVersion: "1.6", Version: 1, Metadata: Metadata{main}}
	document.add(module("std", strings.TrimPrefix(info.GoVersion, "go")))
	for _, linked := range info.Deps {
		document.add(linkedModule(linked))
	}
	return document, nil
}

// JSON is the document as a file.
func (d *Document) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

// add lists a component, on which the binary depends.
func (d *Document) add(c Component) {
	if len(d.Dependencies) == 0 {
		d.Dependencies = []Dependency{{Reference: d.Metadata.Component.Reference}}
	}
	d.Components = append(d.Components, c)
	d.Dependencies[0].On = append(d.Dependencies[0].On, c.Reference)
	d.Dependencies = append(d.Dependencies, Dependency{Reference: c.Reference})
}

// linkedModule is a module as it was linked: its replacement, if go.mod has one.
func linkedModule(linked *debug.Module) Component {
	if linked.Replace != nil {
		linked = linked.Replace
	}
	c := module(linked.Path, linked.Version)
	if linked.Sum != "" {
		c.Properties = []Property{{"go:sum", linked.Sum}}
	}
	return c
}

func module(path, version string) Component {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	purl := "pkg:golang/" + strings.Join(parts, "/")
	if version != "" {
		purl += "@" + url.PathEscape(version)
	}
	return Component{Reference: purl, Type: "library", Name: path, Version: version, PURL: purl}
}
