// Package apidoc describes the API in OpenAPI: operations, schemas, parameters, responses and examples.
package apidoc

import (
	_ "embed" // about.md

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/format"
)

// version is the version of the API, not of a binary: clients of 1.x work with each later 1.x.
const version = "1.0.0"

// The paths of the collections, and of a batch.
const (
	SimplePath          = "/matrix_multiplication/"
	MultiplicationsPath = "/v1/multiplications"
	BatchPath           = MultiplicationsPath + ":batch"
	MatricesPath        = "/v1/matrices"
	UploadsPath         = "/v1/uploads"
	KeysPath            = "/v1/keys"
	SessionPath         = "/v1/session"
)

const (
	multiplicationsTag = "multiplications"
	matricesTag        = "matrices"
	overviewTag        = "overview"
	keysTag            = "keys"
)

// about describes the API as a whole, in Markdown.
//
//go:embed about.md
var about string

// Config returns Huma's configuration, with the description of the API as a whole.
func Config() huma.Config {
	c := huma.DefaultConfig("Millrace", version)
	c.Info.Description = about
	c.Info.Contact = &huma.Contact{
		Name: "Millrace",
		URL:  "https://github.com/millrace/millrace",
	}
	c.Info.License = &huma.License{
		Name: "Apache-2.0",
		URL:  "https://www.apache.org/licenses/LICENSE-2.0",
	}
	c.Servers = []*huma.Server{{
		URL:         ".",
		Description: "The server that this description comes from, wherever it is mounted",
	}}
	c.Tags = []*huma.Tag{
		{Name: keysTag, Description: "Keys of the API, and the sessions of browsers."},
		{Name: matricesTag, Description: "Matrices that are stored once and used in any number of multiplications."},
		{Name: multiplicationsTag, Description: "Submit multiplications, watch them, and download their results."},
		{Name: overviewTag, Description: "The state of the system."},
		{Name: webhooksTag, Description: "Receivers that are told when multiplications end."},
	}
	c.Formats = format.All()
	c.Components.SecuritySchemes = securitySchemes()
	c.RejectUnknownQueryParameters = true // a misspelt filter would list everything
	c.DocsPath = ""                       // Huma's page loads scripts from a CDN
	c.SchemasPath = ""                    // the schemas are in the description
	c.CreateHooks = nil                   // they add $schema members to bodies
	return c
}
