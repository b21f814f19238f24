package s3

import (
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// ErrCredentials means that there are no credentials, or none that can be read.
var ErrCredentials = errors.New("no credentials for the bucket")

// chain is where credentials are looked for, in this order: the environment, the shared files of ~/.aws (or those that
// AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name), with their profiles, processes and single sign-on, then the
// platform: a web identity (IRSA), the agent of EKS or ECS, the instance. Unlike the library's own chain it does not go
// on without credentials, and says why there are none.
type chain struct {
	providers []namedProvider
	current   atomic.Pointer[namedProvider]
}

type namedProvider struct {
	name string
	credentials.Provider
}

func newChain() *chain {
	return &chain{providers: []namedProvider{
		{"environment", &credentials.EnvAWS{}},
		{"files", &credentials.FileAWSCredentials{}},
		{"platform", &credentials.IAM{}},
	}}
}

// RetrieveWithCredContext implements credentials.Provider.
func (c *chain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	errs := []error{ErrCredentials}
	for i := range c.providers {
		p := &c.providers[i]
		value, err := p.RetrieveWithCredContext(cc)
		if err == nil && value.AccessKeyID != "" && value.SecretAccessKey != "" {
			c.current.Store(p)
			return value, nil
		}
		if err == nil {
			err = errors.New("none")
		}
		errs = append(errs, fmt.Errorf("%s: %w", p.name, withoutURL(err)))
	}
	return credentials.Value{}, errors.Join(errs...)
}

// Retrieve implements credentials.Provider.
func (c *chain) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

// IsExpired implements credentials.Provider.
func (c *chain) IsExpired() bool {
	current := c.current.Load()
	return current == nil || current.IsExpired()
}

// withoutURL returns an error of a request without the request's URL: its query may have a token.
func withoutURL(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
