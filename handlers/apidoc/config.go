// Package apidoc describes the API in OpenAPI: operations, schemas, parameters, responses and examples.
package apidoc

import (
	_ "embed" // of the text about the API as a whole

	"github.com/danielgtaylor/huma/v2"
)

// apiVersion is the version of the API, not that of a binary: clients of 1.x work with every later 1.x.
const apiVersion = "1.0.0"

// about is what the description says about the API as a whole, in Markdown.
//
//go:embed about.md
var about string

// Config returns the configuration of the API, with what its description says about it as a whole.
func Config() huma.Config {
	c := huma.DefaultConfig("Millrace", apiVersion)
	c.Info.Description = about
	c.Info.Contact = &huma.Contact{Name: "Millrace", URL: "https://github.com/millrace/millrace"}
	c.Info.License = &huma.License{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"}
	c.Servers = []*huma.Server{{URL: ".", Description: "The server that this description comes from, wherever it is mounted"}}
	c.Tags = []*huma.Tag{
		{Name: matricesTag, Description: "Matrices that are stored once and used in any number of products."},
		{Name: multiplicationsTag, Description: "Products: submitting, following, cancelling, and fetching the result."},
		{Name: overviewTag, Description: "What runs here, and what there is to do."},
	}
	c.RejectUnknownQueryParameters = true // a misspelt filter would list everything
	c.DocsPath = ""                       // its page loads from a CDN
	c.SchemasPath = ""                    // they are in the description
	c.CreateHooks = nil                   // no $schema members in answers
	return c
}
