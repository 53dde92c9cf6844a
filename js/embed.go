// Package js has the JavaScript client of a hub as one file, for hubs that serve it to pages. The source and its manual are in this
// directory; npm run build writes the file.
package js

import _ "embed"

// Client is an ECMAScript module, UTF-8 text that a page imports:
//
//	import { Spoke } from "/client.js";
//
// It needs no other file. Nobody may change the bytes.
//
//go:embed dist/client.js
var Client []byte
