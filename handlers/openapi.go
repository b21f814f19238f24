package handlers

import (
	_ "embed"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// apiVersion is the version of the API, not that of a binary: clients of 1.x work with every later 1.x.
const apiVersion = "1.0.0"

// about is what the description says about the API as a whole, in Markdown.
//
//go:embed openapi.md
var about string

// OpenAPI returns the description of the API as YAML, OpenAPI 3.1. It is the same for every build of one source.
func OpenAPI() ([]byte, error) {
	api := humago.New(exactMux{http.NewServeMux()}, config())
	(&API{}).register(api)
	return api.OpenAPI().YAML()
}

func config() huma.Config {
	c := huma.DefaultConfig("Millrace", apiVersion)
	c.Info.Description = about
	c.Info.Contact = &huma.Contact{Name: "Millrace", URL: "https://github.com/millrace/millrace"}
	c.Info.License = &huma.License{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"}
	c.Servers = []*huma.Server{{URL: "/", Description: "The server that this description comes from"}}
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
