package externalmetrics

import (
	"strings"
)

// The names of the API and of its only resource.
const (
	groupName   = "external.metrics.k8s.io"
	versionName = "v1beta1"
	metricName  = "river_queue_depth"
)

// asked is what a request is about.
type asked struct {
	path      string // of the description of the API, if there is no metric
	namespace string
	metric    string
}

// parsePath returns what a path names: a page of the description, or a metric of a namespace.
func parsePath(path string) (asked, bool) {
	if path == schemas2 || path == schemas3 {
		return asked{path: path}, true
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	api := []string{"apis", groupName, versionName}
	for i := range min(len(parts), len(api)) {
		if parts[i] != api[i] {
			return asked{}, false
		}
	}
	switch {
	case len(parts) <= len(api):
		return asked{path: path}, true
	case len(parts) == 6 && parts[3] == "namespaces" && parts[4] != "" && parts[5] != "":
		return asked{namespace: parts[4], metric: parts[5]}, true
	}
	return asked{}, false
}

// The paths of the schemas. There are none, but the API server would ask again and again, and log an error each time.
const (
	schemas2 = "/openapi/v2"
	schemas3 = "/openapi/v3"
)

// aggregated is what the API server of Kubernetes would rather have of /apis: all of the description at once.
const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// The description of the API: all of it, and each of its pages, which older programs read.
const (
	groupVersion = groupName + "/" + versionName
	versionPair  = `{"groupVersion":"` + groupVersion + `","version":"` + versionName + `"}`
	groupFields  = `"name":"` + groupName + `","versions":[` + versionPair + `],"preferredVersion":` + versionPair

	wholeAPI = `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{` +
		`"metadata":{"name":"` + groupName + `"},"versions":[{"version":"` + versionName + `","freshness":"Current",` +
		`"resources":[{"resource":"` + metricName + `",` +
		`"responseKind":{"group":"","version":"","kind":"ExternalMetricValueList"},` +
		`"scope":"Namespaced","singularResource":"","verbs":["get"]}]}]}]}`
	noSchemas2 = `{"swagger":"2.0","info":{"title":"` + groupName + `","version":"` + versionName + `"},"paths":{}}`
	noSchemas3 = `{"paths":{}}`

	groupList    = `{"kind":"APIGroupList","apiVersion":"v1","groups":[{` + groupFields + `}]}`
	groupPage    = `{"kind":"APIGroup","apiVersion":"v1",` + groupFields + `}`
	resourceList = `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"` + groupVersion + `","resources":[{` +
		`"name":"` + metricName + `","singularName":"","namespaced":true,"kind":"ExternalMetricValueList","verbs":["get"]}]}`
)

// discovery returns a page of the description. It needs no database: Kubernetes deletes no namespace while a server of
// its API does not say what it has.
func discovery(path, accept string) (document, error) {
	switch {
	case path == schemas2:
		return document{text: []byte(noSchemas2)}, nil
	case path == schemas3:
		return document{text: []byte(noSchemas3)}, nil
	case path == "/apis":
		if strings.Contains(strings.ReplaceAll(accept, " ", ""), aggregated) {
			return document{kind: aggregated, text: []byte(wholeAPI)}, nil
		}
		return document{text: []byte(groupList)}, nil
	case strings.HasSuffix(path, groupName):
		return document{text: []byte(groupPage)}, nil
	}
	return document{text: []byte(resourceList)}, nil
}
