package js_test

import (
	"bytes"
	"testing"

	"github.com/spokehub/spokehub/js"
)

func TestClientIsAModuleOfItsOwn(t *testing.T) {
	for _, name := range []string{"Spoke", "SpokeError"} {
		if !bytes.Contains(js.Client, []byte(" as "+name)) {
			t.Errorf("got a client.js without the export %s, want one", name)
		}
	}
	for _, needs := range []string{"import{", "import ", "require("} {
		if bytes.Contains(js.Client, []byte(needs)) {
			t.Errorf("got a client.js with %q, want one that needs no other file", needs)
		}
	}
}
