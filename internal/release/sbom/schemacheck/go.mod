module github.com/spokehub/spokehub/internal/release/sbom/schemacheck

go 1.26.0

require (
	github.com/CycloneDX/cyclonedx-go v0.9.3
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/spokehub/spokehub v0.0.0
)

require golang.org/x/text v0.42.0 // indirect

replace github.com/spokehub/spokehub => ../../../..
